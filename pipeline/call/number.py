"""When a spoken telephone number is believed: a calculation over what was heard of it so far.

Only two digits may be read back (row P6), so every other digit must be right without being confirmed. Keys and typed
digits never come here: they are sure. Knows no words of any flow and makes no step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from pipeline.call.phone import can_be_assigned, hear_phone
from pipeline.call.steps import State
from pipeline.call.words import words

HEARINGS = 3
"""Hearings that must agree digit for digit. docs/decisions/0006-spoken-numbers.md reckons what gets by three."""


class Verdict(Enum):
    """What becomes of one more hearing."""

    BELIEVED = "believed"
    AGAIN = "again"
    BY_HAND = "by_hand"
    """Speech has failed for this number: keys or typed digits only, for the rest of the call."""


def weigh(
    state: State, number: str, readings: Iterable[str], *, refused: bool
) -> tuple[Verdict, State]:
    """Judge one hearing; `readings` are the recogniser's other ones, `refused`: the caller said no to the number we have.

    The first two hearings that differ end it: a caller or a line that is misheard once will be again.
    """
    if state.by_hand or not can_be_assigned(number):
        return (Verdict.BY_HAND if state.by_hand else Verdict.AGAIN), state
    known = state.request.phone
    if number == known and not refused and "phone" not in state.doubted:
        return Verdict.BELIEVED, state
    same_again = number == known  # it was refused, and speech gives the same once more
    differs = bool(state.said_numbers) and number not in state.said_numbers
    rivals = _numbers(readings) - {number}
    if state.said_numbers:
        rivals &= state.rivals
    hearings = (*state.said_numbers, number)
    whole = len(hearings) >= HEARINGS
    if same_again or differs or (whole and rivals):
        return Verdict.BY_HAND, replace(state, said_numbers=(), rivals=frozenset(), by_hand=True)
    if whole:
        return Verdict.BELIEVED, replace(state, said_numbers=(), rivals=frozenset())
    return Verdict.AGAIN, replace(state, said_numbers=hearings, rivals=rivals)


def _numbers(readings: Iterable[str]) -> frozenset[str]:
    found = (hear_phone(words(text), asked=True).number for text in readings)
    return frozenset(number for number in found if number is not None)
