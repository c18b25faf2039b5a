"""The telephone gateway as the supervisor sees it: one process that asks for lines, kept alive as a worker is.

It is told how many lines are free. Knows no message of SIP.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pipeline.errors import LinesBusy
from pipeline.settings import Settings
from pipeline.stream.messages import Bringer
from pipeline.supervisor.channel import Serve
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.fence import GATEWAY
from pipeline.supervisor.workers import Worker, Workers

NAME = "gateway"
PLACED_MAX = 256
"""Lines that a caller may still leave: their streams begin within milliseconds."""


class Lines(Protocol):
    """Who gives lines to telephone calls; the front is it."""

    def free_lines(self) -> int | None:
        """How many calls could be answered now; None: none is to be, for a while."""

    async def expect(self, caller: str, bringer: Bringer) -> dict[str, str]:
        """Have a worker hold a line: its call, the worker's name and the token to show there. Raises `CallRefused`."""

    def give_back(self, call_id: str) -> None:
        """Nobody comes for the line of this call."""


class GatewayProcess:
    """`async with GatewayProcess(...)` keeps it alive inside the block; does nothing where no trunk is configured."""

    def __init__(
        self,
        settings: Settings,
        lines: Lines,
        facts: Facts,
        *,
        module: str = GATEWAY,
        heard: Callable[[str, bytes], None] = lambda name, line: None,
        dialled: Callable[[str, str, str], None] = lambda call_id, line, forwarded_from: None,
    ) -> None:
        """Nothing is started yet; `heard` is shown each event of it.

        `dialled` is told which of the practice's own numbers each placed call came to, and from which it was forwarded.
        """
        self._dialled = dialled
        self._settings = settings
        self._lines = lines
        serve: Mapping[str, Serve] = {"place": self._place}
        self.processes = (
            Workers(
                settings,
                self,
                module=module,
                facts=facts,
                names=(NAME,),
                serve=serve,
                heard=heard,
            )
            if settings.trunk
            else None
        )
        self._told: int | None = -1
        self._placing: dict[str, asyncio.Task[Any]] = {}
        """By the gateway's own id of a call: who looks for its line."""
        self._placed: OrderedDict[str, str] = OrderedDict()
        """The call of a line that was found, by the same; empty for a caller who left before it was looked for."""

    async def __aenter__(self) -> GatewayProcess:
        """Start it."""
        if self.processes is not None:
            await self.processes.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:
        """End it and wait for that."""
        if self.processes is not None:
            await self.processes.__aexit__(*exc)

    @property
    def state(self) -> str:
        """As `/healthz` shows it; empty where there is none."""
        return self.processes.all[0].state if self.processes is not None else ""

    def ready(self) -> bool:
        """Whether telephone calls are taken, or nobody should wait for that: there is none, or it failed once."""
        return self.processes is None or self.state == "ready" or self.processes.all[0].starts > 1

    def stand_beside(self, workers: Workers) -> None:
        """Who waits for a change of these waits for one of the gateway, too."""
        if self.processes is not None:
            self.processes.changed = workers.changed

    def look(self) -> None:
        """Tell it how many lines are free, when that has changed."""
        free = self._lines.free_lines()
        if free != self._told and self._tell("lines", {"free": free}):
            self._told = free

    async def drain(self, limit_ms: float) -> None:
        """Take no more calls, and return when the last has ended or time is up."""
        if self.processes is not None:
            await self.processes.drain(limit_ms)

    # --- what Workers report (`pipeline.supervisor.workers.Watcher`) ---------------------------------

    def on_worker_notice(self, worker: Worker, kind: str, payload: dict[str, Any]) -> None:
        """A caller left whose line is looked for, or was just found."""
        call = payload.get("call")
        if kind != "left" or not isinstance(call, str):
            return
        if (placing := self._placing.get(call)) is not None:
            placing.cancel()
        elif call_id := self._placed.pop(call, ""):
            self._lines.give_back(call_id)
        else:
            self._note(call, "")

    async def on_worker_audit(self, worker: Worker, records: object) -> None:
        """Calls are on record by their workers."""
        raise LinesBusy("The gateway writes no records.")

    def on_worker_ready(self, worker: Worker) -> None:
        """It is told what it must know before the first call."""
        self._told = -1
        self.look()

    def on_worker_lost(self, worker: Worker) -> None:
        """Its sockets are closed, so that every worker knows."""
        self._told = -1

    # --- inside --------------------------------------------------------------------------------------

    async def _place(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.processes is not None and self.processes.all[0].state != "ready":
            raise LinesBusy("The server is being stopped.", retry_after_s=30)
        caller, call = params.get("caller"), str(params.get("call"))
        known = caller if isinstance(caller, str) else ""
        if call in self._placed:
            raise LinesBusy("The caller has left.")
        placing = asyncio.current_task()
        assert placing is not None  # noqa: S101  # the channel answers each request in a task of its own
        self._placing[call] = placing
        try:
            found = await self._lines.expect(known, Bringer.GATEWAY)
        finally:
            del self._placing[call]
        self._note(call, found["call_id"])
        line, forwarded_from = params.get("line", ""), params.get("forwarded_from", "")
        self._dialled(found["call_id"], str(line), str(forwarded_from))
        return dict(found)

    def _note(self, call: str, call_id: str) -> None:
        self._placed[call] = call_id
        while len(self._placed) > PLACED_MAX:
            self._placed.popitem(last=False)

    def _tell(self, kind: str, payload: dict[str, Any]) -> bool:
        gateway = self.processes.all[0] if self.processes is not None else None
        if gateway is None or gateway.channel is None:
            return False
        gateway.channel.notify(kind, payload)
        return True
