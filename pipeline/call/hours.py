"""When the practice answers its own telephone: hours by weekday in its own time zone, and holidays.

A calculation over an instant. The wall clock of the zone decides, so a day on which clocks change has the hours it
always has. Knows no clock of its own and no words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
REQUESTS, CALLBACKS = "requests", "callbacks"
TAKES = (REQUESTS, CALLBACKS)
_SPAN = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
_HOLIDAY = re.compile(r"(?:20[2-9][0-9]-)?(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
"""No year long past: such a day is somebody's birthday."""
_DAY_MINUTES = 24 * 60
SPAN_ADVICE = (
    'write times as ["08:00-12:00", "13:00-17:30"], in order; a night is two days\' affair'
)
HOLIDAY_ADVICE = 'write days as "12-25" (each year) or "2026-11-26"'

Span = tuple[int, int]
"""From and until, in minutes of the day."""


@dataclass(frozen=True, slots=True)
class PracticeHours:
    """Without a zone the practice is always open: nobody said otherwise."""

    zone: ZoneInfo | None = None
    week: tuple[tuple[Span, ...], ...] = ((),) * 7
    """Monday first."""
    holidays: frozenset[str] = field(default_factory=frozenset)
    takes: str = REQUESTS
    """What a caller can leave while it is closed."""

    def open_at(self, at: datetime) -> bool:
        """Whether the practice is open at this instant, which must know its own zone."""
        if self.zone is None:
            return True
        local = at.astimezone(self.zone)
        day = local.date().isoformat()
        if day in self.holidays or day[5:] in self.holidays:
            return False
        minute = local.hour * 60 + local.minute
        return any(begin <= minute < end for begin, end in self.week[local.weekday()])


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of this name, None when there is none such."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder, a path outside, no such zone
        return None


def spans_of(texts: tuple[str, ...]) -> tuple[Span, ...] | None:
    """The times of one day; None when they are not written as times in order."""
    spans: list[Span] = []
    for text in texts:
        read = _SPAN.fullmatch(text)
        if read is None:
            return None
        begin, end = (int(read[1]) * 60 + int(read[2])), (int(read[3]) * 60 + int(read[4]))
        before = spans[-1][1] if spans else 0
        if not before <= begin < end <= _DAY_MINUTES:
            return None
        spans.append((begin, end))
    return tuple(spans)


def holiday_fault(text: str) -> bool:
    """Whether this is no day of any year."""
    if not _HOLIDAY.fullmatch(text):
        return True
    try:
        datetime.fromisoformat(text if len(text) > 5 else f"2024-{text}")  # a leap year
    except ValueError:
        return True
    return False
