"""The end-of-call report: ids, names of fields, duration, disposition; never a value (rows D20, A7).

Kept as signed lines in one file a day on this machine, which is removed when its days are over; the same bytes go to
the webhook. Whoever needs the request itself fetches it with a token, which is a PHI access on record.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pipeline.audit.records import CallEnd
from pipeline.private_folder import make_private


@dataclass(frozen=True, slots=True)
class Report:
    """One report as it is kept and sent."""

    report_id: str
    body: bytes
    day: date
    """In UTC, as its moment is written."""


def report_of(end: CallEnd, at: datetime, sign: Callable[[bytes], bytes], key: str) -> Report:
    """The report of a call that ended now, signed with the audit's key."""
    report_id = f"r{secrets.token_hex(12)}"
    facts = {
        "type": "end_of_call",
        "report_id": report_id,
        "ts": at.isoformat(timespec="milliseconds"),
        **end.fields(),
    }
    plain = json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()
    signature = sign(REPORT_PREFIX + plain).hex()
    body = plain[:-1] + f',"key":"{key}","signature":"{signature}"}}'.encode()
    return Report(report_id, body, at.date())


REPORT_PREFIX = b"wardline end of call 1\n"
"""Signed before the report's bytes up to `,"key"`, closed by a brace."""


def signed_part(body: bytes) -> tuple[bytes, bytes]:
    """The bytes that were signed and the signature, of a report as it was received; ValueError: none."""
    plain, _, rest = body.rpartition(b',"key":"')
    signature = rest.partition(b'"signature":"')[2][:128].decode("ascii")
    return REPORT_PREFIX + plain + b"}", bytes.fromhex(signature)


def keep(directory: Path, report: Report) -> None:
    """Append it to its day's file; returns when it is on the disk. Raises `OSError`."""
    make_private(directory)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(directory / f"reports-{report.day.isoformat()}.jsonl", flags, 0o600)
    try:
        os.write(descriptor, report.body + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_NAME = re.compile(r"reports-([0-9]{4}-[0-9]{2}-[0-9]{2})\.jsonl")


def older_than(directory: Path, day: date) -> list[Path]:
    """Files of reports from before this day; nothing else in the folder is ours to judge. Raises `OSError`."""
    found = []
    for name in os.listdir(directory) if directory.is_dir() else ():
        with contextlib.suppress(ValueError):  # a day that no calendar has
            match = _NAME.fullmatch(name)
            if match and date.fromisoformat(match[1]) < day:
                found.append(directory / name)
    return found
