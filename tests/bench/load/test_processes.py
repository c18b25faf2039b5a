"""What is read of processes, and the file of times that a server is started with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from bench.load import processes
from bench.load.house import written
from bench.load.victims import families
from models.timed.times import Times, parse


def test_a_process_is_found_with_its_children_what_they_used_and_where_they_may_run() -> None:
    code = "import sys; sum(range(3_000_000)); print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert processes.family(os.getpid())[child.pid] == "helper"
        used = processes.used(child.pid)
        assert used is not None
        assert used.cpu_s > 0
        assert used.rss_bytes > 1 << 20
        core = min(os.sched_getaffinity(0))
        processes.pin(child.pid, [core])
        assert os.sched_getaffinity(child.pid) == {core}
        child.communicate()
    assert processes.used(child.pid) is None
    assert child.pid not in processes.family(os.getpid())


def test_one_that_nobody_took_note_of_remains_and_what_was_left_to_the_machine_does_not() -> None:
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE).pid, flush=True)\n"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        assert families([child.pid, grandchild]) == [child.pid, grandchild]
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.remains(child.pid)
    assert not processes.remains(child.pid)
    for _ in range(500):  # its standard input has ended with its parent
        if not processes.remains(grandchild):
            break
        time.sleep(0.02)
    assert not processes.remains(grandchild)


def test_each_sleep_of_any_thread_is_a_wakeup() -> None:
    code = (
        "import sys, threading, time\n"
        "def nap():\n    for _ in range(200): time.sleep(0.001)\n    done.wait()\n"
        "done = threading.Event(); threading.Thread(target=nap, daemon=True).start()\n"
        "print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        woken = 0
        for _ in range(500):
            used = processes.used(child.pid)
            assert used is not None
            woken = used.wakeups
            if woken >= 200:
                break
            time.sleep(0.02)
        child.communicate()
    assert 200 <= woken < 300


@pytest.mark.parametrize(
    "times",
    [
        Times(),
        parse(
            {
                "source": "x",
                "seed": 4,
                "stt_final_ms": [3, 1, 2],
                "llm_token_ms": {"p50": 10, "p99": 30},
                "heard": ["One please"],
                "reply": "{tag}.",
                "letter_ms": 30,
                "smart_turn": True,
            }
        ),
    ],
)
def test_times_are_written_as_they_are_read(times: Times) -> None:
    again = parse(json.loads(written(times)))
    assert (again.source, again.seed, again.heard, again.reply, again.letter_ms) == (
        times.source, times.seed, times.heard, times.reply, times.letter_ms,
    )  # fmt: skip
    assert again.smart_turn is times.smart_turn
    for name, stage in times.stages().items():
        for share in (0.0, 0.3, 0.5, 0.9, 1.0):
            assert again.stages()[name].at(share) == pytest.approx(stage.at(share), abs=0.01)
