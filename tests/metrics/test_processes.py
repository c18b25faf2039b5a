"""Processor time and memory from /proc: whole families of processes, and none that is not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.metrics.processes import Usage, own_usage, usage

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def process(
    proc: Path, pid: int, session: int, *, ticks: tuple[int, int, int, int], pages: int
) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    behind = ["S", 1, pid, session, *([0] * 7), *ticks, *([0] * 6), pages, 0, 0]
    (folder / "stat").write_text(f"{pid} (a) name (b) {' '.join(str(each) for each in behind)}\n")


def test_a_worker_is_counted_with_what_it_started(tmp_path: Path) -> None:
    process(tmp_path, 10, 10, ticks=(100, 50, 30, 20), pages=3)
    process(tmp_path, 11, 10, ticks=(7, 0, 0, 0), pages=2)
    process(tmp_path, 12, 12, ticks=(999, 0, 0, 0), pages=9)
    (tmp_path / "self").mkdir()
    found = usage([10, 77], tmp_path)
    assert found[10].cpu_s == pytest.approx(207 * TICK)
    assert found[10].resident_bytes == 5 * PAGE
    assert found[77] == Usage()


def test_a_process_that_ends_meanwhile_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "13").mkdir()
    process(tmp_path, 14, 14, ticks=(1, 1, 1, 1), pages=1)
    assert usage([14], tmp_path)[14].resident_bytes == PAGE


@pytest.mark.wire
def test_a_real_child_and_ourselves_are_found() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "print(sum(range(3_000_000)), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        found = usage([child.pid])[child.pid]
        assert found.resident_bytes > 1_000_000
        assert found.cpu_s > 0
        assert own_usage().resident_bytes > 1_000_000
    finally:
        child.kill()
        child.communicate()
