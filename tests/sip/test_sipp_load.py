"""Target S1 against a whole server: supervisor, gateway and workers, with engines that take no time behind them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.first_call.served import Held, family, until
from tests.sip.house import House, opened
from tests.sip.sipp import run_sipp

pytestmark = [pytest.mark.sip, pytest.mark.wire, pytest.mark.long]

CALLED = "+12025550100"
WORKERS, LINES_A_WORKER = 2, 50
CALLS, CALLS_PER_S, TALK_MS = 200, 40, 1_000
LOAD = ("-m", str(CALLS), "-r", str(CALLS_PER_S), "-l", str(CALLS))
"""At most as many at a time as there are: SIPp never waits for the server."""
WARM_UP = ("-m", "10", "-r", "10")
LINES_LEFT_LIMIT_S = 60.0
HELD_MS = 20_000
"""Longer than the two hundred take, also beside other work."""


def sip(when_busy: str = "line") -> str:
    return f'calls_per_s = 1000\nwhen_busy = "{when_busy}"\n'


@contextmanager
def house(directory: Path, workers: int, lines: int, when_busy: str = "line") -> Iterator[House]:
    toml = f"[workers]\ncount = {workers}\ncalls_per_worker = {lines}\n"
    options = ("--timed-engines", "instant")
    with opened(
        directory, None, toml, sip=sip(when_busy), rtp_ports=4 * CALLS, options=options
    ) as there:
        yield there


def answered_ms(folder: Path) -> list[float]:
    """From each INVITE to its 200, as SIPp wrote them down."""
    (file,) = folder.glob("*_rtt.csv")
    with file.open() as rows:
        return [float(row["response_time_ms"]) for row in csv.DictReader(rows, delimiter=";")]


def nothing_left(house: House, lines: int) -> bool:
    return house.server.calls() == 0 and house.server.free_slots() == lines


def streams_gone(house: House) -> dict[str, dict[str, Any]]:
    return {each["call_id"]: each for each in house.event("stream_gone")}


def held(house: House) -> dict[int, Held]:
    return {pid: Held.by(pid) for pid in sorted(family(house.server.process.pid))}


def more_than(before: dict[int, Held], now: dict[int, Held]) -> dict[int, Any]:
    """Processes that hold sockets, files or children which they did not hold before; none of them is new or gone."""
    assert now.keys() == before.keys()
    return {
        pid: (before[pid], held)
        for pid, held in now.items()
        if held.descriptors > before[pid].descriptors or held.children > before[pid].children
    }


@pytest.mark.parametrize("mode", ["u1", "t1"])
def test_two_hundred_calls_at_forty_a_second_are_all_answered_by_a_whole_server(
    mode: str, tmp_path: Path
) -> None:
    lines = WORKERS * LINES_A_WORKER
    with house(tmp_path / "house", WORKERS, LINES_A_WORKER) as there:
        port = there.ports["udp" if mode == "u1" else "tcp"]
        assert run_sipp(port, "call", mode, tmp_path, CALLED, *WARM_UP) == (0, "")
        until(lambda: nothing_left(there, lines), LINES_LEFT_LIMIT_S, "every line is free")
        before, warm = held(there), len(there.event("phone_call_over"))
        load = tmp_path / "load"
        load.mkdir()
        told = run_sipp(
            port, "call", mode, load, CALLED, *LOAD, "-d", str(TALK_MS), "-trace_rtt", "-rtp_echo"
        )
        assert told == (0, "")
        waited_ms = answered_ms(load)
        until(lambda: nothing_left(there, lines), LINES_LEFT_LIMIT_S, "every line is free")
        until(
            lambda: len(there.event("phone_call_over")) == warm + CALLS, 30, "the end of every call"
        )
        over = there.event("phone_call_over")[warm:]
        until(
            lambda: {each["call_id"] for each in over} <= streams_gone(there).keys(),
            30,
            "what each worker says of its calls, by a pipe of its own",
        )
        gone = streams_gone(there)
        greeted = [gone[each["call_id"]]["sent_frames"] for each in over]
        until(lambda: not more_than(before, held(there)), 10, "what the calls held is given back")
        pids = {each["pid"] for each in there.event("worker_started")}
        turned_away = there.event("phone_call_turned_away") + there.event("phone_call_refused")
    p50, p95 = np.percentile(waited_ms, [50, 95])
    print(
        f"S1 {mode}: {len(over)} of {CALLS} calls at {CALLS_PER_S}/s; answered within p50 {p50:.0f},"
        f" p95 {p95:.0f}, max {max(waited_ms):.0f} ms; frames of greeting p5 {np.percentile(greeted, 5):.0f}"
    )
    assert len(waited_ms) == CALLS
    assert turned_away == []
    assert len(pids) == WORKERS + 1, "nothing was started again"
    assert {(each["reason"], each["worker_lost"]) for each in over} == {("caller", False)}
    assert min(greeted) > 0, "each heard a greeting begin"


def test_what_is_above_the_capacity_of_a_whole_server_gets_503_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    """Every line is held for as long as two hundred others call; then they are free for others."""
    lines = 4
    with house(tmp_path / "house", 1, lines, "refuse") as there, ThreadPoolExecutor(1) as beside:
        port = there.ports["udp"]
        folders = [tmp_path / each for each in ("warm", "held", "above", "after")]
        for folder in folders:
            folder.mkdir()
        four = ("-m", str(lines), "-r", str(lines))
        assert run_sipp(port, "call", "u1", folders[0], CALLED, *four) == (0, "")
        until(lambda: nothing_left(there, lines), LINES_LEFT_LIMIT_S, "every line is free")
        before, warm = held(there), len(there.event("phone_call_joined"))
        talk = ("-d", str(HELD_MS), "-rtp_echo")
        holding = beside.submit(run_sipp, port, "call", "u1", folders[1], CALLED, *four, *talk)
        until(lambda: there.server.calls() == lines, 30, "every line is held")
        assert run_sipp(port, "busy", "u1", folders[2], CALLED, *LOAD) == (0, "")
        assert not holding.done(), "the lines were held all the while"
        assert holding.result() == (0, ""), "those who talked were not disturbed"
        until(lambda: nothing_left(there, lines), LINES_LEFT_LIMIT_S, "every line is free")
        assert run_sipp(port, "call", "u1", folders[3], CALLED, *four) == (0, "")
        until(lambda: nothing_left(there, lines), LINES_LEFT_LIMIT_S, "every line is free")
        until(lambda: not more_than(before, held(there)), 10, "what the calls held is given back")
        joined = len(there.event("phone_call_joined")) - warm
    assert joined == 2 * lines, "nobody above it had a worker"
