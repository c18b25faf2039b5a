"""Gateway, door and call together: what became of one person is never counted for another, and a voice that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from models.errors import EngineFailed
from pipeline.call.leading import TransferTried
from pipeline.call.reach import Reach
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.settings import CallSettings
from pipeline.sip.desk import Place, TrunkRoom
from pipeline.sip.gateway import Gateway
from pipeline.sip.ports import Invite, TransferOutcome
from pipeline.stream.messages import Bringer
from pipeline.telemetry.events import Event, set_sink
from pipeline.transports.media_stream import MediaStreamDoor
from tests.call.call_rig import CallRig
from tests.call.identity_flow import PHONE, TODAY
from tests.call.test_record import Kept
from tests.call.test_transfer import FLOW
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.voice import FakeVoice
from tests.sip.gateway_rig import FakeCall, FakeLeg

pytestmark = pytest.mark.wire

LIMIT_MS = 500.0
TARGETS = {"front": "sip:front@clinic.example", "nurse": "sip:nurse@clinic.example"}


class Worker:
    """One call of a real session behind a real door (`sip.desk.Desk`)."""

    def __init__(self, door: MediaStreamDoor, path: Path, group: asyncio.TaskGroup) -> None:
        self.door, self.path, self.group = door, path, group
        self.rig: CallRig | None = None
        self.kept = Kept()

    def may_ring(self) -> int | None:
        return None

    async def place(self, invite: Invite) -> Place:
        rig = self.rig = CallRig(
            FakeReceptionist(""),
            FakeVoice(letter_ms=2.0),
            CallSettings(practice_phone=FLOW.practice_phone),
            self.kept,
            at=lambda desk: ScriptedReceptionist(FLOW, desk, lambda: TODAY),
            reach=Reach(("front", "nurse", "callback")),
            transfer_limit_ms=LIMIT_MS,
        )

        def begin(rate_hz: int) -> object:
            self.group.create_task(rig.run())
            return rig.call

        self.door.expect("c1", "shown", Bringer.GATEWAY, begin, lambda reason: None)  # type: ignore[arg-type]  # a `Call` is a `CallPort`
        return Place("c1", self.path, "shown")

    def leave(self, invite: Invite) -> None:
        pass

    async def line(self, name: str, sample_rate_hz: int) -> bytes:
        return b""


@contextmanager
def heard() -> Iterator[list[TransferTried]]:
    tried: list[TransferTried] = []

    def keep(event: Event) -> None:
        if isinstance(event, TransferTried):
            tried.append(event)

    set_sink(keep)
    yield tried
    set_sink(None)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  # the state of other objects
            await asyncio.sleep(0.005)


@asynccontextmanager
async def talking(directory: Path) -> AsyncIterator[tuple[CallRig, FakeCall, FakeLeg, Kept]]:
    """A caller who has heard the greeting; everything that is queued leaves at once."""
    path = directory / "calls-w1.sock"
    async with asyncio.TaskGroup() as group, MediaStreamDoor(path) as door:
        worker, leg, call = Worker(door, path, group), FakeLeg(), FakeCall()
        call.outcome = None
        gateway = Gateway(worker, {"carrier": TrunkRoom(lambda: leg, TARGETS, rescue=("nurse",))})
        taking = group.create_task(gateway.take(call))

        async def play() -> None:
            while not taking.done():
                leg.send()
                await asyncio.sleep(0.005)

        group.create_task(play())
        await until(
            lambda: worker.rig is not None and worker.rig.watch.states[-1:] == ["listening"]
        )
        assert worker.rig is not None
        yield worker.rig, call, leg, worker.kept
        call.end("caller")
        await taking


def called(call: FakeCall) -> list[str]:
    names = {f"refer {uri}": name for name, uri in TARGETS.items()}
    return [names[did] for did in call.did if did in names]


async def test_what_became_of_the_first_person_late_is_not_counted_for_the_second(
    tmp_path: Path,
) -> None:
    """The carrier says nothing of the front desk until the call has given it up and asked for the nurse."""
    with heard() as tried:
        async with talking(tmp_path) as (rig, call, leg, _):
            assert leg.taker is not None
            leg.taker.on_key("0")
            await until(lambda: called(call) == ["front"])
            await until(lambda: len(tried) == 1)  # the call gives the front desk up by itself
            await until(lambda: rig.watch.states[-1:] == ["connecting"])  # and asks for the nurse
            call.led(TransferOutcome.NO_ANSWER)
            await until(lambda: called(call) == ["front", "nurse"])
            await until(lambda: len(tried) == 2)
            call.led(TransferOutcome.CONNECTED)
            await until(lambda: rig.reason is not None)
            assert rig.reason == "person"
            assert called(call) == ["front", "nurse"]
    assert [(str(each.target), str(each.outcome), each.late) for each in tried] == [
        ("front", "no_answer", False),
        ("front", "no_answer", True),
        ("nurse", "connected", False),
    ]


async def test_when_both_are_busy_the_caller_is_back_and_leaves_a_number(tmp_path: Path) -> None:
    async with talking(tmp_path) as (rig, call, leg, kept):
        call.outcome = TransferOutcome.BUSY
        assert leg.taker is not None
        leg.taker.on_key("0")
        await until(lambda: called(call) == ["front", "nurse"])
        await until(lambda: rig.watch.states[-1:] == ["listening"])
        for key in PHONE:
            leg.taker.on_key(key)
            await asyncio.sleep(0.04)
        await until(lambda: ("field", "phone", PHONE) in kept.told)
        await until(lambda: rig.watch.states[-1:] == ["listening"])
        leg.taker.on_key("1")
        await until(lambda: rig.reason is not None)
        assert rig.reason == "goodbye"
        assert "complete" in [entry[0] for entry in kept.told]
        await until(lambda: call.did[-1] == "hang up")  # once the goodbye was played


async def test_a_voice_that_fails_leaves_the_caller_to_a_person(tmp_path: Path) -> None:
    async with talking(tmp_path) as (rig, call, leg, _):
        call.outcome = TransferOutcome.CONNECTED
        rig.voice.failure = EngineFailed("no text here")
        assert leg.taker is not None
        for key in "999999":
            if rig.reason is None:
                leg.taker.on_key(key)
                await asyncio.sleep(0.1)
        await until(lambda: rig.reason is not None)
        assert rig.reason == "error"
        await until(lambda: called(call) == ["nurse"])
