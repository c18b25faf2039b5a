"""What is left of many calls: how they are split and spread, what is counted as left, and what the rows make of it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.load.leftovers import PROBE, Held, environment, held, own
from bench.load.part import write
from bench.load.results import document
from bench.load.run import RING_MS
from bench.load.scenario import shipped
from bench.load.soak import BATCHES, WARM_LEAST, Soaked, overlapping, soak_rows, split
from bench.reports.result import read
from bench.reports.words import story

CHILD = """
import asyncio, socket, sys
from pathlib import Path

async def main():
    kept = [socket.socket(), open(sys.argv[1])]
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(asyncio.sleep(600))
        print("up", flush=True)

asyncio.run(main())
"""
LENDING = """
import asyncio, sys, threading, time

async def main():
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("up", flush=True)
    while asked := (await lines.readline()).strip():
        if asked == b"lend":
            await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.2) for _ in range(2)))
        else:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        print("done", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("calls", [2, 7, 60, 1_000])
def test_the_first_calls_warm_up_and_the_rest_comes_in_batches(calls: int) -> None:
    warm, *rest = split(calls)
    assert warm + sum(rest) == calls
    assert warm >= min(calls, WARM_LEAST)
    assert len(rest) <= BATCHES
    assert not rest or max(rest) - min(rest) <= 1


def test_as_many_calls_overlap_as_were_asked_for() -> None:
    scenario = shipped("soak")
    lasts_ms = RING_MS + write(scenario, 0, 8_000).duration_ms
    assert lasts_ms < 12_000  # a thousand of them shall not take a day
    for at_once in (1, 20):
        stagger_ms = overlapping(scenario, at_once, 8_000).stagger_ms
        assert lasts_ms / stagger_ms == pytest.approx(at_once, rel=0.1)


def soaked(after: Held, **more: object) -> Soaked:
    before = Held(3, 40, 12, 30, 25, 0, 400.0)
    found = Soaked(90, [], before, after, [(30, 400.0), (60, 401.0), (90, 402.0)])
    for name, value in more.items():
        setattr(found, name, value)
    return found


def test_what_has_gone_back_to_what_it_was_is_met() -> None:
    rows = {row.id: row for row in soak_rows(soaked(Held(3, 39, 12, 30, 25, 0, 410.0)))}
    assert {row.outcome(True) for row in rows.values()} == {"met"}
    assert rows["soak.rss"].measured.values == (2.5,)
    (slope_kb,) = rows["soak.slope"].measured.values
    assert slope_kb == pytest.approx(1024 / 30)


@pytest.mark.parametrize(
    ("after", "row"),
    [
        (Held(3, 40, 13, 30, 25, 0, 400.0), "soak.sockets"),
        (Held(3, 40, 12, 31, 25, 0, 400.0), "soak.files"),
        (Held(3, 40, 12, 30, 26, 0, 400.0), "soak.tasks"),
        (Held(3, 41, 12, 30, 25, 0, 400.0), "soak.threads"),
        (Held(4, 40, 12, 30, 25, 0, 400.0), "soak.processes"),
        (Held(3, 40, 12, 30, 25, 1, 400.0), "soak.temp_files"),
        (Held(3, 40, 12, 30, 25, 0, 421.0), "soak.rss"),
    ],
)
def test_one_thing_left_is_a_miss_of_its_row_alone(after: Held, row: str) -> None:
    missed = [each.id for each in soak_rows(soaked(after)) if each.outcome(True) == "missed"]
    assert missed == [row]


def report(found: Soaked) -> str:
    about = {"kind": "soak", "valid": True, "notes": []}
    return story(read("", json.dumps(document(about, soak_rows(found))))).title


def test_the_report_says_first_whether_anything_is_left() -> None:
    assert report(soaked(Held(3, 40, 12, 30, 25, 0, 400.0))) == "90 calls left nothing behind."
    assert report(soaked(Held(3, 40, 13, 30, 25, 0, 400.0))) == "90 calls left something behind."


def test_lost_calls_and_leaks_of_the_callers_are_rows_too() -> None:
    found = soaked(Held(3, 40, 12, 30, 25, 0, 400.0), lost=["call 1: x"], callers=(2, -1))
    missed = [row.id for row in soak_rows(found) if row.outcome(True) == "missed"]
    assert missed == ["soak.lost", "soak.callers"]


@pytest.mark.wire
async def test_a_process_tells_its_tasks_and_what_it_has_open(tmp_path: Path) -> None:
    here = await asyncio.to_thread(environment, tmp_path)
    more = os.environ | here | {"PYTHONPATH": str(PROBE)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, __file__, env=more, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(60):
            assert await child.stdout.readline() == b"up\n"
        await asyncio.to_thread((Path(here["TMPDIR"]) / "left").write_text, "x")
        first = await asyncio.to_thread(held, child.pid, tmp_path)
        again = await asyncio.to_thread(held, child.pid, tmp_path)
    finally:
        child.kill()
        await child.wait()
    assert first.grown(again) == dict.fromkeys(first.grown(again), 0)
    assert (first.tasks, first.temp_files, first.processes) == (4, 1, 1)
    assert first.sockets >= 1
    assert first.files >= 4
    assert first.rss_mb > 1.0
    assert await asyncio.to_thread(held, child.pid, tmp_path) == Held(temp_files=1)


@pytest.mark.wire
async def test_a_thread_that_a_loop_lends_out_and_keeps_is_none_left_behind_and_one_of_its_own_is(
    tmp_path: Path,
) -> None:
    """A soak of 60 calls waited four minutes for the supervisor's sixth pooled thread to go, and called it left."""
    here = await asyncio.to_thread(environment, tmp_path)
    more = os.environ | here | {"PYTHONPATH": str(PROBE)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LENDING, env=more, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await child.stdout.readline() == b"up\n"
            first = await asyncio.to_thread(held, child.pid, tmp_path)
            more_of: list[float] = []
            for asked in (b"lend\n", b"own\n"):
                child.stdin.write(asked)
                assert await child.stdout.readline() == b"done\n"
                now = await asyncio.to_thread(held, child.pid, tmp_path)
                more_of.append(now.grown(first)["threads"])
    finally:
        child.kill()
        await child.wait()
    assert more_of == [0, 1]


@pytest.mark.wire
async def test_our_own_side_is_counted_without_the_one_that_counts() -> None:
    gc.collect()  # what earlier tests left open is closed now, and not in between
    descriptors, tasks = await own()
    assert tasks == 0
    end, other = os.pipe()
    try:
        assert await own() == (descriptors + 2, 0)
    finally:
        os.close(end)
        os.close(other)
