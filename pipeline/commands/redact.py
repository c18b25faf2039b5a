"""`wardline redact`: take identifiers out of a text, to see what the redactor sees. Says counts, never content."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from typing import TextIO

from phi.carry import CallContext
from phi.redact import Redactor
from pipeline.cli import Command


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--explain",
        action="store_true",
        help="after each changed line say on standard error which kinds were found, by which layer",
    )
    parser.add_argument(
        "--lang", choices=("en", "es"), help="the language, where a line is too short to tell"
    )
    parser.add_argument(
        "--call",
        action="store_true",
        help="the lines are one call in order: carry over between them",
    )


def _run(arguments: argparse.Namespace) -> int:
    return redact_lines(
        sys.stdin.buffer,
        sys.stdout,
        sys.stderr,
        explain=arguments.explain,
        lang=arguments.lang,
        one_call=arguments.call,
    )


def redact_lines(
    lines: Iterable[bytes],
    out: TextIO,
    notes: TextIO,
    *,
    explain: bool = False,
    lang: str | None = None,
    one_call: bool = False,
) -> int:
    """Redact line by line; the summary goes to `notes`."""
    redactor = Redactor()
    call = CallContext(lang)
    kinds: Counter[str] = Counter()
    total = changed = withheld = 0
    for number, raw in enumerate(lines, start=1):
        context = call if one_call else CallContext(lang, single=True)
        result = redactor.redact(raw.rstrip(b"\r\n"), context)
        out.write(result.text + "\n")
        out.flush()
        total += 1
        changed += bool(result.spans)
        withheld += result.failure is not None
        kinds.update(result.counts())
        if explain and result.spans:
            found = Counter(f"{span.kind.value} ({span.layer.value})" for span in result.spans)
            told = ", ".join(f"{count} {what}" for what, count in sorted(found.items()))
            print(f"line {number}: {told}", file=notes)
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())) or "nothing found"
    print(f"{total} lines, {changed} changed, {withheld} withheld: {told}", file=notes)
    return 0


command = Command(
    name="redact",
    help="take identifiers out of a text: wardline redact < file",
    configure=_configure,
    run=_run,
)
