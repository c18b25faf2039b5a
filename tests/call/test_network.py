"""A call tells staff and the log how its caller's network fares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.call.events import NetworkDegraded, NetworkRecovered, ReplyInterrupted, TurnEnded
from pipeline.media.quality import LineQuality
from pipeline.telemetry.events import Event, set_sink
from tests.call.call_rig import calling
from tests.fakes.receptionist import FakeReceptionist

LONG = "We have a time on Tuesday the fifteenth at half past two in the afternoon with the nurse."
GOOD = LineQuality(0.0, 3.0, 5.0, 40.0)
BAD = LineQuality(12.0, 5.0, 180.0, 40.0)


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


def of(said: list[Event], kind: type[Event]) -> list[dict[str, object]]:
    return [dict(event.record()) for event in said if isinstance(event, kind)]


async def test_row_t15_a_bad_network_is_told_once_and_taken_back_once(said: list[Event]) -> None:
    async with calling(FakeReceptionist("Thank you.")) as rig:
        await rig.greeted()
        for quality in [GOOD] * 3 + [BAD] * 12 + [GOOD] * 30:
            rig.call.on_quality(quality)
        (told,) = of(said, NetworkDegraded)
        assert (told["reason"], told["call_id"]) == ("loss", "c1")
        assert len(of(said, NetworkRecovered)) == 1
        shown = [each.troubles for each in rig.watch.networks]
        assert ("loss",) in shown
        assert shown[-1] == ()


async def test_row_t16_each_turn_says_how_late_its_pause_was_noticed_and_shows_the_last_ones(
    said: list[Event],
) -> None:
    async with calling(FakeReceptionist("Thank you.")) as rig:
        await rig.greeted()
        await rig.turn("a check-up please")
        rig.call.on_quality(LineQuality(0.0, 3.0, 250.0, None))
        await rig.turn("on tuesday")
        turns = of(said, TurnEnded)
        seen = [turn["pause_seen_ms"] for turn in turns]
        assert all(isinstance(each, float) and 0 < each < 300 for each in seen)
        assert all(turn["told_ms"] == turn["first_sample_ms"] for turn in turns), (
            "no time passes here"
        )
        late = [turn["detect_ms"] for turn in turns]
        assert late == [seen[0], pytest.approx(float(str(seen[1])) + 250.0)]
        shown = rig.watch.networks[-1]
        assert shown.detect_ms is not None
        assert shown.detect_ms[1] == pytest.approx(late[1], abs=0.1)
        assert {"decision", "first_sample_out"} <= set(shown.stages_ms)


async def test_an_interruption_says_how_late_it_was_noticed(said: list[Event]) -> None:
    async with calling(FakeReceptionist(LONG)) as rig:
        await rig.greeted()
        rig.ear.saying = ""
        await rig.say("when is it")
        await rig.silent(1_500)
        rig.ear.saying = ""
        await rig.say("no wait", 900)
        (cut,) = of(said, ReplyInterrupted)
        assert 150 <= float(str(cut["detect_ms"])) <= 215
        assert cut["flush_ms"] == 0.0, "before the floor is told anything else"


async def test_an_interruption_by_a_key_was_not_noticed_late(said: list[Event]) -> None:
    async with calling(FakeReceptionist(LONG)) as rig:
        await rig.greeted()
        rig.ear.saying = ""
        await rig.say("when is it")
        await rig.silent(1_500)
        rig.call.on_key("1")
        (cut,) = of(said, ReplyInterrupted)
        assert "detect_ms" in cut
        assert cut["detect_ms"] is None
