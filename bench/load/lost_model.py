"""A language model's server that is killed with replies in hand: nobody is told that it is gone, the answer has to come."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.errors import ServerNotStarted
from bench.load import house, kept
from bench.load.door import Door
from bench.load.house import House
from bench.load.part import Part, recited
from bench.load.row import Measure, Row
from bench.load.silence import sentence_heard
from bench.load.victims import (
    ASK,
    BACK_WITHIN_S,
    LOOK_S,
    ROOM_MS,
    Scene,
    Victim,
    VictimName,
    families,
    silence,
    until_true,
)
from bench.load.worlds import Plan, rate_of
from pipeline.clock import LoopClock

HELD_WITHIN_MS: Final = 4_000.0
"""From the callers' last word to their questions' being at the model: tenths of a second, on a busy machine seconds."""
BEGUN_WITHIN_MS: Final = 6_000.0


class Model(Victim):
    """The language model's server: before the first word of every reply, and with the next kill in its middle."""

    name: VictimName = "model"
    waits_for = "model killed: the longest silence of a caller who waits for an answer"
    embedded = True

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.held: list[int] = []
        """Of each kill, how many replies it had in hand."""
        self.unbegun = 0
        """Kills in the middle of replies at which not every caller had heard a word of theirs."""
        self._port = house.free_port()
        self._folder = Path()
        self._life = AsyncExitStack()
        self._process: asyncio.subprocess.Process | None = None

    def rows(self, calls: int) -> list[Row]:
        """How many calls were really waiting for it."""
        return [
            Row(f"{self.rows_id}.held", "", "replies that the model had in hand when it was killed", "replies",
                Measure("ours", count=float(sum(self.held)), of=calls))
        ]  # fmt: skip

    def faults(self) -> list[str]:
        """A kill under which nobody waited proves nothing."""
        idle = self.held.count(0)
        if not idle:
            return []
        return [f"at {idle} of {len(self.held)} kills the model had no reply in hand"]

    def notes(self) -> list[str]:
        """Where replies did not begin in time."""
        if not self.unbegun:
            return []
        return [
            f"at {self.unbegun} of {len(self.held)} kills not every caller had heard the first word of a reply"
        ]

    @asynccontextmanager
    async def beside(self, plan: Plan) -> AsyncIterator[str]:
        """Its server is there before ours asks for the first time."""
        with tempfile.TemporaryDirectory(prefix="wardline-bench-") as folder:
            self._folder = Path(folder)
            try:
                await self._start(0)
                yield (
                    f'[engines]\nllm = "openai"\nllm_url = "http://127.0.0.1:{self._port}/v1"\n'
                    'llm_model = "none"\nllm_dialect = "plain"\n'
                )
            finally:
                await self._life.aclose()

    def parts(self, plan: Plan) -> list[Part]:
        """One sentence that has an answer."""
        scenario = replace(plan.scenario, tail_ms=ROOM_MS)
        return [recited(scenario, (ASK,), rate_of(plan))] * plan.calls

    async def strike(self, at: House, scene: Scene) -> list[int]:
        """Once it has every reply in hand, or every caller heard the first word of theirs."""
        del at
        end_ms = scene.ended_ms(0, 0)
        begun = _begins(scene.number)
        if begun:
            self.unbegun += not await until_true(
                lambda: all(_heard_since(door, end_ms) for door in scene.doors),
                end_ms + BEGUN_WITHIN_MS,
            )
        held = await self._held(len(scene.doors), end_ms + (0.0 if begun else HELD_WITHIN_MS))
        self.held.append(held)
        process = self._process
        assert process is not None  # noqa: S101  # `beside` has started it
        everyone = families([process.pid])
        process.kill()
        return everyone

    def owed_from_ms(self, scene: Scene, call: int) -> float:
        """From the end of the question on."""
        return scene.ended_ms(call, 0)

    async def told(self, door: Door, scene: Scene, call: int, killed_ms: float) -> float | None:
        """Until a sentence was heard, whoever says it. Who was misheard had the script's at once, and waited for no model."""
        owed_ms = self.owed_from_ms(scene, call)
        if sentence_heard(door.notes.heard, owed_ms, killed_ms):
            return None
        return await silence(door, max(killed_ms, owed_ms))

    async def again(self, at: House, number: int) -> None:
        """Start it once more; our server tries it by itself where it had given it up, and then sends callers there."""
        await self._start(number)
        end_ms = LoopClock().now_ms() + BACK_WITHIN_S * 1000
        if not await until_true(lambda: kept.asks_its_model(kept.lines_of(at)), end_ms):
            raise ServerNotStarted("our server did not ask the model again that had come back")
        await house.until_ready(at)

    async def _start(self, number: int) -> None:
        await self._life.aclose()
        words = ["-m", "bench.load.chat_model", "--port", str(self._port)]
        words += ["--begins"] if _begins(number) else []
        child = house.started(words, self._folder, says=True)
        self._process = await self._life.enter_async_context(child)
        if not await self._says("ready", BACK_WITHIN_S):
            raise ServerNotStarted("the bench's own language model did not start")

    async def _says(self, word: str, within_s: float) -> bool:
        """Whether it says so in time; what else it says is let go."""
        out = self._process.stdout if self._process is not None else None
        try:
            async with asyncio.timeout(within_s):
                while out is not None and (line := await out.readline()):
                    if line.split()[:1] == [word.encode()]:
                        return True
        except TimeoutError:
            pass
        return False

    async def _held(self, calls: int, until_ms: float) -> int:
        """How many replies it has in hand, once that is as many as there are calls or the time is up."""
        out, found = self._process.stdout if self._process is not None else None, 0
        limit_s = max(LOOK_S, (until_ms - LoopClock().now_ms()) / 1000)
        try:
            async with asyncio.timeout(limit_s):
                while out is not None and found < calls and (line := await out.readline()):
                    word, _, number = line.partition(b" ")
                    found = int(number) if word == b"held" else found
        except TimeoutError:
            pass
        return found


def _begins(number: int) -> bool:
    return number % 2 == 1


def _heard_since(door: Door, since_ms: float) -> bool:
    last = next((each for each in reversed(door.notes.heard) if each.loud), None)
    return last is not None and last.at_ms > since_ms
