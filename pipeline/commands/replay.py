"""`wardline replay`: a call's turn-taking again, step by step, and where it would be decided otherwise today.

With `--as-test` a call that went wrong becomes a test: the trace and a table of its decisions, to be put right by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.errors import ConfigError, StartUpError
from pipeline.turn.chosen import floor_settings
from pipeline.turn.events import Action, TimerDue
from pipeline.turn.replay import Step, replay
from pipeline.turn.settings import FloorSettings
from pipeline.turn.trace import Trace, TraceDamaged, read

TRACE_BYTES_MAX = 64 << 20
TESTS = Path("tests/turn/replays")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}\Z")
_INSTANTS = frozenset({"onset_ms", "since_ms", "until_ms"})
DIFFERENT = 1
"""Exit status when a decision differs."""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a trace (traces.keep)")
    parser.add_argument(
        "--config",
        metavar="SETTINGS",
        help="take the times of turn-taking from these settings instead of those of the call",
    )
    parser.add_argument(
        "--as-test",
        metavar="NAME",
        help=f"write the trace and a test of its decisions into {TESTS}, in a copy of the source",
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        trace, data = _read(arguments.file)
        if arguments.as_test:
            return _write_test(trace, data, arguments.as_test)
        steps = replay(trace, _settings(arguments.config))
    except ConfigError as error:
        return say_faults(error)
    except (StartUpError, TraceDamaged, OSError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        print(f"wardline replay: {said}", file=sys.stderr)
        return 2
    for line in timeline(trace, steps):
        print(line)
    return DIFFERENT if any(step.differs for step in steps) else 0


def _read(file: Path) -> tuple[Trace, bytes]:
    if file.stat().st_size > TRACE_BYTES_MAX:
        raise TraceDamaged("it is larger than any call's")
    data = file.read_bytes()
    return read(data), data


def _settings(config_file: str | None) -> FloorSettings | None:
    if config_file is None:
        return None
    return floor_settings(config.load(config_file))


# --- what is shown -----------------------------------------------------------------------------------


def timeline(trace: Trace, steps: Sequence[Step]) -> Iterator[str]:
    """One line a step, times from the first; a decision that differs stands on two lines below it."""
    began_ms = steps[0].event.at_ms if steps else 0.0
    for step in steps:
        if isinstance(step.event, TimerDue) and not step.recorded and not step.decided:
            continue
        at = f"{(step.event.at_ms - began_ms) / 1000:9.3f}"
        if step.differs:
            yield f"{at}  {_said(step.event)}"
            yield f"{'':9}  - recorded: {_all(step.recorded)}"
            yield f"{'':9}  + now:      {_all(step.decided)}"
        else:
            told = f"  ->  {_all(step.decided)}" if step.decided else ""
            yield f"{at}  {_said(step.event)}{told}"
    different = sum(step.differs for step in steps)
    yield (
        f"{len(trace.rows)} events, {sum(len(row.actions) for row in trace.rows)} decisions,"
        f" {different or 'none'} different; the call ended as {trace.ended or 'unknown'},"
        f" recorded by release {trace.release}"
    )
    if trace.left_out:
        yield f"{trace.left_out} later events were not kept"


def _all(actions: Sequence[Action]) -> str:
    return ", ".join(_said(action) for action in actions) or "nothing"


def _said(what: Any) -> str:
    """An event or a decision, what is usual left out."""
    values = [
        _instant(what, each.name)
        if each.name in _INSTANTS
        else f"{each.name}={_short(getattr(what, each.name))}"
        for each in fields(what)
        if each.name != "at_ms" and not _usual(what, each.name)
    ]
    return f"{type(what).__name__}({', '.join(values)})" if values else type(what).__name__


def _instant(what: Any, name: str) -> str:
    """When something was, seen from the event itself."""
    away_ms = getattr(what, name) - what.at_ms
    side = "before" if away_ms <= 0 else "after"
    return f"{name.removesuffix('_ms')} {abs(away_ms):.1f} ms {side}"


def _usual(what: Any, name: str) -> bool:
    value = getattr(what, name)
    return value is None or value is False or (name == "digits" and value == 0)


def _short(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if is_dataclass(value):
        return _said(value)
    return f"{value:.1f}" if isinstance(value, float) else str(value)


# --- a test of it ------------------------------------------------------------------------------------


def _write_test(trace: Trace, data: bytes, name: str) -> int:
    if not _NAME.fullmatch(name):
        raise StartUpError("--as-test takes a name of small letters, digits and underscores")
    if not TESTS.is_dir():
        raise StartUpError(f"{TESTS} is not here; run this in a copy of Wardline's source")
    kept, test = TESTS / f"{name}.jsonl", TESTS / f"test_{name}.py"
    for path in (kept, test):
        if path.exists():
            raise StartUpError(f"{path} is there already; choose another name")
    kept.write_bytes(data)
    test.write_text(as_test(trace, name))
    print(f"wrote {kept} and {test}: put DECISIONS right, then make the test pass")
    return 0


def as_test(trace: Trace, name: str) -> str:
    """A test that the floor decides as the call's own did; DECISIONS is the part to be put right."""
    lines = "".join(f'    ({at}, "{action}"),\n' for at, action in decisions(trace))
    return (
        f'"""A call that was kept as {name}.jsonl: what turn-taking must decide on it, and when."""\n\n'
        "from __future__ import annotations\n\n"
        "from tests.turn.replays import decided\n\n"
        "DECISIONS = [\n"
        f"{lines}]\n"
        '"""Milliseconds from the first event, and the decision. As recorded: put right what was wrong."""\n\n\n'
        f"def test_{name}() -> None:\n"
        f'    assert decided("{name}") == DECISIONS\n'
    )


def decisions(trace: Trace) -> list[tuple[float, str]]:
    """When each decision of a trace was made, rounded, from its first event."""
    began_ms = trace.rows[0].event.at_ms if trace.rows else 0.0
    return [
        (round(row.event.at_ms - began_ms, 1), _said(action))
        for row in trace.rows
        for action in row.actions
    ]


command = Command("replay", "Turn-taking of a kept call again, step by step", _configure, _run)
