"""`wardline bench phi`: scores redactors on the labelled set, prints tables, targets and a results file.

The test half is scored as totals: its items are shown only to who asks for that by name.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import BenchError, LabelledSetInvalid
from bench.phi.labelled import DEVELOPMENT, TEST_HALF, Item, read
from bench.phi.redactors import (
    OURS,
    DigitsAndCapitals,
    Nothing,
    Program,
    Redactor,
    ours_missing,
    presidio,
)
from bench.phi.scoring import Rate, Tally
from bench.phi.table import Scored, as_json, as_text, judge, targets_as_text

HALVES = {"development": DEVELOPMENT, "test": TEST_HALF}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--half", choices=[*HALVES, "both"], default="both", help="which half (default both)"
    )
    parser.add_argument(
        "--show-errors", action="store_true", help="list what went wrong in the development half"
    )
    parser.add_argument(
        "--reveal-test",
        action="store_true",
        help="with --show-errors: the test half too, which is then no longer a test",
    )
    parser.add_argument(
        "--redactor",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="also score a program that answers JSON lines",
    )
    parser.add_argument("--only-ours", action="store_true", help="leave the baselines out")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("bench/results"),
        help="folder of results (default %(default)s)",
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="also write the test half's recall where the server reads it: phi/measured.json in a checkout",
    )
    parser.add_argument(
        "--report-only", action="store_true", help="exit 0 even when a target is missed"
    )
    parser.set_defaults(run=bench_phi)


def bench_phi(arguments: argparse.Namespace) -> int:
    """Score, print, keep; 1 when a line of P1 or P2 is missed or our redactor could not be asked."""
    halves = list(HALVES) if arguments.half == "both" else [arguments.half]
    kept = {}
    met = True
    try:
        if arguments.record is not None and "test" not in halves:
            raise LabelledSetInvalid("--record wants the test half")
        for half in halves:
            items = read(HALVES[half])
            if not items:
                raise LabelledSetInvalid(f"the {half} half is empty")
            columns, absent = _score(items, arguments)
            print(as_text(half, columns, absent) + "\n")
            ours = next((one for one in columns if one.name == "wardline"), None)
            met = met and ours is not None
            if ours is not None:
                lines = judge(ours)
                print(targets_as_text(lines) + "\n")
                met = met and all(line.outcome == "met" for line in lines)
                if arguments.record is not None and half == "test":
                    _record(ours.tally, arguments.record)
                if arguments.show_errors and (half == "development" or arguments.reveal_test):
                    _show(ours.tally)
            kept[half] = {
                "items": len(items),
                "absent": absent,
                "redactors": [as_json(one) for one in columns],
            }
    except BenchError as error:
        print(f"wardline bench phi: {error}", file=sys.stderr)
        return 1
    target = arguments.out / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-phi.json"
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps({"format": 1, "halves": kept}, indent=2) + "\n", "utf-8")
    except OSError as error:
        print(f"wardline bench phi: cannot write {target}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"written: {target}")
    return 0 if met or arguments.report_only else 1


def measured(tally: Tally) -> dict[str, float | int]:
    """What is shown beside a switch that relies on the redactor (`pipeline.telemetry.measured`)."""
    rate = Rate(*tally.core)
    if rate.value is None:
        raise LabelledSetInvalid("the test half holds no identifier")
    return {
        "recall": round(rate.value, 4),
        "low": round(rate.interval[0], 4),
        "spans": rate.total,
    }


def _record(tally: Tally, file: Path) -> None:
    try:
        file.write_text(json.dumps(measured(tally)) + "\n", "utf-8")
    except OSError as error:
        raise BenchError(f"cannot write {file}: {error.strerror}") from None


def run_redactor(name: str, redactor: Redactor, items: Sequence[Item]) -> Scored:
    """All items through one redactor."""
    tally, costs_us = Tally(), list[float]()
    for item in items:
        answers = [redactor.redact(item, number) for number in range(len(item.records))]
        tally.add(item, [answer.text for answer in answers])
        costs_us += [answer.cost_us for answer in answers]
    return Scored(name, tally, tuple(costs_us))


def _score(
    items: Sequence[Item], arguments: argparse.Namespace
) -> tuple[list[Scored], dict[str, str]]:
    programs: list[tuple[str, Sequence[str], str | None]] = [("wardline", OURS, ours_missing())]
    if not arguments.only_ours:
        asked = presidio()
        missing = None if asked else "not installed: `make bench-phi` installs it (about 300 MB)"
        programs.append(("presidio patterns", asked or (), missing))
    for given in arguments.redactor:
        name, equals, line = given.partition("=")
        if not (name and equals and line):
            raise LabelledSetInvalid("--redactor wants NAME=COMMAND")
        programs.append((name, tuple(shlex.split(line)), None))
    columns, absent = [], {}
    for name, argv, missing in programs:
        if missing:
            absent[name] = missing
            continue
        with ExitStack() as stack:
            columns.append(run_redactor(name, stack.enter_context(Program(argv)), items))
    if not arguments.only_ours:
        columns.append(run_redactor("nothing", Nothing(), items))
        columns.append(run_redactor("digits and capitals", DigitsAndCapitals(), items))
    return columns, absent


def _show(tally: Tally) -> None:
    """Synthetic items, with what was expected to go."""
    for item, number in tally.misses:
        record = item.records[number]
        marked = [
            f"{span.type}={record.text[span.start : span.end]!r}"
            for span in record.spans
            if not span.neutral
        ]
        print(f"{item.id} [{number}] {record.text!r} {' '.join(marked) or 'must stay as it is'}")
