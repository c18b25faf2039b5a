"""Dates that identify, in English and Spanish: days, months of events, holidays, birth years of the very old.

A bare year, a time of day and a duration stay; a birth year that says somebody is over 89 does not.
Longer than other files: months, ordinals, weekdays and Spanish days read each other's days and years.
"""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues, cues_es
from phi.ages import age_spans
from phi.figures import year_of
from phi.kinds import Kind, Layer, Span
from phi.lexicon import AGE_CUE, DIGITS, HOLIDAY, MIXED, MONTH, NUMBER, ORDINAL, TEN_WORDS, UNIT
from phi.numbers import run_at, runs
from phi.said_digits import element, small_number
from phi.tokens import Line, Run
from phi.written_dates import written_dates

TRIGGER = MONTH | ORDINAL | HOLIDAY | AGE_CUE | DIGITS | MIXED | NUMBER
LAST_FULL_YEAR = 1935
BEFORE_MONTH = cues.words(
    "in since last next of early late mid until till by during through before after every this from between and end beginning middle en desde de para hasta este proximo pasado for around about to"
)
DAY_FOLLOWERS = cues.words(
    "at for and in is or if works work then i we of to with from because so but please she he they my was would that's it's que a para por por con y en es si no of. around after before between through until since this next last today morning afternoon evening instead too either also again only please"
)
DAY_STARTERS = cues.words(
    "the on el dia before after until till since by of through and or to for dias from"
)
BIRTH = cues.words(
    "born birth dob birthday birthdate yob year nacio naci nacimiento nacida nacido since"
)


def date_spans(line: Line) -> list[Span]:
    """What the date rules take out."""
    if not line.seen & TRIGGER:
        return []
    spans: list[Span] = []
    flags = line.flags
    digits = line.seen & (DIGITS | MIXED)
    if digits:
        spans.extend(written_dates(line))
    for i in range(line.count):
        flag = flags[i]
        if flag & (MONTH | HOLIDAY | ORDINAL):
            if flag & MONTH:
                spans.extend(_month(line, i))
            if flag & HOLIDAY:
                spans.extend(_holiday(line, i))
            if flag & ORDINAL:
                spans.extend(_ordinal(line, i))
        elif flag & MIXED or (flag & NUMBER and line.words[i] in TEN_WORDS):
            spans.extend(_ordinal(line, i))
    if line.seen & (DIGITS | MIXED | NUMBER | AGE_CUE):
        spans.extend(age_spans(line))
    if line.seen & (DIGITS | MIXED | NUMBER):
        spans.extend(_birth_years(line))
        spans.extend(_spanish_day(line))
        spans.extend(_weekday_number(line))
        spans.extend(_numbered_month(line))
    return spans


def _span(line: Line, first: int, end: int) -> Span:
    return Span(line.starts[first], line.ends[end - 1], Kind.DATE, Layer.DATES)


def _month(line: Line, i: int) -> Iterator[Span]:
    word = line.words[i]
    first, end = i, i + 1
    attached = False
    # Day before: "15 march", "the fifteenth of march", "15 de marzo".
    k = i - 1
    if k >= 0 and line.words[k] in ("-", "/", ".", ",") and line.joined(i):
        k -= 1
    if k >= 0 and line.words[k] in ("of", "de"):
        k -= 1
    day = _number_ending(line, k)
    if day is not None and k < i:
        first, attached = day, True
        if (
            first > 0
            and line.words[first - 1] in ("el", "the", "dia")
            and line.words[first - 1] == "dia"
        ):
            first -= 1
    # Day after: "march the fifteenth", "march 15th, 1985".
    j = end
    if (
        j < line.count
        and line.words[j] in (".", "the", ",", "-", "/", "el", "dia")
        and not (line.words[j] == "." and not line.joined(j))
    ):
        j += 1
    found = small_number(line, j)
    if found is not None and 1 <= found[0] <= 31 and not attached:
        end, attached = found[1], True
    year = _year_at(line, end)
    if year is not None:
        end, attached = year, True
    if attached or word not in cues.DOUBTFUL_MONTHS or _doubtful_month_said(line, i):
        yield _span(line, first, end)


def _doubtful_month_said(line: Line, i: int) -> bool:
    """Whether "may" or "march" is the month, by the words around it."""
    word = line.words[i]
    before = line.words[i - 1] if i else ""
    after = line.words[i + 1] if i + 1 < line.count else ""
    if word == "may" and after in MAY_DO:
        return False
    if after in ("", ".") and before in MONTH_LAST:
        return True
    if before not in BEFORE_MONTH:
        return False
    if word in ("may", "march"):
        return before not in ("this", "to", "and", "every", "from", "for", "about", "around")
    return before not in ("to", "and", "de", "for")


MONTH_LAST = cues.words("it's its is on was es in en birth dob born birthday since of de")
MAY_DO = cues.words("be have i not need also cause help take feel")


def _number_ending(line: Line, k: int) -> int | None:
    """The first token of a day number that ends at token k."""
    for start in (k - 2, k - 1, k):
        if start >= 0:
            found = small_number(line, start)
            if found is not None and found[1] == k + 1 and 1 <= found[0] <= 31:
                return start
    return None


def _year_at(line: Line, j: int) -> int | None:
    """The token after a year that begins at j, past a comma or "of"."""
    skipped = 0
    while (
        j < line.count
        and line.words[j] in (",", "of", "de", "del", "in", "-", "/", ".", "the", "year")
        and skipped < 2
    ):
        j += 1
        skipped += 1
    if j >= line.count:
        return None
    for run in runs_from(line, j):
        if year_of(run) is not None:
            return run.last + 1
        if len(run.parts) == 1 and len(run.digits) == 2 and line.words[j - 1] != "of":
            return run.last + 1
        if len(run.parts) >= 2:
            # "nineteen eighty five and my number is": the year is the first two parts
            value = run.parts[0] + run.parts[1]
            if run.parts[0] in ("18", "19", "20") and len(value) == 4:
                two = element(line, j)
                if two is not None:
                    three = element(line, two[0])
                    if three is not None:
                        return three[0]
        if run.digits.startswith(("19", "20")) or run.scaled:
            return run.last + 1
    return None


def runs_from(line: Line, j: int) -> Iterator[Run]:
    """The run that begins exactly at token j."""
    run = run_at(line, j) if element(line, j) is not None else None
    if run is not None:
        yield run


def _ordinal(line: Line, i: int) -> Iterator[Span]:
    """A day alone: "on the twenty third", "the 23rd"."""
    if line.flags[i] & ORDINAL and i and line.words[i - 1] in TEN_WORDS:
        return
    if (
        line.flags[i] & ORDINAL
        and i > 1
        and line.words[i - 1] == "-"
        and line.words[i - 2] in TEN_WORDS
    ):
        return
    found = small_number(line, i)
    if found is None or not 1 <= found[0] <= 31:
        return
    value, end = found
    last = line.words[end - 1]
    if not (
        last in cues.ORDINALS
        or (line.flags[end - 1] & MIXED and last[-2:] in ("st", "nd", "rd", "th"))
    ):
        return
    before = line.words[i - 1] if i else ""
    before2 = line.words[i - 2] if i > 1 else ""
    after = line.words[end] if end < line.count else ""
    if before not in DAY_STARTERS:
        return
    ends_here = (
        after == ""
        or not after[0].isalnum()
        or after in DAY_FOLLOWERS
        or bool(line.flags[end] & MONTH)
    )
    if not ends_here:
        return
    if value < 10 and not (line.flags[i] & MIXED):
        # "the first", "the second" alone count things; as days they follow "on the" or "by the".
        if not (
            (
                before == "the"
                and before2
                in (
                    "on",
                    "by",
                    "until",
                    "since",
                    "before",
                    "after",
                    "till",
                    "for",
                    "monday",
                    "tuesday",
                    "wednesday",
                    "thursday",
                    "friday",
                    "saturday",
                    "sunday",
                    "",
                    ",",
                )
            )
            or (before == "the" and before2 in ("is", "was", "es") and _of_a_date(line, i))
        ):
            return
        if before2 in ("for", "after", "before") and after not in ("", ".", "?", "at"):
            return
    if (
        after == "of"
        and end + 1 < line.count
        and not line.flags[end + 1] & MONTH
        and line.words[end + 1] not in ("this", "next", "the", "last")
    ):
        return
    yield _span(line, i, end)


def _weekday_number(line: Line) -> Iterator[Span]:
    """Find "el lunes 14", "monday 23" where no hour is meant."""
    for i, word in enumerate(line.words):
        if word not in WEEKDAYS or i + 1 >= line.count:
            continue
        found = small_number(line, i + 1)
        if found is None or not 1 <= found[0] <= 31:
            continue
        value, end = found
        if _hour_follows(line, end):
            continue
        if value >= 13 or word in SPANISH_WEEKDAYS:
            yield _span(line, i + 1, end)


def _hour_follows(line: Line, end: int) -> bool:
    """Whether the number before token `end` is an hour or a count and no day."""
    if end >= line.count:
        return False
    after = line.words[end]
    if after == "de":
        return not (end + 1 < line.count and line.flags[end + 1] & MONTH)
    return (
        after in cues.TIME_AFTER
        or after in (":", "a", "am", "pm", "/", "%")
        or bool(line.flags[end] & (NUMBER | DIGITS | UNIT))
    )


SPANISH_WEEKDAYS = cues.words("lunes martes miercoles jueves viernes sabado domingo")
WEEKDAYS = SPANISH_WEEKDAYS | cues.words(
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thurs fri sat sun"
)


def _of_a_date(line: Line, i: int) -> bool:
    return not DATED.isdisjoint(line.words[max(0, i - 8) : i])


DATED = cues.words(
    "period due date appointment visit surgery born birthday day dob refill fecha cita appt admitted discharged scheduled"
)
PRESSED = cues.words("oprima oprime marque presione pulse digite teclee numero opcion tecla")


def _numbered_month(line: Line) -> Iterator[Span]:
    """Find "el dos del seis del cincuenta y ocho", "the second of the sixth"."""
    for i in range(line.count - 2):
        if line.words[i + 1] not in ("de", "del", "of") or not line.flags[i] & DAY_LIKE:
            continue
        day = small_number(line, i)
        j = i + 2
        if line.words[j] == "the":
            j += 1
        month = small_number(line, j) if day is not None and day[1] == i + 1 else None
        if day is None or month is None or not (1 <= day[0] <= 31 and 1 <= month[0] <= 12):
            continue
        year = _year_at(line, month[1])
        opens = i > 0 and line.words[i - 1] in ("el", "dia", "the")
        if year is None and not opens:
            continue
        if line.words[i + 1] == "of" and not line.flags[i] & ORDINAL:
            continue
        yield _span(line, i, year or month[1])


DAY_LIKE = NUMBER | DIGITS | ORDINAL


def _spanish_day(line: Line) -> Iterator[Span]:
    """Find "el 23", "el dia veintitres" with a day's frame around it."""
    for i, word in enumerate(line.words):
        if word not in ("el", "dia") or i + 1 >= line.count or line.words[i + 1] == "dia":
            continue
        found = small_number(line, i + 1)
        if found is None or not 1 <= found[0] <= 31:
            continue
        after = line.words[found[1]] if found[1] < line.count else ""
        if i and line.words[i - 1] in PRESSED:
            continue
        if word == "dia" and (i == 0 or line.words[i - 1] not in ("el", "del", "este", "para")):
            continue
        if after in (
            "",
            ".",
            ",",
            "?",
            "de",
            "a",
            "por",
            "en",
            "para",
            "y",
            "o",
            "si",
            "no",
            "que",
            "del",
            "con",
            "tengo",
            "es",
            "me",
        ):
            if (
                after == "por"
                and found[1] + 1 < line.count
                and line.words[found[1] + 1] == "ciento"
            ):
                continue
            yield _span(line, i + 1, found[1])


def _holiday(line: Line, i: int) -> Iterator[Span]:
    word = line.words[i]
    if word in cues.HOLIDAYS or word in cues_es.HOLIDAYS_ES:
        end = i + 1
        if end < line.count and line.words[end] in (
            "eve",
            "day",
            "kippur",
            "hashanah",
            "gras",
            "monday",
            "sunday",
            "dia",
        ):
            end += 1
        if word in ("media", "mardi", "rosh", "yom") and end == i + 1:
            return
        yield _span(line, i, end)
        return
    if i + 1 < line.count and (word, line.words[i + 1]) in cues.HOLIDAY_PAIRS:
        end = i + 2
        if word == "dia":
            while end < line.count and line.words[end] in ("los", "las", "la", "el"):
                end += 1
            if end >= line.count or line.words[end] not in (
                "muertos",
                "reyes",
                "madre",
                "madres",
                "padre",
                "padres",
                "accion",
                "gracias",
                "san",
                "virgen",
                "independencia",
                "candelaria",
                "nino",
                "trabajo",
                "santos",
                "guadalupe",
            ):
                return
            end += 3 if line.words[end] == "accion" else 1
        if end < line.count and line.words[end] in ("eve", "day"):
            end += 1
        yield _span(line, i, end)


def _birth_years(line: Line) -> Iterator[Span]:
    """A year of birth that says somebody is over 89."""
    for run in runs(line):
        year = year_of(run)
        if year is not None and year <= LAST_FULL_YEAR:
            window = line.words[max(0, run.first - 6) : run.first]
            if not run.written or any(w in BIRTH for w in window) or "in" in window[-1:]:
                yield Span(line.starts[run.first], line.ends[run.last], Kind.DATE, Layer.DATES)
