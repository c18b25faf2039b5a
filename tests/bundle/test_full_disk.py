"""A disk that fills up in mid-pull is a sentence; what was fetched is kept, and the next run goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.wire
def test_a_disk_that_fills_up_in_mid_pull_costs_nothing_that_was_fetched(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-m", "tests.bundle.full_disk", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    assert found["reason"] == "disk_full"
    assert "make room and run the same command again" in found["said"]
    assert found["kept"] > 0
    assert found["versions"] == []
    assert found["went_on"]
    assert found["whole"]
