"""The start-up test of every process's outputs, put together: one fact for `/healthz`, one event each.

It decides nothing about bytes (`telemetry.canary` does) and holds no pipe.
"""

from __future__ import annotations

from pipeline.errors import Unsafe
from pipeline.supervisor.facts import Facts
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


def note(facts: Facts, process: str, verdict: canary.Verdict) -> None:
    """Put one process's result on record."""
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
    known = facts.detail("canary")
    processes = sorted({*known.get("processes", []), process})
    # a worker that was started again and passes clears its own name
    failed = sorted(
        {*known.get("failed", [])} - {process} | (set() if verdict.passed else {process})
    )
    facts.tested(
        "canary", "fail" if failed else "pass", paths=paths, processes=processes, failed=failed
    )


def sentence(process: str, verdict: canary.Verdict) -> str:
    """Why a process whose outputs are open may not answer calls."""
    found = []
    if verdict.leaked:
        found.append(f"was written to the event log by way of {', '.join(verdict.leaked)}")
    if verdict.missed:
        found.append(f"went past the guard by way of {', '.join(verdict.missed)}")
    return (
        f"a test word that may not leave process {process} {' and '.join(found)}; the server does not start, since a"
        " caller's words could leave the same way. A package that was added or changed is the likely cause: run make"
        " setup for the locked ones"
    )


def try_own(own: OwnOutputs, nonce: str) -> canary.Verdict:
    """Try this process's own ways out; blocks for as long as a child takes to start and end."""
    base = canary.base_of(nonce)
    watch = canary.Watch(base)
    own.watch(watch)
    leaked = canary.rehearse(base)
    own.settle()
    return watch.verdict(leaked)


def prove_own(own: OwnOutputs, nonce: str, facts: Facts) -> None:
    """Try this process's own ways; raises `Unsafe` when one is open."""
    verdict = try_own(own, nonce)
    note(facts, "supervisor", verdict)
    if not verdict.passed:
        raise Unsafe(sentence("supervisor", verdict))
