"""Apartments, boxes, rooms and routes: what is found by its number. Of streets with a name it knows nothing."""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues, cues_es
from phi.kinds import Kind, Layer, Span
from phi.lexicon import (
    DIGITS,
    MIXED,
    NUMBER,
    PLACEHOLDER,
)
from phi.numbers import run_at
from phi.said_digits import element
from phi.street_words import DIRECTIONS
from phi.tokens import Line

POSTED = cues.words("psc cmr rr hc route rte unit apo fpo")
BARE_UNITS = cues.words(
    "room rm floor lot building piso numero casa puerta edificio codigo unit bloque departamento"
)


def placed(line: Line, first: int, end: int, kind: Kind) -> Span:
    return Span(line.starts[first], line.ends[end - 1], kind, Layer.PLACES)


def unit_id(line: Line, j: int) -> int:
    """The token after the number or letters of a unit that begin at token j."""
    if j < line.count and line.words[j] in (".", "number", "#", "no"):
        j += 1
    end = j
    while end < line.count and end - j < 6:
        flag, text = line.flags[end], line.words[end]
        one = len(text) == 1 and text.isalpha() and (text not in "iy" or line.joined(end))
        if (
            flag & (DIGITS | MIXED | NUMBER)
            or (one and (text != "a" or end > j or line.capital(end)))
            or (text in ("-", "dash") and end > j)
        ):
            end += 1
        elif text == "as" and end + 2 < line.count and line.words[end + 1] == "in":
            end += 3
        else:
            break
    while end > j and line.words[end - 1] in ("-", "dash"):
        end -= 1
    return end


def route(line: Line, i: int) -> Iterator[Span]:
    """Find "rural route two box fifteen", "RR 3 Box 119", "State Route 9", "County Road 210 West"."""
    words = line.words
    first = i
    while first and words[first - 1] in (
        "rural",
        "state",
        "county",
        "us",
        "star",
        "highway",
        "farm",
        "r",
        "h",
        "old",
        "ranch",
        "estatal",
        "mile",
    ):
        first -= 1
    headed = first < i or words[i] in ("rr", "hc", "route", "rte", "fm", "highway", "hwy")
    j = i + 1
    if j < line.count and words[j] in (".", "number", "#"):
        j += 1
    run = run_at(line, j) if j < line.count and element(line, j) is not None else None
    if run is None or not headed:
        letter = first < i and j < line.count and len(words[j]) == 1 and words[j].isalpha()
        if letter and words[j] not in "aiy" and words[i] in ("highway", "road", "route"):
            yield placed(line, first, j + 1, Kind.ADDRESS)
        return
    if words[i] in ("route", "rt", "fm", "rr", "hc") and first == i and not _sent_to(line, i):
        return
    end = run.last + 1
    if (
        end < line.count
        and words[end] == ","
        and end + 1 < line.count
        and words[end + 1] in ("box", "mile")
    ):
        end += 1
    if end < line.count and words[end] == "box":
        end = max(unit_id(line, end + 1), end)
    elif end + 1 < line.count and words[end] == "mile" and words[end + 1] == "marker":
        end = max(unit_id(line, end + 2), end)
    while end < line.count and words[end] in DIRECTIONS and len(words[end]) > 1:
        end += 1
    yield placed(line, first, end, Kind.ADDRESS)


def _sent_to(line: Line, i: int) -> bool:
    """Whether a bare "route 9" is a road: something stands in front that puts it on a map, or a box behind it."""
    before = line.words[i - 1] if i else ""
    near = line.words[i + 1 : i + 6]
    return "box" in near or before in ("on", "off", "at", "along", "is", "live", "near", "address")


def unit(line: Line, i: int) -> Iterator[Span]:
    """Find "apartment three b", "po box 123"."""
    word = line.words[i]
    j = i + 1
    if j < line.count and line.words[j] in ("number", "#", "numero", "no", ".", "es"):
        j += 1
    if j >= line.count:
        return
    if not _numbers_a_unit(line, i, j):
        return
    end = unit_id(line, j)
    if end > j and not line.flags[j] & PLACEHOLDER:
        first = i
        while (
            first > 0
            and line.words[first - 1] in ("po", "p", "o", ".", "post", "office")
            and word == "box"
        ):
            first -= 1
        yield placed(line, first, end, Kind.ADDRESS)


def _numbers_a_unit(line: Line, i: int, j: int) -> bool:
    """Whether the token after "room" or "box" is the number of one."""
    word = line.words[i]
    if word in ("box", "apartado"):
        if not POSTED.isdisjoint(line.words[max(0, i - 3) : i]):
            return True
        return bool(i) and line.words[i - 1] in ("po", "p.o", "o", ".", "postal", "post", "office")
    number = bool(line.flags[j] & (DIGITS | MIXED | NUMBER))
    if word == "numero" and not any(
        w in cues_es.STREET_HEADS_ES for w in line.words[max(0, i - 6) : i]
    ):
        return False
    if word in ("codigo", "lot") and line.flags[j] & NUMBER:
        return False
    letter = len(line.words[j]) == 1 and line.words[j] not in "aiyo"
    return number or letter or word not in BARE_UNITS
