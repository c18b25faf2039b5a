"""Writes `docs/layers.md` from the table in `tests/canary/layers.py`: `python -m tools.make_layers`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.canary.layers import LAYERS, Layer

PAGE = Path(__file__).parents[1] / "docs" / "layers.md"

HEAD = """# Layers between a caller's words and the outside

Made by `python -m tools.make_layers`; do not edit. Each layer is turned off by changing one place of the source,
and the test beside it fails then. `make test` checks that each place is still there; `make test-long` turns every layer
off, one at a time, in a copy, and sees its test fail (`tests/canary/test_layers.py`). That nothing gets past all of
them together is shown by `tests/canary/test_every_input.py`, which plants people in every input (`tests/canary/people.py`)
and sees each stage fail. A model's replies are seen to reach the voice, and a tool's result the guard: a call of the page
has no tool and a telephone call's only one (`transfer_to_person`) answers nothing, so the test adds a tool whose result is
planted; it is offered, asked for and guarded as every tool of a call is (`pipeline/call/tools.py`).

| # | layer | without it | turned off at | the test that fails |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = [_row(number, layer) for number, layer in enumerate(LAYERS, 1)]
    return HEAD + "\n".join(rows) + "\n"


def _row(number: int, layer: Layer) -> str:
    place = " ".join(layer.on.split())
    cells = (
        str(number),
        layer.name,
        layer.stops,
        f"`{layer.file}`: {_code(place)}",
        f"`{layer.test}`",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{len(LAYERS)} layers in {PAGE.name}\n")
