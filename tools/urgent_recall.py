"""Measures how many spoken emergencies the urgent-phrase matcher raises from recogniser transcripts.

Reads what `python -m tools.recognition_table --urgent --transcripts FILE` wrote and prints recall and
false alarms of the best hypothesis alone and with its alternatives, and how many misses would end or book a call
in any state of the shipped flow: exit status 1 when there is one. `--missed` lists what went by.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import TypedDict

from pipeline.call.dialogue import respond
from pipeline.call.flow_file import load_flow
from pipeline.call.request import Request
from pipeline.call.steps import Ended, Heard, Phase, State
from pipeline.call.urgent import classify, hear

_TODAY = date(2026, 1, 7)
_FULL = Request("vaccination", "Daniel", "2125550143", date(2026, 1, 13), "morning")
STATES = (
    *(State(asked=slot) for slot in ("reason", "name", "phone", "day", "time")),
    *(State(_FULL, asked, agreed=agreed) for asked in ("confirm", "open") for agreed in (False, True)),
)  # fmt: skip
"""Where a call can be when the words come."""


class Transcript(TypedDict):
    """One reading, as the recognition table writes it."""

    id: str
    category: str
    voice: str
    channel: str
    said: str
    heard: str
    alternatives: list[str]


def figures(transcripts: list[Transcript], title: str) -> str:
    """Recall and false alarms as one line each."""
    lines = []
    for expect, name in (("urgent", "recall"), ("routine", "false alarms")):
        chosen = [one for one in transcripts if one["category"] == expect]
        as_text = sum(classify(one["said"]) is not None for one in chosen)
        best = sum(classify(one["heard"]) is not None for one in chosen)
        every = sum(hear([one["heard"], *one["alternatives"]]) is not None for one in chosen)
        of = max(1, len(chosen))
        lines.append(
            f"{title:14s} {name:13s} of {len(chosen):3d}: as text {as_text / of:.3f},"
            f" best {best / of:.3f}, with alternatives {every / of:.3f}"
        )
    return "\n".join(lines)


def ending(transcripts: list[Transcript]) -> list[Transcript]:
    """Urgent sentences that end or book a call in some state, as they were heard."""
    flow = load_flow()
    found = []
    for one in transcripts:
        heard = Heard(one["heard"], tuple(one["alternatives"]))
        steps = [respond(flow, state, heard, _TODAY) for state in STATES]
        ends = any(isinstance(effect, Ended) for step in steps for effect in step.effects)
        if one["category"] == "urgent" and (
            ends or any(s.state.phase is Phase.BOOKED for s in steps)
        ):
            found.append(one)
    return found


def main() -> int:
    """Read, measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("transcripts", type=Path)
    options.add_argument("--missed", action="store_true", help="show misses and false alarms")
    chosen = options.parse_args()
    transcripts: list[Transcript] = json.loads(chosen.transcripts.read_text(encoding="utf-8"))
    print(figures(transcripts, "all"))
    for voice, channel in sorted({(one["voice"], one["channel"]) for one in transcripts}):
        part = [one for one in transcripts if (one["voice"], one["channel"]) == (voice, channel)]
        print(figures(part, f"{voice} {channel}"))
    if chosen.missed:
        for one in transcripts:
            raised = hear([one["heard"], *one["alternatives"]])
            if (raised is not None) != (one["category"] == "urgent"):
                kind = raised.kind if raised else "missed"
                print(f"{one['id']} {one['voice']} {kind}: {one['said']} | {one['heard']}")
    lost = ending(transcripts)
    print(f"misses that end or book a call: {len(lost)}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
