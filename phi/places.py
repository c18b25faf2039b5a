"""Where somebody lives, works, learns or is treated: streets, units, cities, employers, facilities.

States, countries, payers and chains stay; it knows them by the common list.
"""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues, cues_es
from phi.kinds import Kind, Layer, Span
from phi.lexicon import (
    CITY,
    COMMON,
    DIGITS,
    NUMBER,
    PLACE_CUE,
    PLACEHOLDER,
    STOP,
    TAIL,
    WORD,
)
from phi.names import NameReader
from phi.organisations import GENERIC_PLACES, facility, organisation
from phi.street_words import LONG_DIRECTIONS, MORE_SUFFIXES, ROUTE_WORDS
from phi.streets import block, corner, directed, house, street, street_es
from phi.tokens import Line
from phi.units import route, unit

CITY_PHRASES: dict[str, list[tuple[str, ...]]] = {}
ORG_PHRASES: dict[str, list[tuple[str, ...]]] = {}
for _table, _phrases in (
    (CITY_PHRASES, (*cues.CITY_CUES, *cues_es.CITY_CUES_ES)),
    (ORG_PHRASES, (*cues.EMPLOYER_CUES, *cues_es.EMPLOYER_CUES_ES)),
):
    for _phrase in _phrases:
        _table.setdefault(_phrase[-1], []).append(_phrase)


def place_spans(line: Line, reader: NameReader) -> list[Span]:
    """What the place rules take out."""
    seen = line.seen
    if not seen & (PLACE_CUE | CITY | TAIL | NUMBER | DIGITS):
        return []
    spans: list[Span] = []
    for i in range(line.count):
        flag = line.flags[i]
        if flag & PLACE_CUE:
            spans.extend(_cued(line, i, reader))
        if (
            line.words[i] in ("at", "address", "is", ":", "en", "es", "direccion")
            and i + 1 < line.count
            and line.flags[i + 1] & (NUMBER | DIGITS)
        ):
            spans.extend(house(line, i, reader))
        if flag & CITY:
            spans.extend(_city_homograph(line, i, reader))
        if flag & TAIL:
            spans.extend(facility(line, i, reader))
    return spans


def _cued(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    word = line.words[i]
    yield from _on_the_map(line, i, reader)
    if word in CITY_PHRASES and _phrase_at(line, i, CITY_PHRASES):
        yield from _city(line, i, reader)
    if word in ORG_PHRASES and _phrase_at(line, i, ORG_PHRASES):
        yield from organisation(line, i, reader)
    if word in ("county", "condado"):
        yield from _county(line, i, reader)
    if word == "at" and i:
        yield from _at(line, i, reader)


def _on_the_map(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Streets, units, routes, corners."""
    word = line.words[i]
    if word in cues.STREET_SUFFIXES or word in MORE_SUFFIXES:
        yield from street(line, i, reader)
    if word in cues_es.STREET_HEADS_ES:
        yield from street_es(line, i)
    if word in cues.UNIT_WORDS or word in cues_es.UNIT_WORDS_ES:
        yield from unit(line, i)
    if word in ROUTE_WORDS:
        yield from route(line, i)
    if word in LONG_DIRECTIONS:
        yield from directed(line, i, reader)
    if word == "block":
        yield from block(line, i, reader)
    if word in ("corner", "intersection", "esquina"):
        yield from corner(line, i, reader)


def _at(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Where somebody works or lives, after "at"."""
    if _works_as(line, i):
        yield from organisation(line, i, reader)
    elif i > 1 and _occupation(line, i - 1):
        for span in organisation(line, i, reader):
            if " " in line.shadow[span.start : span.end]:
                yield span
    elif line.words[i - 1] in LIVING:
        yield from _home(line, i, reader)


def _works_as(line: Line, i: int) -> bool:
    """Find "works as a welder at"."""
    return "as" in line.words[max(0, i - 5) : i] and not WORKING.isdisjoint(
        line.words[max(0, i - 7) : i]
    )


def _occupation(line: Line, k: int) -> bool:
    """Find "a teller", "the foreman" before "at"."""
    word = line.words[k]
    return (
        line.words[k - 1] in ("a", "an", "the", "head", "senior", "as")
        and len(word) > 4
        and word.endswith(("er", "or", "ist", "ian", "man", "woman", "ant", "ess", "eer", "rse"))
    )


LIVING = cues.words("live lives living lived reside resides residing staying stays vive vivo")


def _home(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Find "lives at The Willows", "living at maple grove"."""
    j = i + 1
    while j < line.count and line.words[j] in ("the", "uh", "um", "a"):
        j += 1
    first = j
    while (
        j < line.count
        and j - first < 4
        and line.flags[j] & WORD
        and not line.flags[j] & (reader.stop | PLACEHOLDER | NUMBER)
        and (j > first or line.words[j] not in GENERIC_PLACES)
    ):
        j += 1
    if j > first and (j > first + 1 or reader.upper(first) or reader.unknown(first)):
        yield _span(line, first, j, Kind.ADDRESS)


WORKING = cues.words("work works worked working job employed serves served")


def _phrase_at(line: Line, i: int, table: dict[str, list[tuple[str, ...]]]) -> bool:
    words = line.words
    for phrase in table[words[i]]:
        first = i + 1 - len(phrase)
        if first >= 0 and words[first] == phrase[0] and tuple(words[first : i + 1]) == phrase:
            return True
    return False


def _span(line: Line, first: int, end: int, kind: Kind) -> Span:
    return Span(line.starts[first], line.ends[end - 1], kind, Layer.PLACES)


def _city(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    j = i + 1
    while j < line.count and line.words[j] in ("uh", "um", ",", "the", "eh", ":", "called"):
        if line.words[j] == "the":
            return
        j += 1
    first = j
    while j < line.count and j - first < 3:
        flag, word = line.flags[j], line.words[j]
        if (
            not flag & WORD
            or flag & PLACEHOLDER
            or word in GENERIC_PLACES
            or (flag & COMMON and not flag & CITY)
            or flag & reader.stop
            or flag & NUMBER
        ):
            if (
                word
                in (
                    "la",
                    "las",
                    "los",
                    "el",
                    "san",
                    "new",
                    "north",
                    "south",
                    "east",
                    "west",
                    "st",
                    "saint",
                    "santa",
                    "fort",
                    "port",
                    "big",
                    "old",
                )
                and j + 1 < line.count
                and line.flags[j + 1] & WORD
                and not line.flags[j + 1] & (STOP | COMMON)
                and line.words[j + 1] not in GENERIC_PLACES
            ):
                j += 1
                continue
            break
        j += 1
    if j > first and line.words[first] not in ("pain", "severe"):
        yield _span(line, first, j, Kind.CITY)


def _county(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    if line.words[i] == "condado":
        return
    k = i - 1
    if (
        k >= 0
        and line.flags[k] & WORD
        and not line.flags[k] & reader.stop
        and line.words[k] not in GENERIC_PLACES
        and not line.flags[k] & COMMON
    ):
        yield _span(line, k, i, Kind.CITY)


def _city_homograph(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Find "Phoenix arizona", "in Buffalo"."""
    before = line.words[i - 1] if i else ""
    after = i + 1
    if after < line.count and line.words[after] == ",":
        after += 1
    state = after < line.count and bool(line.flags[after] & COMMON) and line.words[after] in STATES
    if state or (
        before in ("in", "to", "from", "near", "en", "de")
        and (reader.capital(i) or line.words[i] in PLAIN_CITIES)
    ):
        yield _span(line, i, i + 1, Kind.CITY)


PLAIN_CITIES = cues.words(
    "phoenix buffalo cleveland houston dallas austin orlando charlotte savannah portland oakland richmond springfield jackson madison monroe franklin athens troy salem aurora cologne tempe lima erie bristol cambridge oxford"
)
STATES = cues.words("""alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan
 minnesota mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming al ak az ar ca co ct de fl ga id il ia ks ky la md mi mn ms mo mt ne nv nh nj nm ny nc nd oh pa ri sc sd tn tx ut vt va wa wv wi wy""")
