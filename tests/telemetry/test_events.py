"""A declared event cannot carry words."""

from __future__ import annotations

import pytest

from pipeline.telemetry.events import Event, Token, emit, set_sink


class TurnEnded(Event):
    call_id: Token
    heard_ms: float


def test_an_event_names_itself_and_rounds_its_numbers() -> None:
    record = TurnEnded(call_id=Token("c1"), heard_ms=12.34567).record()
    assert record == {"event": "turn_ended", "call_id": "c1", "heard_ms": 12.346}


def test_a_field_that_could_hold_words_does_not_build() -> None:
    with pytest.raises(TypeError, match="may hold words"):

        class Leak(Event):
            transcript: str


@pytest.mark.parametrize("words", ["my name is Maria", "é", "a" * 81, "two\nlines"])
def test_a_token_never_carries_a_sentence(words: str) -> None:
    assert Token(words) == "unprintable"


def test_emit_without_a_sink_is_silent_and_with_one_delivers() -> None:
    seen: list[Event] = []
    emit(TurnEnded(call_id=Token("c1"), heard_ms=1.0))
    set_sink(seen.append)
    try:
        emit(TurnEnded(call_id=Token("c2"), heard_ms=2.0))
    finally:
        set_sink(None)
    assert [event.record()["call_id"] for event in seen] == ["c2"]
