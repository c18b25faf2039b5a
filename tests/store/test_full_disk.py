"""A full disk holds no call and loses no request."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.full_disk import CALLS


@pytest.mark.wire
def test_on_a_full_disk_requests_wait_and_are_written_once_there_is_room(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-m", "tests.store.full_disk", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    assert found["good"] == 2 * CALLS
    assert found["waiting"][0] > 0
    assert found["waiting"][1] == 0
    assert set(found["reasons"]) <= {"full", "disk"}
    assert found["reasons"]
    assert found["lost"] == 0
