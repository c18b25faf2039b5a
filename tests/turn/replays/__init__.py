"""Calls that went wrong once, as `wardline replay FILE --as-test NAME` wrote them, and what must be decided on them."""

from __future__ import annotations

from pathlib import Path

from pipeline.commands.replay import decisions
from pipeline.turn.replay import again, replay
from pipeline.turn.trace import read

FOLDER = Path(__file__).parent


def decided(name: str, folder: Path = FOLDER) -> list[tuple[float, str]]:
    """What today's floor decides on a kept call, under the settings it had."""
    trace = read((folder / f"{name}.jsonl").read_bytes())
    return decisions(again(trace, replay(trace)))
