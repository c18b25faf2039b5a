"""What a call costs the gateway's process as a whole: signalling, SRTP both ways, and the stream to the worker."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

pytestmark = [pytest.mark.wire, pytest.mark.long]

SPAN_S = 12.0
MOST_PERCENT = 3.0
"""Of a core and a call. `docs/performance.md` has what was measured; slower machines need room."""


def cpu_s(pid: int) -> float:
    """What all threads of this process have used so far, by the scheduler's own clock and not by samples of it."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in tasks) / 1e9


def part(stack: ExitStack, *arguments: str) -> subprocess.Popen[str]:
    """One of the room's processes; ended when the stack is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sip.cost_room", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return stack.enter_context(process)  # its input is closed, and it is waited for


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def measured(directory: Path, calls: int) -> tuple[float, int, int]:
    """Percent of a core a call, packets sent by the telephones, packets that they heard."""
    with ExitStack() as stack:
        worker = part(stack, "door", str(directory), str(calls))
        assert line(worker) == "ready"
        gateway = part(stack, "gateway", str(directory), str(calls))
        phones = part(stack, "phones", line(gateway), str(calls), str(SPAN_S))
        assert line(phones) == "talking"
        before_s = cpu_s(gateway.pid)
        sent, heard = (int(each) for each in line(phones).split())
        used_s = cpu_s(gateway.pid) - before_s
    return 100.0 * used_s / (SPAN_S * calls), sent, heard


@pytest.mark.parametrize("calls", [1, 10, 25])
def test_what_a_call_costs_the_whole_gateway(calls: int, tmp_path: Path) -> None:
    percent, sent, heard = measured(tmp_path, calls)
    print(f"{calls} calls: {percent:.2f} % of a core each; {sent} packets sent, {heard} heard")
    assert heard >= 0.9 * sent
    assert percent <= MOST_PERCENT * (2.0 if calls == 1 else 1.0)
