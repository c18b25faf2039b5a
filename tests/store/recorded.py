"""Calls as the store and the audit see them, kept in `recorded_calls.jsonl` by `tests.store.record_calls`.

A replay needs neither receptionist nor engines, so hundreds fit into a second.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEPT = Path(__file__).with_name("recorded_calls.jsonl")


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a call told one of its ports."""

    at_ms: float
    """Since its beginning."""
    port: str
    """store: `RequestSink`; audit: `CallAudit`."""
    name: str
    arguments: tuple[Any, ...]


def recorded() -> list[list[Told]]:
    """The kept calls."""
    lines = KEPT.read_text("utf-8").splitlines()
    return [[_told(each) for each in json.loads(line)] for line in lines]


def _told(each: dict[str, Any]) -> Told:
    return Told(each["at_ms"], each["port"], each["name"], tuple(each["arguments"]))
