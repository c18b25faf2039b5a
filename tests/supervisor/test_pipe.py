"""Only lines with the process's own nonce and an event's shape pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.supervisor.pipe import LINE_BYTES_MAX, Sieve, is_event
from pipeline.telemetry.events import Event

NONCE = "a" * 32
GOOD = b'{"event":"planted_event","heard_ms":1.5,"ok":true,"call_id":"c1"}'


def test_an_event_passes_even_after_half_a_foreign_line() -> None:
    sieve = Sieve(NONCE)
    assert sieve.feed(b"Maria" + b"\n" + NONCE.encode() + b" " + GOOD + b"\n") == [GOOD]
    assert sieve.foreign_bytes == len("Maria")


@pytest.mark.parametrize(
    "line",
    [
        b"b" * 32 + b" " + GOOD,  # another process's nonce
        GOOD,
        NONCE.encode() + GOOD,
        NONCE.encode() + b" not json",
        NONCE.encode() + b' {"text":"no event"}',
        NONCE.encode() + b' {"event":"said","text":"my name is Maria"}',
        NONCE.encode() + b' {"event":"said","deep":{"name":"Maria"}}',
        NONCE.encode() + b' {"event":"said","my name is":1}',
        NONCE.encode() + b" " + b"[" * 4000,
    ],
)
def test_a_forged_or_wordy_line_is_counted_and_not_passed(line: bytes) -> None:
    sieve = Sieve(NONCE)
    assert sieve.feed(line + b"\n") == []
    assert sieve.foreign_bytes == len(line)


def test_an_endless_line_is_thrown_away_as_it_comes() -> None:
    sieve = Sieve(NONCE)
    for _ in range(100):
        assert sieve.feed(b"x" * 1000) == []
    assert sieve.feed(b"\n" + NONCE.encode() + b" " + GOOD + b"\n") == [GOOD]
    assert sieve.foreign_bytes == 100_000
    assert LINE_BYTES_MAX < 100_000


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_bytes_that_are_not_ours_never_pass(chunks: list[bytes]) -> None:
    sieve = Sieve(NONCE)
    assert [line for chunk in chunks for line in sieve.feed(chunk)] == []


class BookMoved(Event):
    shelf: int


def test_a_field_its_event_does_not_declare_makes_the_line_foreign() -> None:
    sieve = Sieve(NONCE)
    head = (
        NONCE.encode()
        + b' {"at":"2026-01-01T00:00:00.000Z","by":"w1","event":"book_moved","shelf":3'
    )
    assert len(sieve.feed(head + b"}\n")) == 1
    assert sieve.feed(head + b',"title":"Maria"}\n') == []


def test_words_pass_only_where_they_are_allowed_and_only_as_the_text_of_one_event() -> None:
    line = b'{"event":"free_text","where":"asyncio","characters":9,"words":3,"text":"a [NAME] b"}'
    assert not is_event(line)
    assert is_event(line, text=True)
    assert not is_event(line.replace(b"free_text", b"book_moved"), text=True)
    assert not is_event(line.replace(b'"where":"asyncio"', b'"where":"my name is"'), text=True)
    assert not is_event(line.replace(b"a [NAME] b", b"x" * 700), text=True)
