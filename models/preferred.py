"""The engine that is preferred to its spare: whether it is asked now, and when it is tried again.

Calls tell how their requests went; two failures in a row, or a loss for good, open the circuit, and from then on the
spare works. Trials are ours: nobody waits for one. Refuses to know what the engine does and what the spare is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from models.breaker import Breaker, Circuit
from models.errors import EngineError

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 2_000.0, 120_000.0
"""A trial of an engine that is lost loads its model anew: seconds of a disk and of a core."""
TRIAL_MS = 120_000.0
"""A large model from a slow disk."""
LOST = "lost"
SLOW = "slow"


class Provable(Protocol):
    """What is tried."""

    async def prove(self) -> None:
        """Do a little work, after loading anew what was lost for good; raises EngineError."""

    async def broken(self) -> None:
        """Return once it is lost for good."""


OnCircuit = Callable[[Circuit, str], None]
"""Told that the circuit is now open or closed, and the code of what happened."""
OnStandIn = Callable[[str], None]
"""Told that the spare took over in the middle of something, and the code of what happened."""


def untold(circuit: Circuit, code: str) -> None:
    """Nobody wants to know."""


def unseen(code: str) -> None:
    """Nobody wants to know."""


class Preferred:
    """What is known of one engine."""

    def __init__(
        self,
        engine: Provable,
        on_circuit: OnCircuit = untold,
        *,
        breaker: Breaker | None = None,
        trial_ms: float = TRIAL_MS,
    ) -> None:
        """Not usable before `begin`."""
        self._engine = engine
        self._on_circuit = on_circuit
        self._breaker = breaker or Breaker(
            first_pause_ms=FIRST_PAUSE_MS, longest_pause_ms=LONGEST_PAUSE_MS
        )
        self._trial_ms = trial_ms
        self._fell = asyncio.Event()
        self._healed = asyncio.Event()
        self.falls = 0
        """How often the circuit opened: what was borrowed from the engine before that may be of no use since."""

    @property
    def usable(self) -> bool:
        """True while requests go to it."""
        return self._breaker.state is Circuit.CLOSED

    def begin(self) -> None:
        """It has just been started, and works."""
        self._breaker.succeeded()
        self._fell.clear()
        self._healed.set()

    def went_well(self) -> None:
        """A request was answered; an old one that ends well while the circuit is open closes nothing."""
        if self.usable:
            self._breaker.succeeded()

    def failed(self, code: str, *, gone: bool = False) -> None:
        """A request failed; `gone`: so will every other."""
        opened = self._breaker.failed(_now_ms(), gone=gone)
        if not self.usable:
            self._healed.clear()
            self._fell.set()
        if opened:
            self.falls += 1
            self._on_circuit(Circuit.OPEN, code)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """For as long as the block lasts: notice a loss before a call does, and try what failed."""
        async with asyncio.TaskGroup() as tasks:
            watches = [
                tasks.create_task(self._watch_for_loss(), name="engine lost"),
                tasks.create_task(self._try_again(), name="engine trial"),
            ]
            try:
                yield
            finally:
                for watch in watches:
                    watch.cancel()

    async def _watch_for_loss(self) -> None:
        while True:
            await self._healed.wait()
            await self._engine.broken()
            self.failed(LOST, gone=True)

    async def _try_again(self) -> None:
        while True:
            await self._fell.wait()
            due_ms = self._breaker.due_ms
            if due_ms is not None and not self._breaker.probe_due(_now_ms()):
                await asyncio.sleep(max(0.001, (due_ms - _now_ms()) / 1000.0))
                continue
            code = await self._prove()
            if code:
                self.failed(code)
                continue
            self.begin()
            self._on_circuit(Circuit.CLOSED, "")

    async def _prove(self) -> str:
        """The code of what went wrong, "" for nothing."""
        try:
            async with asyncio.timeout(self._trial_ms / 1000.0):
                await self._engine.prove()
        except EngineError as error:
            return error.code
        except TimeoutError:
            return SLOW
        except Exception:  # noqa: BLE001  # edge of a request: a load may fail in any way, and the next trial must come
            return LOST
        return ""


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000.0
