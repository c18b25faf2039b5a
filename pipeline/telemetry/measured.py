"""How much the redactor misses, as measured: read from the one file that `wardline bench phi` writes.

A figure is shown beside every switch that relies on it; where there is none, that is said. This file refuses
to know how the figure is found.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

PACKAGE, FILE = "phi", "measured.json"
"""Committed beside the redactor it was measured on."""

NOT_MEASURED = "its miss rate is not measured in this version"


@dataclass(frozen=True, slots=True)
class Measured:
    """Recall of the redactor on the test half of the labelled set."""

    recall: float
    low: float
    """Lower end of the 95 % confidence interval."""
    spans: int
    """Identifiers it was asked to find."""

    def sentence(self) -> str:
        """What to print beside the switch.

        The set is our own and its test half is no longer blind, so nothing here is a bound on other texts.
        """
        missed, more = 100 * (1 - self.recall), 100 * (1 - self.low)
        return (
            f"it missed {missed:.1f} % of the {self.spans} identifiers of our own test set (95 % interval to {more:.1f} %);"
            " on texts of others expect it to miss more"
        )


def load(text: str | None = None) -> Measured | None:
    """The committed figure; None when there is none or it makes no sense."""
    if text is None:
        try:
            text = files(PACKAGE).joinpath(FILE).read_text("utf-8")
        except OSError:
            return None
    try:
        record = json.loads(text)
        found = Measured(float(record["recall"]), float(record["low"]), int(record["spans"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if 0 <= found.low <= found.recall <= 1 and found.spans > 0 else None


def sentence() -> str:
    """The redactor's miss rate in words, or that nobody measured it."""
    found = load()
    return found.sentence() if found else NOT_MEASURED
