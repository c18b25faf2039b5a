"""Keeps every call's request: commits off the event loop, in one thread, and waits in memory while it cannot.

    call ──► Record (one timer a call) ──► newest snapshot of each call ──► thread "store" ──► Records

A store that fails never ends a call and never raises into one: an event says so, the snapshots wait and are
written when it works again. Nothing of a request is in any event.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from pipeline.clock import Clock, MonotonicClock, wall_now
from pipeline.store.draft import Draft, Snapshot
from pipeline.store.faults import RequestGone, StoreFault
from pipeline.store.fields import RequestSchema
from pipeline.store.records import Records
from pipeline.telemetry.events import Event, Token, emit

WAITING_MAX: Final = 10_000
"""Requests in memory while the store fails: weeks of a practice's calls, 20 MB at most."""

RETRY_MS: Final = 1_000.0
"""After the first failure; each further one waits twice as long."""
RETRY_AT_MOST_MS: Final = 15_000.0
LAST_WORDS_MS: Final = 2_000.0
"""A call that ends waits so long for its commit; then the request waits in memory alone."""

STOP_MS: Final = 5_000.0
TRIES_MAX: Final = 5
"""Failures of one request between which others were stored: then the fault is its own, and it is set aside."""

KeptTold = Callable[[str], None]
"""Told "stored", "waiting" or "lost" about one call's newest snapshot, on the event loop."""


class RequestStored(Event):
    """A snapshot is on the disk."""

    call_id: Token
    state: Token
    fields: int
    revision: int
    took_ms: float


class RequestRefusedField(Event):
    """A value did not fit the closed schema; neither it nor an unknown name is shown."""

    call_id: Token
    field: Token


class RequestIncomplete(Event):
    """The caller confirmed, but required fields are missing: kept, marked incomplete."""

    call_id: Token
    missing: int


class StoreFailed(Event):
    """Requests wait in memory."""

    reason: Token
    waiting: int


class StoreWorks(Event):
    """The store works again: what waited is on the disk."""

    failed_ms: float


class SweepFailed(Event):
    """Requests whose days are over could not be destroyed, or their bytes not be overwritten; tried again within the hour."""

    reason: Token


class RequestSetAside(Event):
    """This one request cannot be stored while others can: kept in memory, and tried again each hour and at the end."""

    call_id: Token
    reason: Token


class RequestLost(Event):
    """Too many requests waited, or the server stopped while the store failed."""

    call_id: Token
    reason: Token


@dataclass(slots=True, eq=False)
class _Waiting:
    snapshot: Snapshot
    told: KeptTold
    failures: int = 0
    """Who failed least often is written first: one that always fails holds up nobody behind it."""
    blamed: int = 0
    """Failures since which, or before which, others were stored."""
    stored_then: int = -1
    """How many had been stored at its last failure."""


class RequestStore:
    """The requests of one worker's calls; use it as an `async with` block."""

    def __init__(
        self,
        open_records: Callable[[], Records],
        schema: RequestSchema,
        clock: Clock,
        *,
        waiting_max: int = WAITING_MAX,
        retry_ms: float = RETRY_MS,
        sweep: Callable[[Records], None] | None = None,
        sweep_every_ms: float = 3_600_000.0,
    ) -> None:
        """Nothing is opened before the first request; `open_records` runs in the store's thread, as does `sweep`."""
        self._open_records = open_records
        self.schema = schema
        self.clock = clock
        self._waiting_max = waiting_max
        self._retry_ms = retry_ms
        self._sweep = sweep
        self._sweep_every_ms = sweep_every_ms
        self._waiting: dict[str, _Waiting] = {}
        self._aside: dict[str, _Waiting] = {}
        self._stored = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done = asyncio.Event()
        self._thread_clock = MonotonicClock()
        self._failed_at_ms = 0.0
        self._pause_ms = retry_ms
        self.failing = ""
        """Why requests wait in memory; "" when they do not."""

    async def __aenter__(self) -> Self:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what waits, for a while; what cannot be written is counted as lost."""
        with self._changed:
            self._stopping = True
            self._take_back()
            self._changed.notify()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_MS / 1000.0):
                await self._done.wait()
        with self._changed:
            left, self._waiting, self._aside = self._aside | self._waiting, {}, {}
        for waiting in left.values():
            emit(RequestLost(Token(waiting.snapshot.call_id), Token(self.failing or "stopped")))

    @property
    def waiting(self) -> int:
        """Requests that are in memory only."""
        return len(self._waiting) + len(self._aside)

    def record(self, call_id: str, kept: KeptTold = lambda kept: None) -> Record:
        """The request of a new call."""
        created_at_ms = int(wall_now().timestamp() * 1000)
        return Record(self, Draft(uuid4().hex, call_id, self.schema, created_at_ms), kept)

    def put(self, snapshot: Snapshot, told: KeptTold) -> None:
        """Take a snapshot to be committed; a newer one of the same call replaces one that still waits."""
        with self._changed:
            known = snapshot.request_id in self._waiting or snapshot.request_id in self._aside
            full = not known and self.waiting >= self._waiting_max
            if not full:
                self._aside.pop(snapshot.request_id, None)
                self._waiting[snapshot.request_id] = _Waiting(snapshot, told)
                self._changed.notify()
        if full:
            emit(RequestLost(Token(snapshot.call_id), Token("too_many")))
            told("lost")
            return
        if self.failing:
            told("waiting")

    # --- the thread -------------------------------------------------------------------------------

    def _work(self) -> None:
        records: Records | None = None
        swept_at_ms: float | None = None
        while (batch := self._next_batch()) is not None:
            now_ms = self._thread_clock.now_ms()
            at_hand: _Waiting | None = None
            try:
                records = records or self._open_records()
                for waiting in batch:
                    at_hand = waiting
                    self._commit(records, waiting)
                at_hand = None
                if swept_at_ms is None or now_ms - swept_at_ms >= self._sweep_every_ms:
                    if swept_at_ms is not None:
                        with self._changed:
                            self._take_back()
                    swept_at_ms = now_ms
                    self._sweep_now(records)
            except Exception as error:  # noqa: BLE001  # the edge of the thread; its text may quote a row
                if records is not None:
                    records.database.close()
                    records = None
                if at_hand is not None and self._set_aside(at_hand, error):
                    continue
                if not self._failed(error):
                    break
            else:
                self._works()
        if records is not None:
            records.database.close()
        self._on_loop(self._done.set)

    def _next_batch(self) -> list[_Waiting] | None:
        """What waits, as soon as something does; [] when it is time to sweep, None at the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._waiting or self._stopping, self._sweep_every_ms / 1000.0
            )
            batch = sorted(self._waiting.values(), key=lambda waiting: waiting.failures)
            return None if self._stopping and not batch else batch

    def _commit(self, records: Records, waiting: _Waiting) -> None:
        snapshot = waiting.snapshot
        began_ms = self._thread_clock.now_ms()
        kept = "stored"
        try:
            records.write(snapshot)
        except RequestGone:
            kept = "gone"
        with self._changed:
            if self._waiting.get(snapshot.request_id) is waiting:
                del self._waiting[snapshot.request_id]
        self._stored += 1
        if kept == "stored":
            emit(
                RequestStored(
                    Token(snapshot.call_id),
                    Token(snapshot.state.value),
                    len(snapshot.fields),
                    snapshot.revision,
                    self._thread_clock.now_ms() - began_ms,
                )
            )
        self._on_loop(partial(waiting.told, kept))

    def _sweep_now(self, records: Records) -> None:
        """Let expired requests go; what hinders that hinders no commit."""
        if self._sweep is None:
            return
        try:
            self._sweep(records)
        except StoreFault as error:
            emit(SweepFailed(Token(error.reason)))

    def _set_aside(self, waiting: _Waiting, error: Exception) -> bool:
        """Count a failure; True when it was this request's last one, and the others need not wait for it."""
        waiting.failures += 1
        waiting.blamed += self._stored > waiting.stored_then >= 0
        waiting.stored_then = self._stored
        if waiting.blamed < TRIES_MAX or self._stopping:
            return False
        id_ = waiting.snapshot.request_id
        with self._changed:
            if self._waiting.get(id_) is not waiting:  # a newer one has come
                return False
            self._aside[id_] = self._waiting.pop(id_)
            clear = not self._waiting
        emit(RequestSetAside(Token(waiting.snapshot.call_id), Token(_reason(error))))
        self._on_loop(partial(waiting.told, "waiting"))
        if clear:
            self._works()
        return True

    def _take_back(self) -> None:
        """Give those that were set aside another chance, after all others."""
        self._waiting = self._waiting | self._aside
        self._aside = {}

    def _failed(self, error: Exception) -> bool:
        """Say why, once, and wait a while; False at the end."""
        reason = _reason(error)
        if not self.failing:
            self._failed_at_ms = self._thread_clock.now_ms()
            self._pause_ms = self._retry_ms
        if reason != self.failing:
            emit(StoreFailed(Token(reason), self.waiting))
        self.failing = reason
        with self._changed:
            waiting = list(self._waiting.values())
            for each in waiting:
                self._on_loop(partial(each.told, "waiting"))
            stopped = self._changed.wait_for(lambda: self._stopping, self._pause_ms / 1000.0)
        self._pause_ms = min(self._pause_ms * 2, RETRY_AT_MOST_MS)
        return not stopped

    def _works(self) -> None:
        if self.failing:
            self.failing = ""
            emit(StoreWorks(self._thread_clock.now_ms() - self._failed_at_ms))

    def _on_loop(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is over: nobody is left to be told
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call)


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, StoreFault) else type(error).__name__


class Record:
    """One call's request: implements `pipeline.call.request.RequestSink`; lives on the event loop."""

    def __init__(self, store: RequestStore, draft: Draft, kept: KeptTold) -> None:
        """Begin empty; no timer runs."""
        self._store = store
        self._draft = draft
        self._kept = kept
        self._timer: asyncio.TimerHandle | None = None
        self._put_revision = 0
        self._stored_revision = 0
        self._settled = asyncio.Event()
        self._last_told = ""

    @property
    def request_id(self) -> str:
        """The id under which staff find it."""
        return self._draft.request_id

    @property
    def is_stored(self) -> bool:
        """True while everything that was due is on the disk."""
        return self._stored_revision >= self._put_revision

    def heard(self) -> None:
        """The caller speaks."""
        self._draft.heard(self._store.clock.now_ms())
        self._arm()

    def field(self, name: str, value: str | None) -> None:
        """A field is known, or open again."""
        if not self._draft.field(name, value, self._store.clock.now_ms()):
            shown = name if name in self._store.schema.by_name else "unknown"
            emit(RequestRefusedField(Token(self._draft.call_id), Token(shown)))
        self._arm()

    def urgent(self, kind: str) -> None:
        """Urgent words were heard."""
        self._draft.urgent(kind, self._store.clock.now_ms())
        self._arm()

    def call_back(self) -> None:
        """Only a number to call back is wanted."""
        self._draft.call_back()

    def complete(self) -> None:
        """The caller confirmed it."""
        missing = self._draft.complete(self._store.clock.now_ms())
        if missing:
            emit(RequestIncomplete(Token(self._draft.call_id), len(missing)))
        self._arm()

    def taken_back(self) -> None:
        """The caller took the confirmation back."""
        self._draft.taken_back(self._store.clock.now_ms())
        self._arm()

    async def end(self, reason: str) -> None:
        """The call is over: returns when the request is on the disk, or waits in memory until the store works."""
        self._draft.end(reason, self._store.clock.now_ms())
        self._disarm()
        self._put_due()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_MS / 1000.0):
                while not self.is_stored and not self._store.failing:
                    self._settled.clear()
                    await self._settled.wait()

    # --- parts ------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """One timer a call: it is moved, never doubled (X32)."""
        self._disarm()
        self._put_due()
        due_ms = self._draft.due_ms
        if due_ms is not None:
            delay_s = max(1.0, due_ms - self._store.clock.now_ms()) / 1000.0
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._arm)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _put_due(self) -> None:
        snapshot = self._draft.take(self._store.clock.now_ms())
        if snapshot is None:
            return
        self._put_revision = snapshot.revision
        revision = snapshot.revision
        self._store.put(snapshot, lambda kept: self._told(revision, kept))

    def _told(self, revision: int, kept: str) -> None:
        if kept != "waiting":
            self._stored_revision = max(self._stored_revision, revision)
        self._settled.set()
        if kept != self._last_told:
            self._last_told = kept
            self._kept(kept)
