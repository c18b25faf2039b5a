"""Puts a measured result into the README: `python -m tools.readme_chart FILE` writes the chart's picture and the words beside it."""

from __future__ import annotations

import argparse
import sys
from html import escape
from pathlib import Path

from bench.errors import BenchError
from bench.reports.page import as_picture
from bench.reports.picture import draw
from bench.reports.result import OURS, Result, latest, load
from bench.reports.stages import kind_names, median_wait
from bench.reports.words import figure, number, setting, story, tenths, world_name

ROOT = Path(__file__).parents[1]
PICTURE = Path("docs/images/turn.png")
DRAWN_PX, SHOWN_PX, SHARPNESS = 560, 640, 2.5
"""Drawn as narrow as a phone's page and shown little wider: a README is 840 pixels on a desk and 360 on a phone, and a picture's
letters shrink with it."""
BEGIN, END = "<!-- turn figures: python -m tools.readme_chart -->", "<!-- end of turn figures -->"


def words(result: Result) -> str:
    """What stands between the two marks; raises BenchError for a result that proves nothing."""
    told = story(result)
    waits = [wait for world in result.worlds() if (wait := median_wait(result, world))]
    if not result.run.valid:
        raise BenchError("this run is void: measure again on a machine with less to do")
    if [wait.world for wait in waits][:1] != [OURS] or len(waits) < 2:
        raise BenchError("the README shows ours beside stock: measure with --stock")
    versions = [
        f"{name} {value}" for name, value in result.run.versions.items() if name in VERSIONS
    ]
    names = kind_names(result)
    machine = [value for name, value in result.run.machine.items() if name == "cpu"]
    alt = "; ".join(f"{world_name(wait.world)} {figure(round(wait.wait_ms))}" for wait in waits)
    told_alt = f"Median turn, from the caller's last sound to the answer: {alt}"
    rows = [
        f"| {world_name(wait.world)} | {figure(round(wait.wait_ms))} |"
        f" {' + '.join(f'{number(tenths(wait.of(kind)))} {names[kind]}' for kind in wait.kinds())} |"
        for wait in waits
    ]
    return "\n".join(
        [
            f'<img src="{PICTURE}" width="{SHOWN_PX}" alt="{escape(told_alt)}">',
            "",
            f"**{told.title}** {told.sentences[0]}",
            "",
            "| | median wait | of which, in ms |",
            "|---|---|---|",
            *rows,
            "",
            f"({', '.join([*setting(result), *versions, *machine])}.)",
        ]
    )


VERSIONS = ("wardline", "commit", "pipecat-ai")


def filled(readme: str, inner: str) -> str:
    """The README with other words between the marks; raises BenchError when they are not there."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"the README has no {BEGIN} or no {END}")
    return f"{before}{BEGIN}\n{inner}\n{END}{after}"


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "file", type=Path, help="a result of `wardline bench turns --stock`, or a folder of them"
    )
    arguments = parser.parse_args()
    readme = ROOT / "README.md"
    try:
        result = load(latest(arguments.file))
        text = filled(readme.read_text("utf-8"), words(result))
        draw(as_picture(result), ROOT / PICTURE, width_px=DRAWN_PX, sharpness=SHARPNESS)
        readme.write_text(text, encoding="utf-8")
    except BenchError as error:
        sys.exit(str(error))
    print(f"wrote {PICTURE} and README.md")


if __name__ == "__main__":
    main()
