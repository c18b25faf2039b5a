"""What the gateway is told of lines, and what becomes of one whose caller has left."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.clock import LoopClock
from pipeline.errors import LinesBusy
from pipeline.settings import Settings
from pipeline.stream.messages import Bringer
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.gateway import PLACED_MAX, GatewayProcess
from pipeline.supervisor.workers import Worker

GATEWAY = Worker("gateway", "ready")


class Lines:
    """Finds a line when it is told to."""

    def __init__(self) -> None:
        self.found = asyncio.Event()
        self.asked = 0
        self.cancelled = 0
        self.given_back: list[str] = []

    def free_lines(self) -> int | None:
        return 1

    async def expect(self, caller: str, bringer: Bringer) -> dict[str, str]:
        self.asked += 1
        call_id = f"c{self.asked}"
        try:
            await self.found.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return {"call_id": call_id, "worker": "w1", "token": "shown"}

    def give_back(self, call_id: str) -> None:
        self.given_back.append(call_id)


@pytest.fixture
def lines() -> Lines:
    return Lines()


def desk(lines: Lines) -> GatewayProcess:
    return GatewayProcess(Settings(), lines, Facts(LoopClock()))


def left(gateway: GatewayProcess, call: object) -> None:
    gateway.on_worker_notice(GATEWAY, "left", {"call": call})


async def test_a_caller_who_leaves_while_a_line_is_looked_for_holds_none(lines: Lines) -> None:
    gateway = desk(lines)
    placing = asyncio.create_task(gateway._place({"caller": "", "call": "t1"}))
    other = asyncio.create_task(gateway._place({"caller": "", "call": "t2"}))
    await asyncio.sleep(1)
    left(gateway, "t1")
    await asyncio.wait({placing})
    assert placing.cancelled()
    assert (lines.cancelled, lines.given_back) == (1, [])
    lines.found.set()
    assert (await other)["call_id"] == "c2"
    assert not gateway._placing


async def test_a_caller_who_leaves_as_the_line_is_found_gives_it_back_once(lines: Lines) -> None:
    gateway = desk(lines)
    lines.found.set()
    await gateway._place({"caller": "", "call": "t1"})
    left(gateway, "t1")
    left(gateway, "t1")
    left(gateway, ["t1"])
    assert lines.given_back == ["c1"]


async def test_a_caller_who_left_before_anybody_looked_gets_no_line(lines: Lines) -> None:
    gateway = desk(lines)
    left(gateway, "t1")
    with pytest.raises(LinesBusy):
        await gateway._place({"caller": "", "call": "t1"})
    assert lines.asked == 0
    lines.found.set()
    for number in range(PLACED_MAX + 9):
        await gateway._place({"caller": "", "call": f"t1{number}"})
    assert len(gateway._placed) == PLACED_MAX
