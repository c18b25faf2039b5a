"""Dates written in digits: numeric, compact, day and month alone, month and year; and the record's own timestamp, which stays.

It knows no month by name and no spoken number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phi import cues
from phi.kinds import Kind, Layer, Span
from phi.lexicon import DIGITS
from phi.tokens import Line

NUMERIC = re.compile(
    r"(?<![0-9./:-])(?:(?:19|20|18)[0-9]{2}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:[0-9]{4}|[0-9]{2}))"
    r"(?:[t ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?(?![0-9])(?!\.[0-9]+\.)"
)
COMPACT = re.compile(
    r"(?<![0-9a-z])(?:(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])|(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:19|20)[0-9]{2})(?=t?[0-9]{0,6}z?(?![0-9a-z]))"
)
SHORT = re.compile(
    r"(?<![0-9./:-])(0?[1-9]|1[0-2])[/-](0?[1-9]|[12][0-9]|3[01])(?![0-9/:%-]|\.[0-9])"
)
MONTH_YEAR = re.compile(r"(?<![0-9./:a-z-])(?:0?[1-9]|1[0-2])[/-](?:19|20)[0-9]{2}(?![0-9./:-])")
STAMP = re.compile(
    r"\A\W{0,3}[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}(?:[t ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?: ?z| ?[+-][0-9]{2}:?[0-9]{2})?)?"
    r"|\b(?:ts|timestamp|asctime)[\"' ]{0,2}[=:][\"' ]{0,3}[0-9]{4}-[0-9]{2}-[0-9]{2}[t ][0-9:.]{5,18}(?:z|[+-][0-9]{2}:?[0-9]{2})?"
    r"|\A\W{0,3}(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}"
)
"""The record's own timestamp, which a log may keep."""
SHORT_CUES = cues.words(
    "rtc fu f/u next visit surgery admitted discharged admission discharge implanted injected vaccinated hospitalized rescheduled booked dos seen delivered lmp edd cita cirugia nacimiento on for since dob born date by until before after el dia fecha para desde del of from birthday due scheduled appointment appt visit"
)


def stamps(line: Line) -> list[tuple[int, int]]:
    """Where the record's own timestamps stand."""
    return [m.span() for m in STAMP.finditer(line.shadow)] if line.seen & DIGITS else []


def written_dates(line: Line) -> Iterator[Span]:
    kept = stamps(line)
    for pattern in (NUMERIC, COMPACT, MONTH_YEAR):
        for match in pattern.finditer(line.shadow):
            if not any(a <= match.start() < b for a, b in kept):
                yield Span(match.start(), match.end(), Kind.DATE, Layer.DATES)
    for match in SHORT.finditer(line.shadow):
        if _short_date(line, match):
            yield Span(match.start(), match.end(), Kind.DATE, Layer.DATES)


def _short_date(line: Line, match: re.Match[str]) -> bool:
    """Whether "4/22" is a day: by a cue before it, or because it is no fraction and no score."""
    shadow = line.shadow
    lead = shadow[max(0, match.start() - 40) : match.start()]
    before = lead.replace(":", " ").replace("=", " ").split()
    after = shadow[match.end() : match.end() + 12].split()
    if after and after[0].strip(".,") in cues.UNITS | COUNTED:
        return False
    if before and before[-1].strip("\"'(") in SHORT_CUES:
        return True
    if len(before) > 1 and before[-2] in SHORT_CUES and before[-1] in ("is", "the", "was", "es"):
        return True
    month, day = int(match[1]), int(match[2])
    if "-" in match.group() or day in SCORES or not SCORED.isdisjoint(before[-4:]):
        return False
    return day > 10 or (month >= 7 and month > day)


SCORES = frozenset([10, 5, 16, 20, 24, 30])
"""What pains, strengths and questionnaires are counted out of."""
SCORED = cues.words(
    "bp pressure strength murmur pain score scale grade gcs ratio phq gad moca mmse vision acuity rated fraction chunk page step part http size of"
)
COUNTED = cues.words(
    "of sessions visits doses steps inch inches cup cups teaspoon mile miles tests items frames packets"
)
