"""Target C2 on the telephone: a call of the whole gateway, captured by the kernel beside a bare sender's packets."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.bare_sender import drift_ms, errors
from tests.sip.measuring_phone import RATE_HZ, TIMESTAMPS, calling, stamped
from tests.sip.test_gateway_cost import line, part

pytestmark = [pytest.mark.wire, pytest.mark.long]

SPAN_S = 60.0
BEGIN_MS = 500.0
"""Signalling and the first words: not the pace of a call."""


class Ear:
    """When each of the control's packets came."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, TIMESTAMPS, 1)
        self.came_ms: list[float] = []

    def read(self) -> None:
        _, at_ms = stamped(self.socket)
        self.came_ms.append(at_ms)


async def captured(port: int, ear: Ear) -> tuple[list[float], list[float]]:
    """Times of a call's packets, and the time that each says it is."""
    loop = asyncio.get_running_loop()
    loop.add_reader(ear.socket, ear.read)
    async with calling(port, 1) as phone:
        await asyncio.sleep(SPAN_S)
        begun_ms = phone.frames[0].at_ms + BEGIN_MS
        kept = [each for each in phone.frames if each.at_ms > begun_ms]
    loop.remove_reader(ear.socket)
    told = np.unwrap(np.array([each.rtp_sample for each in kept], float), period=float(1 << 32))
    return [each.at_ms for each in kept], list(told * 1_000.0 / RATE_HZ)


def test_c2_a_call_s_packets_leave_as_evenly_as_a_bare_sender_s(tmp_path: Path) -> None:
    ear = Ear()
    with ExitStack() as stack:
        stack.callback(ear.socket.close)
        door = part(stack, "door", str(tmp_path), "1")
        assert line(door) == "ready"
        gateway = part(stack, "gateway", str(tmp_path), "1")
        port = int(line(gateway))
        part(stack, "bare", str(ear.socket.getsockname()[1]), str(SPAN_S))
        sent_ms, told_ms = asyncio.run(captured(port, ear))
    sd, bare_sd = float(np.std(np.diff(sent_ms))), float(np.std(np.diff(ear.came_ms)))
    p99 = float(np.percentile(errors(sent_ms), 99))
    bare_p99 = float(np.percentile(errors(ear.came_ms), 99))
    # By the packets' own clock: after a stall of this machine some are skipped, and their time with them.
    off = np.array(sent_ms) - np.array(told_ms)
    drift = float(np.median(off[-250:]) - np.median(off[:250]))
    print(
        f"sd {sd:.2f} ms (bare {bare_sd:.2f}), p99 {p99:.2f} ms (bare {bare_p99:.2f}),"
        f" drift {drift:.2f} ms (bare {drift_ms(ear.came_ms):.2f}) in {len(sent_ms)} packets"
    )
    assert len(sent_ms) >= (SPAN_S - 2.0) * 50 * 0.98
    assert sd <= max(1.5, 1.5 * bare_sd)
    assert p99 <= max(3.0, 2.0 * bare_p99)
    assert abs(drift) <= 2.0
