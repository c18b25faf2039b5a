"""Reads a time of day out of spoken words: a part of the day or a clock time.

Limits ("after ten", "later than five") and lists are no time: they are asked again, never guessed. Nor are the numbers
of something else: how long ("15 20 minutes"), or which ("room 204").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from pipeline.call.words import (
    FILLERS,
    MONTHS,
    REPAIRS,
    WEEKDAYS,
    Words,
    cardinal,
    denied,
    find,
    has_any,
    ordinal,
    repaired,
)

_PARTS = {
    "morning": "morning", "mornings": "morning", "afternoon": "afternoon", "noon": "12:00",
    "afternoons": "afternoon", "evening": "evening", "evenings": "evening", "evening's": "evening",
    "tonight": "evening", "midday": "12:00", "noonish": "12:00", "morning's": "morning",
    "afternoon's": "afternoon",
}  # fmt: skip
_LIMITS = frozenset(["after", "before", "until", "till", "than", "past", "by", "off", "since"])
_RANGES = frozenset(["to", "through", "thru", "til", "till", "until"])
_ENDS_HOUR = frozenset(["am", "pm", "m", "o'clock", *_PARTS])
_INTRODUCED = frozenset(["at", "around", "about"])
_BYGONE = ("last time", "last week", "last month", "last year", "ago")
"""Of a time that is told of, and not asked for."""
_MEASURES = frozenset(
    [
        "minute", "minutes", "min", "mins", "hour", "hours", "hr", "hrs", "seconds", "secs", "days", "weeks", "months",
        "years", "times", "pounds", "lbs", "mg", "milligrams", "percent", "degrees", "dollars", "miles",
    ]
)  # fmt: skip
_HOURS = frozenset(["hour", "hours", "hr", "hrs"])
_OR_SO = frozenset(["to", "or", "maybe"])
"""Between two numbers of one measure: "ten to fifteen minutes"."""
_THINGS = frozenset(
    [
        "room", "extension", "ext", "extn", "suite", "ste", "apartment", "apt", "flat", "unit", "number", "code", "zip",
        "zipcode", "box", "floor", "building", "bldg", "gate", "door", "bed", "ward", "desk", "locker", "pin", "passcode",
        "password", "account", "member", "id", "policy", "order", "ticket", "case", "chart", "claim", "invoice",
        "reference", "option", "level", "route", "highway", "ends", "ending",
    ]
)  # fmt: skip
"""Have a number of their own."""
_NO_CASES = frozenset(["in", "that", "this", "any"])
"""Before "case": "in that case ten thirty"."""
_STREETS = frozenset(
    [
        "street", "st", "avenue", "ave", "road", "rd", "drive", "lane", "ln", "boulevard", "blvd", "court", "circle",
        "parkway", "pkwy", "terrace", "broadway",
    ]
)  # fmt: skip
_WITHIN_STREETS = 3
"""So many words at most between a number and its street: "1015 old mill lane"."""
_NO_NAMES_OF_STREETS = frozenset(
    ["at", "on", "in", "the", "for", "by", "please", "and", "near", "from", "i", "we", "my", "so", "to", "because"]
)  # fmt: skip
"""Between a number and a street these say that it is a time: "10 30 i have to drive"."""
_BEFORE_YEARS = frozenset(["in", "since", "year", "born", "of", "until", "from", *MONTHS])
_YEARS = ("19", "20")
_TO_HALVES = (("in", "the"), ("this",), ("tomorrow",), *((day,) for day in WEEKDAYS))
"""Between an hour and its half of the day."""
_HALVES = (("morning",), ("afternoon",), ("evening",))
_BEFORE_HOURS = REPAIRS | frozenset([*WEEKDAYS, "today", "tomorrow", "said", "it"])
"""Before the hour of "in the morning" where no time is asked for; "i take two in the morning" has none."""
_BEFORE_ITS_NUMBER = frozenset(["is", "was", "it's", "in"])
_NUMERALS = frozenset(["hundred", "thousand", "oh", "o", "double", "triple"])


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Places a bare hour: "three" is in the afternoon because nobody is there at night."""

    opens_hour: int = 7
    closes_hour: int = 19


@dataclass(frozen=True, slots=True, repr=False)
class TimeHeard:
    """What was said of a time."""

    time: str | None = None
    refused: frozenset[str] = frozenset()
    used: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, repr=False)
class _Found:
    time: str
    start: int
    end: int
    half: str = ""
    """"am" or "pm" where it was said; a bare hour leaves it open."""
    hour: int = -1
    minute: int = 0


def hear_time(
    spoken: Words, hours: OpeningHours, *, asked: bool, taken: frozenset[int] = frozenset()
) -> TimeHeard:
    """Find the time that counts; `taken` words are digits of something else."""
    taken |= _of_things(spoken)
    found: list[_Found] = []
    index = 0
    while index < len(spoken):
        hit = None if index in taken else _time_at(spoken, index, asked)
        if hit is not None and not taken.isdisjoint(range(hit.start, hit.end)):
            hit = None
        if hit is None:
            index += 1
        else:
            found.append(hit)
            index = hit.end
    found = [_placed(hit, hours) for hit in _combined(found)]
    used = frozenset(i for hit in found for i in range(hit.start, hit.end))
    limits = [hit for hit in found if _limited(spoken, hit)]
    refused = [hit for hit in found if denied(spoken, hit.start)]
    wanted = [hit for hit in found if hit not in refused and hit not in limits]
    no_times = frozenset(hit.time for hit in refused)
    if not wanted or (not asked and has_any(spoken, _BYGONE)):
        return TimeHeard(refused=no_times, used=used)
    for earlier, later in pairwise(wanted):
        if earlier.time != later.time and not repaired(spoken, earlier.end, later.start):
            return TimeHeard(refused=no_times, used=used)
    return TimeHeard(wanted[-1].time, no_times, used)


def _limited(spoken: Words, hit: _Found) -> bool:
    before = spoken[max(0, hit.start - 2) : hit.start]
    if len(before) == 2 and before[1] in _RANGES and _ends_hour(before[0]):
        return True
    behind = spoken[hit.end] if hit.end < len(spoken) else ""
    if behind in _RANGES and cardinal(spoken, hit.end + 1) is not None:
        return True  # the first of "nine am to eleven am"
    return (
        _listed(spoken, hit)
        or any(word in _LIMITS for word in before)
        or "between" in spoken[: hit.start]
    )


def _listed(spoken: Words, hit: _Found) -> bool:
    """One of two: "nine or ten", "two or maybe three o'clock"."""
    at = hit.start - 1 - (spoken[max(0, hit.start - 1) : hit.start] == ("maybe",))
    if at > 0 and spoken[at] == "or" and _ends_hour(spoken[at - 1]):
        return True
    behind = hit.end + 1 + (spoken[hit.end + 1 : hit.end + 2] == ("maybe",))
    return spoken[hit.end : hit.end + 1] == ("or",) and cardinal(spoken, behind) is not None


def _ends_hour(word: str) -> bool:
    """The word before "to" in "nine to five", "two pm to three", "noon to one"."""
    return cardinal((word,), 0) is not None or word in _ENDS_HOUR


def _of_things(spoken: Words) -> frozenset[int]:
    """The words of numbers that something has for a name: "room 204", "my extension is twelve thirty four"."""
    found: set[int] = set()
    for thing, word in enumerate(spoken):
        at = thing + 1
        idiom = word == "case" and thing > 0 and spoken[thing - 1] in _NO_CASES
        if word.removesuffix("'s") in _THINGS and not idiom:
            while at < len(spoken) and spoken[at] in _BEFORE_ITS_NUMBER:
                at += 1
            found.update(range(at, _number_end(spoken, at)))
    return frozenset(found)


def _number_end(spoken: Words, at: int) -> int:
    """Where a number that begins here ends: written as one, or in as many words as there are, up to a clock time."""
    start = at
    while at < len(spoken):
        word, number = spoken[at], cardinal(spoken, at)
        if word.isascii() and word.isdigit() and len(word) > 2:
            return at + 1 if at == start else at
        if number is None and word not in _NUMERALS:
            return at - (at > start and spoken[at - 1] == "and")
        end = at + (number[1] if number else 1)
        if _suffixed(spoken, at, end, 0, 0).end > end:
            return at
        at = end + (spoken[end : end + 1] == ("and",) and spoken[end - 1] in _NUMERALS)
    return at


def _time_at(spoken: Words, at: int, asked: bool) -> _Found | None:
    if (part := _part(spoken, at)) is not None:
        return part
    written = _written(spoken, at) if asked else None
    hit = written or _spoken_clock(spoken, at) or _clock(spoken, at, asked)
    if hit is None or _measures(spoken, hit) or _of_a_street(spoken, hit):
        return None
    return hit


def _of_a_street(spoken: Words, hit: _Found) -> bool:
    """True of "1015 elm street"; "1015 at the elm street office" is a time."""
    if hit.half in ("am", "pm") or spoken[hit.end - 1] in ("o'clock", "oclock", "clock"):
        return False
    for word in spoken[hit.end : hit.end + _WITHIN_STREETS + 1]:
        if word in _STREETS:
            return True
        if word in _NO_NAMES_OF_STREETS:
            return False
    return False


def _measures(spoken: Words, hit: _Found) -> bool:
    """True of "15 20 minutes", "about ten or fifteen days"; "14:30 hours" is a time."""
    if hit.half in ("am", "pm") or spoken[hit.end - 1] in ("o'clock", "oclock", "clock"):
        return False
    every = hit.start > 0 and spoken[hit.start - 1] in ("every", "each", "for")
    end = hit.end
    if end < len(spoken) and spoken[end] in _OR_SO:
        more = cardinal(spoken, end + 1)
        end += 1 + more[1] if more else 0
    if end >= len(spoken) or spoken[end] not in _MEASURES:
        return False
    military = hit.half == "24" and end == hit.end and not every and spoken[end] in _HOURS
    return not (military and (end - hit.start > 1 or len(spoken[hit.start]) > 2))


def _written(spoken: Words, at: int) -> _Found | None:
    """For example: "1530", "930", as people type the answer."""
    digits = spoken[at]
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 4):
        return None
    if digits.startswith(_YEARS) and len(digits) == 4 and at:
        numbered = cardinal(spoken, at - 1) or ordinal(spoken, at - 1)
        if numbered or spoken[at - 1] in _BEFORE_YEARS:
            return None  # "in 2019", "march 3 2026"
    hour, minute = int(digits[:-2]), int(digits[-2:])
    if not (1 <= hour <= 23 and minute <= 59):
        return None
    hit = _suffixed(spoken, at, at + 1, hour, minute)
    return replace(hit, half="24") if digits[0] == "0" else hit


def _part(spoken: Words, at: int) -> _Found | None:
    before = spoken[at - 1] if at else ""
    if spoken[at] in _PARTS and before not in ("good", "since"):
        return _Found(_PARTS[spoken[at]], at, at + 1)
    if find(("first", "thing"), spoken[at : at + 2]) == 0:
        return _Found("morning", at, at + 2)
    if find(("after", "lunch"), spoken[at : at + 2]) == 0:
        return _Found("afternoon", at, at + 2)
    return None


def _spoken_clock(spoken: Words, at: int) -> _Found | None:
    """For example: "Half past three", "quarter to ten", "twenty after nine", "ten minutes to three"."""
    in_minutes = False
    if spoken[at] in ("half", "quarter"):
        minutes, behind = (30 if spoken[at] == "half" else 15), at + 1
    else:
        number = cardinal(spoken, at)
        if number is None:
            return None
        minutes, behind = number[0], at + number[1]
        in_minutes = spoken[behind : behind + 1] == ("minutes",)
        if not 0 < minutes < 60 or not (in_minutes or minutes in (5, 10, 20, 25)):
            return None
        behind += in_minutes
    if behind >= len(spoken) or spoken[behind] not in ("past", "to", "after", "til", "of"):
        return None
    hour = cardinal(spoken, behind + 1)
    if hour is None or not 1 <= hour[0] <= 12:
        return None
    at_hour = hour[0]
    if spoken[behind] not in ("past", "after"):
        at_hour, minutes = (at_hour - 1) or 12, 60 - minutes
    hit = _suffixed(spoken, at, behind + 1 + hour[1], at_hour, minutes)
    if in_minutes and _counts(spoken, hit.end):
        return None  # "ten minutes after two pills"
    return hit


def _clock(spoken: Words, at: int, asked: bool) -> _Found | None:
    """For example: "Ten thirty", "nine a m", "three o'clock", "15 45"."""
    number = cardinal(spoken, at)
    if number is None or not 0 <= number[0] <= 23:
        return None
    hour, end = number[0], at + number[1]
    minute_size = _minute(spoken, end)
    minute, certain = 0, False
    if minute_size is not None:
        minute, end, certain = minute_size[0], end + minute_size[1], True
    hit = _suffixed(spoken, at, end, hour, minute)
    if hit.half in ("am", "pm") or hit.end > end:
        return hit if hour >= 1 else None
    before = spoken[at - 1] if at else ""
    behind = _half_behind(spoken, end)
    alone = FILLERS.issuperset((*spoken[:at], *spoken[behind:]))
    introduced = before in _INTRODUCED or (
        behind > 0 and (asked or certain or alone or before in _BEFORE_HOURS)
    )
    if before == "half" or spoken[end : end + 3] == ("and", "a", "half"):
        return None  # "half nine" is half past nine to some and half past eight to others
    if hour > 12 and not asked and not (certain and (introduced or spoken[at].isdigit())):
        return None  # "covid nineteen" is no hour
    rest_is_number = cardinal(spoken, end) is not None
    if rest_is_number or (at > 0 and cardinal(spoken, at - 1) is not None):
        return None  # digits of something else
    if introduced or hour > 12 or (asked and (certain or not _counts(spoken, end))):
        return hit if hour >= 1 else None
    return None


def _counts(spoken: Words, end: int) -> bool:
    """True when a bare number counts something ("two kids")."""
    if spoken[end : end + 2] == ("or", "so"):
        return False
    return end < len(spoken) and spoken[end] not in (
        "please", "is", "works", "would", "if", "on", "sharp", "ish", "then", "and", "thanks", "thank", "um", "uh", "er", "i",
        "maybe", "yeah", "sounds",
    )  # fmt: skip


def _half_behind(spoken: Words, at: int) -> int:
    """Where "in the morning" ends, which makes an hour of the number behind a day ("friday nine in the morning"); else 0."""
    for lead in _TO_HALVES:
        half = at + len(lead)
        if spoken[at:half] == lead and spoken[half : half + 1] in _HALVES:
            return half + 1
    return 0


def _minute(spoken: Words, at: int) -> tuple[int, int] | None:
    if at + 1 < len(spoken) and spoken[at] in ("oh", "o"):
        unit = cardinal(spoken, at + 1)
        if unit is not None and 1 <= unit[0] <= 9:
            return unit[0], 2
    number = cardinal(spoken, at)
    if number is not None and 10 <= number[0] <= 59:
        return number
    written = spoken[at] if at < len(spoken) else ""
    if len(written) == 2 and written.isascii() and written.isdigit() and written < "60":
        return int(written), 1  # the "05" of "2:05 pm"
    return None


def _suffixed(spoken: Words, start: int, end: int, hour: int, minute: int) -> _Found:
    half = ""
    for clock in (("o'clock",), ("oclock",), ("o", "clock")):
        if find(clock, spoken[end : end + len(clock)]) == 0:
            end += len(clock)
            break
    for marker, words_ in (
        ("am", ("am",)),
        ("am", ("a", "m")),
        ("pm", ("pm",)),
        ("pm", ("p", "m")),
    ):
        if find(words_, spoken[end : end + len(words_)]) == 0:
            half, end = marker, end + len(words_)
            break
    else:
        if hour > 12:
            half = "24"
    return _Found("", start, end, half, hour, minute)


def _combined(found: list[_Found]) -> list[_Found]:
    """Let "in the morning" beside a clock time say which half of the day is meant."""
    clocks = [hit for hit in found if hit.hour >= 0]
    parts = [hit for hit in found if hit.hour < 0]
    if len(clocks) != 1 or len(parts) != 1 or ":" in parts[0].time or clocks[0].half:
        return found
    half = "am" if parts[0].time == "morning" else "pm"
    hit = clocks[0]
    return [_Found("", hit.start, hit.end, half, hit.hour, hit.minute)]


def _placed(hit: _Found, hours: OpeningHours) -> _Found:
    if hit.hour < 0:
        return hit
    hour = hit.hour
    if hit.half == "am":
        hour %= 12
    elif hit.half == "pm":
        hour = hour % 12 + 12
    elif hit.half == "" and hour <= 12:
        morning = hour % 12
        hour = morning if hours.opens_hour <= morning < hours.closes_hour else morning + 12
    return _Found(f"{hour:02d}:{hit.minute:02d}", hit.start, hit.end, hit.half, hour, hit.minute)
