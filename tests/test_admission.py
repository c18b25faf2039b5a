"""New callers are refused while those in the house wait too long, and taken again when they do not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import pytest

from pipeline.admission import LATE_FOR_MS, TURNS_MIN, WINDOW_MS, Admission, Stage, stage_ms
from pipeline.errors import LinesBusy
from pipeline.supervisor.host import CAPACITY_EVERY_MS, _watch_capacity
from pipeline.switchboard import AdmissionChanged
from pipeline.telemetry.events import Event, set_sink
from tests.fakes.house import House, opened
from tests.fakes.offers import OFFER

LIMIT_MS = 1_000.0
MARKS = {
    "pause_seen": 80.0,
    "eager_text": 380.0,
    "decision": 200.0,
    "final_text": 390.0,
    "first_token": 880.0,
    "first_clause": 900.0,
    "first_audio": 990.0,
    "first_sample_out": 1_000.0,
}


def turn(
    *, hearing_ms: float = 100.0, thinking_ms: float = 100.0, speaking_ms: float = 50.0
) -> dict[str, float]:
    text = 80.0 + hearing_ms
    clause = text + thinking_ms
    return {
        "pause_seen": 80.0,
        "eager_text": text,
        "first_token": clause,
        "first_clause": clause,
        "first_audio": clause + speaking_ms,
    }


def judged(*stages: Stage) -> Admission:
    return Admission(dict.fromkeys(stages or Stage, LIMIT_MS))


def told(admission: Admission, marks_ms: dict[str, float], times: int, now_ms: float) -> None:
    for _ in range(times):
        admission.turn(marks_ms, now_ms)


@pytest.mark.parametrize(
    ("without", "wanted"),
    [
        ((), {"hearing": 300, "thinking": 500, "speaking": 90}),
        (("eager_text",), {"hearing": 310, "thinking": 490, "speaking": 90}),
        (("pause_seen",), {"thinking": 500, "speaking": 90}),
        (("first_token", "first_audio"), {"hearing": 300}),
        (tuple(MARKS), {}),
    ],
)
def test_a_stage_lies_between_what_it_was_given_and_what_it_gave(
    without: tuple[str, ...], wanted: dict[str, float]
) -> None:
    marks = {name: at for name, at in MARKS.items() if name not in without}
    assert stage_ms(marks) == wanted


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_is_judged_by_itself(stage: Stage) -> None:
    admission = judged()
    slow = turn(**{f"{stage.value}_ms": LIMIT_MS + 1})
    told(admission, slow, TURNS_MIN, 1_000)
    assert admission.late(1_000) == (stage,)
    assert admission.p95_ms(stage, 1_000) == pytest.approx(LIMIT_MS + 1)


def test_a_stage_with_the_limit_0_is_never_late() -> None:
    admission = Admission({Stage.HEARING: 0.0, Stage.SPEAKING: LIMIT_MS})
    told(admission, turn(hearing_ms=9_000), 100, 1_000)
    assert admission.late(1_000) == ()


def test_one_slow_turn_refuses_nobody_and_a_few_turns_are_no_measure() -> None:
    admission = judged()
    told(admission, turn(hearing_ms=9_000), TURNS_MIN - 1, 1_000)
    assert admission.late(1_000) == ()
    one = judged()
    told(one, turn(), TURNS_MIN - 1, 1_000)
    told(one, turn(hearing_ms=9_000), 1, 1_000)
    assert one.late(1_000) == ()
    told(one, turn(hearing_ms=9_000), 1, 1_000)
    assert one.late(1_000) == (Stage.HEARING,)


def test_the_figure_is_that_of_ninety_five_in_a_hundred() -> None:
    """Against a plain count: no more than one turn in twenty took longer, and about that many did."""
    chance = random.Random(5)
    for count in (20, 63, 200, 400):
        admission, waits = judged(Stage.HEARING), [chance.uniform(10, 2_000) for _ in range(count)]
        for wait_ms in waits:
            admission.turn(turn(hearing_ms=wait_ms), 1_000)
        p95_ms = admission.p95_ms(Stage.HEARING, 1_000)
        assert p95_ms is not None
        longer = sum(wait_ms > p95_ms + 0.001 for wait_ms in waits)
        assert 0.04 * count - 1 <= longer <= 0.05 * count + 1


def test_callers_are_taken_again_only_well_below_the_limit_and_not_at_once() -> None:
    admission = judged(Stage.HEARING)
    told(admission, turn(hearing_ms=1_200), 20, 0.0)
    assert admission.late(0.0)
    told(admission, turn(hearing_ms=900), 480, 20_000.0)
    assert admission.p95_ms(Stage.HEARING, 20_000.0) == pytest.approx(900)
    assert admission.late(20_000.0), "below the limit, and not by enough"
    told(admission, turn(hearing_ms=600), 500, 40_000.0)
    assert not admission.late(40_000.0)
    quick = judged(Stage.HEARING)
    told(quick, turn(hearing_ms=1_200), 20, 0.0)
    told(quick, turn(hearing_ms=100), 480, 1_000.0)
    assert quick.late(1_000), "the figure is good, and it was bad a second ago"
    assert not quick.late(LATE_FOR_MS)


def test_a_house_that_has_fallen_silent_takes_callers_again() -> None:
    admission = judged()
    told(admission, turn(thinking_ms=5_000), 50, 0.0)
    assert admission.late(WINDOW_MS) == (Stage.THINKING,)
    assert admission.late(WINDOW_MS + 1) == ()


def test_no_load_near_the_limit_makes_it_flap() -> None:
    """Waits around the limit, an hour long: it changes its mind a few times, not at each turn."""
    chance = random.Random(11)
    admission = judged(Stage.HEARING)
    changes, late = 0, False
    for second in range(3_600):
        admission.turn(turn(hearing_ms=chance.gauss(700, 180)), second * 1_000.0)
        now = bool(admission.late(second * 1_000.0))
        changes += now is not late
        late = now
    assert 1 <= changes <= 60


class Answering:
    """Keeps what is said about admission."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, object]] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, AdmissionChanged):
            self.events.append(event.record())


async def test_a_new_caller_hears_that_all_lines_are_busy_and_those_in_the_house_go_on() -> None:
    admission = judged()
    async with opened(House(4, admission=admission)) as there:
        kept = Answering()
        set_sink(kept)
        await there.answered("c000000000001")
        assert there.board.free_slots() == 3
        now_ms = asyncio.get_running_loop().time() * 1000.0
        told(admission, turn(thinking_ms=4_000), TURNS_MIN, now_ms)
        assert there.board.free_slots() == 0
        with pytest.raises(LinesBusy, match="All lines are busy") as refusal:
            await there.board.offer("c000000000002", OFFER)
        assert refusal.value.retry_after_s
        assert await there.board.reoffer("c000000000001", OFFER), "who is here may come back"
        assert there.ended() == []
        await asyncio.sleep(WINDOW_MS / 1000.0 + 1)
        assert there.board.free_slots() == 3
        await there.board.offer("c000000000003", OFFER)
    late = [(event["stage"], event["late"], event.get("p95_ms")) for event in kept.events]
    assert late == [("thinking", True, 4_000.0), ("thinking", False, None)]


async def test_the_turns_of_the_calls_themselves_are_what_is_measured() -> None:
    admission = Admission({Stage.SPEAKING: 0.001, Stage.HEARING: 5_000.0})
    async with opened(House(2, admission=admission)) as there:
        await there.answered("c000000000001")
        call = there.door.calls["c000000000001"]
        for _ in range(TURNS_MIN):
            call._page._observer.turn(1, turn(speaking_ms=20.0), interrupted=False)
        assert there.board.late() == ("speaking",)
        assert there.board.free_slots() == 0


class Host:
    def __init__(self) -> None:
        self.free = 2

    def free_slots(self) -> int:
        return self.free

    def recognisers_free(self) -> int:
        return self.free

    def late(self) -> tuple[str, ...]:
        return () if self.free else ("hearing",)


class Wire:
    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []

    def notify(self, kind: str, payload: dict[str, object]) -> None:
        assert kind == "capacity"
        self.told.append(payload)


async def test_lines_that_open_by_time_alone_are_told_to_who_sends_the_callers() -> None:
    """A house that was late when its last call ended would be taken for full for ever."""
    host, wire = Host(), Wire()
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(_watch_capacity(wire, host))  # type: ignore[arg-type]  # what it needs of both
        await asyncio.sleep(10 * CAPACITY_EVERY_MS / 1000.0)
        assert wire.told == []
        host.free = 0
        await asyncio.sleep(3 * CAPACITY_EVERY_MS / 1000.0)
        host.free = 2
        await asyncio.sleep(3 * CAPACITY_EVERY_MS / 1000.0)
        watch.cancel()
    assert wire.told == [
        {"free_slots": 0, "recognisers_free": 0, "late": ["hearing"]},
        {"free_slots": 2, "recognisers_free": 2, "late": []},
    ]
