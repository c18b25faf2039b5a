"""kill -9 at any moment: what was durable is there, the chain is whole, and the end of it is on record."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.audit.verify import verify_trail
from pipeline.audit.writer import AuditWriter
from tests.audit.rig import keys_in, records, verdict

pytestmark = pytest.mark.wire


def killed_after(folder: Path, delay_s: float) -> int:
    """Start the storm, kill it so long after its first durable record; the last number it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.audit.storm", str(folder)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(delay_s)
    process.kill()
    rest = process.stdout.read().split(b"\n")
    process.stdout.close()
    process.wait()
    printed = [first.strip(), *rest[:-1]]
    return int(printed[-1])


def kill_many_times(folder: Path, times: int) -> None:
    chance = random.Random(7)
    for _ in range(times):
        before = types_of_whole_lines(folder)
        durable = killed_after(folder, chance.uniform(0.0, 0.05))
        assert types_of_whole_lines(folder) - before >= durable
        assert verify_trail(folder, keys_in(folder).trusted).whole
    with AuditWriter(folder, keys_in(folder)):
        pass
    assert verdict(folder).whole
    assert verdict(folder).chain.unsigned == 0
    assert [r["seq"] for r in records(folder)] == list(range(1, len(records(folder)) + 1))


def types_of_whole_lines(folder: Path) -> int:
    files = sorted(folder.glob("audit-*"))
    data = b"".join(path.read_bytes() for path in files)
    return sum(b'"type":"call_start"' in line for line in data.split(b"\n")[:-1])


def test_eight_kills_lose_nothing_that_was_durable(tmp_path: Path) -> None:
    with AuditWriter(tmp_path, keys_in(tmp_path)):
        pass
    kill_many_times(tmp_path, 8)


@pytest.mark.long
def test_a_hundred_kills_lose_nothing_that_was_durable(tmp_path: Path) -> None:
    with AuditWriter(tmp_path, keys_in(tmp_path)):
        pass
    kill_many_times(tmp_path, 100)
