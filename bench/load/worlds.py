"""The servers of a run and the doors into them: ours and the stock bots, each started as a child, or one that runs already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import aiohttp

from bench.audio import RATE_HZ as PAGE_HZ
from bench.errors import BenchError
from bench.load import house, stream_door
from bench.load.door import Door
from bench.load.entrances import CarrierEntrance, Entrance, OpenEntrance
from bench.load.house import House
from bench.load.page_door import FrontExchange, OpenExchange, PageDoor
from bench.load.run import Loaded, load, parts_of
from bench.load.scenario import Scenario
from bench.load.stream_door import StreamDoor

DoorName = Literal["stream", "webrtc"]
WORLDS = ("ours", "stock", "stock default")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    scenario: Scenario
    door: DoorName = "stream"
    calls: int = 1
    worlds: tuple[str, ...] = ("ours",)
    rounds: int = 1
    workers: int = 1
    """Of our server."""
    embedded: bool = False
    """With the server's own engines instead of timed ones."""
    url: str = ""
    """Of a server of ours that runs already; "": one is started."""
    entrance: CarrierEntrance | None = field(default=None, repr=False)
    """How its stream door is opened."""
    ca_file: str | None = None


@asynccontextmanager
async def opened(plan: Plan, worlds: Sequence[str]) -> AsyncIterator[dict[str, House]]:
    """Start what has to be started; all of it is gone when the block is left."""
    async with AsyncExitStack() as stack:
        houses: dict[str, House] = {}
        for world in worlds:
            if world == "ours" and plan.url:
                if plan.door == "stream" and plan.entrance is None:
                    raise BenchError(
                        "the stream door of a running server needs --public-url and --auth-token-file"
                    )
                houses[world] = House(world, plan.url, 0, None, plan.entrance)
                continue
            times = plan.scenario.engines
            if world == "ours":
                per_worker = -(-plan.calls // plan.workers)
                engines = None if plan.embedded else times
                start = house.ours(engines, calls=per_worker, workers=plan.workers)
            else:
                start = house.stock(times, default=world == "stock default")
            houses[world] = await stack.enter_async_context(start)
        yield houses


async def one_load(
    plan: Plan,
    at: House,
    scenario: Scenario,
    calls: int,
    progress: Callable[[str], None] = lambda text: None,
) -> Loaded:
    """So many calls into one of them."""
    rate_hz = stream_door.RATE_HZ if plan.door == "stream" else PAGE_HZ
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        return await load(
            at.world,
            plan.door,
            scenario,
            parts_of(scenario, rate_hz, calls),
            lambda number: _door(plan, at, session, scenario, number),
            pid=at.pid,
            progress=progress,
        )


def _door(
    plan: Plan, at: House, session: aiohttp.ClientSession, scenario: Scenario, number: int
) -> Door:
    seed = scenario.seed * 10_000 + number
    if plan.door == "stream":
        entrance: Entrance = at.entrance or OpenEntrance(at.url.replace("http", "ws", 1) + "/ws")
        return StreamDoor(
            session, entrance, weather=scenario.weather, echo=scenario.echo, seed=seed
        )
    exchange = (
        FrontExchange(at.url, plan.ca_file) if at.world == "ours" else OpenExchange(session, at.url)
    )
    return PageDoor(exchange, weather=scenario.weather, seed=seed)
