"""The server's own stages of each turn, out of its event file, put on the caller's clock. Calculations only.

An event says how long before it was written the caller's last sample came, and when it was written to a millisecond of
the machine's wall clock, which is the same machine's as ours. Whose turn it was is found by those moments: no id travels
from the caller to the file.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.load.timeline import Turn

NEAR_MS = 40.0
"""From a first sample's leaving to its arrival, at most, where the network adds nothing: further apart they are not one turn's."""
HEARD = "speech_heard"
"""The server's own end of speech: when the caller's last sample had come. All its stages count from here."""
STAGES = {
    "pause_seen_ms": "pause_seen",
    "eager_text_ms": "eager_text",
    "decision_ms": "decision",
    "final_text_ms": "final_text",
    "first_token_ms": "first_token",
    "first_clause_ms": "first_clause",
    "first_audio_ms": "first_audio",
    "first_sample_ms": "first_byte_out",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One turn as the server told it."""

    call: str
    left_ms: float
    """When its first sample left, on the caller's clock."""
    marks_ms: dict[str, float]
    """On the caller's clock."""
    speech_end_ms: float = 0.0
    """When the caller's last sample had come, on the caller's clock."""


def told(lines: Iterable[bytes], wall_offset_ms: float) -> list[Told]:
    """The turns of an event file; `wall_offset_ms` is the caller's clock less the wall's, in ms."""
    found = []
    for line in lines:
        if b'"turn_ended"' not in line:
            continue
        try:
            record = json.loads(line)
            first_ms, told_ms = record["first_sample_ms"], record.get("told_ms")
            written_ms = _at_ms(record, wall_offset_ms)
            heard_ms = written_ms - (first_ms if told_ms is None else told_ms)
        except (ValueError, KeyError, TypeError):
            continue
        if record.get("interrupted") or first_ms is None:
            continue
        marks = {HEARD: heard_ms}
        marks |= {
            name: heard_ms + record[key]
            for key, name in STAGES.items()
            if record.get(key) is not None
        }
        found.append(Told(str(record["call_id"]), heard_ms + first_ms, marks, heard_ms))
    return sorted(found, key=lambda each: each.left_ms)


def lags_ms(lines: Iterable[bytes], wall_offset_ms: float, from_ms: float) -> list[float]:
    """How late the workers' own loops were, each time they say so after this moment of the caller's clock."""
    found = []
    for line in lines:
        if b'"loop_late"' not in line:
            continue
        try:
            record = json.loads(line)
            if _at_ms(record, wall_offset_ms) >= from_ms:
                found.append(float(record["worst_ms"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def voids_ms(
    lines: Iterable[bytes], wall_offset_ms: float, whose: Mapping[str, int]
) -> dict[int, list[float]]:
    """When the server voided replies, by caller: a telephone is sent no word that says so."""
    found: dict[int, list[float]] = {}
    for line in lines:
        if b'"reply_interrupted"' not in line:
            continue
        try:
            record = json.loads(line)
            caller = whose.get(record["call_id"])
            if caller is not None:
                found.setdefault(caller, []).append(_at_ms(record, wall_offset_ms))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _at_ms(record: dict[str, Any], wall_offset_ms: float) -> float:
    return datetime.fromisoformat(record["at"]).timestamp() * 1000.0 + wall_offset_ms


def assign(turns: Sequence[Turn], server: Sequence[Told], on_way_ms: float = 0.0) -> dict[str, int]:
    """Give each turn its server's marks; returns which caller each call of the file is.

    A call of the file is the caller's with whose first samples it shares the most moments. `on_way_ms` is the most that a
    bad network of ours adds to a packet.
    """
    near_ms = NEAR_MS + on_way_ms
    answered = [turn for turn in turns if turn.first_sound_ms is not None]
    whose = _whose(answered, server, near_ms)
    for turn in answered:
        mine = [each for each in _near(turn, server, near_ms) if whose.get(each.call) == turn.call]
        if mine:
            arrived_ms = turn.end_ms + (turn.first_sound_ms or 0.0)
            best = min(mine, key=lambda each: abs(arrived_ms - each.left_ms))
            turn.server_ms = {name: at - turn.end_ms for name, at in best.marks_ms.items()}
    return whose


def _near(turn: Turn, server: Sequence[Told], near_ms: float) -> list[Told]:
    arrived_ms = turn.end_ms + (turn.first_sound_ms or 0.0)
    first = bisect_left(server, arrived_ms - near_ms, key=lambda each: each.left_ms)
    found = []
    for each in server[first:]:
        if each.left_ms > arrived_ms + NEAR_MS:
            break
        found.append(each)
    return found


def _whose(turns: Sequence[Turn], server: Sequence[Told], near_ms: float) -> dict[str, int]:
    """The caller of each call in the file."""
    shared = Counter(
        (each.call, turn.call) for turn in turns for each in _near(turn, server, near_ms)
    )
    calls: dict[str, int] = {}
    for (call, caller), _ in shared.most_common():
        if call not in calls and caller not in calls.values():
            calls[call] = caller
    return calls
