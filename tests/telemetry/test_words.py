"""Words stay out unless the settings allow them, a redactor is there, and it delivers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from pipeline.telemetry import words
from pipeline.telemetry.events import Event, set_sink

SAID = "could not book Maria Example for tuesday"


@pytest.fixture(autouse=True)
def seen() -> Iterator[list[Event]]:
    said: list[Event] = []
    set_sink(said.append)
    yield said
    set_sink(None)
    words.allow("off")
    words.plug(None)


def without_names(text: str) -> tuple[str, Mapping[str, int]]:
    return text.replace("Maria Example", "[NAME]"), {"NAME": 2}


def test_off_says_how_long_and_how_many_words_and_asks_no_redactor(seen: list[Event]) -> None:
    def never(text: str) -> tuple[str, Mapping[str, int]]:
        raise AssertionError

    words.plug(never)
    words.say("pipeline.call", SAID)
    assert seen[0].record() == {
        "event": "free_text",
        "where": "pipeline.call",
        "characters": len(SAID),
        "words": 7,
        "redactions": None,
        "failed": False,
        "text": None,
    }


def test_redacted_writes_what_the_redactor_left() -> None:
    words.allow("redacted")
    words.plug(without_names)
    record = words.say("pipeline.call", SAID).record()
    assert record["text"] == "could not book [NAME] for tuesday"
    assert record["redactions"] == 2


def raises(text: str) -> tuple[str, Mapping[str, int]]:
    raise ValueError(text)


def asks_again(text: str) -> tuple[str, Mapping[str, int]]:
    inner = words.say("redactor", text)
    assert inner.text is None
    return "[NAME]", {"NAME": 1}


@pytest.mark.parametrize(
    ("redact", "text"),
    [(None, SAID), (raises, SAID), (without_names, SAID * 1_000)],
    ids=["none plugged in", "it raises", "too long"],
)
def test_a_redactor_that_does_not_deliver_costs_the_text_and_is_counted(
    redact: words.Redact | None, text: str
) -> None:
    words.allow("redacted")
    words.plug(redact)
    before = words.redactor_failures()
    record = words.say("pipeline.call", text).record()
    assert (record["text"], record["failed"], record["redactions"]) == (None, True, None)
    assert words.redactor_failures() == before + 1
    assert "Maria" not in str(record)


def test_a_redactor_that_logs_is_not_asked_about_its_own_words() -> None:
    words.allow("redacted")
    words.plug(asks_again)
    assert words.say("pipeline.call", SAID).text == "[NAME]"


def test_an_unknown_mode_is_off() -> None:
    words.allow("on")
    words.plug(without_names)
    assert words.say("pipeline.call", SAID).text is None
