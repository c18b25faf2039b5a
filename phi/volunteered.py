"""What a caller says of themselves unasked: the redactor's finds that no model needs to see.

A request for an appointment stays readable: reason, first name, provider, and the day and time wished for are kept;
so is a date without a year unless it is said to be a birthday. Knows no call and no stored value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from phi.carry import CallContext
from phi.forms import Said, Span
from phi.kinds import Kind
from phi.redact import Redactor

NEEDED = frozenset([Kind.PROVIDER, Kind.FACILITY, Kind.DATE])
"""Whom and when somebody wants to see. Dates that are over or a birthday are found by `phi.shapes`."""
OTHER_DIGITS = 5
"""A number nobody has a name for is an identifier from here on; with fewer digits it may be a time of day."""
BUDGET_MS = 100.0
"""Thread CPU time for one message; a spent budget costs the message, so it is only there against hanging."""

_DAY_OR_TIME = re.compile(
    r"\b(?:[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,2}[/.][0-9]{1,2}(?:[/.](?:[0-9]{2}){1,2})?|[0-9]{1,2}:[0-9]{2})\b"
)
"""Figures of a day or an hour. Whether a date is over is not asked here."""
_PLACE_BEFORE = re.compile(r"\b(?:in|from|near|of|en|desde|cerca de)\s+\Z", re.IGNORECASE)
_WORD_END = re.compile(r"\S+")


class Volunteered:
    """Reads the texts of one speaker, in order."""

    def __init__(self) -> None:
        """Nothing is kept from one reading to the next."""
        self._redactor = Redactor(budget_ms=BUDGET_MS)

    def spans(self, texts: Iterable[str]) -> Iterator[Span]:
        """Places in the texts joined by line ends; a text that cannot be judged is one place from end to end."""
        context = CallContext()
        start = 0
        for text in texts:
            redacted = self._redactor.redact(text, context)
            if redacted.failure is not None:
                yield Span(start, start + len(text))
            for found in redacted.spans:
                span = _withheld_part(text, found.start, found.end, found.kind)
                if span is not None:
                    yield Span(start + span.start, start + span.end)
            start += len(text) + 1


def _withheld_part(text: str, start: int, end: int, kind: Kind) -> Span | None:
    """As much of a find as no receptionist needs."""
    if kind in NEEDED:
        return None
    said = text[start:end]
    if kind is Kind.NAME and not _PLACE_BEFORE.search(text[:start]):
        first = _WORD_END.match(said)
        rest = said[first.end() :].lstrip() if first else ""
        return Span(end - len(rest), end) if rest else None
    if kind is Kind.OTHERID and _digits(_DAY_OR_TIME.sub(" ", said)) < OTHER_DIGITS:
        return None
    return Span(start, end)


def _digits(text: str) -> int:
    """How many digits are said at most."""
    said = Said(text)
    count, at = 0, 0
    while at < len(said.tokens):
        best = max(
            ((len(r.text), r.behind) for r in said.readings[at] if r.text.isdigit()),
            key=lambda read: (read[1], read[0]),
            default=(0, at + 1),
        )
        count += best[0]
        at = best[1]
    return count
