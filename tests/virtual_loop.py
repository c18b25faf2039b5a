"""An event loop whose clock jumps to the next timer when nothing is ready: ten minutes in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class _JumpingSelector(selectors.DefaultSelector):
    """Polls instead of sleeping, and moves time on by what it was asked to wait."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready: list[Any] = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("deadlock: no timer is set and no descriptor is ready")
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`loop.time()` is virtual; threads and sockets need a `wire` test on the real loop."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s
