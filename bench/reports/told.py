"""Tells a finished run to whoever started it: the report for the terminal, the result file, the exit status."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.reports.result import read
from bench.reports.terminal import as_text


def add_out(parser: argparse.ArgumentParser) -> None:
    """Where results go, and whether a miss is a failure."""
    parser.add_argument(
        "--out", type=Path, default=Path("bench/results"), help="folder (default %(default)s)"
    )
    parser.add_argument(
        "--report-only", action="store_true", help="exit 0 even when a limit is missed"
    )


def tell(result: dict[str, Any], arguments: argparse.Namespace, *last: str) -> int:
    """Print, keep; 1 when it cannot be kept, or something was missed or void and that matters."""
    text = json.dumps(result, indent=1, allow_nan=False) + "\n"
    print("\n" + as_text(read("this run", text)))
    for line in last:
        print("\n" + line)
    if not _kept(result["run"], text, arguments.out):
        return 1
    bad = any(row["outcome"] in ("missed", "void") for row in result["rows"])
    return 1 if bad and not arguments.report_only else 0


def _kept(run: dict[str, Any], text: str, folder: Path) -> bool:
    target = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{run['kind']}-{run['scenario']}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"wardline bench: cannot write {target}: {error.strerror}", file=sys.stderr)
        return False
    print(f"\nwritten: {target}")
    return True
