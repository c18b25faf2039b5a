"""One thing that was looked at, and how it was found. Knows nothing of what is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "warn", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    verdict: Verdict
    message: str
    """What was found and, unless it passed, what to do."""


def all_passed(findings: Iterable[Finding]) -> bool:
    """Whether nothing failed and nothing stayed unknown: what nobody could see has not passed."""
    return all(finding.verdict in {"pass", "warn"} for finding in findings)
