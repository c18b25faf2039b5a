"""The one thread that writes the audit's chain: takes records from anybody, links them, makes them durable.

`put` returns at once and never raises: audio does not wait for a disk. The thread writes everything that came
together and calls fsync once for all of it. While the disk refuses, records wait in memory, an event says so, and
the chain later says how long it was. Refuses to know what the records say.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from phi.chain import Chain, Head
from pipeline.audit.heads import HeadExport
from pipeline.audit.keys import AuditKeys
from pipeline.audit.records import (
    ChainDelayed,
    ChainOpened,
    ChainRecovered,
    Checkpoint,
    Record,
    stamp,
)
from pipeline.audit.trail import Found, find_end
from pipeline.audit.trail_file import TrailFile
from pipeline.clock import Clock, MonotonicClock, wall_now
from pipeline.errors import StartUpError
from pipeline.private_folder import make_private
from pipeline.telemetry.events import Event, emit

CHECKPOINT_EVERY = 1_000
"""Records; `audit verify` takes a longer unsigned end for a fault."""
CHECKPOINT_AFTER_MS = 1_000.0
"""A quiet chain is signed after so long."""
BATCH_MAX = 5_000
WAITING_MAX = 100_000
"""Records in memory while the disk refuses: about 50 MB, a day of a busy practice."""
FILE_BYTES_MAX = 32 << 20
RETRY_MS = 500.0
CLOSE_LIMIT_S = 5.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

OnDurable = Callable[[bool], None]


class AuditOpened(Event):
    """The chain goes on from here."""

    seq: int
    torn_bytes: int
    unsigned: int
    intact: bool


class AuditDelayed(Event):
    """ALARM: audit records cannot be written; calls go on and the records wait in memory."""

    code: int
    waiting: int


class AuditWritten(Event):
    """Records that had waited are on the disk; `lost` found no room while they waited."""

    waited_ms: float
    lost: int


class AuditLost(Event):
    """ALARM: so many records were never written."""

    count: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a test makes smaller."""

    file_bytes: int = FILE_BYTES_MAX
    waiting: int = WAITING_MAX
    retry_ms: float = RETRY_MS
    checkpoint_after_ms: float = CHECKPOINT_AFTER_MS


@dataclass(frozen=True, slots=True)
class _Item:
    record: Record
    ts: datetime
    mono_ms: float
    on_durable: OnDurable | None = None


class AuditWriter:
    """`with AuditWriter(...) as audit:` holds the chain; at the end all that came is written and signed."""

    def __init__(
        self,
        directory: Path,
        keys: AuditKeys,
        export: HeadExport | None = None,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Nothing is opened yet."""
        self._directory = directory
        self._keys = keys
        self._export = export or HeadExport()
        self._limits = limits or Limits()
        self._clock = clock or MonotonicClock()
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._file = TrailFile(directory)
        self._chain_id = ""
        self._chain = Chain()
        self._front: list[_Item] = []
        """Of the chain itself: what must be written before anything else."""
        self._unsigned = 0
        self._unsigned_since_ms = 0.0
        self._waiting_since_ms: float | None = None
        self._lost = 0
        self._told_lost = 0
        """Of these, how many the chain itself names by now."""
        self._dead = False
        self._boot = _boot_id()

    def __enter__(self) -> AuditWriter:
        """Take the chain up where it ended and start the thread; raises `StartUpError`."""
        try:
            make_private(self._directory)
            self._file.take_lock()
            try:
                found = find_end(self._directory, self._keys.trusted, self._export.last())
                self._continue(found)
            except BaseException:
                self._file.let_go()
                raise
        except OSError as error:
            raise StartUpError(
                f"the audit in {self._directory} cannot be written: {error.strerror};"
                " set audit.directory to a folder of this user, on a disk with space"
            ) from None
        self._thread = threading.Thread(target=self._run, name="audit writer", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Write what is left, sign it and let go of the chain."""
        self._closing.set()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(CLOSE_LIMIT_S)
        self._file.let_go()

    # --- for everybody ---------------------------------------------------------------------------

    def put(self, record: Record, on_durable: OnDurable | None = None) -> None:
        """Queue a record. `on_durable` is called on the writer's thread: true once it is on the disk."""
        if self._dead or self._queue.qsize() >= self._limits.waiting:
            self._lost += 1
            if on_durable is not None:
                on_durable(False)
            return
        self._queue.put(_Item(record, wall_now(), self._clock.now_ms(), on_durable))

    def begin(self, record: Record) -> asyncio.Future[bool]:
        """Queue a record; the future says whether it came onto the disk, however long that takes."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()

        def settle(durable: bool) -> None:
            if not done.done():
                done.set_result(durable)

        def on_durable(durable: bool) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, durable)

        self.put(record, on_durable)
        return done

    async def write(self, record: Record, *, limit_ms: float = 1_000.0) -> bool:
        """Queue a record and wait until it is on the disk; false when that took longer than the limit.

        It stays queued then: whoever asks again for the same record keeps what `begin` returned instead.
        """
        try:
            async with asyncio.timeout(limit_ms / 1000):
                return await self.begin(record)
        except TimeoutError:
            return False

    def write_now(self, record: Record, *, limit_ms: float = 5_000.0) -> bool:
        """The same for a thread or a command."""
        done: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.put(record, done.put)
        try:
            return done.get(timeout=limit_ms / 1000)
        except queue.Empty:
            return False

    @property
    def head(self) -> Head:
        """The last record that is on the disk."""
        return self._chain.head

    @property
    def delayed(self) -> bool:
        """The disk refuses at the moment, or the writer is gone."""
        return self._dead or self._waiting_since_ms is not None

    # --- taking the chain up ---------------------------------------------------------------------

    def _continue(self, found: Found) -> None:
        self._chain_id = found.chain or secrets.token_hex(16)
        self._chain = Chain(found.head.seq, bytes.fromhex(found.head.hash))
        self._file.number, self._unsigned = found.file, found.unsigned
        self._unsigned_since_ms = self._clock.now_ms()
        if found.file and found.intact:
            self._file.go_on(found.file, found.size_bytes)
        else:  # nothing is written behind lines that do not hold
            self._begin_file()
        if found.torn or found.unsigned or not found.intact:
            self._say(
                ChainRecovered(
                    torn_bytes=len(found.torn),
                    torn_hash=found.torn_hash,
                    unsigned=found.unsigned,
                    intact=found.intact,
                )
            )
        emit(
            AuditOpened(
                seq=found.head.seq,
                torn_bytes=len(found.torn),
                unsigned=found.unsigned,
                intact=found.intact,
            )
        )

    def _begin_file(self) -> None:
        self._file.begin_next()
        self._say(
            ChainOpened(
                chain=self._chain_id,
                file=self._file.number,
                previous=self._chain.head.hash,
                key=self._keys.signing.public.fingerprint,
            )
        )

    def _say(self, record: Record) -> None:
        self._front.append(_Item(record, wall_now(), self._clock.now_ms()))

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        batch: list[_Item] = []
        try:
            open_ = True
            while open_:
                batch, open_ = self._take()
                open_ = self._write_until_done(batch, last=not open_) and open_
                self._export.pass_on(self._clock.now_ms(), last=not open_)
                batch = []
        finally:
            self._dead = True
            self._give_up(batch)
            self._file.close()

    def _take(self) -> tuple[list[_Item], bool]:
        """Wait for records, or until the checkpoint or a head is due; false: no more will come."""
        batch, self._front = self._front, []
        wait_s = self._wait_s()
        try:
            while len(batch) < BATCH_MAX:
                item = self._queue.get_nowait() if batch else self._queue.get(timeout=wait_s)
                if item is None:
                    return batch, False
                batch.append(item)
        except queue.Empty:
            pass
        return batch, True

    def _wait_s(self) -> float | None:
        due_ms = [self._until_checkpoint_ms()] if self._unsigned else []
        head_ms = self._export.wait_ms(self._clock.now_ms())
        if head_ms is not None:
            due_ms.append(head_ms)
        return min(due_ms) / 1000 if due_ms else None

    def _until_checkpoint_ms(self) -> float:
        due_ms = self._unsigned_since_ms + self._limits.checkpoint_after_ms
        return max(0.0, due_ms - self._clock.now_ms())

    def _write_until_done(self, batch: list[_Item], *, last: bool) -> bool:
        """False: the writer is being closed and the disk refuses to the last."""
        while True:
            try:
                self._write(batch, sign=last)
                break
            except OSError as error:
                self._delay(error, len(batch))
                if self._closing.wait(self._limits.retry_ms / 1000):
                    with contextlib.suppress(OSError):  # one more attempt before the end
                        self._write(batch, sign=True)
                        break
                    self._give_up(batch)
                    return False
        for item in batch:
            if item.on_durable is not None:
                item.on_durable(True)
        batch.clear()
        self._after_write()
        return True

    def _write(self, batch: list[_Item], *, sign: bool) -> None:
        """All of it, linked and on the disk, or nothing: the chain moves on only when both happened."""
        chain = Chain(self._chain.seq, bytes.fromhex(self._chain.head.hash))
        lines, unsigned, signed_head = [], self._unsigned, None
        for item in [*self._delay_record(), *batch]:
            fields = {**stamp(item.ts, item.mono_ms, self._boot), **item.record.fields()}
            lines.append(chain.append(item.record.type, fields))
            unsigned += 1
            if unsigned >= CHECKPOINT_EVERY - 1:
                lines.append(self._checkpoint(chain))
                unsigned, signed_head = 0, chain.head
        if unsigned and (sign or (not batch and self._until_checkpoint_ms() <= 0)):
            lines.append(self._checkpoint(chain))
            unsigned, signed_head = 0, chain.head
        if not lines:
            return
        self._file.append(b"".join(lines))
        if unsigned and (not self._unsigned or signed_head):
            self._unsigned_since_ms = self._clock.now_ms()
        self._chain, self._unsigned = chain, unsigned
        if signed_head is not None:
            self._export.take(signed_head, self._clock.now_ms(), last=sign)

    def _checkpoint(self, chain: Chain) -> bytes:
        record = Checkpoint(key=self._keys.signing.public.fingerprint)
        fields = {**stamp(wall_now(), self._clock.now_ms(), self._boot), **record.fields()}
        return chain.checkpoint(self._keys.signing.sign, fields)

    def _after_write(self) -> None:
        if self._waiting_since_ms is not None or self._told_lost:
            now_ms = self._clock.now_ms()
            waited_ms = now_ms - (self._waiting_since_ms or now_ms)
            emit(AuditWritten(waited_ms=waited_ms, lost=self._told_lost))
            self._lost -= self._told_lost
            self._waiting_since_ms, self._told_lost = None, 0
        if self._file.size_bytes >= self._limits.file_bytes and not self._closing.is_set():
            with contextlib.suppress(
                OSError
            ):  # then this file grows on, and the next record tries again
                self._begin_file()

    # --- a disk that refuses ---------------------------------------------------------------------

    def _delay(self, error: OSError, waiting: int) -> None:
        if self._waiting_since_ms is None:
            self._waiting_since_ms = self._clock.now_ms()
            emit(AuditDelayed(code=error.errno or 0, waiting=waiting + self._queue.qsize()))

    def _delay_record(self) -> list[_Item]:
        if self._waiting_since_ms is None and not self._lost:
            return []
        now_ms = self._clock.now_ms()
        waited_ms = now_ms - (self._waiting_since_ms or now_ms)
        self._told_lost = self._lost
        record = ChainDelayed(
            reason="disk" if self._waiting_since_ms is not None else "queue",
            waited=round(waited_ms / 1000, 3),
            lost=self._told_lost,
        )
        return [_Item(record, wall_now(), now_ms)]

    def _give_up(self, batch: list[_Item]) -> None:
        """Tell everybody who waits that it will not be written."""
        left = list(batch)
        with contextlib.suppress(queue.Empty):
            while True:
                item = self._queue.get_nowait()
                if item is not None:
                    left.append(item)
        for item in left:
            if item.on_durable is not None:
                item.on_durable(False)
        batch.clear()
        if left or self._lost:
            emit(AuditLost(count=len(left) + self._lost))


def _boot_id() -> str:
    """Names this run of the machine: monotonic times of two runs cannot be compared."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return f"{secrets.token_hex(4)}-0000-0000-0000-{secrets.token_hex(6)}"
