"""What a reviewer reads of the audit: a month in counts, and everything that touches some calls or a time span.

Counts, ids, names of fields and of staff; the records hold nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.audit.records import (
    Authentication,
    CallEnd,
    CallStart,
    Entry,
    PhiAccess,
    Record,
    RecordInvalid,
    read,
)
from pipeline.audit.trail import lines_of, trail_files


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment to before another."""

    begin: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Whether this moment lies in it."""
        return self.begin <= at < self.end


def entries(directory: Path) -> Iterator[Entry]:
    """Every record that has its shape; what has not is `verify`'s affair."""
    for _, path in trail_files(directory):
        for line in lines_of(path):
            try:
                yield read(line)
            except RecordInvalid:
                continue


@dataclass(slots=True)
class Month:
    """Counts for the monthly review (row A9)."""

    records: Counter[str] = field(default_factory=Counter)
    dispositions: Counter[str] = field(default_factory=Counter)
    call_seconds: float = 0.0
    accesses: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """By user, action and success."""
    refused_sign_ins: Counter[str] = field(default_factory=Counter)
    """By address."""
    callers: set[str] = field(default_factory=set)


def month_of(found: Iterable[Entry], span: Span) -> Month:
    """Count the records of a span."""
    month = Month()
    for entry in found:
        if span.holds(entry.ts):
            month.records[entry.record.type] += 1
            _count(month, entry.record)
    return month


def _count(month: Month, record: Record) -> None:
    match record:
        case CallStart():
            month.callers.add(record.caller_id)
        case CallEnd():
            month.dispositions[record.disposition] += 1
            month.call_seconds += record.duration
        case PhiAccess():
            month.accesses[record.user_id, record.action, record.success] += 1
        case Authentication(success=False):
            month.refused_sign_ins[record.source_ip or "this machine"] += 1


@dataclass(slots=True)
class Affected:
    """One call in an incident."""

    caller_id: str = ""
    began: str = ""
    ended: str = ""
    disposition: str = ""
    field_names: set[str] = field(default_factory=set)
    seen_by: set[str] = field(default_factory=set)
    """Users to whom a value was shown."""


@dataclass(slots=True)
class Incident:
    """Which calls, which fields, when, who saw them (row A10)."""

    calls: dict[str, Affected] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    users: set[str] = field(default_factory=set)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """As JSON values, callers by their hash."""
        return {
            "first": self.first,
            "last": self.last,
            "calls_affected": len(self.calls),
            "callers_affected": len({c.caller_id for c in self.calls.values() if c.caller_id}),
            "users": sorted(self.users),
            "calls": {
                call_id: {
                    "caller_id": call.caller_id,
                    "began": call.began,
                    "ended": call.ended,
                    "disposition": call.disposition,
                    "field_names": sorted(call.field_names),
                    "seen_by": sorted(call.seen_by),
                }
                for call_id, call in sorted(self.calls.items())
            },
        }


def incident_of(
    found: Iterable[Entry], *, span: Span | None = None, calls: frozenset[str] = frozenset()
) -> Incident:
    """Collect what touches these calls, or (without calls) everything of the span."""
    incident = Incident()
    for entry in found:
        call_id = getattr(entry.record, "call_id", None)
        if (calls and call_id not in calls) or (span is not None and not span.holds(entry.ts)):
            continue
        at = entry.ts.isoformat()
        incident.first, incident.last = incident.first or at, at
        incident.lines.append(dict(entry.line))
        if isinstance(entry.record, PhiAccess):
            incident.users.add(entry.record.user_id)
        if call_id is not None:
            _affect(incident.calls.setdefault(call_id, Affected()), entry.record, at)
    return incident


def _affect(call: Affected, record: Record, at: str) -> None:
    match record:
        case CallStart():
            call.caller_id, call.began = record.caller_id, at
        case CallEnd():
            call.ended, call.disposition = at, record.disposition
            call.field_names.update(record.field_names)
        case PhiAccess():
            call.field_names.update(record.field_names)
            if record.success:
                call.seen_by.add(record.user_id)
