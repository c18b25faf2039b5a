"""Stage times out of a server's own event file: what its engines took in calls that really were, for a simulation of more.

A calculation on `turn_ended` lines. No line holds a word of anybody's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from bench.errors import BenchError
from models.timed.times import Stage, Times

TURNS_LEAST: Final = 20
"""Fewer say nothing of a 95th percentile."""
FIRST_CLAUSE_WORDS: Final = 6
"""About so many tokens lie between a reply's first and the end of its first clause (`pipeline/call/clauses.py`)."""
TURNS_MOST: Final = 50_000


def times_of(lines: Iterable[bytes], name: str) -> Times:
    """Each stage as the file's turns had it; `name` is what the source is called. Raises BenchError."""
    found: dict[str, list[float]] = {"stt": [], "token": [], "next": [], "audio": []}
    days = set[str]()
    turns = 0
    for line in lines:
        if b'"turn_ended"' not in line or turns >= TURNS_MOST:
            continue
        try:
            record = json.loads(line)
            if record["interrupted"] or record["first_sample_ms"] is None:
                continue
            days.add(str(record["at"])[:10])
            _take(record, found)
        except (ValueError, KeyError, TypeError):
            continue
        turns += 1
    if turns < TURNS_LEAST or not all(found.values()):
        raise BenchError(
            f"{name} has {turns} whole turns with all of their stages; {TURNS_LEAST} are needed for a distribution"
        )
    when = min(days) if len(days) == 1 else f"{min(days)} to {max(days)}"
    return Times(
        source=f"{turns} turns of {name}, {when}",
        stt_final_ms=Stage.of(found["stt"]),
        llm_first_token_ms=Stage.of(found["token"]),
        llm_token_ms=Stage.of(found["next"]),
        tts_first_audio_ms=Stage.of(found["audio"]),
    )


def _take(record: dict[str, Any], found: dict[str, list[float]]) -> None:
    """What each engine took; a stage that was over before it was waited for took nothing of the turn."""
    words = record["eager_text_ms"] if record["eager_text_ms"] is not None else record["final_text_ms"]  # fmt: skip
    spans = {
        "stt": (record["pause_seen_ms"], words),
        "token": (words, record["first_token_ms"]),
        "next": (record["first_token_ms"], record["first_clause_ms"]),
        "audio": (record["first_clause_ms"], record["first_audio_ms"]),
    }
    for name, (begin, end) in spans.items():
        if begin is not None and end is not None:
            length_ms = max(0.0, float(end) - float(begin))
            found[name].append(length_ms / FIRST_CLAUSE_WORDS if name == "next" else length_ms)
