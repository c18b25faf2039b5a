"""Event loops for tests: one that checks how it is used, and one whose clock jumps to the next timer as well.

With the second, ten minutes pass in milliseconds when nothing is ready.
"""

from __future__ import annotations

import asyncio
import os
import selectors
from typing import Any


class CheckedLoop(asyncio.SelectorEventLoop):
    """A loop in debug mode that tells nobody so."""

    def get_debug(self) -> bool:
        """Whether timers, futures and tasks keep the stack that made them: two thirds of a long call's time.

        The checks (of threads, of what is called back, of what takes long) are the loop's own and stay;
        PYTHONASYNCIODEBUG=1 shows where something was made.
        """
        return bool(os.environ.get("PYTHONASYNCIODEBUG"))


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


class VirtualLoop(CheckedLoop):
    """`loop.time()` is virtual; threads and sockets need a `wire` test on the real loop."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s
