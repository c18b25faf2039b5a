"""The servers of a run and the doors into them: ours and the stock bots, each started as a child, or one that runs already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

import aiohttp

from bench.audio import RATE_HZ as PAGE_HZ
from bench.errors import BenchError
from bench.load import house, stream_door
from bench.load.door import Door
from bench.load.entrances import CarrierEntrance, Entrance, OpenEntrance
from bench.load.house import House
from bench.load.page_door import FrontExchange, OpenExchange, PageDoor
from bench.load.run import Beside, Loaded, load, parts_of
from bench.load.scenario import Scenario
from bench.load.stream_door import StreamDoor
from bench.load.telephone_door import TelephoneDoor, calling

DoorName = Literal["stream", "webrtc", "sip", "sip-plain"]
DOORS: Final[tuple[DoorName, ...]] = ("stream", "webrtc", "sip", "sip-plain")
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
    ear: bool = False
    """A page in a browser calls too, afterwards, and says when it heard its answers."""

    @property
    def by_telephone(self) -> bool:
        """Callers dial the gateway."""
        return self.door in ("sip", "sip-plain")


@asynccontextmanager
async def opened(
    plan: Plan, worlds: Sequence[str], *, observed: bool = False, toml: str = ""
) -> AsyncIterator[dict[str, House]]:
    """Start what has to be started, ours with more settings where some are given; all of it is gone when the block is left."""
    if plan.by_telephone and (plan.url or set(worlds) != {"ours"}):
        raise BenchError(
            "by telephone only a server of ours is called that the bench starts: leave out --stock, --worlds and --url"
        )
    if plan.scenario.says and not plan.embedded:
        raise BenchError(
            f"scenario {plan.scenario.name} is about the words that callers say, and timed engines hear fixed words:"
            " wardline bench turns --engines embedded"
        )
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
                start = house.ours(
                    engines,
                    calls=per_worker,
                    workers=plan.workers,
                    telephone=_telephone(plan),
                    observed=observed,
                    toml=toml,
                )
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
    beside: Beside | None = None,
) -> Loaded:
    """So many calls into one of them."""
    async with AsyncExitStack() as stack:
        make = await stack.enter_async_context(doors(plan, at, scenario))
        return await load(
            at.world,
            plan.door,
            scenario,
            parts_of(scenario, rate_of(plan), calls),
            make,
            pid=at.pid,
            progress=progress,
            beside=beside,
        )


def rate_of(plan: Plan) -> int:
    """The rate of what this door's callers say."""
    return PAGE_HZ if plan.door == "webrtc" else stream_door.RATE_HZ


@asynccontextmanager
async def doors(
    plan: Plan, at: House, scenario: Scenario, *, follow: bool = False
) -> AsyncIterator[Callable[[int], Door]]:
    """What makes the n-th call's door, with what all calls share: their HTTP session, or their signalling."""
    weather, echo = scenario.weather, scenario.echo

    def seed(number: int) -> int:
        return scenario.seed * 10_000 + number

    if at.number is not None and plan.by_telephone:
        dialled = at.number
        async with calling(dialled) as trunks:
            yield lambda n: TelephoneDoor(trunks, dialled, weather=weather, echo=echo, seed=seed(n))
        return
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        if plan.door == "stream":
            way: Entrance = at.entrance or OpenEntrance(at.url.replace("http", "ws", 1) + "/ws")
            yield lambda n: StreamDoor(session, way, weather=weather, echo=echo, seed=seed(n))
        else:
            yield lambda n: PageDoor(
                FrontExchange(at.url, plan.ca_file)
                if at.world == "ours"
                else OpenExchange(session, at.url),
                weather=weather,
                echo=echo,
                seed=seed(n),
                follows=follow,
            )


def _telephone(plan: Plan) -> house.Telephone | None:
    return house.Telephone(secure=plan.door == "sip") if plan.by_telephone else None
