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
    MIXED,
    NUMBER,
    ORDINAL,
    PLACE_CUE,
    PLACEHOLDER,
    STOP,
    STOP_ES,
    TAIL,
    WORD,
)
from phi.names import NameReader
from phi.numbers import element, runs
from phi.organisations import GENERIC_PLACES, facility, organisation
from phi.tokens import Line

CITY_PHRASES: dict[str, list[tuple[str, ...]]] = {}
ORG_PHRASES: dict[str, list[tuple[str, ...]]] = {}
for _table, _phrases in (
    (CITY_PHRASES, (*cues.CITY_CUES, *cues_es.CITY_CUES_ES)),
    (ORG_PHRASES, (*cues.EMPLOYER_CUES, *cues_es.EMPLOYER_CUES_ES)),
):
    for _phrase in _phrases:
        _table.setdefault(_phrase[-1], []).append(_phrase)

STREET_WORDS_MAX = 4


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
            spans.extend(_house(line, i, reader))
        if flag & CITY:
            spans.extend(_city_homograph(line, i, reader))
        if flag & TAIL:
            spans.extend(facility(line, i, reader))
    return spans


def _cued(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    word = line.words[i]
    if word in cues.STREET_SUFFIXES:
        yield from _street(line, i, reader)
    if word in cues_es.STREET_HEADS_ES:
        yield from _street_es(line, i, reader)
    if word in cues.UNIT_WORDS or word in cues_es.UNIT_WORDS_ES:
        yield from _unit(line, i)
    if word in CITY_PHRASES and _phrase_at(line, i, CITY_PHRASES):
        yield from _city(line, i, reader)
    if word in ORG_PHRASES and _phrase_at(line, i, ORG_PHRASES):
        yield from organisation(line, i, reader)
    if word in ("county", "condado"):
        yield from _county(line, i, reader)


def _phrase_at(line: Line, i: int, table: dict[str, list[tuple[str, ...]]]) -> bool:
    return any(
        i + 1 >= len(p) and tuple(line.words[i + 1 - len(p) : i + 1]) == p
        for p in table[line.words[i]]
    )


def _span(line: Line, first: int, end: int, kind: Kind) -> Span:
    return Span(line.starts[first], line.ends[end - 1], kind, Layer.PLACES)


def _number_before(line: Line, k: int) -> int | None:
    """The first token of a house number that ends at token k."""
    first = None
    while k >= 0:
        flag = line.flags[k]
        if (
            flag & (NUMBER | DIGITS | MIXED)
            or line.words[k] in ("-", "hundred", "oh")
            or (line.words[k] == "and" and first is not None and line.words[k - 1] == "hundred")
        ):
            if line.words[k] != "-":
                first = k
            k -= 1
        else:
            break
    return first


def _street(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Find "forty two maple street apartment 3 b", and a street without number after "live on"."""
    words, flags = line.words, line.flags
    k = i - 1
    taken = 0
    while k >= 0 and taken < STREET_WORDS_MAX:
        if flags[k] & (DIGITS | MIXED) or (flags[k] & NUMBER and words[k] != "one"):
            break
        if flags[k] & ORDINAL:
            taken += 1
            k -= 1
            continue
        if not flags[k] & WORD or words[k] in STREET_BARRIERS:
            break
        taken += 1
        k -= 1
    number = _number_before(line, k) if k >= 0 else None
    if number is not None and (taken or flags[i - 1] & (NUMBER | ORDINAL | DIGITS | MIXED)):
        if (
            words[i]
            in (
                "way",
                "drive",
                "place",
                "point",
                "run",
                "court",
                "row",
                "square",
                "cross",
                "crossing",
                "path",
                "circle",
                "plaza",
                "route",
                "trail",
                "ridge",
                "cove",
                "hollow",
                "st",
                "dr",
            )
            and taken == 0
        ):
            return
        end = i + 1
        while end < line.count and words[end] in (
            "north",
            "south",
            "east",
            "west",
            "northwest",
            "northeast",
            "southwest",
            "southeast",
            "nw",
            "ne",
            "sw",
            "se",
        ):
            end += 1
        yield _span(line, number, end, Kind.ADDRESS)
        yield from _city_after_street(line, end, reader)
        return
    yield from _unnumbered(line, i, k, reader)


def _unnumbered(line: Line, i: int, k: int, reader: NameReader) -> Iterator[Span]:
    """A street without a house number; its name begins after token k."""
    words = line.words
    taken = i - 1 - k
    if not taken:
        if (
            words[i] in ("highway", "route", "hwy", "avenue")
            and i + 1 < line.count
            and element(line, i + 1)
        ):
            run = next((r for r in runs(line) if r.first == i + 1), None)
            yield _span(line, i, (run.last if run else i + 1) + 1, Kind.ADDRESS)
        return
    first = k + 1
    before = words[k] if k >= 0 else ""
    capital = reader.capital(i) and reader.capital(i - 1)
    if words[i] in cues.STRONG_SUFFIXES | {"drive", "court", "circle", "dr", "ct"} and (
        before in ("on", "off", "at", "near", "to", "of", "is", "live", ":", "en") or capital
    ):
        if words[first] in ("the", "my", "your", "a", "this", "main") or (
            words[i] in ("drive", "court", "circle", "dr", "ct", "lane", "road")
            and not (before == "on" or capital)
        ):
            return
        if words[first] in (
            "hard",
            "disk",
            "flash",
            "other",
            "wrong",
            "right",
            "middle",
            "same",
            "next",
            "across",
        ):
            return
        yield _span(line, first, i + 1, Kind.ADDRESS)


STREET_BARRIERS = cues.words(
    "the a my your is at on in to of and or i we from live lives for with mg take every that this it was are by near"
)


def _city_after_street(line: Line, j: int, reader: NameReader) -> Iterator[Span]:
    """The town after a street: "..., Springfield, IL 62704" or "in oak park illinois"."""
    k = j
    skipped = 0
    while k < line.count and line.words[k] in (",", "in", ".", "en", "apartment") and skipped < 2:
        k += 1
        skipped += 1
    first = k
    while (
        k < line.count
        and k - first < 3
        and line.flags[k] & WORD
        and not line.flags[k] & (STOP | STOP_ES | COMMON)
        and line.words[k] not in cues.UNIT_WORDS
        and line.words[k] not in ("zip", "code")
    ):
        k += 1
    state_next = k < line.count and bool(line.flags[k] & COMMON) and bool(line.flags[k] & WORD)
    comma_state = k + 1 < line.count and line.words[k] == "," and bool(line.flags[k + 1] & COMMON)
    if k > first and (state_next or comma_state or (reader.written and line.capital(first))):
        yield _span(line, first, k, Kind.CITY)


def _house(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """A house number after "live at" or "address is", and the words after it whatever they end in."""
    if not any(
        w
        in (
            "live",
            "lives",
            "living",
            "address",
            "moved",
            "home",
            "reside",
            "resides",
            "direccion",
            "vivo",
            "vive",
            "domicilio",
            "staying",
        )
        for w in line.words[max(0, i - 3) : i + 1]
    ):
        return
    run = next((r for r in runs(line) if r.first == i + 1), None)
    if run is None or len(run.digits) < 2:
        return
    end = run.last + 1
    taken = 0
    while (
        end < line.count
        and taken < 3
        and line.flags[end] & WORD
        and not line.flags[end] & reader.stop
        and line.words[end] not in cues.UNITS
    ):
        end += 1
        taken += 1
    if taken:
        yield _span(line, i + 1, end, Kind.ADDRESS)


def _street_es(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Find "calle reforma numero ciento veinte": the head comes first in Spanish."""
    if i + 1 >= line.count:
        return
    if line.words[i] in (
        "camino",
        "privada",
        "plaza",
        "paseo",
        "carretera",
        "residencial",
    ) and not (i and line.words[i - 1] in ("en", "el", "la")):
        return
    j = i + 1
    taken = 0
    while j < line.count and taken < 5:
        flag, word = line.flags[j], line.words[j]
        if (
            word in ("de", "del", "la", "las", "los", "el", "san", "santa")
            and j + 1 < line.count
            and line.flags[j + 1] & WORD
        ):
            j += 1
            continue
        if (
            flag & WORD
            and not flag & (STOP | STOP_ES | NUMBER)
            and word not in cues_es.UNIT_WORDS_ES
        ):
            taken += 1
            j += 1
            continue
        if flag & (NUMBER | DIGITS) and word != "once":
            break
        break
    while j > i + 1 and line.words[j - 1] in ("de", "del", "la", "las", "los", "el"):
        j -= 1
    end = j
    if j < line.count and line.words[j] in ("numero", "#", ","):
        j += 1
    while j < line.count and (
        line.flags[j] & (NUMBER | DIGITS | MIXED)
        or (line.words[j] == "y" and j > end and j + 1 < line.count and line.flags[j + 1] & NUMBER)
    ):
        j += 1
        end = j
    if end > i + 1 and (taken or end > i + 1):
        yield _span(line, i + 1, end, Kind.ADDRESS)


def _unit(line: Line, i: int) -> Iterator[Span]:
    """Find "apartment three b", "po box 123"."""
    word = line.words[i]
    j = i + 1
    if j < line.count and line.words[j] in ("number", "#", "numero", "no", ".", "es"):
        j += 1
    if j >= line.count:
        return
    if not _numbers_a_unit(line, i, j):
        return
    end = j
    while end < line.count and end - j < 6:
        flag, text = line.flags[end], line.words[end]
        if (
            flag & (DIGITS | MIXED | NUMBER)
            or (
                (len(text) == 1 and text.isalpha() and text not in ("i", "y", "a"))
                or (text == "a" and end > j)
            )
            or (text in ("-", "dash") and end > j)
        ):
            end += 1
        elif text == "as" and end + 2 < line.count and line.words[end + 1] == "in":
            end += 3
        else:
            break
    while end > j and line.words[end - 1] in ("-", "dash"):
        end -= 1
    if end > j and not line.flags[j] & PLACEHOLDER:
        first = i
        while (
            first > 0
            and line.words[first - 1] in ("po", "p", "o", ".", "post", "office")
            and word == "box"
        ):
            first -= 1
        yield _span(line, first, end, Kind.ADDRESS)


def _numbers_a_unit(line: Line, i: int, j: int) -> bool:
    """Whether the token after "room" or "box" is the number of one."""
    word = line.words[i]
    if word in ("box", "apartado"):
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


BARE_UNITS = cues.words(
    "room rm floor lot building piso numero casa puerta edificio codigo unit bloque departamento"
)


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
