"""What was tested, with what result and how long ago: `/healthz` shows it, nothing here is read from a setting.

A fact is a name, one of a few results and numbers. This file refuses to know how a thing is tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.audit.records import EgressTest
from pipeline.clock import Clock, wall_now

NOT_TESTED = "not_tested"
NAMES = ("canary", "egress", "audit", "store")
"""Shown even before anybody tested them."""
_GUARDS = {"canary", "egress"}

Detail = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class _Fact:
    result: str
    at_ms: float
    at: str
    detail: dict[str, Detail]


class Facts:
    """The last result of each test."""

    def __init__(self, clock: Clock) -> None:
        """Nothing is tested yet."""
        self._clock = clock
        self._facts: dict[str, _Fact] = {}
        self.relaxed: tuple[str, ...] = ()
        """Settings in use that make the server less safe than it is by default."""

    def tested(self, name: str, result: str, *, age_ms: float = 0.0, **detail: Detail) -> None:
        """Note a result; one that was found in a file says how old it is."""
        at = wall_now().isoformat(timespec="seconds") if age_ms <= 0 else ""
        self._facts[name] = _Fact(result, self._clock.now_ms() - max(0.0, age_ms), at, detail)

    def egress_tested(self, test: EgressTest) -> None:
        """Note what `wardline egress-test` found on this machine while the server runs."""
        result = "fail" if test.ways_open else "pass"
        self.tested("egress_command", result, level=test.level, tried=test.ways_tried)

    @property
    def failing(self) -> tuple[str, ...]:
        """Names of the tests whose last result was a failure."""
        return tuple(sorted(name for name, fact in self._facts.items() if fact.result == "fail"))

    @property
    def unsafe(self) -> bool:
        """What a new caller says might leave this machine or enter a log."""
        return not _GUARDS.isdisjoint(self.failing)

    def result(self, name: str) -> str:
        """The last result, or "not_tested"."""
        fact = self._facts.get(name)
        return fact.result if fact else NOT_TESTED

    def detail(self, name: str) -> dict[str, Any]:
        """What was noted with the last result."""
        fact = self._facts.get(name)
        return dict(fact.detail) if fact else {}

    def report(self) -> dict[str, dict[str, Detail]]:
        """Every fact with its age in seconds."""
        out: dict[str, dict[str, Detail]] = {name: {"result": NOT_TESTED} for name in NAMES}
        now_ms = self._clock.now_ms()
        for name, fact in self._facts.items():
            age_s = round((now_ms - fact.at_ms) / 1000, 1)
            out[name] = {"result": fact.result, "age_s": age_s, **fact.detail}
            if fact.at:
                out[name]["at"] = fact.at
        return out
