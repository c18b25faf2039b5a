"""What keeps the requests, killed as soon as the first is said to be kept: a file with its writer, or a database's server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final, Literal

from bench.errors import BenchError
from bench.load import database, kept
from bench.load.database import Database
from bench.load.door import Door
from bench.load.house import House
from bench.load.part import Part, recited
from bench.load.telephone_door import TelephoneDoor
from bench.load.victims import (
    ANSWER,
    ASK,
    BACK_WITHIN_S,
    ROOM_MS,
    Scene,
    Victim,
    VictimName,
    killed,
    silence,
    until_true,
)
from bench.load.worlds import Plan, rate_of
from pipeline.clock import LoopClock

STORED_WITHIN_MS: Final = 20_000.0


class StoreFile(Victim):
    """The store of a server that has no database: a file, which lives and dies with the worker that writes it."""

    name: VictimName = "store"
    waits_for = "the worker that writes the store killed to the caller's being told"
    embedded = True
    kind: Literal["file", "server"] = "file"

    def about(self) -> dict[str, str]:
        """With the kind of store."""
        return super().about() | {"store": self.kind}

    def parts(self, plan: Plan) -> list[Part]:
        """Something to store, and something more."""
        scenario = replace(plan.scenario, tail_ms=ROOM_MS)
        return [recited(scenario, (ASK, ANSWER), rate_of(plan))] * plan.calls

    async def strike(self, at: House, scene: Scene) -> list[int]:
        """As soon as the first request is said to be stored: others are just being written."""
        await _stored(at, scene)
        return killed(at, "worker")

    async def told(self, door: Door, scene: Scene, call: int, killed_ms: float) -> float | None:
        """By telephone an answer may be just sounding, in a voice as any: what counts is a sentence after it."""
        if isinstance(door, TelephoneDoor):
            return await silence(door, killed_ms)
        return await super().told(door, scene, call, killed_ms)


class StoreServer(StoreFile):
    """The store of a server that keeps its requests in PostgreSQL: no call may notice that it is gone."""

    kind: Literal["file", "server"] = "server"
    waits_for = (
        "the caller's next words, said with the database killed, to the answer: the longest silence"
    )

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.refused: list[int] = []
        """Of each kill, how often the server said that it could not write while the database was away."""
        self._database: Database | None = None
        self._failed_before = 0

    def faults(self) -> list[str]:
        """A database that nobody wrote to while it was away was not missed."""
        idle = self.refused.count(0)
        if not idle:
            return []
        return [
            f"at {idle} of {len(self.refused)} kills nothing was to be written while the database was away"
        ]

    @asynccontextmanager
    async def beside(self, plan: Plan) -> AsyncIterator[str]:
        """A database of its own."""
        del plan
        async with database.running() as self._database:
            yield self._database.toml

    async def strike(self, at: House, scene: Scene) -> list[int]:
        """As soon as the first request is said to be stored."""
        await _stored(at, scene)
        self._failed_before = len(kept.named(kept.lines_of(at), kept.FAILED))
        return self._database.kill() if self._database is not None else []

    def owed_from_ms(self, scene: Scene, call: int) -> float:
        """From the end of the second sentence on."""
        return scene.ended_ms(call, 1)

    async def told(self, door: Door, scene: Scene, call: int, killed_ms: float) -> float:
        """The second sentence has its answer."""
        return await silence(door, max(killed_ms, self.owed_from_ms(scene, call)))

    async def again(self, at: House, number: int) -> None:
        """Start it again, and wait until what waited in memory is written."""
        failed = len(kept.named(kept.lines_of(at), kept.FAILED)) - self._failed_before
        self.refused.append(failed)
        if self._database is not None:
            await self._database.start()
        end_ms = LoopClock().now_ms() + BACK_WITHIN_S * 1000
        if failed and not await until_true(lambda: kept.writes(kept.lines_of(at)), end_ms):
            raise BenchError("our server did not write to the database that had come back")
        await super().again(at, number)


async def _stored(at: House, scene: Scene) -> None:
    """Return when the server has said that the first request of these calls is on the disk."""
    before = len(kept.named(kept.lines_of(at), kept.STORED))
    end_ms = scene.ended_ms(0, 0) + STORED_WITHIN_MS
    found = await until_true(
        lambda: len(kept.named(kept.lines_of(at), kept.STORED)) > before, end_ms
    )
    if not found:
        raise BenchError("no request was stored: nobody understood what the callers said")
