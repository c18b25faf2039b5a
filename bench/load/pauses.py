"""Sentences with pauses inside a turn (target E1): what is said, where a pause lies in it and of what kind, as data of a scenario.

A pause's kind is told by the words in front of it and written down, never guessed from what a server did. Calculations only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from bench.recordings import file_name

Kind = Literal["more", "any"]
"""The words so far show that more will come ("my name is", half a number); or they could have ended there."""
RECORDED = "booking"
"""The folder of recordings that sentences are taken from."""


EDGE_MS = 40.0
"""So much of a recording's own quiet stays at either side of a pause, where it has any."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Where somebody pauses."""

    kind: Kind
    after: str
    """The words of the sentence up to it; for people, and for the test that holds the kind against them."""
    at_ms: float
    """From the recording's first sample of speech."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of saying something: a shipped recording, and where it is taken apart."""

    say: str
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Saying:
    """One turn of a caller. Callers take its ways in turn, so that each is said whole by one and with pauses by another."""

    asked: str
    """The question that it answers, by its slot."""
    ways: tuple[Way, ...]
    think_ms: tuple[float, float] | None = None
    """From its end to what is said next, where the answer is longer or shorter than others; a range to draw from."""

    def way(self, caller: int, turn: int) -> Way:
        """What this caller says."""
        return self.ways[(caller + turn) % len(self.ways)]


def read(tables: object, faults: list[str]) -> tuple[Saying, ...]:
    """The tables `[[says]]` of a scenario; what is wrong with them is added to the faults."""
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        faults.append("says: write tables, [[says]]")
        return ()
    return tuple(_saying(f"says[{n}]", each, faults) for n, each in enumerate(tables))


def _saying(at: str, table: Mapping[str, Any], faults: list[str]) -> Saying:
    _known(at, table, {"asked", "ways", "think_ms"}, faults)
    asked, ways = table.get("asked"), table.get("ways")
    if not isinstance(asked, str) or not asked:
        faults.append(f"{at}.asked: write the slot of the question")
    if not isinstance(ways, list) or not ways or not all(isinstance(each, dict) for each in ways):
        faults.append(f"{at}.ways: write at least one {{say = ...}}")
        ways = []
    found = tuple(_way(f"{at}.ways[{n}]", each, faults) for n, each in enumerate(ways))
    return Saying(str(asked), found, _think_ms(at, table.get("think_ms"), faults))


def _think_ms(at: str, value: object, faults: list[str]) -> tuple[float, float] | None:
    if value is None:
        return None
    match value:
        case [int() | float() as least, int() | float() as most] if 0 <= least <= most <= 60_000:
            return (float(least), float(most))
        case _:
            faults.append(f"{at}.think_ms: write the least and the most, e.g. [700, 1900]")
            return None


def _way(at: str, table: Mapping[str, Any], faults: list[str]) -> Way:
    _known(at, table, {"say", "gaps"}, faults)
    say, gaps = table.get("say"), table.get("gaps", [])
    if not isinstance(say, str) or not _recorded(say):
        faults.append(f"{at}.say: there is no recording of this sentence")
    if not isinstance(gaps, list) or not all(isinstance(each, dict) for each in gaps):
        faults.append(f"{at}.gaps: write tables")
        gaps = []
    found = tuple(_gap(f"{at}.gaps[{n}]", each, str(say), faults) for n, each in enumerate(gaps))
    places_ms = [gap.at_ms for gap in found]
    if places_ms != sorted(set(places_ms)):
        faults.append(f"{at}.gaps: write them in their order")
    return Way(str(say), found)


def _gap(at: str, table: Mapping[str, Any], say: str, faults: list[str]) -> Gap:
    _known(at, table, {"kind", "after", "at_ms"}, faults)
    kind, after, at_ms = table.get("kind"), table.get("after"), table.get("at_ms")
    if kind not in ("more", "any"):
        faults.append(f'{at}.kind: write "more" or "any"')
    if not isinstance(after, str) or not after or not say.startswith(after) or after == say:
        faults.append(f"{at}.after: write the sentence's words up to the pause")
    if isinstance(at_ms, bool) or not isinstance(at_ms, int | float) or at_ms <= 0:
        faults.append(f"{at}.at_ms: write milliseconds from the first sound")
        at_ms = 0.0
    return Gap("more" if kind == "more" else "any", str(after), float(at_ms))


def _recorded(say: str) -> bool:
    return (files("bench") / "recordings" / RECORDED / file_name(say)).is_file()


def _known(at: str, table: Mapping[str, Any], known: set[str], faults: list[str]) -> None:
    faults += [f"{at}.{key}: there is no such key" for key in table if key not in known]
