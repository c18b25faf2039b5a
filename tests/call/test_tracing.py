"""A call that is traced: what is kept of it is decided again alike, and holds nothing that was said."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.call.tracing import CallTrace
from pipeline.turn.endpoint import EndpointSettings
from pipeline.turn.replay import again, replay
from pipeline.turn.settings import FloorSettings
from pipeline.turn.trace import Trace, read, written
from tests.call.call_rig import calling
from tests.fakes.receptionist import FakeReceptionist
from tests.virtual_loop import VirtualLoop

LONG = "We have a time on Tuesday the fifteenth at half past two in the afternoon with the nurse."
PLANTED = ("Guadalupe", "Maldonado", "2125550147", "metformin", "fifteenth", "nurse")


async def a_traced_call() -> tuple[str, bytes]:
    """Turns, an interruption, a noise, a key, a lost line and a goodbye."""
    kept: list[tuple[str, bytes]] = []

    async def keep(call_id: str, trace: Trace) -> None:
        kept.append((call_id, written(trace)))

    trace = CallTrace("c1", "1.2.3", FloorSettings(), keep)
    async with calling(FakeReceptionist(LONG), trace=trace) as rig:
        await rig.greeted()
        await rig.turn("my name is Guadalupe Maldonado")
        rig.ear.saying = ""
        await rig.say("i take metformin", 900)
        await rig.silent(1_500)
        rig.ear.saying = ""
        await rig.say("no wait two one two five five five", 900)
        await rig.silent(400)
        await rig.until_quiet()
        for key in "2125550147":
            rig.call.on_key(key)
            await rig.silent(200)
        rig.call.detach()
        await rig.silent(400)
        rig.connect()
        await rig.silent(8_000)
    ((call_id, data),) = kept
    return call_id, data


@pytest.fixture(scope="module")
def kept() -> tuple[str, bytes]:
    """Twenty seconds of a call; both tests look at the same one."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(a_traced_call())


def test_a_call_with_everything_in_it_is_decided_again_to_the_byte(kept: tuple[str, bytes]) -> None:
    call_id, data = kept
    trace = read(data)
    assert (call_id, trace.ended) == ("c1", "goodbye")
    assert {"EndTurn", "Interrupt", "CommitInterrupt", "BeginUtterance"} <= decided(trace)
    assert {"LineChanged", "KeyPressed", "WordsHeard"} <= {
        type(r.event).__name__ for r in trace.rows
    }
    assert not [step for step in replay(trace) if step.differs]
    assert written(again(trace, replay(trace))) == data
    slower = FloorSettings(endpoint=EndpointSettings(silence_ms=700.0))
    assert [step for step in replay(trace, slower) if step.differs]


def test_a_trace_holds_nothing_that_was_said_or_keyed(kept: tuple[str, bytes]) -> None:
    _, data = kept
    text = data.decode().lower()
    assert not [word for word in PLANTED if word.lower() in text]
    keyed = [line for line in text.splitlines() if "keypressed" in line]
    assert len(keyed) == 10
    assert all(line.count(":") <= 5 for line in keyed), "when, and whether it was the last"


def decided(trace: Trace) -> set[str]:
    return {type(action).__name__ for row in trace.rows for action in row.actions}
