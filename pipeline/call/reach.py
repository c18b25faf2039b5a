"""Who can be reached in this call, in which order; and which step of such a ladder comes next.

Names only: what they stand for is the gateway's affair, from the configuration. A calculation.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.transfer import CALLBACK, MESSAGE


@dataclass(frozen=True, slots=True)
class Reach:
    """The ladders, and what may be done on them now. Empty: a caller is told the number, as on a web page."""

    person: tuple[str, ...] = ()
    """For a caller who asks for a person, or is not understood."""
    closed: tuple[str, ...] = ()
    """The same outside the practice's hours."""
    urgent: tuple[str, ...] = ()
    """For urgent words: people only."""
    may_record: bool = False
    """The caller agreed to be recorded, and is being recorded."""
    may_take: bool = True
    """Requests are taken; not while the emergency switch is thrown."""


def next_rung(reach: Reach, left: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The next step that can be taken, and those behind it; "" when nobody and nothing is left.

    Where no message may be recorded, a number to call back is taken in its place.
    """
    for at, rung in enumerate(left):
        step = CALLBACK if rung == MESSAGE and not reach.may_record else rung
        if step in (MESSAGE, CALLBACK) and not reach.may_take:
            continue
        return step, left[at + 1 :]
    return "", ()
