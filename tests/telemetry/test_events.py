"""A declared event cannot carry words."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.telemetry.events import Event, Token, emit, fields_dropped, set_sink
from pipeline.telemetry.log import Outlet

anything: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.text()),
    st.builds(Token, st.text()),
)


class SyntheticTurnEnded(Event):
    call_id: Token
    heard_ms: float


def test_an_event_names_itself_and_rounds_its_numbers() -> None:
    record = SyntheticTurnEnded(call_id=Token("c1"), heard_ms=12.34567).record()
    assert record == {"event": "synthetic_turn_ended", "call_id": "c1", "heard_ms": 12.346}


def test_a_field_that_could_hold_words_does_not_build() -> None:
    with pytest.raises(TypeError, match="may hold words"):

        class Leak(Event):
            transcript: str


@pytest.mark.parametrize("words", ["my name is Maria", "é", "a" * 81, "two\nlines"])
def test_a_token_never_carries_a_sentence(words: str) -> None:
    assert Token(words) == "unprintable"


def test_emit_without_a_sink_is_silent_and_with_one_delivers() -> None:
    seen: list[Event] = []
    emit(SyntheticTurnEnded(call_id=Token("c1"), heard_ms=1.0))
    set_sink(seen.append)
    try:
        emit(SyntheticTurnEnded(call_id=Token("c2"), heard_ms=2.0))
    finally:
        set_sink(None)
    assert [event.record()["call_id"] for event in seen] == ["c2"]


def wrong(kind: type[Event], **fields: object) -> Event:
    """What a mistake of ours would build; mypy refuses it elsewhere."""
    return kind(**fields)


@pytest.mark.parametrize(
    ("fields", "kept", "dropped"),
    [
        ({"call_id": "my name is Maria", "heard_ms": 1.0}, {"heard_ms": 1.0}, 1),
        ({"call_id": "Maria", "heard_ms": 1.0}, {"heard_ms": 1.0}, 1),  # one word, but no Token
        ({"call_id": Token("c"), "heard_ms": "Maria"}, {"call_id": "c"}, 1),
        ({"call_id": Token("c"), "heard_ms": float("nan")}, {"call_id": "c"}, 1),
        ({"call_id": Token("c"), "heard_ms": ["Maria"]}, {"call_id": "c"}, 1),
        ({"call_id": Token("c"), "heard_ms": True}, {"call_id": "c"}, 1),
        ({"call_id": Token("c"), "heard_ms": 10**400}, {"call_id": "c"}, 1),
        (
            {"call_id": Token("c"), "heard_ms": 1, "name": "Maria"},
            {"call_id": "c", "heard_ms": 1},
            1,
        ),
        ({"call_id": Token("c"), "name": "Maria"}, {"call_id": "c"}, 2),
        ({"name": "Maria", "born": "1953"}, {}, 4),
    ],
)
def test_a_field_against_its_declaration_is_dropped_and_counted(
    fields: dict[str, object], kept: dict[str, object], dropped: int
) -> None:
    before = fields_dropped()
    record = wrong(SyntheticTurnEnded, **fields).record()
    assert record == {"event": "synthetic_turn_ended", **kept, "dropped": dropped}
    assert fields_dropped() - before == dropped
    assert "Maria" not in str(record)


@given(st.dictionaries(st.text(max_size=8) | st.sampled_from(["call_id", "heard_ms"]), anything))
def test_no_field_of_any_kind_makes_an_event_raise_or_speak(fields: dict[str, object]) -> None:
    record = wrong(SyntheticTurnEnded, **fields).record()
    json.dumps(record, allow_nan=False)
    assert set(record) <= {"event", "call_id", "heard_ms", "dropped"}
    assert all(not isinstance(value, str) or Token(value) == value for value in record.values())


def test_an_event_without_text_costs_under_15_us_of_processor_time(tmp_path: Path) -> None:
    file = os.open(tmp_path / "events", os.O_WRONLY | os.O_CREAT)
    outlet = Outlet("supervisor", file, "n" * 32)
    count = 2_000
    best_us = float("inf")
    for _ in range(5):
        began_ns = time.thread_time_ns()
        for number in range(count):
            outlet(SyntheticTurnEnded(call_id=Token("01HXYZ"), heard_ms=float(number)))
        best_us = min(best_us, (time.thread_time_ns() - began_ns) / 1000 / count)
    os.close(file)
    assert best_us <= 15, f"{best_us:.1f} us"
