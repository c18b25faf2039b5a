"""`wardline bench gate`: fails when a result is beyond the budget. Judges files, or measures until it can tell."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from bench.errors import BenchError, BudgetInvalid, ResultInvalid
from bench.gate import budget as budgets
from bench.gate.beside import measure
from bench.gate.budget import Budget, Form
from bench.gate.verdict import UNUSABLE, Judged, Outcome, as_text, judge
from bench.load.scenario import shipped
from bench.load.turns_command import first_of
from bench.load.worlds import Plan
from bench.reports import result
from bench.reports.result import Result
from pipeline.clock import MonotonicClock

WORLDS = ("ours", "stock")
"""The fastest stock setting alone: the other takes as long and the budget names no row of it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="results of one thing, measured once or several times",
    )
    parser.add_argument(
        "--measure", choices=budgets.FORMS, help="measure instead: quick before the tests, or full"
    )
    parser.add_argument(
        "--budget", type=Path, metavar="FILE", help="another budget than bench/budget.toml"
    )
    parser.add_argument("--out", type=Path, help="keep what was measured in this folder")
    parser.set_defaults(run=gate)  # fmt: skip


def gate(arguments: argparse.Namespace) -> int:
    """Judge, print, exit with 0, 1 (missed), 2 (cannot be used) or 75 (the machine was too busy)."""
    if bool(arguments.files) == bool(arguments.measure):
        print("wardline bench gate: name result files, or --measure quick", file=sys.stderr)
        return UNUSABLE
    try:
        budget = budgets.load(arguments.budget) if arguments.budget else budgets.shipped()
        if arguments.files:
            runs = [result.load(file) for file in arguments.files]
            outcome = judge(budget, runs, len(runs), excused_most=0)  # there are no others
        else:
            outcome, runs = _measured(budget, arguments.measure, arguments.out)
    except (BudgetInvalid, ResultInvalid) as error:
        print(f"wardline bench gate: {error}", file=sys.stderr)
        return UNUSABLE
    except (BenchError, BaseExceptionGroup) as error:
        first = first_of(error)
        if not isinstance(first, BenchError):
            raise first from None
        print(f"wardline bench gate: nothing could be measured: {first}", file=sys.stderr)
        return UNUSABLE
    print(as_text(outcome, runs[-1]))
    return outcome.status


def _measured(budget: Budget, name: str, keep: Path | None) -> tuple[Outcome, list[Result]]:
    """Measure until every row is settled, or often enough."""
    form = budget.forms.get(name)
    if form is None:
        raise BudgetInvalid(f"the budget has no [{name}]")
    runs: list[Result] = []
    outcomes: list[Outcome] = []
    clock = MonotonicClock()
    patience = Patience(form.seconds_most, clock.now_ms() / 1000)

    def settled(document: dict[str, Any]) -> bool:
        text = json.dumps(document, indent=1)
        runs.append(result.read("what was measured", text))
        if keep is not None:
            _keep(keep / f"gate-{name}-{len(runs)}.json", text)
        outcomes.append(judge(budget, runs, form.runs_most))
        for each in outcomes[-1].judged:
            if each.verdict == "again":
                _progress(f"run {len(runs)}: {each.line.id} is not settled: {_told(each)}")
        return not (outcomes[-1].again and patience.lasts(clock.now_ms() / 1000))

    asyncio.run(measure(_plan(form), settled, _progress))
    return outcomes[-1], runs


class Patience:
    """How long a gate may take; seconds of any clock go in."""

    def __init__(self, seconds_most: float, now_s: float) -> None:
        """From now on."""
        self._end_s = now_s + seconds_most
        self._last_s = now_s

    def lasts(self, now_s: float) -> bool:
        """Whether one more run like the last one, starting included, would be over in time; a run has just ended."""
        took_s, self._last_s = now_s - self._last_s, now_s
        return now_s + took_s <= self._end_s


def _told(each: Judged) -> str:
    return each.why or f"{each.figures[-1]:.3g}, at most {each.line.most:g}"


def _plan(form: Form) -> Plan:
    return Plan(
        shipped(form.scenario),
        door="webrtc" if form.door == "webrtc" else "stream",
        calls=form.calls,
        worlds=WORLDS,
        rounds=form.rounds,
    )


def _keep(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot write {target}: {error.strerror}") from None


def _progress(text: str) -> None:
    print(f"  {text}", flush=True)
