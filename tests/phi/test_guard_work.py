"""What a long message costs: the work grows with its length, not with the square of it."""

from __future__ import annotations

import sys
from types import FrameType

import pytest

from phi.guard import for_model

SECRETS = (("birth_date", "1980-03-15"), ("phone", "2125550143"))


def calls_for(text: str) -> int:
    """Calls made to clean this text: a measure that no other program on the machine changes."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        for_model(text, SECRETS, volunteered=True, this_year=2026)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "piece",
    ["3/15 ", "a b c d ", "m a y ", "m r n ", "born 3/15 ", "one two ", "5 ", "first digit is 5 "],
)
def test_a_message_twice_as_long_is_twice_the_work(piece: str) -> None:
    short = piece * (1_200 // len(piece))
    calls_for(short)  # what is read once for all texts
    assert calls_for(short * 2) < 2.3 * calls_for(short)


def test_words_that_no_stored_value_begins_with_are_not_followed() -> None:
    """No 7 is in any of them: each value was followed from each word all the same, which was half of the work."""
    assert calls_for("7 " * 600) < 0.7 * calls_for("5 " * 600)
