"""For tests that judge what is redacted and not how long it takes.

The budget is this thread's own processor time, and a collection of a whole test run's heap is part of that: it withheld
a harmless sentence once in some thousands.
"""

from __future__ import annotations

from phi.redact import Redactor

UNHURRIED_MS = 2_000.0


def unhurried() -> Redactor:
    """The redactor as it is, but for its patience."""
    return Redactor(budget_ms=UNHURRIED_MS)
