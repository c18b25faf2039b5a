"""Reads a day out of spoken words and resolves it to a date, given today.

A day that is past, impossible or one of several is no day: it is asked again, never guessed; why it is none is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum
from itertools import pairwise

from pipeline.call.words import (
    FILLERS,
    MONTHS,
    WEEKDAYS,
    Words,
    cardinal,
    denied,
    find,
    ordinal,
    repaired,
)

_RECENT_DAYS = 60
"""A month and day this recently gone by is a slip, not a wish for next year."""
_SHORT_MONTHS = {month[:3]: month for month in MONTHS} | {"sept": "september"}
_SHORT_DAYS = {day[:3]: day for day in WEEKDAYS} | {
    "tues": "tuesday", "weds": "wednesday", "thur": "thursday", "thurs": "thursday",
}  # fmt: skip
_NO_DAYS_ALONE = frozenset(["first", "second"])
_LONGEST_SHORT = 4
"""In more words "sat" and "sun" may be what they are."""
_BEHIND_MONTHS = frozenset(
    [
        "please", "thanks", "thank", "um", "uh", "er", "at", "around", "about", "in", "for", "from", "between", "before",
        "after", "until", "and", "or", "if", "is", "that's", "would", "works", "morning", "afternoon", "evening",
    ]
)  # fmt: skip
"""What may follow the "may" of a date; any other word is what somebody may do."""
_PARTS_BEHIND = frozenset(["in", "morning", "afternoon", "evening"])
_LAST_HOUR = 12
"""A higher number is nobody's hour in the morning."""
_CENTURIES = ("19", "20", "21")
"""Of a year; "january 12 1030" is a day and a time."""
_SHIFTS = frozenset(["week", "weeks", "fortnight", "month", "months", "year", "years"])
_NOT_DATES = frozenset(
    [
        "thing",
        "one",
        "time",
        "available",
        "person",
        "name",
        "opening",
        "slot",
        "half",
        "floor",
        "two",
    ]
)


class NoDay(Enum):
    """Why a day that was named cannot be meant."""

    PAST = "past"
    NO_SUCH = "no_such"
    """"February thirtieth"."""
    OTHER_WEEKDAY = "other_weekday"
    """"Tuesday the fourteenth", which is a Saturday."""


@dataclass(frozen=True, slots=True, repr=False)
class DayHeard:
    """What was said of a day."""

    day: date | None = None
    fault: NoDay | None = None
    """A day was named, and it cannot be: `day` is None."""
    named: date | None = None
    """The date that is another weekday than the one said with it."""
    refused: frozenset[date] = frozenset()
    """"not friday"."""
    used: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, repr=False)
class _Found:
    day: date | None
    start: int
    end: int
    fault: NoDay = NoDay.PAST
    """Why there is no `day`."""
    named: date | None = None


def hear_day(
    spoken: Words, today: date, *, known: date | None = None, asked: bool = False
) -> DayHeard:
    """Find the day that counts; `known` gives "the sixteenth" its month, `asked` lets "Tue" and "10th" be days."""
    spoken = _written_out(spoken, asked)
    found: list[_Found] = []
    index = 0
    while index < len(spoken):
        hit = _day_at(spoken, index, today, known, asked)
        if hit is None:
            index += 1
        else:
            found.append(hit)
            index = hit.end
    if not found and asked and (alone := _ordinal_alone(spoken, today, known)) is not None:
        found = [alone]
    used = frozenset(i for hit in found for i in range(hit.start, hit.end))
    if any(_shifted(spoken, hit, used) for hit in found):
        return DayHeard(used=used)
    refused = [hit for hit in found if denied(spoken, hit.start)]
    wanted = [hit for hit in found if hit not in refused]
    no_days = frozenset(hit.day for hit in refused if hit.day is not None)
    if not wanted:
        return DayHeard(refused=no_days, used=used)
    last = wanted[-1]
    for earlier, later in pairwise(wanted):
        if earlier.day != later.day and not repaired(spoken, earlier.end, later.start):
            return DayHeard(refused=no_days, used=used)
    if last.day is None or last.day < today:
        fault = last.fault if last.day is None else NoDay.PAST
        return DayHeard(fault=fault, named=last.named, refused=no_days, used=used)
    return DayHeard(day=last.day, refused=no_days, used=used)


def _written_out(spoken: Words, asked: bool) -> Words:
    """Short forms, as people type them, in full: of a month beside a number, of a weekday where a day is asked for."""
    days = _SHORT_DAYS if asked and len(spoken) <= _LONGEST_SHORT else {}
    return tuple(
        _SHORT_MONTHS[word]
        if word in _SHORT_MONTHS and _numbered(spoken, at)
        else days.get(word, word)
        for at, word in enumerate(spoken)
    )


def _numbered(spoken: Words, at: int) -> bool:
    return any(word[:1].isdigit() for word in spoken[max(0, at - 2) : at + 3])


def _ordinal_alone(spoken: Words, today: date, known: date | None) -> _Found | None:
    """For example: "10th", "um fourteenth please"; "first" and "second" alone are what is left of other sentences."""
    at = next((at for at in range(len(spoken)) if ordinal(spoken, at) is not None), -1)
    if at < 0 or spoken[at] in _NO_DAYS_ALONE:
        return None
    found = _the_day(spoken, at, today, known)
    if found is None or any(word not in FILLERS for word in (*spoken[:at], *spoken[found.end :])):
        return None
    return found


def _shifted(spoken: Words, hit: _Found, used: frozenset[int]) -> bool:
    """True when words beside the day move it in a way that is not read here: it is asked again, not guessed.

    For example: "two weeks from tuesday", "a week from tomorrow", "december first twenty thirty".
    """
    near = (
        *range(max(0, hit.start - 4), hit.start),
        *range(hit.end, min(len(spoken), hit.end + 3)),
    )
    for index in near:
        this = index > 0 and spoken[index - 1] == "this"
        if index not in used and spoken[index] in _SHIFTS and not this:
            return True
    if find(("after", "next"), spoken[hit.end : hit.end + 2]) == 0:
        return True
    if hit.start > 0 and spoken[hit.start] in WEEKDAYS and ordinal(spoken, hit.start - 1):
        return True  # "the second tuesday of february"
    year = _year(spoken, hit.end)
    return year is not None and (hit.day is None or hit.day.year != year[0])


def _year(spoken: Words, at: int) -> tuple[int, int] | None:
    """A year right behind a day ("2027", "twenty twenty seven"): its value and its words."""
    word = spoken[at] if at < len(spoken) else ""
    if len(word) == 4 and word.isascii() and word.isdigit() and word[:2] in _CENTURIES:
        return int(word), 1
    rest = cardinal(spoken, at + 1) if word == "twenty" else None
    return (2000 + rest[0], 1 + rest[1]) if rest is not None and 20 <= rest[0] <= 99 else None


def _day_at(spoken: Words, at: int, today: date, known: date | None, asked: bool) -> _Found | None:
    return (
        _relative(spoken, at, today)
        or _weekday(spoken, at, today, asked)
        or _month_day(spoken, at, today)
        or _day_of_month(spoken, at, today, known)
    )


def _relative(spoken: Words, at: int, today: date) -> _Found | None:
    if find(("day", "after", "tomorrow"), spoken[at : at + 3]) == 0:
        return _Found(today + timedelta(days=2), at, at + 3)
    word = spoken[at]
    if word == "today":
        return _Found(today, at, at + 1)
    if word == "tomorrow":
        return _Found(today + timedelta(days=1), at, at + 1)
    if word == "yesterday":
        return _Found(None, at, at + 1)
    return None


def _weekday(spoken: Words, at: int, today: date, asked: bool) -> _Found | None:
    word = spoken[at].removesuffix("'s")
    if word not in WEEKDAYS and word.removesuffix("s") in WEEKDAYS:
        word = word.removesuffix("s")
    if word not in WEEKDAYS:
        return None
    ahead = (WEEKDAYS.index(word) - today.weekday()) % 7
    before = spoken[at - 1] if at else ""
    start, end = at, at + 1
    if before == "last":
        return _Found(None, at - 1, end)
    if before == "this":
        start -= 1
    elif before == "next":
        # The weekday of the coming calendar week; the read-back names the date.
        ahead = 7 - today.weekday() + WEEKDAYS.index(word)
        start -= 1
    elif ahead == 0:
        ahead = 7  # for the day itself people say "today"
    if find(("a", "week", "from"), spoken[max(0, start - 3) : start]) == 0:
        ahead += 7
        start -= 3
    elif spoken[end : end + 2] == ("next", "week"):
        ahead, end = 7 - today.weekday() + WEEKDAYS.index(word), end + 2
    else:
        lead = ("next", "week", "on") if before == "on" else ("next", "week")
        if spoken[max(0, start - len(lead)) : start] == lead:
            ahead, start = 7 - today.weekday() + WEEKDAYS.index(word), start - len(lead)
    named = _date_behind(spoken, end, today, asked)
    if named is None:
        return _Found(today + timedelta(days=ahead), start, end)
    if named.day is not None and named.day.weekday() != WEEKDAYS.index(word):
        return _Found(None, start, named.end, NoDay.OTHER_WEEKDAY, named.day)
    return replace(named, start=start)


def _date_behind(spoken: Words, at: int, today: date, asked: bool) -> _Found | None:
    """The date behind a weekday: "Tuesday, March third", "Tuesday the third", and "Tue 3" where a day is asked for."""
    named = _month_day(spoken, at, today) or _the_day(spoken, at, today, None)
    if named is None and at < len(spoken):
        at += spoken[at] == "the"
        named = _the_day(spoken, at, today, None)
        if named is None and asked and _is_bare_day(spoken, at):
            return _next_with_number(int(spoken[at]), at, at + 1, today)
    return named


def _is_bare_day(spoken: Words, at: int) -> bool:
    """True of the "10" of "Wed 10", which is no hour: not "Wed 10 30", "Wed 10 am", "Wed 10 in the morning"."""
    if at >= len(spoken) or _written_number(spoken, at) is None:
        return False
    behind = spoken[at + 1] if at + 1 < len(spoken) else ""
    if behind in _PARTS_BEHIND:
        return int(spoken[at]) > _LAST_HOUR or spoken[at - 1] == "the"
    if behind.isdigit():
        # "fri 16 3 pm", "mon 12 1030", "fri 16 2026"; "fri 9 30" and "fri 16 30" are clock times
        after_noon = _LAST_HOUR - (spoken[at + 2 : at + 3] == ("am",))  # nobody comes at "12 10 am"
        hour = int(spoken[at]) > after_noon and 1 <= int(behind) <= _LAST_HOUR
        return hour or 3 <= len(behind) <= 4 or spoken[at - 1] == "the"
    return not behind or behind in _BEHIND_MONTHS


def _month_day(spoken: Words, at: int, today: date) -> _Found | None:
    """For example: "March third", "March the third", "March 3", "the third of March"."""
    if at >= len(spoken):
        return None
    if spoken[at] in MONTHS:
        month = MONTHS.index(spoken[at]) + 1
        behind = at + 1
        if behind < len(spoken) and spoken[behind] == "the":
            behind += 1
        number = ordinal(spoken, behind) or cardinal(spoken, behind)
        if number is None or not 1 <= number[0] <= 31:
            return None
        return _dated(spoken, today, month, number[0], at, behind + number[1])
    number = ordinal(spoken, at) or _written_number(spoken, at)
    if number is None:
        return None
    end = at + number[1]
    said_of = spoken[end : end + 1] == ("of",)
    end += said_of
    if end < len(spoken) and spoken[end] in MONTHS and (said_of or not _is_verb(spoken, end)):
        return _dated(spoken, today, MONTHS.index(spoken[end]) + 1, number[0], at, end + 1)
    return None


def _is_verb(spoken: Words, at: int) -> bool:
    """True of the "may" of "the fourteenth may work", which is no month."""
    behind = spoken[at + 1] if at + 1 < len(spoken) else ""
    return spoken[at] == "may" and not (
        not behind or behind in _BEHIND_MONTHS or behind[0].isdigit()
    )


def _written_number(spoken: Words, at: int) -> tuple[int, int] | None:
    """The "10" of "10 March": in words a number before a month may be an hour."""
    number = cardinal(spoken, at) if spoken[at].isdigit() else None
    return number if number is not None and 1 <= number[0] <= 31 else None


def _day_of_month(spoken: Words, at: int, today: date, known: date | None) -> _Found | None:
    """For example: "The fourteenth", "on the 3rd"."""
    if spoken[at] != "the":
        return None
    found = _month_day(spoken, at + 1, today) or _the_day(spoken, at + 1, today, known)
    return None if found is None else replace(found, start=at)


def _the_day(spoken: Words, at: int, today: date, known: date | None) -> _Found | None:
    number = ordinal(spoken, at)
    if number is None:
        return None
    end = at + number[1]
    if end < len(spoken) and spoken[end] in _NOT_DATES:
        return None
    return _next_with_number(number[0], at, end, today, known)


def _next_with_number(
    number: int, at: int, end: int, today: date, known: date | None = None
) -> _Found:
    """The first day to come, of the known month on, that has this number in its month."""
    first = known or today
    for ahead in range(12):
        month = (first.month - 1 + ahead) % 12 + 1
        year = first.year + (first.month - 1 + ahead) // 12
        candidate = _exact(year, month, number)  # not every month has this day
        if candidate is not None and candidate >= today:
            return _Found(candidate, at, end)
    return _Found(None, at, end, NoDay.NO_SUCH)


def _exact(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _dated(spoken: Words, today: date, month: int, day: int, start: int, end: int) -> _Found:
    """This month and day, of the year said behind it or when it comes next; none when it is in neither of two years."""
    year = _year(spoken, end)
    if year is not None:
        exact = _exact(year[0], month, day)
        if exact is None or year[0] <= today.year + 1:  # a later year is asked again
            return _Found(exact, start, end + year[1], NoDay.NO_SUCH)
    this_year = _exact(today.year, month, day)
    if this_year is not None:
        if this_year >= today:
            return _Found(this_year, start, end)
        if (today - this_year).days <= _RECENT_DAYS:
            return _Found(None, start, end)
    next_year = _exact(today.year + 1, month, day)
    fault = NoDay.NO_SUCH if this_year is None else NoDay.PAST
    return _Found(next_year, start, end, fault)
