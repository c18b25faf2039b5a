"""`kill -9` at any moment of recorded calls: what was said to be stored is there, whole, and the audit's chain verifies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.record_calls import record_anew
from tests.store.recorded import recorded


def _kill(directory: Path, rounds: int, seed: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.killed", str(directory), str(rounds), str(seed)],
        capture_output=True,
        text=True,
        timeout=30 + 4 * rounds,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr[-2_000:]
    assert len(lines) == rounds
    assert all(line["told"] > 0 for line in lines)
    assert sum(line["missing"] for line in lines) == 0
    assert sum(line["broken"] for line in lines) == 0
    assert sum(line["partial"] for line in lines) > 0, "no call was killed in its middle"
    assert sum(line["chain_broken"] for line in lines) == 0
    assert sum(line["unaudited"] for line in lines) == 0
    assert lines[-1]["found"] >= sum(line["told"] for line in lines)


def test_the_recorded_calls_are_what_these_callers_lead_to_today() -> None:
    assert record_anew() == recorded(), "run: python -m tests.store.record_calls"


@pytest.mark.wire
def test_eight_kills_lose_no_committed_request(tmp_path: Path) -> None:
    _kill(tmp_path / "state", 8, seed=1)


@pytest.mark.wire
@pytest.mark.long
def test_a_hundred_kills_lose_no_committed_request(tmp_path: Path) -> None:
    _kill(tmp_path / "state", 100, seed=2)
