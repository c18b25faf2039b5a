"""What events become in numbers, and that none of them can become anything else."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline
from pipeline.metrics import families as f
from pipeline.metrics import from_events
from pipeline.metrics.from_events import READINGS, EventTally
from pipeline.metrics.tally import Tally
from pipeline.metrics.text import written
from pipeline.metrics.urgent import FOLLOWED
from pipeline.supervisor import carrier_streams
from pipeline.telemetry.events import declared

EVENT_ROOMS = (
    "audit",
    "call",
    "heap",
    "sip",
    "supervisor",
    "switchboard",
    "telemetry",
    "transports",
    "webhook",
)


@pytest.fixture
def tally() -> Tally:
    return Tally(["supervisor", "gateway", "w1"])


def told(tally: Tally, *records: dict[str, object], by: str = "w1") -> EventTally:
    events = EventTally(tally)
    for record in records:
        events.take(by, record)
    return events


def urgent(tally: Tally) -> dict[str, float]:
    return {key[0]: value for key, value in tally.values(f.URGENT).items() if value}


def test_a_call_is_begun_answered_and_ended(tally: Tally) -> None:
    told(
        tally,
        {"event": "call_answered", "call_id": "c1", "again": False, "door": "page"},
        {"event": "call_answered", "call_id": "c1", "again": True, "door": "page"},
        {"event": "call_answered", "call_id": "c2", "again": False, "door": "page"},
        {"event": "offer_abandoned", "call_id": "c2", "reason": "not_connected"},
        {"event": "call_started", "call_id": "c1"},
        {
            "event": "call_ended",
            "call_id": "c1",
            "reason": "goodbye",
            "duration_ms": 61_000.0,
            "false_interruptions": 2,
            "starved": 1,
            "skipped_frames": 5,
        },
    )
    assert tally.values(f.CALLS_BEGUN)[("page",)] == 2
    assert tally.values(f.OFFERS_ABANDONED)[()] == 1
    assert tally.values(f.CALLS_ANSWERED)[()] == 1
    assert tally.values(f.CALLS_ENDED)[("goodbye",)] == 1
    assert tally.distributions(f.CALL_SECONDS)[()].total == 61.0
    assert tally.values(f.FALSE_INTERRUPTIONS)[()] == 2
    assert (tally.values(f.STARVED)[()], tally.values(f.SKIPPED)[()]) == (1, 5)


@pytest.mark.parametrize(
    ("record", "door", "reason"),
    [
        ({"event": "call_turned_away", "reason": "lines_busy"}, "page", "lines_busy"),
        ({"event": "call_turned_away", "reason": "unguarded"}, "page", "unguarded"),
        ({"event": "phone_call_refused", "reason": "worker"}, "telephone", "worker"),
        ({"event": "trunk_request_refused", "reason": "busy"}, "telephone", "lines_busy"),
        ({"event": "phone_call_turned_away"}, "telephone", "lines_busy"),
        (
            {"event": "carrier_refused", "reason": "lines_busy", "door": "stream"},
            "stream",
            "lines_busy",
        ),
        (
            {"event": "carrier_refused", "reason": "lines_busy", "door": "webhook"},
            "stream",
            "lines_busy",
        ),
        ({"event": "call_turned_away", "reason": "Sam Miller"}, "page", "other"),
    ],
)
def test_who_is_turned_away_is_counted_by_door_and_reason(
    tally: Tally, record: dict[str, object], door: str, reason: str
) -> None:
    told(tally, record)
    assert {k: v for k, v in tally.values(f.CALLS_REFUSED).items() if v} == {(door, reason): 1}


def test_a_stranger_at_the_trunk_is_no_caller_turned_away(tally: Tally) -> None:
    told(tally, {"event": "trunk_request_refused", "reason": "no_call", "status": 481})
    assert not any(tally.values(f.CALLS_REFUSED).values())


@pytest.mark.parametrize("door", ["webhook", "stream", *carrier_streams._DOORS.values()])
def test_a_request_that_the_carrier_did_not_sign_is_counted_at_its_door(
    tally: Tally, door: str
) -> None:
    refused = {"event": "carrier_refused", "door": door}
    told(tally, {**refused, "reason": "signature"}, {**refused, "reason": "again"})
    assert {k: v for k, v in tally.values(f.SIGNATURES_FAILED).items() if v} == {(door,): 1}


def test_a_turn_is_told_by_stage_in_seconds_and_a_stage_it_did_not_have_is_not(
    tally: Tally,
) -> None:
    told(
        tally,
        {
            "event": "turn_ended",
            "pause_seen_ms": 90.0,
            "decision_ms": 210.0,
            "final_text_ms": None,
            "first_token_ms": 250.0,
            "first_audio_ms": 300.0,
            "first_sample_ms": 450.0,
            "detect_ms": 120.0,
        },
    )
    found = {key[0]: each for key, each in tally.distributions(f.TURN_STAGE).items()}
    assert {stage: each.total for stage, each in found.items() if each.count} == {
        "pause_seen": 0.09,
        "decision": 0.21,
        "first_token": 0.25,
        "first_audio": 0.3,
        "first_byte": 0.45,
    }
    assert tally.distributions(f.DETECTION)[()].total == 0.12


def test_urgent_calls_are_followed_over_three_kinds_of_processes(tally: Tally) -> None:
    events = told(
        tally,
        {"event": "phone_call_joined", "call_id": "c1"},
        {"event": "urgent_raised", "call_id": "c1"},
        {"event": "call_over", "call_id": "c1", "worker_lost": True},
    )
    assert urgent(tally) == {}
    events.take("gateway", {"event": "phone_call_led", "call_id": "c1", "outcome": "connected"})
    assert urgent(tally) == {"connected": 1}
    events.take("w1", {"event": "call_ended", "call_id": "c2"})  # without urgent words
    events.take("w1", {"event": "urgent_raised", "call_id": "c3"})
    events.take("supervisor", {"event": "call_over", "call_id": "c3", "worker_lost": True})
    assert urgent(tally) == {"connected": 1, "lost": 1}, "nobody rescues who calls from a page"


def test_a_worker_that_starts_again_has_no_broken_engine(tally: Tally) -> None:
    opened = {"event": "engine_circuit", "engine": "llm", "server": 1, "state": "open"}
    events = told(tally, opened)
    assert tally.values(f.CIRCUIT_OPEN) == {("w1", "llm", "1"): 1}
    events.take("supervisor", {"event": "worker_started", "worker": "w1"})
    assert tally.values(f.CIRCUIT_OPEN) == {}


def test_only_an_end_that_nobody_asked_for_is_a_restart(tally: Tally) -> None:
    ended = {"event": "worker_ended", "worker": "w1", "calls_lost": 3}
    told(tally, {**ended, "expected": True}, {**ended, "expected": False}, by="supervisor")
    assert tally.values(f.WORKER_RESTARTS)[("w1",)] == 1
    assert tally.values(f.CALLS_LOST)[()] == 3


def test_a_failed_redactor_a_dropped_field_and_a_lost_event_are_counted(tally: Tally) -> None:
    told(
        tally,
        {"event": "free_text", "failed": True},
        {"event": "free_text", "failed": False},
        {"event": "call_started", "dropped": 2},
        {"event": "events_lost", "count": 7},
    )
    assert tally.values(f.REDACTOR_FAILURES)[("w1",)] == 1
    assert tally.values(f.FIELDS_DROPPED)[("w1",)] == 2
    assert tally.values(f.EVENTS_LOST)[("w1",)] == 7


def test_every_event_that_is_read_is_declared_with_the_fields_that_are_read() -> None:
    """An event that is renamed must not leave a number at 0 for ever."""
    for room in EVENT_ROOMS:
        package = importlib.import_module(f"pipeline.{room}")
        for found in pkgutil.iter_modules(getattr(package, "__path__", ())):
            importlib.import_module(f"pipeline.{room}.{found.name}")
    source = inspect.getsource(from_events)
    for name in (*READINGS, *FOLLOWED):
        assert declared(name) is not None, name
    known = {key for name in READINGS for key, _ in _fields(name)} | {"event", "dropped"}
    read = set(re.findall(r'(?:_number|_word|_is)\((?:r|record), "([a-z_]+)"', source))
    read |= set(from_events._STAGES)
    assert read <= known, read - known
    assert pipeline.__name__ == "pipeline"


def _fields(name: str) -> tuple[tuple[str, Any], ...]:
    kind = declared(name)
    return kind._declared if kind is not None else ()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.just("Sam Miller"),
)
KEYS = sorted({"call_id", "dropped", *re.findall(r'"([a-z_]+)"', inspect.getsource(from_events))})


@given(
    st.sampled_from([*READINGS, *sorted(FOLLOWED), "nothing"]),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8),
    st.sampled_from(["w1", "supervisor", "gateway", "somebody"]),
)
def test_whatever_an_event_holds_no_word_of_it_is_shown_and_nothing_breaks(
    name: str, fields: dict[str, object], by: str
) -> None:
    tally = Tally(["supervisor", "w1"])
    told(tally, {**fields, "event": name}, by=by)
    text = written(tally, "1.2.3")
    assert "Sam" not in text
    assert "nan" not in text.lower().replace("unanswered", "")
