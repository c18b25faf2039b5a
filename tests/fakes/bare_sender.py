"""What a machine's event loop can do just now: small datagrams on absolute deadlines, and nothing else."""

from __future__ import annotations

import asyncio
import socket

import numpy as np
from numpy.typing import NDArray

FRAME_MS = 20.0


class BareSender:
    """One small datagram each 20 ms: the control of every test of pacing."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._to = to
        self._due_s = self._loop.time()
        self._timer = self._loop.call_at(self._due_s, self._send)
        self.sent_ms: list[float] = []

    def _send(self) -> None:
        self._due_s += FRAME_MS / 1000.0
        self._timer = self._loop.call_at(self._due_s, self._send)
        self._socket.sendto(b"\0" * 172, self._to)
        self.sent_ms.append(self._loop.time() * 1000.0)

    def close(self) -> None:
        self._timer.cancel()
        self._socket.close()


def errors(sent_ms: list[float]) -> NDArray[np.float64]:
    """How far each interval is from 20 ms."""
    return np.abs(np.diff(np.array(sent_ms)) - FRAME_MS)


def drift_ms(sent_ms: list[float]) -> float:
    """How far the last five seconds lie off the grid of the first five; single stalls do not count."""
    off = np.array(sent_ms) - np.arange(len(sent_ms)) * FRAME_MS
    return float(np.median(off[-250:]) - np.median(off[:250]))
