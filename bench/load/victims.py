"""What may be killed under calls, each in its own way: when, what its callers then wait for, and how it comes back.

A worker or a gateway is killed under timed engines; a model or a store under the server's own, since only those ask a
model and book anything. What all of them have in common is in `bench.load.faults`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from bench.errors import BenchError, ServerNotStarted
from bench.load import database, house, kept
from bench.load.database import Database
from bench.load.door import Door
from bench.load.house import House
from bench.load.part import Part, said
from bench.load.row import Limit, Measure, Row
from bench.load.run import parts_of
from bench.load.silence import longest_silence_ms
from bench.load.telephone_door import TelephoneDoor, calling
from bench.load.worlds import DOORS, DoorName, Plan, rate_of
from pipeline.clock import LoopClock

VictimName = Literal["worker", "gateway", "model", "store"]
VICTIMS: Final[tuple[VictimName, ...]] = ("worker", "gateway", "model", "store")
STORES: Final = ("file", "server")
SPOKEN_MS: Final = 6_000.0
"""From the first frame to the kill of a worker or gateway: the greeting is over and a first sentence is being said or answered."""
ASK, ANSWER = "i-need-a-follow-up-appointment", "my-name-is-david"
"""What callers of a killed model or store say: the flow understands it, so something is asked and something stored."""
ROOM_MS: Final = 15_000.0
"""After the last sentence: a caller who hangs up is told nothing."""
LOOK_S: Final = 0.02
HELD_WITHIN_MS: Final = 1_200.0
"""From the callers' last word to their questions' being at the model; the server fills a wait after 1.5 s."""
BEGUN_WITHIN_MS: Final = 6_000.0
STORED_WITHIN_MS: Final = 20_000.0
BACK_WITHIN_S: Final = 60.0
ATTEMPT_S: Final = 1.0
"""A call to a gateway that is away is begun anew so often: over UDP nobody says that it is away."""


@dataclass(slots=True)
class Scene:
    """The calls of one kill."""

    number: int
    """Of the kill."""
    begin_ms: float
    doors: Sequence[Door]
    parts: Sequence[Part]

    def ended_ms(self, call: int, sentence: int) -> float:
        """When a caller's sentence is over."""
        return self.begin_ms + self.parts[call].cues[sentence].end_ms


class Victim(ABC):
    """One kind of victim."""

    name: VictimName
    waits_for: str
    """What is timed, in words."""
    embedded = False
    doors: tuple[DoorName, ...] = DOORS

    @property
    def rows_id(self) -> str:
        """Where the ids of its rows begin."""
        return "fault" if self.name == "worker" else f"fault.{self.name}"

    def rows(self, calls: int) -> list[Row]:
        """What is measured of it alone; so many calls lost it."""
        del calls
        return []

    def faults(self) -> list[str]:
        """What makes a run void."""
        return []

    @asynccontextmanager
    async def beside(self, plan: Plan) -> AsyncIterator[str]:
        """Start what the server needs beside it; gives the settings that lead there."""
        del plan
        yield ""

    def parts(self, plan: Plan) -> list[Part]:
        """What its callers say."""
        return parts_of(plan.scenario, rate_of(plan), plan.calls)

    @abstractmethod
    async def strike(self, at: House, scene: Scene) -> list[int]:
        """Wait for the moment and kill; returns the processes that must be gone now."""

    def owed_from_ms(self, scene: Scene, call: int) -> float:
        """When a caller begins to be owed something, if that is after the kill."""
        del scene, call
        return 0.0

    async def told(self, door: Door, scene: Scene, call: int, killed_ms: float) -> float:
        """Wait for what the caller is owed; returns for how many milliseconds they had to. Whoever calls sets the limit."""
        del scene, call
        return await door.told_of_loss(killed_ms) - killed_ms

    async def afterwards(self, at: House, killed_ms: float) -> None:
        """What else is looked at from the kill on; nothing."""
        del at, killed_ms

    async def again(self, at: House, number: int) -> None:
        """Bring it back for the kill of this number; a server of ours does that itself."""
        del number
        await house.until_ready(at)


class Worker(Victim):
    """Every worker."""

    name: VictimName = "worker"
    waits_for = "worker killed in mid-call to the caller's being told"

    async def strike(self, at: House, scene: Scene) -> list[int]:
        """In the first sentence, or its answer."""
        await _until(scene.begin_ms + SPOKEN_MS)
        return killed(at, "worker")


class Gateway(Victim):
    """The telephone gateway: its callers' signalling and sound die with it, so nobody is left who could tell them."""

    name: VictimName = "gateway"
    waits_for = "gateway killed in mid-call to the caller's being told"
    doors = ("sip", "sip-plain")

    def __init__(self) -> None:
        """Nothing is killed yet."""
        self.answering_ms: list[float] = []
        """From each kill until it answered a new call."""
        self.left: list[int] = []
        """Calls that the server still had after each."""

    def rows(self, calls: int) -> list[Row]:
        """When it answers again, and whether the server let the lost calls go."""
        none = Limit("value", "worst", most=0.0)
        return [
            Row(f"{self.rows_id}.answering", "", "gateway killed to a new call's being answered", "ms",
                Measure("ours", tuple(self.answering_ms))),
            Row(f"{self.rows_id}.calls_left", "R1", "calls of a killed gateway that the server still had afterwards", "calls",
                Measure("ours", count=float(sum(self.left)), of=calls), None, none),
        ]  # fmt: skip

    async def strike(self, at: House, scene: Scene) -> list[int]:
        """In the first sentence, or its answer."""
        await _until(scene.begin_ms + SPOKEN_MS)
        return killed(at, "gateway")

    async def afterwards(self, at: House, killed_ms: float) -> None:
        """Call anew until somebody answers, and see that the worker let the lost calls go."""
        if at.number is None:
            return
        clock = LoopClock()
        end_ms = killed_ms + BACK_WITHIN_S * 1000
        async with calling(at.number) as trunks:
            while clock.now_ms() < end_ms:
                if await _answered(TelephoneDoor(trunks, at.number)):
                    self.answering_ms.append(clock.now_ms() - killed_ms)
                    return
                await asyncio.sleep(LOOK_S)
        raise ServerNotStarted("the gateway did not answer calls again after it was killed")

    async def again(self, at: House, number: int) -> None:
        """Its supervisor has started it; nothing of the lost calls may be left."""
        await super().again(at, number)
        workers = (await house.health(at.url)).get("workers", [])
        self.left.append(sum(int(each["calls"]) for each in workers))


class Model(Victim):
    """The language model's server: before the first word of every reply, and with the next kill in its middle."""

    name: VictimName = "model"
    waits_for = "model killed: the longest silence of a caller who waits for an answer"
    embedded = True

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.held: list[int] = []
        """Of each kill, how many replies it had in hand."""
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
        return [said(scenario, (ASK,), rate_of(plan))] * plan.calls

    async def strike(self, at: House, scene: Scene) -> list[int]:
        """Once it has every reply in hand, or every caller heard the first word of theirs."""
        del at
        end_ms = scene.ended_ms(0, 0)
        begun = _begins(scene.number)
        if begun:
            await _until_true(
                lambda: all(_heard_since(door, end_ms) for door in scene.doors),
                end_ms + BEGUN_WITHIN_MS,
            )
        held = await self._held(len(scene.doors), end_ms + (0.0 if begun else HELD_WITHIN_MS))
        self.held.append(held)
        process = self._process
        assert process is not None  # noqa: S101  # `beside` has started it
        process.kill()
        return [process.pid]

    def owed_from_ms(self, scene: Scene, call: int) -> float:
        """From the end of the question on."""
        return scene.ended_ms(call, 0)

    async def told(self, door: Door, scene: Scene, call: int, killed_ms: float) -> float:
        """Until a sentence was heard, whoever says it."""
        return await _silence(door, max(killed_ms, self.owed_from_ms(scene, call)))

    async def again(self, at: House, number: int) -> None:
        """Start it once more; our server asks it by itself, and then sends callers there."""
        await self._start(number)
        if not await self._says("warm", BACK_WITHIN_S):
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


class StoreFile(Victim):
    """The store of a server that has no database: a file, which lives and dies with the worker that writes it."""

    name: VictimName = "store"
    waits_for = "the worker that writes the store killed to the caller's being told"
    embedded = True

    def parts(self, plan: Plan) -> list[Part]:
        """Something to store, and something more."""
        scenario = replace(plan.scenario, tail_ms=ROOM_MS)
        return [said(scenario, (ASK, ANSWER), rate_of(plan))] * plan.calls

    async def strike(self, at: House, scene: Scene) -> list[int]:
        """As soon as the first request is said to be stored: others are just being written."""
        await _stored(at, scene)
        return killed(at, "worker")

    async def told(self, door: Door, scene: Scene, call: int, killed_ms: float) -> float:
        """By telephone an answer may be just sounding, in a voice as any: what counts is a sentence after it."""
        if isinstance(door, TelephoneDoor):
            return await _silence(door, killed_ms)
        return await super().told(door, scene, call, killed_ms)


class StoreServer(StoreFile):
    """The store of a server that keeps its requests in PostgreSQL: no call may notice that it is gone."""

    waits_for = (
        "the caller's next words, said with the database killed, to the answer: the longest silence"
    )

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._database: Database | None = None

    @asynccontextmanager
    async def beside(self, plan: Plan) -> AsyncIterator[str]:
        """A database of its own."""
        del plan
        async with database.running() as self._database:
            yield self._database.toml

    async def strike(self, at: House, scene: Scene) -> list[int]:
        """As soon as the first request is said to be stored."""
        await _stored(at, scene)
        return self._database.kill() if self._database is not None else []

    def owed_from_ms(self, scene: Scene, call: int) -> float:
        """From the end of the second sentence on."""
        return scene.ended_ms(call, 1)

    async def told(self, door: Door, scene: Scene, call: int, killed_ms: float) -> float:
        """The second sentence has its answer."""
        return await _silence(door, max(killed_ms, self.owed_from_ms(scene, call)))

    async def again(self, at: House, number: int) -> None:
        """Start it again, and wait until what waited in memory is written."""
        if self._database is not None:
            await self._database.start()
        end_ms = LoopClock().now_ms() + BACK_WITHIN_S * 1000

        def written() -> bool:
            lines = kept.lines_of(at)
            return len(kept.named(lines, kept.WORKS)) >= len(kept.named(lines, kept.FAILED))

        if not await _until_true(written, end_ms):
            raise BenchError("our server did not write to the database that had come back")
        await super().again(at, number)


def victim_of(name: VictimName, store: str) -> Victim:
    """The one that is asked for."""
    match name:
        case "worker":
            return Worker()
        case "gateway":
            return Gateway()
        case "model":
            return Model()
        case "store":
            return StoreServer() if store == "server" else StoreFile()


def killed(at: House, role: str) -> list[int]:
    """SIGKILL to every process of this role; returns them."""
    found = [pid for pid, its in at.processes().items() if its == role]
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return found


async def _answered(door: Door) -> bool:
    """Whether somebody answers at once; hangs up then."""
    answered = False
    try:
        async with asyncio.timeout(ATTEMPT_S) as limit, door:
            limit.reschedule(None)
            answered = True
    except* (TimeoutError, BenchError):
        pass  # not yet
    return answered


def _begins(number: int) -> bool:
    return number % 2 == 1


def _heard_since(door: Door, since_ms: float) -> bool:
    last = next((each for each in reversed(door.notes.heard) if each.loud), None)
    return last is not None and last.at_ms > since_ms


async def _silence(door: Door, since_ms: float) -> float:
    while True:
        found_ms = longest_silence_ms(door.notes.heard, since_ms)
        if found_ms is not None:
            return found_ms
        await asyncio.sleep(LOOK_S)


async def _stored(at: House, scene: Scene) -> None:
    """Return when the server has said that the first request of these calls is on the disk."""
    before = len(kept.named(kept.lines_of(at), kept.STORED))
    end_ms = scene.ended_ms(0, 0) + STORED_WITHIN_MS
    found = await _until_true(
        lambda: len(kept.named(kept.lines_of(at), kept.STORED)) > before, end_ms
    )
    if not found:
        raise BenchError("no request was stored: nobody understood what the callers said")


async def _until(at_ms: float) -> None:
    await asyncio.sleep(max(0.0, at_ms - LoopClock().now_ms()) / 1000)


async def _until_true(true: Callable[[], bool], end_ms: float) -> bool:
    """Whether it came true before that moment."""
    clock = LoopClock()
    while not true():
        if clock.now_ms() >= end_ms:
            return False
        await asyncio.sleep(LOOK_S)
    return True
