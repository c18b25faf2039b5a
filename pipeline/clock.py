"""The one reader of the monotonic clock; everything else takes a `Clock` or a time as an argument."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime
from typing import Protocol


class Clock(Protocol):
    """Milliseconds on a clock that never steps back."""

    def now_ms(self) -> float:
        """Milliseconds since an arbitrary origin."""


class MonotonicClock:
    """The machine's monotonic clock: the same origin in every process of this machine."""

    def now_ms(self) -> float:
        """Milliseconds of CLOCK_MONOTONIC."""
        return time.monotonic() * 1000.0


class LoopClock:
    """The running event loop's clock, so that tests on a virtual loop need not wait."""

    def now_ms(self) -> float:
        """Milliseconds of `loop.time()`."""
        return asyncio.get_running_loop().time() * 1000.0


def wall_now() -> datetime:
    """The date and time in UTC: for certificates and what people read, never for intervals."""
    return datetime.now(UTC)


def today() -> date:
    """The practice's date: what "tomorrow" counts from, in the machine's time zone."""
    return datetime.now().astimezone().date()
