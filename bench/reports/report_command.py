"""`wardline bench report`: shows a result file, as text, as a page and as a picture. Measures nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.errors import BenchError, ReportUnwritable
from bench.reports.page import as_html, as_picture
from bench.reports.picture import draw
from bench.reports.result import latest, load
from bench.reports.terminal import as_text


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="a result of this bench, or a folder: the latest in it",
    )
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="a saved result to compare with"
    )
    parser.add_argument(
        "--html", type=Path, metavar="OUT", help="write one page that holds everything"
    )
    parser.add_argument(
        "--png",
        type=Path,
        metavar="OUT",
        help="write the main chart: the median turn's parts, or the curves of `capacity` (needs the tests' Chromium)",
    )
    parser.set_defaults(run=report)


def report(arguments: argparse.Namespace) -> int:
    """Print, and write what was asked for."""
    try:
        result = load(latest(arguments.file))
        saved = load(arguments.against) if arguments.against else None
        print(as_text(result, saved))
        if arguments.html:
            _write(arguments.html, as_html(result, saved))
        if arguments.png:
            draw(as_picture(result), arguments.png)
            print(f"written: {arguments.png}")
    except BenchError as error:
        print(f"wardline bench report: {error}", file=sys.stderr)
        return 1
    return 0


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportUnwritable(f"cannot write {target}: {error.strerror}") from None
    print(f"\nwritten: {target}")
