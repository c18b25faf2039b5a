"""The gateway between a caller made of events, a leg that keeps what it is given, and a real door of a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pipeline.errors import LinesBusy
from pipeline.sip.desk import NoLine, Place, TrunkRoom
from pipeline.sip.gateway import Gateway
from pipeline.sip.ports import (
    AudioTaker,
    CallMedia,
    CallOver,
    Invite,
    MediaRefused,
    NotReached,
    PersonCall,
    TransferOutcome,
)
from pipeline.sip.rtp_figures import CallFigures
from pipeline.stream.messages import Bringer
from tests.transports.stream_rig import Rig
from tests.transports.stream_rig import opened as door_opened

TARGETS = {"desk": "sip:+12125550123@clinic.example", "second": "sip:+12125550124@clinic.example"}


class FakeCall:
    """Keeps the promises of `TrunkCall` without a socket."""

    def __init__(self, number: int = 1) -> None:
        self.invite = Invite(f"t{number}", "carrier", "+12125550199", "+12125550100")
        self.did: list[str] = []
        self.outcome: TransferOutcome | None = TransferOutcome.REFUSED
        """None: the carrier says nothing until `led` is called."""
        self._led: list[TransferOutcome] = []
        self._known = asyncio.Event()
        self.refuses = ""
        self.acknowledged = asyncio.Event()
        self.acknowledged.set()
        self._over = asyncio.Event()
        self._reason = ""

    async def accept(self, media: CallMedia) -> None:
        if self.refuses:
            self.end("us")
            raise MediaRefused(self.refuses)
        media.answer(b"v=0")
        self.did.append("accept")
        await self.acknowledged.wait()
        if self._over.is_set():
            raise CallOver

    def reject(self, status: int, retry_after_s: int | None = None) -> None:
        self.did.append(f"reject {status} {retry_after_s}")
        self.end("us")

    async def dial(self, target: str, media: CallMedia) -> PersonCall:
        raise NotReached(TransferOutcome.REFUSED)

    async def refer(self, target: str) -> TransferOutcome:
        self._led.clear()
        self._known.clear()
        self.did.append(f"refer {target}")
        await asyncio.sleep(0)
        if self._over.is_set():
            raise CallOver
        outcome = self.outcome
        if outcome is None:
            await self._known.wait()
            if not self._led:
                raise CallOver
            outcome = self._led.pop()
        if outcome is TransferOutcome.CONNECTED:
            self.end("us")
        return outcome

    def bridged(self) -> None:
        self.did.append("bridged")

    def led(self, outcome: TransferOutcome) -> None:
        """The last person who was called did this."""
        self._led.append(outcome)
        self._known.set()

    def hang_up(self) -> None:
        if not self._over.is_set():
            self.did.append("hang up")
            self.end("us")

    def end(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._over.set()
        self._known.set()
        self.acknowledged.set()

    async def over(self) -> str:
        await self._over.wait()
        return self._reason


class FakeLeg:
    """Keeps the promises of `MediaLeg` without a port: what is played waits until `send` says that it left."""

    def __init__(self, rate_hz: int = 8_000) -> None:
        self.sample_rate_hz = rate_hz
        self.taker: AudioTaker | None = None
        self.on_due: Callable[[], None] | None = None
        self.queue: list[bytes | str] = []
        self.ends: dict[str, bool] = {}
        """Of each mark whether it ends a reply."""
        self.sent = bytearray()
        self.flushes = 0
        self.closed = 0
        self.figures = CallFigures(
            "PCMU", secured=True, packets_received=50, lost=2, mos_heard=4.1, mos_sent=3.9
        )
        self.excused: list[bool] = []

    def answer(self, offer: bytes) -> bytes:
        return offer

    def offer(self) -> bytes:
        return b"v=0"

    def accept(self, answer: bytes) -> None: ...

    def on_info_key(self, key: str) -> None: ...

    def attach(self, taker: AudioTaker, on_due: Callable[[], None] | None = None) -> None:
        self.on_due = on_due
        self.taker = taker

    def play(self, pcm: bytes) -> None:
        self.queue.append(pcm)

    def mark(self, name: str, *, ends_reply: bool) -> None:
        self.queue.append(name)
        self.ends[name] = ends_reply

    def excuse_silence(self, excused: bool) -> None:
        self.excused.append(excused)

    def flush(self) -> list[str]:
        self.flushes += 1
        names = [each for each in self.queue if isinstance(each, str)]
        self.queue.clear()
        return names

    def close(self) -> None:
        self.closed += 1
        self.taker = None

    def send(self) -> None:
        """Everything that waits leaves."""
        waiting, self.queue = self.queue, []
        for each in waiting:
            if isinstance(each, str):
                if self.taker is not None:
                    self.taker.on_played(each)
            else:
                self.sent += each

    @property
    def waiting_ms(self) -> float:
        return len(self.waiting) * 500.0 / self.sample_rate_hz

    @property
    def waiting(self) -> bytes:
        return b"".join(each for each in self.queue if isinstance(each, bytes))


class FakeDesk:
    """One worker's door stands behind it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.free: int | None = None
        self.none_s = 0
        self.placed: list[Invite] = []
        self.apology = bytes(3_200)
        self.asked: list[str] = []
        """Lines that were to be played."""
        self.hangs = False
        self.left: list[Invite] = []

    def may_ring(self) -> int | None:
        return self.free

    async def place(self, invite: Invite) -> Place:
        if self.hangs:
            await asyncio.Event().wait()
        if self.none_s:
            raise NoLine(self.none_s)
        self.placed.append(invite)
        call_id = f"c{len(self.placed)}"
        self.rig.expect(call_id, f"shown {call_id}", Bringer.GATEWAY)
        return Place(call_id, self.rig.path, f"shown {call_id}")

    def leave(self, invite: Invite) -> None:
        self.left.append(invite)

    async def line(self, name: str, sample_rate_hz: int) -> bytes:
        self.asked.append(name)
        return self.apology


class GatewayRig:
    """All of it."""

    def __init__(self, rig: Rig) -> None:
        self.worker = rig
        self.desk = FakeDesk(rig)
        self.legs: list[FakeLeg] = []
        self.no_port = False
        self.serve()

    def serve(self, **more: object) -> None:
        """Take calls from now on, of a trunk with these rules."""
        room = TrunkRoom(self._leg, TARGETS, rescue=("desk", "second"), **more)  # type: ignore[arg-type]  # by name
        self.gateway = Gateway(self.desk, {"carrier": room})

    def _leg(self) -> FakeLeg:
        if self.no_port:
            raise LinesBusy("no port")
        self.legs.append(FakeLeg())
        return self.legs[-1]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():  # noqa: ASYNC110  # the state of other objects
                await asyncio.sleep(0.002)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[GatewayRig]:
    async with door_opened(directory) as rig:
        yield GatewayRig(rig)


@asynccontextmanager
async def answered(directory: Path) -> AsyncIterator[tuple[GatewayRig, FakeCall, FakeLeg]]:
    """One call that is answered and joined; it is over when the block is left."""
    async with opened(directory) as rig, asyncio.TaskGroup() as group:
        call = FakeCall()
        taking = group.create_task(rig.gateway.take(call))
        await rig.until(lambda: bool(rig.worker.calls) or taking.done())
        await rig.until(lambda: bool(rig.legs[0].taker))
        yield rig, call, rig.legs[0]
        call.end("caller")
        await taking
        assert rig.gateway.calls == 0
        assert rig.legs[0].closed
