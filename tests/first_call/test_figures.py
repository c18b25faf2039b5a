"""Figures of the whole server that need full counts and a machine with nothing else to do: for the long run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.first_call.served import Served, wardline

pytestmark = [pytest.mark.wire, pytest.mark.long]

CALLS = 5
INTERRUPTIONS = 25
HELD = {
    "embedded.p50",
    "embedded.p95",
    "unanswered",
    "barge_in.silent.p50",
    "barge_in.silent.p95",
    "barge_in.kept_talking",
}
PACER_ROUNDS = 5
MOST_PACER_RATIO = 2.0


def test_targets_l2_and_b2_hold_at_the_wire(server: Served, tmp_path: Path) -> None:
    counts = ("--calls", str(CALLS), "--interruptions", str(INTERRUPTIONS))
    done = wardline(
        "bench",
        "--url",
        server.url,
        *counts,
        "--out",
        str(tmp_path),
        "--report-only",
        limit_s=1_800,
    )
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("*.json")
    rows = {row["id"]: row for row in json.loads(file.read_text())["rows"]}
    held = [row for row in rows.values() if row["target"] in ("L2", "B2")]
    assert {row["id"] for row in held} == HELD
    assert rows["calls.failed"]["worst"] <= 1
    assert min(row["count"] for row in held) >= INTERRUPTIONS * 3 // 5
    missed = [row for row in held if row["outcome"] != "met"]
    assert not missed, missed


def test_recognition_at_most_doubles_the_pacers_error_at_the_99th_percentile(
    tmp_path: Path,
) -> None:
    report = tmp_path / "pacer.json"
    counts = ("--calls", "4", "--seconds", "10", "--rounds", str(PACER_ROUNDS))
    done = subprocess.run(
        [sys.executable, "-m", "tools.pacer_under_recognition", *counts, "--json", str(report)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert report.is_file(), done.stderr
    found = json.loads(report.read_text())
    instant, real = found["runs"]["instant"], found["runs"]["pocketsphinx"]
    assert len(instant) == len(real) == PACER_ROUNDS
    assert all(run["words"] > 0 for run in real)
    ratio = median(run["p99_ms"] for run in real) / median(run["p99_ms"] for run in instant)
    assert ratio <= MOST_PACER_RATIO, done.stdout
    assert done.returncode == 0, done.stdout
