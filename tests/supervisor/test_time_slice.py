"""The kernel really grants the slice, to this thread and to nobody it starts."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

from pipeline.supervisor.time_slice import SLICE_NS

pytestmark = pytest.mark.wire

PROGRAM = """
import json, os, subprocess, sys, threading
from pipeline.supervisor.time_slice import run_promptly, slice_ns
before, granted = slice_ns(), run_promptly()
seen = []
thread = threading.Thread(target=lambda: seen.append(slice_ns()))
thread.start(); thread.join()
ask = "from pipeline.supervisor.time_slice import slice_ns; print(slice_ns())"
child = int(subprocess.run([sys.executable, "-c", ask], capture_output=True, check=True).stdout)
print(json.dumps([before, granted, slice_ns(), seen[0], child, os.nice(0)]))
"""


def test_a_prompt_thread_has_a_short_slice_and_what_it_starts_has_not() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    before, granted, after, thread, child, nice = json.loads(done.stdout)
    release = tuple(int(part) for part in platform.release().split(".")[:2])
    if release < (6, 12):
        assert not granted
        return
    assert granted
    assert after == SLICE_NS < before
    assert thread == child == before, "recognisers and thread pools keep the usual slice"
    assert nice == os.nice(0), "and nobody gets a larger share"
