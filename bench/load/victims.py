"""What may be killed under calls, each in its own way: when, what its callers then wait for, and how it comes back.

A worker or a gateway is killed under timed engines; a model (`lost_model`) or a store (`lost_store`) under the server's own,
since only those ask a model and book anything. What all of them have in common is in `faults`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

from bench.errors import BenchError, ServerNotStarted
from bench.load import house, processes
from bench.load.door import Door
from bench.load.house import House
from bench.load.part import Part
from bench.load.row import Limit, Measure, Row
from bench.load.run import parts_of
from bench.load.silence import longest_silence_ms
from bench.load.telephone_door import TelephoneDoor, calling
from bench.load.worlds import DOORS, DoorName, Plan, rate_of
from pipeline.clock import LoopClock

VictimName = Literal["worker", "gateway", "model", "store"]
SPOKEN_MS: Final = 6_000.0
"""From the first frame to the kill of a worker or gateway: the greeting is over and a first sentence is being said or answered."""
ROOM_MS: Final = 15_000.0
"""After the last sentence: a caller who hangs up is told nothing."""
ASK, ANSWER = "i-need-a-follow-up-appointment", "my-name-is-david"
"""What callers say to the server's own engines: the flow understands it, so something is asked and something stored."""
LOOK_S: Final = 0.02
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

    def about(self) -> dict[str, str]:
        """What a result says of it."""
        return {"victim": self.name}

    def rows(self, calls: int) -> list[Row]:
        """What is measured of it alone; so many calls lost it."""
        del calls
        return []

    def faults(self) -> list[str]:
        """What makes a run void."""
        return []

    def notes(self) -> list[str]:
        """What else a reader should know."""
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
        """Wait for the moment and kill; returns the processes that must be gone now: what was killed, and all that it had started."""

    def owed_from_ms(self, scene: Scene, call: int) -> float:
        """When a caller begins to be owed something, if that is after the kill."""
        del scene, call
        return 0.0

    async def told(self, door: Door, scene: Scene, call: int, killed_ms: float) -> float | None:
        """Wait for what the caller is owed; returns for how many milliseconds they had to, or None: they had it before the kill.

        Whoever calls sets the limit.
        """
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
        await until(scene.begin_ms + SPOKEN_MS)
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
        await until(scene.begin_ms + SPOKEN_MS)
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


def killed(at: House, role: str) -> list[int]:
    """SIGKILL to every process of this role; returns them, and all that they had started."""
    found = [pid for pid, its in at.processes().items() if its == role]
    everyone = families(found)
    for pid in found:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, signal.SIGKILL)
    return everyone


def families(pids: Iterable[int]) -> list[int]:
    """These processes and all their descendants, as long as they are there to be asked: each once."""
    return list(dict.fromkeys(one for pid in pids for one in processes.family(pid)))


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


async def silence(door: Door, since_ms: float) -> float:
    """Wait until the caller has heard a sentence from then on; returns the longest time without a voice before."""
    while True:
        found_ms = longest_silence_ms(door.notes.heard, since_ms)
        if found_ms is not None:
            return found_ms
        await asyncio.sleep(LOOK_S)


async def until(at_ms: float) -> None:
    """Wait for a moment of the loop's clock."""
    await asyncio.sleep(max(0.0, at_ms - LoopClock().now_ms()) / 1000)


async def until_true(true: Callable[[], bool], end_ms: float) -> bool:
    """Whether it came true before that moment."""
    clock = LoopClock()
    while not true():
        if clock.now_ms() >= end_ms:
            return False
        await asyncio.sleep(LOOK_S)
    return True
