"""Streets, house numbers, units, rural routes and corners, in English and Spanish. It knows no town but the one behind a street."""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues, cues_es
from phi.kinds import Kind, Span
from phi.lexicon import (
    COMMON,
    DIGITS,
    MIXED,
    MONTH,
    NUMBER,
    ORDINAL,
    PLACEHOLDER,
    STOP,
    STOP_ES,
    UNIT,
    WORD,
)
from phi.names import NameReader
from phi.numbers import run_at
from phi.said_digits import element
from phi.street_words import ABBREVIATIONS, DIRECTIONS, SUB_UNITS
from phi.tokens import Line
from phi.units import placed, unit_id

STREET_WORDS_MAX = 4
STREET_BARRIERS = cues.words(
    "the a my your is at on in to of and or i we from live lives for with mg take every that this it was are by near"
)


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


def street(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Find "forty two maple street apartment 3 b", and a street without number after "live on"."""
    words, flags = line.words, line.flags
    k, taken = _back_to_number(line, i)
    number = _number_before(line, k) if k >= 0 else None
    if number is not None and (taken or flags[i - 1] & (NUMBER | ORDINAL | DIGITS | MIXED)):
        if not _street_of(line, i, number, taken, reader):
            return
        end = _rest_of_address(line, i + 1)
        yield placed(line, number, end, Kind.ADDRESS)
        yield from _city_after_street(line, end, reader)
        return
    if words[i] in cues.STREET_SUFFIXES:
        yield from _unnumbered(line, i, k, reader)
    yield from _lived_on(line, i, k, reader)


def _back_to_number(line: Line, i: int) -> tuple[int, int]:
    """From a suffix back over the words of a street's name: where they end, and how many they are."""
    words, flags = line.words, line.flags
    k = i - 1
    taken = 0
    while k >= 0 and taken < STREET_WORDS_MAX:
        ordinal = flags[k] & ORDINAL or (
            flags[k] & MIXED
            and words[k][-2:] in ("st", "nd", "rd", "th")
            and k
            and words[k - 1] != "#"
        )
        if ordinal and taken == 0:
            taken += 1
            k -= 1
            if k >= 0 and words[k] == "-":
                k -= 1
            if k >= 0 and flags[k] & NUMBER and words[k].endswith("y") and flags[k + 1] & ORDINAL:
                k -= 1
            continue
        if flags[k] & (DIGITS | MIXED) or (
            flags[k] & NUMBER and (words[k] != "one" or _house_one(line, k))
        ):
            break
        if words[k] == "." and k and len(words[k - 1]) <= 2:
            k -= 1
            continue
        if not flags[k] & WORD or words[k] in STREET_BARRIERS:
            break
        taken += 1
        k -= 1
    return k, taken


def _house_one(line: Line, k: int) -> bool:
    """Whether "one" is a house number: more digits before it, or an address was announced."""
    if k and line.flags[k - 1] & (NUMBER | DIGITS):
        return True
    before = line.words[max(0, k - 3) : k]
    return before[-1:] in ANNOUNCING and not ANNOUNCED.isdisjoint(before)


ANNOUNCING = (["is"], ["at"], ["to"], ["="], [":"])
ANNOUNCED = cues.words("address live lives living reside resides home mail send mailing")


def _street_of(line: Line, i: int, number: int, taken: int, reader: NameReader) -> bool:
    """Whether a number, some words and a suffix are an address: the doubtful suffixes ask for more."""
    word = line.words[i]
    if word in cues.STREET_SUFFIXES and word not in OFTEN_OTHERWISE:
        return True
    if not taken:
        return False
    if word in cues.STREET_SUFFIXES:
        return True
    if any(line.flags[m] & (UNIT | MONTH) for m in range(number + 1, i)):
        return False
    if word in ABBREVIATIONS:
        return len(word) > 2 or reader.upper(i)
    if reader.upper(i) and reader.upper(i - 1):
        return True
    digits = run_at(line, number)
    if digits is None or len(digits.digits) < 2 or taken > 2 or digits.scaled:
        return False
    return _address_ends(line, i + 1) and not line.flags[i - 1] & COMMON


OFTEN_OTHERWISE = cues.words(
    "way drive place point run court row square cross crossing path circle plaza route trail ridge cove hollow st dr"
)


def _address_ends(line: Line, j: int) -> bool:
    if j >= line.count:
        return True
    word = line.words[j]
    return (
        word in SUB_UNITS
        or word in DIRECTIONS
        or word in (",", "#", "(", ";", ")", '"', "'")
        or word in ("and", "in", "zip", "city", "then", "please", "since", "but", "so")
        or (word in (".", "?", "!") and j + 1 >= line.count)
    )


def _rest_of_address(line: Line, j: int) -> int:
    """The token after directions, units and floors that follow a street."""
    words = line.words
    while (
        j < line.count
        and words[j] in DIRECTIONS
        and not (len(words[j]) == 1 and words[j] in "sw" and line.joined(j))
    ):
        j += 1
    while j < line.count:
        k = j
        if words[k] == "." and k + 1 < line.count and words[k + 1] in (",", "#"):
            k += 1
        if words[k] == "," and k + 1 < line.count:
            k += 1
        if words[k] == "#" and k + 1 < line.count and line.flags[k + 1] & (DIGITS | MIXED | WORD):
            j = k + 2
            continue
        if words[k] in SUB_UNITS:
            end = unit_id(line, k + 1)
            if end > k + 1:
                j = end
                continue
            if words[k] in ("basement", "rear", "penthouse", "upstairs", "downstairs"):
                j = k + 1
            return j
        floor = k + 1 < line.count and words[k + 1] in ("floor", "fl", "piso")
        if floor and (line.flags[k] & ORDINAL or words[k][-2:] in ("st", "nd", "rd", "th")):
            j = k + 2
            continue
        return j
    return j


def directed(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Find "fifty two fifty one southwest alder": a house number, a direction, a name."""
    first = _number_before(line, i - 1)
    j = i + 1
    if first is None or j >= line.count or not line.flags[j] & WORD:
        return
    run = run_at(line, first)
    if (
        run is None
        or len(run.digits) < 2
        or run.scaled
        or line.flags[j] & (reader.stop | UNIT | COMMON)
    ):
        return
    if line.words[j] in ROOMS:
        return
    yield placed(line, first, _rest_of_address(line, j + 1), Kind.ADDRESS)


ROOMS = cues.words("wing side entrance tower wall pole campus lot end door hall facing bound")


def block(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Find "three hundred block of aspen"."""
    first = _number_before(line, i - 1)
    if first is None or i + 2 >= line.count or line.words[i + 1] != "of":
        return
    j = i + 2
    while j < line.count and j - i < 5 and line.flags[j] & WORD and not line.flags[j] & reader.stop:
        j += 1
    if j > i + 2:
        yield placed(line, first, j, Kind.ADDRESS)


def corner(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Find "corner of fifth and main"."""
    words = line.words
    j = i + 1
    if j >= line.count or words[j] not in ("of", "de", "con"):
        return
    first = j = j + 1
    joined = 0
    while j < line.count and j - first < 8:
        if words[j] in ("and", "y", "&", "con"):
            joined += 1
        elif words[j] in ("my", "the", "your", "a", "his", "her", "mouth", "eye", "room"):
            return
        elif line.flags[j] & reader.stop or not line.flags[j] & (WORD | MIXED | DIGITS):
            break
        j += 1
    if joined and j > first + 2:
        yield placed(line, first, j, Kind.ADDRESS)


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
            run = run_at(line, i + 1)
            yield placed(line, i, (run.last if run else i + 1) + 1, Kind.ADDRESS)
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
        yield placed(line, first, i + 1, Kind.ADDRESS)


LIVING_ON = cues.words("live lives living lived reside resides residing home house moved staying")


def _lived_on(line: Line, i: int, k: int, reader: NameReader) -> Iterator[Span]:
    """A street with any suffix, where somebody lives on it or the record begins so: "on quail crossing"."""
    words, flags = line.words, line.flags
    taken = i - 1 - k
    if k < 0 or words[k] != "on" or not 1 <= taken <= 2 or words[i] in ABBREVIATIONS:
        return
    answered = k == 0 and i + 1 == line.count
    if not answered and LIVING_ON.isdisjoint(words[max(0, k - 3) : k]):
        return
    if not any(flags[at] & (reader.stop | PLACEHOLDER | UNIT) for at in range(k + 1, i)):
        yield placed(line, k + 1, i + 1, Kind.ADDRESS)


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
        yield placed(line, first, k, Kind.CITY)


def house(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
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
    run = run_at(line, i + 1)
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
        yield placed(line, i + 1, end, Kind.ADDRESS)


def street_es(line: Line, i: int) -> Iterator[Span]:
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
    if j + 2 < line.count and line.words[j + 1] == "de" and line.flags[j + 2] & MONTH:
        j += 3
        taken = 1
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
        yield placed(line, i, end, Kind.ADDRESS)
