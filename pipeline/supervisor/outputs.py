"""The start-up test of every process's outputs, put together: one fact for `/healthz`, one event each.

It decides nothing about bytes (`telemetry.canary` does) and holds no pipe.
"""

from __future__ import annotations

from pipeline.errors import Unsafe
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.workers import sentence
from pipeline.telemetry import canary
from pipeline.telemetry.events import Event, Token, emit
from pipeline.telemetry.outputs import OwnOutputs


class OutputsTested(Event):
    """A planted word was tried through every way out of a process."""

    process: Token
    paths: int
    passed: bool
    missed: int
    """Ways past the guard."""
    leaked: int
    """Ways into the event log."""
    second_net: int
    """Ways that only the guard at the descriptors stopped."""


class Outputs:
    """The last result of each process."""

    def __init__(self, facts: Facts) -> None:
        """Report to these facts."""
        self._facts = facts
        self._passed: dict[str, bool] = {}

    def tested(self, process: str, verdict: canary.Verdict) -> None:
        """Note one process's result."""
        self._passed[process] = verdict.passed
        paths = len(canary.BYTE_PATHS) + len(canary.WORD_PATHS)
        emit(
            OutputsTested(
                process=Token(process),
                paths=paths,
                passed=verdict.passed,
                missed=len(verdict.missed),
                leaked=len(verdict.leaked),
                second_net=len(verdict.second_net),
            )
        )
        self._facts.tested(
            "canary",
            "pass" if all(self._passed.values()) else "fail",
            paths=paths,
            processes=sorted(self._passed),
        )


def prove_own(own: OwnOutputs, nonce: str, outputs: Outputs) -> None:
    """Try this process's own ways; raises `Unsafe` when one is open."""
    base = canary.base_of(nonce)
    watch = canary.Watch(base)
    own.watch(watch)
    leaked = canary.rehearse(base)
    own.settle()
    verdict = watch.verdict(leaked)
    outputs.tested("supervisor", verdict)
    if not verdict.passed:
        raise Unsafe(sentence("supervisor", verdict))
