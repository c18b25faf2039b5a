"""Result files that nobody measured: the same for the same seed, in the shapes that there are."""

from __future__ import annotations

import json
import random
from typing import Any

from bench.figures import summary

MIDDLE_MS = {
    "ours": {"pause_seen": 118.0, "decision": 82.0, "final_text": 0.4, "first_token": 0.6, "first_clause": 0.4, "first_audio": 1.2, "first_byte_out": 2.0, "first_content": 24.0},
    "stock": {"pause_seen": 212.0, "decision": 1.0, "final_text": 14.0, "first_token": 6.0, "first_clause": 2.0, "first_audio": 8.0, "first_byte_out": 44.0, "first_content": 60.0},
    "stock default": {"pause_seen": 212.0, "decision": 580.0, "final_text": 14.0, "first_token": 6.0, "first_clause": 2.0, "first_audio": 8.0, "first_byte_out": 44.0, "first_content": 60.0},
}  # fmt: skip
"""How long each stage lasts in the middle, by who answers."""


def turn(chance: random.Random, world: str, number: int, *, slower: float = 0.0) -> dict[str, Any]:
    at, marks = 0.0, {"speech_end": 0.0}
    for mark, middle in MIDDLE_MS[world].items():
        more = slower if mark == "first_byte_out" else 0.0
        at += middle * chance.lognormvariate(0.0, 0.12) + more
        marks[mark] = round(at, 1)
    if world == "ours":
        marks["eager_text"] = marks["pause_seen"] + 1.0
    marks["first_sound"] = marks["first_content"]
    cut = number % 3 == 2
    return {
        "call": number // 6, "turn": number % 6, "world": world, "how": "interruption" if cut else "speech", "tag": number % 16 + 1,
        "speech_end_at_ms": 4_000.0 + 5_000.0 * number, "marks_ms": marks, "answered": True,
        **({"barge_in_ms": {"duck": 61.0, "clear": 158.0, "silent": 171.0}, "stale_frames": 0} if cut else {}),
    }  # fmt: skip


def row(
    row_id: str, values: list[float], control: list[float] | None, **more: Any
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": row_id,
        "target": "L1",
        "what": f"what {row_id} is",
        "unit": "ms",
        "comparable": True,
    }
    made |= _spread(values)
    made["control"] = {"what": "stock, fastest", **_spread(control)} if control else None
    if control:
        made["ratio"] = made["p50"]["value"] / made["control"]["p50"]["value"]
    return made | {"limit": None, "outcome": "not measured"} | more  # fmt: skip


def counted(row_id: str, count: int, of: int, unit: str = "frames", **more: Any) -> dict[str, Any]:
    none = {"p50": None, "p95": None, "p99": None}
    told = {"target": "B1", "what": "stale frames after the message that voids them", "unit": unit}
    return {"id": row_id, **told, "count": of, **none, "worst": count, "control": None, "ratio": None, "limit": {"of": "value", "at": "worst", "most": 0}, "outcome": "met" if not count else "missed", "comparable": True} | more  # fmt: skip


def turns_file(
    seed: int = 0,
    *,
    turns: int = 120,
    worlds: tuple[str, ...] = ("ours", "stock", "stock default"),
    slower: float = 0.0,
    **run: Any,
) -> dict[str, Any]:
    """A run of `wardline bench turns`; `slower` is added to each of our turns."""
    chance = random.Random(seed)
    made = [
        turn(chance, world, number, slower=slower if world == "ours" else 0.0)
        for world in worlds
        for number in range(turns)
    ]
    waits = {
        world: [each["marks_ms"]["first_content"] for each in made if each["world"] == world]
        for world in worlds
    }
    control = waits.get("stock")
    rows = []
    if waits.get("ours"):
        limit = {"of": "ratio", "at": "p50", "most": 0.85}
        rows = [
            row("wire", waits["ours"], control, limit=limit, outcome="met" if control else "not comparable", comparable=bool(control)),
            counted("stale_frames", 0, turns // 3),
        ]  # fmt: skip
    return {"format": 2, "run": facts("turns", **run), "rows": rows, "turns": made, "capacity": []}


def capacity_file(seed: int = 0, **run: Any) -> dict[str, Any]:
    """A run of `wardline bench capacity`."""
    chance = random.Random(seed)
    tried = []
    for world, full, cost in (("ours", 62, 0.55), ("stock", 17, 2.1)):
        for calls in (1, 5, 10, 20, 30, 40, 50, 60):
            if world == "stock" and calls > 30:
                continue
            over = max(0.0, calls / full - 0.8)
            late = 240 * (1 + 14 * over**2) * chance.lognormvariate(0, 0.03)
            tried.append(
                {
                    "world": world, "door": "stream", "calls": calls, "held": calls <= full - 8, "answered": calls * 6, "turns": calls * 6,
                    "cpu_s_per_call_minute": {"worker": cost * chance.lognormvariate(0, 0.05), **({"supervisor": 0.05} if world == "ours" else {})},
                    "rss_mb": 180.0 + 3.2 * calls, "wire_p50_ms": late * 0.8, "wire_p99_ms": late, "pacing_p99_ms": 2.0 + 30 * over**2, "loop_lag_ms": 1.0 + 40 * over,
                    "generator_late_p99_ms": 0.9,
                }
            )  # fmt: skip
    return {
        "format": 2,
        "run": facts("capacity", **run),
        "rows": [],
        "turns": [],
        "capacity": tried,
    }


def facts(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": kind, "scenario": "conversation", "seed": 7, "started": "2026-03-01T10:00:00Z", "took_s": 61.2, "door": "stream", "calls": 1,
        "engines": {"source": "instant"}, "valid": True, "notes": [], "machine": {"cpu": "Some CPU", "cores": 2, "memory_gb": 15.6, "kernel": "6.12"},
        "load": {"before": 0.4, "after": 1.9}, "versions": {"wardline": "0.1.0", "python": "3.11.2", "pipecat-ai": "1.14.0"},
        "generator": {"late_p99_ms": 0.8, "limit_ms": 5.0, "frames": 74210, "skipped": 0},
        "clock_error_ms": {"caller": 0.0, "server": 1.0, "speech": 5.0, "frame": 20.0},
        **more,
    }  # fmt: skip


def void(document: dict[str, Any]) -> dict[str, Any]:
    """The same run, with callers that were late."""
    run = document["run"] | {"valid": False, "notes": ["The callers were late: 9.1 ms (p99), where 5 ms is allowed."]}  # fmt: skip
    rows = [each | {"outcome": "void"} for each in document["rows"]]
    return document | {"run": run, "rows": rows}


EMPTY: dict[str, Any] = {"format": 2, "run": facts("turns"), "rows": [], "turns": [], "capacity": []}  # fmt: skip


def text(document: dict[str, Any]) -> str:
    return json.dumps(document)


def _spread(values: list[float]) -> dict[str, Any]:
    figures = summary(values)
    assert figures is not None
    return figures.as_json()


SHAPES: dict[str, dict[str, Any]] = {
    "with controls": turns_file(1),
    "no control": turns_file(2, worlds=("ours",)),
    "void": void(turns_file(3)),
    "one turn": turns_file(4, turns=1),
    "capacity": capacity_file(5),
    "empty": EMPTY,
}
