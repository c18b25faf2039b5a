"""Finds which of the flow's reasons was said: the longest spoken form wins.

Two different reasons of the same weight are none; a denied one ("not a refill") does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.call.words import Words, denied, find, repaired, words


class Sayable(Protocol):
    """A reason as far as hearing it goes."""

    @property
    def key(self) -> str:
        """What the request holds."""

    @property
    def spoken(self) -> tuple[str, ...]:
        """Ways of saying it."""


def hear_reason(
    spoken: Words, reasons: Sequence[Sayable], *, known: str | None, asked: bool
) -> str | None:
    """Key of the reason that was said; a caller who corrects does not mean the `known` one."""
    hits: list[tuple[int, int, str]] = []  # start, length, key
    for reason in reasons:
        for form in reason.spoken:
            parts = words(form)
            at = find(parts, spoken)
            while at >= 0:
                hits.append((at, len(parts), reason.key))
                at = find(parts, spoken, at + 1)
    # "I didn't say a referral" answers an open question: it had not been said yet.
    owed = asked and known is None and find(("didn't", "say"), spoken) >= 0
    hits = [hit for hit in hits if owed or not denied(spoken, hit[0])]
    hits = [hit for hit in hits if not _inside_longer(hit, hits)]
    keys = {hit[2] for hit in hits}
    if len(keys) <= 1:
        return next(iter(keys), None)
    hits.sort()
    first, last = hits[0], hits[-1]
    if repaired(spoken, first[0] + first[1], last[0]):
        return last[2]
    if known is not None:
        others = [hit for hit in hits if hit[2] != known]
        if len({hit[2] for hit in others}) == 1:
            return others[0][2]
    longest = max(hit[1] for hit in hits)
    named = {hit[2] for hit in hits if hit[1] == longest}
    return named.pop() if len(named) == 1 else None


def reason_phrases(spoken: Words, reasons: Sequence[Sayable]) -> list[range]:
    """Where any spoken form of a reason stands."""
    found = []
    for parts in {words(form) for reason in reasons for form in reason.spoken}:
        at = find(parts, spoken)
        while at >= 0:
            found.append(range(at, at + len(parts)))
            at = find(parts, spoken, at + 1)
    return found


def _inside_longer(hit: tuple[int, int, str], hits: list[tuple[int, int, str]]) -> bool:
    start, length, _ = hit
    return any(
        other[1] > length and other[0] <= start and start + length <= other[0] + other[1]
        for other in hits
    )
