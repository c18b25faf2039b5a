"""Practice hours: the zone's own clock, holidays, the days clocks change; and what a closed practice says and takes."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.ports import Keyed
from pipeline.call.dialogue import respond
from pipeline.call.flow import Flow
from pipeline.call.flow_file import flow_text, load_flow, parse_flow
from pipeline.call.hours import CALLBACKS, PracticeHours, spans_of
from pipeline.call.reach import Reach
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.steps import Heard
from pipeline.errors import ConfigError
from tests.call.identity_flow import PHONE, TODAY
from tests.fakes.desk import FakeDesk

NEW_YORK = ZoneInfo("America/New_York")
DAY = ((8 * 60, 12 * 60), (13 * 60, 17 * 60))
WEEK = (DAY, DAY, DAY, DAY, ((8 * 60, 24 * 60),), (), ((60, 180),))
HOURS = PracticeHours(NEW_YORK, WEEK, frozenset(["12-25", "2026-11-26"]))
FLOW = load_flow()


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-11-23T07:59:59", False),
        ("2026-11-23T08:00:00", True),
        ("2026-11-23T11:59:59", True),
        ("2026-11-23T12:00:00", False),
        ("2026-11-23T13:00:00", True),
        ("2026-11-23T17:00:00", False),
        ("2026-11-27T23:59:59", True),  # Friday, to midnight
        ("2026-11-28T00:00:00", False),
        ("2026-11-28T10:00:00", False),  # Saturday
        ("2026-11-26T10:00:00", False),  # a holiday of this year
        ("2025-11-26T10:00:00", True),  # and no holiday of another
        ("2026-12-25T10:00:00", False),
        ("2029-12-25T10:00:00", False),
    ],
)
def test_row_u14_hours_are_those_of_the_practices_own_clock(local: str, is_open: bool) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=NEW_YORK)
    assert HOURS.open_at(at) is is_open
    assert HOURS.open_at(at.astimezone(UTC)) is is_open
    assert HOURS.open_at(at.astimezone(ZoneInfo("Asia/Tokyo"))) is is_open


def test_row_u14_on_days_clocks_change_the_practice_opens_by_the_clock_on_its_wall() -> None:
    """Sunday from one to three: one hour long in March, three hours in November."""
    for day, hours_open in (("2026-03-08", 1.0), ("2026-11-01", 3.0), ("2026-11-08", 2.0)):
        begins = datetime.fromisoformat(day).replace(tzinfo=NEW_YORK).astimezone(UTC)
        minutes = [begins + timedelta(minutes=count) for count in range(12 * 60)]
        assert sum(HOURS.open_at(at) for at in minutes) == hours_open * 60, day
    for day, utc in (
        ("2026-03-06", 13),
        ("2026-03-09", 12),
        ("2026-10-30", 12),
        ("2026-11-02", 13),
    ):
        at = datetime.fromisoformat(f"{day}T{utc:02}:00:00+00:00")
        assert HOURS.open_at(at)
        assert not HOURS.open_at(at - timedelta(seconds=1))


def test_a_practice_that_says_nothing_is_always_open() -> None:
    assert PracticeHours().open_at(datetime(2026, 12, 25, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    "texts",
    [("8-12",), ("08:00",), ("12:00-08:00",), ("08:00-08:00",), ("08:00-12:00", "11:00-17:00"), ("22:00-24:01",),
     ("24:30-24:45",), ("08:60-09:00",), ("13:00-17:00", "08:00-12:00")],
)  # fmt: skip
def test_times_that_are_none_are_refused(texts: tuple[str, ...]) -> None:
    assert spans_of(texts) is None


def answering(**changes: object) -> dict[str, object]:
    table = tomllib.loads(flow_text(None))
    good = {"time_zone": "America/New_York", "hours": {"monday": ["08:00-12:00"]}}
    table["answering"] = {**good, **changes}
    return table


def test_the_flow_file_says_them() -> None:
    flow = parse_flow(answering(holidays=["12-25"], takes="callbacks"))
    assert flow.answering.zone == NEW_YORK
    assert flow.answering.week[0] == ((480, 720),)
    assert flow.answering.holidays == {"12-25"}
    assert flow.answering.takes == CALLBACKS


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"time_zone": "New York"}, "answering.time_zone"),
        ({"time_zone": "../etc/passwd"}, "answering.time_zone"),
        ({"time_zone": "America"}, "answering.time_zone"),
        ({"time_zone": 5}, "answering.time_zone"),
        ({"hours": {"monday": ["9 to 5"]}}, "answering.hours.monday"),
        ({"hours": {"monday": "08:00-12:00"}}, "answering.hours.monday"),
        ({"hours": {"mondays": ["08:00-12:00"]}}, "answering.hours.mondays"),
        ({"hours": {}}, "answering.hours"),
        ({"hours": {"monday": []}}, "answering.hours"),
        ({"holidays": ["02-30"]}, "answering.holidays"),
        ({"holidays": ["Christmas"]}, "answering.holidays"),
        ({"holidays": ["1961-11-26"]}, "answering.holidays"),
        ({"takes": "messages"}, "answering.takes"),
        ({"opens": 8}, "answering."),
    ],
)
def test_what_is_wrong_is_said_with_its_key(changes: dict[str, object], key: str) -> None:
    if changes.get("hours") == {}:
        changes = {"hours": {"monday": []}}
    with pytest.raises(ConfigError) as refused:
        parse_flow(answering(**changes))
    assert any(fault.startswith(key) for fault in refused.value.faults), refused.value.faults


# --- what callers hear ----------------------------------------------------------------------------

CLOSED = datetime(2026, 11, 28, 15, tzinfo=UTC)
OPEN = datetime(2026, 11, 23, 15, tzinfo=UTC)


def practice(
    takes: str = "requests", at: datetime = CLOSED
) -> tuple[ScriptedReceptionist, FakeDesk]:
    flow: Flow = replace(FLOW, answering=replace(HOURS, takes=takes))
    desk = FakeDesk()
    desk.reach = Reach(("front", "callback"), ("on-call", "callback"), ("on-call",))
    return ScriptedReceptionist(flow, desk, lambda: TODAY, lambda: at), desk


def test_row_u14_in_its_hours_nothing_is_different() -> None:
    there, desk = practice(at=OPEN)
    assert FLOW.lines.closed not in there.greeting()
    there.keyed(Keyed("0"))
    assert ("connect", "front") in desk.told


def test_row_u14_outside_its_hours_the_greeting_says_so_and_a_request_is_taken() -> None:
    there, desk = practice()
    said = there.greeting()
    emergency = FLOW.say(FLOW.greeting.emergency)
    assert said.startswith(f"{emergency} {FLOW.say(FLOW.greeting.automated)} {FLOW.lines.closed}")
    assert said.endswith(FLOW.say(FLOW.prompts["reason"].ask))
    assert desk.pending is not None
    assert desk.pending.slot == "reason"
    there.keyed(Keyed("0"))
    assert ("connect", "on-call") in desk.told


def test_row_u14_where_only_callbacks_are_taken_a_number_is_all_that_is_asked() -> None:
    there, desk = practice(CALLBACKS)
    assert FLOW.lines.callback in there.greeting()
    assert desk.pending is not None
    assert desk.pending.slot == "phone"
    assert ("call_back",) in desk.told
    there.keyed(Keyed(PHONE))
    said = there.keyed(Keyed("1"))
    assert said is not None
    assert said.startswith(FLOW.lines.callback_noted)
    assert ("complete",) in desk.told


@pytest.mark.parametrize("takes", ["requests", CALLBACKS])
def test_row_u14_urgent_words_are_what_they_are_at_any_hour(takes: str) -> None:
    there, desk = practice(takes)
    there.greeting()
    there._look()
    step = respond(there._flow, there.state, Heard("I have chest pain"), TODAY)
    said = there._apply(step)
    assert said.startswith(FLOW.say(FLOW.lines.urgent))
    assert ("connect", "on-call") in desk.told
    assert there.not_reached() == FLOW.say(FLOW.lines.urgent)
