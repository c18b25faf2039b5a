from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.line import Bye
from pipeline.sip import answered as answered_module
from pipeline.sip.phone_events import PhoneCallLed, PhoneCallOver, SipMediaForeign
from pipeline.sip.ports import TransferOutcome
from pipeline.telemetry.events import Event, set_sink
from tests.sip.gateway_rig import TARGETS, FakeCall, FakeLeg, answered, opened

pytestmark = pytest.mark.wire


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


def over(said: list[Event]) -> PhoneCallOver:
    (found,) = [event for event in said if isinstance(event, PhoneCallOver)]
    return found


async def test_sound_and_keys_go_both_ways(tmp_path: Path) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        there = rig.worker.calls["c1"]
        assert call.did == ["accept"]
        assert leg.taker is not None
        for _ in range(5):
            leg.taker.on_audio(bytes(320))
        leg.taker.on_key("7")
        await rig.until(lambda: there.keys == ["7"])
        assert there.frames == 5
        there.playout.push(0, b"\1\0" * 320)
        await rig.until(lambda: len(leg.waiting) == 640 * 1)
        assert leg.waiting[:2] == b"\1\0"


async def test_the_call_is_answered_only_once_the_worker_stands(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        rig.desk.hangs = True
        call = FakeCall()
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(rig.gateway.take(call))
            await asyncio.sleep(0.05)
            assert call.did == []
            call.end("caller")  # CANCEL while the worker makes ready
            await taking
        assert call.did == []
        assert [leg.closed for leg in rig.legs] == [1]
        assert rig.desk.left == [call.invite], "nobody looks for a line any longer"


async def test_the_worker_greets_only_once_the_caller_is_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig, asyncio.TaskGroup() as group:
        call = FakeCall()
        call.acknowledged.clear()
        taking = group.create_task(rig.gateway.take(call))
        await rig.until(lambda: call.did == ["accept"])
        await asyncio.sleep(0.05)
        assert rig.worker.calls == {}  # a socket stands, and nothing has begun
        call.acknowledged.set()
        await rig.until(lambda: bool(rig.worker.calls))
        call.end("caller")
        await taking


async def test_a_call_without_a_line_or_a_port_or_a_worker_is_sent_elsewhere(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as rig:
        rig.desk.none_s = 7
        call = FakeCall()
        await rig.gateway.take(call)
        assert call.did == ["reject 503 7"]
        rig.desk.none_s, rig.no_port = 0, True
        call = FakeCall()
        await rig.gateway.take(call)
        assert call.did == ["reject 503 10"]
        assert rig.desk.placed == [], "no line is held for a call that has no port"
        rig.no_port = False
        await rig.worker.door.__aexit__(None, None, None)
        call = FakeCall()
        await rig.gateway.take(call)
        assert call.did == ["reject 503 10"]
        assert rig.legs[-1].closed


@pytest.mark.parametrize("people", [(), ("second",)])
async def test_a_call_that_no_worker_can_take_hears_so_and_is_led_to_whom_the_practice_names(
    tmp_path: Path, said: list[Event], people: tuple[str, ...]
) -> None:
    async with opened(tmp_path) as rig:
        rig.desk.none_s = 7
        rig.serve(busy=people)
        call = FakeCall()
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(rig.gateway.take(call))
            await rig.until(lambda: bool(rig.legs and rig.legs[0].waiting))
            assert call.did == ["accept"]
            assert rig.desk.asked == ["busy"] * 2
            rig.legs[0].send()
            await taking
        assert calls_of(call) == list(people)
        assert call.did[-1] == "hang up"
        assert rig.legs[0].closed
        rig.desk.apology = b""  # the line was never made
        call = FakeCall()
        await rig.gateway.take(call)
        assert call.did == ["reject 503 7"]
    assert (over(said).reason, over(said).worker_lost) == ("us", False)


async def test_a_worker_that_is_behind_hears_all_the_same_that_its_caller_left(
    tmp_path: Path,
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        there = rig.worker.calls["c1"]
        assert leg.taker is not None
        reads = rig.worker.door._lines["c1"]._wire._transport  # type: ignore[union-attr]  # the socket itself
        assert reads is not None
        reads.pause_reading()
        for _ in range(60):  # more than the socket takes at once
            leg.taker.on_audio(bytes(4_000))
        call.end("caller")
        asyncio.get_running_loop().call_later(0.3, reads.resume_reading)
        await rig.until(lambda: bool(there.hung_up))
        assert there.hung_up == ["caller"]


async def test_the_end_of_a_call_tells_how_it_sounded(tmp_path: Path, said: list[Event]) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        assert leg.taker is not None
        leg.taker.on_foreign()
        call.end("caller")
        await rig.until(lambda: any(isinstance(event, PhoneCallOver) for event in said))
    told = over(said)
    assert (str(told.codec), told.secured, told.lost) == ("PCMU", True, 2)
    assert (told.mos_heard, told.mos_sent) == (4.1, 3.9)
    (foreign,) = [event for event in said if isinstance(event, SipMediaForeign)]
    assert str(foreign.call_id) == "c1"


@pytest.mark.parametrize("left_before", [False, True])
async def test_a_gateway_that_stops_is_no_fault_of_its_calls(
    tmp_path: Path, said: list[Event], left_before: bool
) -> None:
    async with opened(tmp_path) as rig:
        call = FakeCall()
        taking = asyncio.create_task(rig.gateway.take(call))
        await rig.until(lambda: "c1" in rig.worker.calls)
        if left_before:
            call.end("caller")
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait({taking})
    assert str(over(said).reason) == ("caller" if left_before else "us")


async def test_a_call_whose_sound_is_refused_leaves_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        call = FakeCall()
        call.refuses = "no_codec"
        await rig.gateway.take(call)
        assert rig.legs[0].closed
        assert rig.worker.calls == {}
        await rig.until(lambda: rig.worker.never == [("c1", "caller")])


async def test_a_flush_empties_the_leg_and_gives_its_marks_back(tmp_path: Path) -> None:
    async with answered(tmp_path) as (rig, _, leg):
        there = rig.worker.calls["c1"]
        there.playout.push(0, b"\1\0" * 16_000)
        await rig.until(lambda: len(leg.waiting) >= 320 * 12)
        there.interrupt()
        await rig.until(lambda: leg.flushes > 0)
        assert leg.waiting == b""
        await asyncio.sleep(0.1)
        assert leg.waiting == b""  # nothing stale comes behind it


async def test_the_sound_is_told_which_mark_ends_a_reply(tmp_path: Path) -> None:
    async with answered(tmp_path) as (rig, _, leg):
        there = rig.worker.calls["c1"]
        there.playout.push(0, b"\1\0" * 160 * 12)
        there.playout.end(0)
        await rig.until(lambda: len(leg.ends) == 3)
        assert list(leg.ends.values()) == [False, False, True]
        assert leg.queue[-1] == list(leg.ends)[-1], "behind the last sample"


async def test_a_goodbye_is_sent_whole_before_the_caller_is_hung_up_on(
    tmp_path: Path, said: list[Event]
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        there = rig.worker.calls["c1"]
        there.playout.push(0, b"\1\0" * 800)
        there.playout.end(0)
        await rig.until(lambda: len(leg.waiting) == 1_600)
        assert there.leg is not None
        there.leg.send(Bye("goodbye"))
        there.leg.close("goodbye")
        await asyncio.sleep(0.1)
        assert "hang up" not in call.did
        leg.send()
        await rig.until(lambda: "hang up" in call.did)
        assert len(leg.sent) == 1_600
    assert (over(said).reason, over(said).worker_lost) == ("us", False)


async def test_a_caller_who_hangs_up_is_told_to_the_worker(tmp_path: Path) -> None:
    async with answered(tmp_path) as (rig, call, _):
        there = rig.worker.calls["c1"]
        call.end("caller")
        await rig.until(lambda: there.hung_up == ["caller"])


async def test_hold_reaches_the_worker_and_comes_back(tmp_path: Path) -> None:
    async with answered(tmp_path) as (rig, _, leg):
        there = rig.worker.calls["c1"]
        assert leg.taker is not None
        leg.taker.on_hold(True)
        await rig.until(lambda: there.holds == [True])
        leg.taker.on_hold(False)
        await rig.until(lambda: there.holds == [True, False])


@pytest.mark.parametrize("why", ["silence", "fax"])
async def test_nobody_at_the_far_end_is_hung_up_on(
    tmp_path: Path, said: list[Event], why: str
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        assert leg.taker is not None
        getattr(leg.taker, f"on_{why}")()
        await rig.until(lambda: "hang up" in call.did)
        await rig.until(lambda: bool(rig.worker.calls["c1"].hung_up))
    assert over(said).reason == why


def kill(rig_call: FakeCall, leg: FakeLeg) -> None:
    """The worker's end of the socket is gone without a word, as after kill -9."""
    taker = leg.taker
    assert taker is not None
    taker._wire.abort()  # type: ignore[attr-defined]  # the socket itself


async def test_a_worker_that_dies_leaves_an_apology_and_then_a_person(
    tmp_path: Path, said: list[Event]
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        call.outcome = TransferOutcome.CONNECTED
        rig.worker.calls["c1"].playout.push(0, b"\1\0" * 16_000)
        await rig.until(lambda: len(leg.waiting) > 0)
        began_s = asyncio.get_running_loop().time()
        kill(call, leg)
        await rig.until(lambda: leg.waiting == rig.desk.apology)
        assert asyncio.get_running_loop().time() - began_s < 0.5
        assert call.did == ["accept"]
        leg.send()
        await rig.until(lambda: call.did == ["accept", f"refer {TARGETS['desk']}"])
    assert over(said).worker_lost


async def test_a_call_that_breaks_in_a_worker_that_lives_leaves_an_apology_and_then_a_person(
    tmp_path: Path, said: list[Event]
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        call.outcome = TransferOutcome.CONNECTED
        there = rig.worker.calls["c1"].leg
        assert there is not None
        there.close("error")
        await rig.until(lambda: leg.waiting == rig.desk.apology)
        leg.send()
        await rig.until(lambda: call.did == ["accept", f"refer {TARGETS['desk']}"])
    assert over(said).worker_lost


async def test_a_caller_on_hold_whose_worker_dies_hears_the_apology_once_they_are_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answered_module, "LINE_MARGIN_MS", 50.0)
    async with answered(tmp_path) as (rig, call, leg):
        call.outcome = TransferOutcome.CONNECTED
        assert leg.taker is not None
        leg.taker.on_hold(True)
        kill(call, leg)
        await rig.until(lambda: leg.waiting == rig.desk.apology)
        await asyncio.sleep(0.5)  # the line takes 0.2 s
        assert call.did == ["accept"], "a caller on hold is neither led away nor hung up on"
        leg.taker.on_hold(False)
        await asyncio.sleep(0.02)
        assert call.did == ["accept"], "the line's time begins when it can be heard"
        leg.send()
        await rig.until(lambda: call.did == ["accept", f"refer {TARGETS['desk']}"])


async def test_a_worker_that_dies_where_nobody_answers_ends_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answered_module, "LINE_MARGIN_MS", 50.0)
    async with answered(tmp_path) as (rig, call, leg):
        kill(call, leg)
        people = ["accept", *(f"refer {TARGETS[name]}" for name in ("desk", "second"))]
        # nothing is ever sent: the mark does not come back, and the limit ends the waiting
        await rig.until(lambda: call.did == [*people, "hang up"])


async def test_a_transfer_goes_to_configured_targets_alone(tmp_path: Path) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        joined = leg.taker
        assert joined is not None
        joined.on_text('{"event":"transfer","transfer":{"target":"stranger"}}')  # type: ignore[attr-defined]
        joined.on_text('{"event":"transfer","transfer":{"target":"second"}}')  # type: ignore[attr-defined]
        await rig.until(lambda: call.did == ["accept", f"refer {TARGETS['second']}"])
        await asyncio.sleep(0.05)
        assert "hang up" not in call.did  # refused: the caller is back in the conversation


def ask(leg: FakeLeg, target: str) -> None:
    """The worker asks for this person."""
    assert leg.taker is not None
    leg.taker.on_text(f'{{"event":"transfer","transfer":{{"target":"{target}"}}}}')  # type: ignore[attr-defined]  # the worker's side of it


def calls_of(call: FakeCall) -> list[str]:
    """Who was called, in order."""
    names = {uri: name for name, uri in TARGETS.items()}
    return [names[did.removeprefix("refer ")] for did in call.did if did.startswith("refer ")]


async def test_a_worker_that_dies_while_a_telephone_rings_is_told_of_at_once(
    tmp_path: Path, said: list[Event]
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        call.outcome = None
        ask(leg, "second")
        await rig.until(lambda: calls_of(call) == ["second"])
        kill(call, leg)
        await rig.until(lambda: leg.waiting == rig.desk.apology)
        assert calls_of(call) == ["second"], "who is being called goes on being called"
        call.led(TransferOutcome.BUSY)
        await rig.until(lambda: calls_of(call) == ["second", "desk"])
        call.led(TransferOutcome.CONNECTED)
    led = [(str(e.target), str(e.outcome)) for e in said if isinstance(e, PhoneCallLed)]
    assert led == [("second", "busy"), ("desk", "connected")]
    assert over(said).worker_lost


async def test_a_worker_that_dies_leaves_the_caller_to_each_person_of_the_ladder_in_turn(
    tmp_path: Path,
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        kill(call, leg)
        await rig.until(lambda: leg.waiting == rig.desk.apology)
        leg.send()
        await rig.until(lambda: "hang up" in call.did)
        assert calls_of(call) == ["desk", "second"]


@pytest.mark.parametrize(
    "outcome", [TransferOutcome.BUSY, TransferOutcome.NO_ANSWER, TransferOutcome.REFUSED]
)
async def test_who_is_not_reached_leaves_the_caller_with_the_worker(
    tmp_path: Path, outcome: TransferOutcome
) -> None:
    """While a telephone rings the carrier may send no sound for longer than a dead line is given."""
    async with answered(tmp_path) as (rig, call, leg):
        there = rig.worker.calls["c1"]
        call.outcome = None
        ask(leg, "second")
        await rig.until(lambda: calls_of(call) == ["second"])
        assert leg.excused == [True]
        call.led(outcome)
        await rig.until(lambda: there.outcomes == [(outcome, "second")])
        assert leg.excused == [True, False]
        there.playout.push(0, b"\1\0" * 320)
        await rig.until(lambda: len(leg.waiting) == 640)
        assert leg.taker is not None
        leg.taker.on_key("7")
        await rig.until(lambda: there.keys == ["7"])
        assert "hang up" not in call.did


async def test_of_people_asked_for_while_a_telephone_rings_the_newest_is_called(
    tmp_path: Path,
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        call.outcome = None
        ask(leg, "desk")
        await rig.until(lambda: calls_of(call) == ["desk"])
        ask(leg, "stranger")
        ask(leg, "second")
        call.led(TransferOutcome.NO_ANSWER)
        await rig.until(lambda: calls_of(call) == ["desk", "second"])
        call.led(TransferOutcome.BUSY)
        there = rig.worker.calls["c1"]
        await rig.until(lambda: len(there.outcomes) == 2)
        assert there.outcomes == [
            (TransferOutcome.NO_ANSWER, "desk"),
            (TransferOutcome.BUSY, "second"),
        ]


async def test_an_exchange_that_ends_our_part_while_it_leads_the_caller_has_led_them(
    tmp_path: Path, said: list[Event]
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        call.outcome = None
        ask(leg, "second")
        await rig.until(lambda: calls_of(call) == ["second"])
        call.led(TransferOutcome.LEFT)
        call.end("caller")
        there = rig.worker.calls["c1"]
        await rig.until(lambda: bool(there.hung_up))
        assert there.outcomes == [(TransferOutcome.LEFT, "second")]
    [led] = [event for event in said if isinstance(event, PhoneCallLed)]
    assert (str(led.target), str(led.outcome)) == ("second", "left")
    assert over(said).reason == "left"


async def test_a_caller_who_hangs_up_before_the_carrier_agrees_has_hung_up(
    tmp_path: Path, said: list[Event]
) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        call.outcome = None
        ask(leg, "second")
        await rig.until(lambda: calls_of(call) == ["second"])
        call.end("caller")
        there = rig.worker.calls["c1"]
        await rig.until(lambda: there.hung_up == ["caller"])
        assert there.outcomes == []
    assert over(said).reason == "caller"
