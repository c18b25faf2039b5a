"""The quick gate on a real server: quiet while nothing is wrong, and loud for each of three faults."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.gate.verdict import MET, MISSED, NOT_JUDGED

pytestmark = [pytest.mark.long, pytest.mark.wire]

FAULTS = Path(__file__).with_name("faults")
GATE = (sys.executable, "-m", "pipeline.cli", "bench", "gate", "--measure", "quick")
LIMIT_S = 600
IN_A_ROW = 20
JUDGED_LEAST = 16
QUICK_S = 120.0 + 10.0
"""What the quick form may take, and the servers' ends."""


def gate(fault: str, out: Path) -> tuple[int, str]:
    """The whole program, its server made worse."""
    path = [str(FAULTS), *sys.path] if fault else sys.path
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHON_GATE_FAULT": fault}
    command = [*GATE, "--out", str(out)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=LIMIT_S, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("fault", "row"),
    [("delay", "overhead.ratio"), ("stale", "barge_in.stale_frames"), ("cpu", "cpu")],
)
def test_a_server_that_was_made_worse_does_not_pass(fault: str, row: str, tmp_path: Path) -> None:
    status, told = gate(fault, tmp_path)
    assert status == MISSED, told
    missed = [line.split()[1] for line in told.splitlines() if line.startswith("  MISSED")]
    assert row in missed, told


def test_twenty_gates_in_a_row_raise_no_alarm(tmp_path: Path) -> None:
    statuses = list[int]()
    for number in range(IN_A_ROW):
        began_s = time.monotonic()
        status, told = gate("", tmp_path / str(number))
        assert status in (MET, NOT_JUDGED), told
        assert time.monotonic() - began_s <= QUICK_S, told
        statuses.append(status)
    assert statuses.count(MET) >= JUDGED_LEAST, statuses  # a gate that never tells keeps nothing
