"""A worker that hangs: no caller is sent to it, another takes the one who was, and it is ended and started again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline import trunking
from pipeline.clock import LoopClock
from pipeline.errors import CallRefused, LinesBusy
from pipeline.settings import Settings, State
from pipeline.stream.messages import Bringer
from pipeline.supervisor import front, workers
from pipeline.supervisor.channel import Channel, ChannelClosed
from pipeline.supervisor.front import Front
from pipeline.supervisor.staff import StaffTokens
from pipeline.supervisor.witness import Witness
from pipeline.supervisor.workers import Worker, Workers
from tests.supervisor.served import Served, served


class Watching:
    """Notes who was lost."""

    def __init__(self) -> None:
        self.lost: list[set[str]] = []

    def on_worker_notice(self, worker: Worker, kind: str, payload: dict[str, Any]) -> None:
        pass

    async def on_worker_audit(self, worker: Worker, records: object) -> None:
        pass

    def on_worker_ready(self, worker: Worker) -> None:
        pass

    def on_worker_lost(self, worker: Worker) -> None:
        self.lost.append(set(worker.calls))


class Witnessing:
    """Keeps nothing."""

    def offered(self, call_id: str, address: str, kind: str = "address") -> None:
        pass

    def over(self, call_id: str, *, worker_lost: bool) -> None:
        pass

    def serves_again(self) -> None:
        pass


class FakeChannel:
    """A worker that answers, or that never does."""

    def __init__(self, worker: Worker, *, hangs: bool) -> None:
        self.worker = worker
        self.hangs = hangs
        self.asked: list[str] = []
        self.told: list[tuple[str, str]] = []
        self._gone = asyncio.Event()

    async def request(
        self, method: str, params: dict[str, Any], *, timeout_ms: float
    ) -> dict[str, Any]:
        self.asked.append(method)
        if not self.hangs:
            return {"sdp": "answer"}
        async with asyncio.timeout(timeout_ms / 1000):
            await self._gone.wait()
        raise ChannelClosed

    def notify(self, kind: str, payload: dict[str, Any]) -> None:
        self.told.append((kind, payload["call_id"]))

    def fall_silent(self) -> None:
        """As `Workers` notes it."""
        self.worker.silent = True
        self._gone.set()


@pytest.fixture
def there() -> Front:
    made = Front(Settings(), StaffTokens(Path()), {}, LoopClock(), cast(Witness, Witnessing()))
    made.workers = Workers(Settings(), Watching())
    return made


def house(there: Front, *hangs: bool) -> list[FakeChannel]:
    """Its workers, the first with the most free lines."""
    assert there.workers is not None
    there.workers.all = [
        Worker(f"w{number}", "ready", free_slots=9 - number) for number in range(1, len(hangs) + 1)
    ]
    channels = [
        FakeChannel(worker, hangs=hung)
        for worker, hung in zip(there.workers.all, hangs, strict=True)
    ]
    for worker, channel in zip(there.workers.all, channels, strict=True):
        worker.channel = cast(Channel, channel)
    return channels


async def test_a_call_whose_worker_falls_silent_is_taken_by_the_next_one(there: Front) -> None:
    first, second = house(there, True, False)
    asyncio.get_running_loop().call_later(1.9, first.fall_silent)
    found = await there.expect("+12125550147", Bringer.GATEWAY)
    assert found["worker"] == "w2"
    assert (first.asked, second.asked) == (["expect"], ["expect"])
    assert [kind for kind, _ in first.told] == ["forget"]
    assert found["call_id"] not in {call_id for _, call_id in first.told}
    assert (first.worker.calls, second.worker.calls) == (set(), {found["call_id"]})
    assert there.free_lines() == 7, "a silent worker's lines are not free"
    again = await there.expect("+12125550147", Bringer.GATEWAY)
    assert (again["worker"], len(first.asked)) == ("w2", 1)


async def test_where_every_worker_hangs_a_caller_hears_so_before_the_gateway_gives_up(
    there: Front,
) -> None:
    assert front.EXPECT_LIMIT_MS < trunking.PLACE_LIMIT_MS
    first, second = house(there, True, True)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    loop.call_later(2, first.fall_silent)
    with pytest.raises(LinesBusy):
        await there.expect("", Bringer.CARRIER)  # the second one answers its pings, and no more
    assert (loop.time() - began_s) * 1000 <= front.EXPECT_LIMIT_MS
    assert not first.worker.calls
    assert not second.worker.calls
    second.fall_silent()
    assert there.free_lines() == 0
    with pytest.raises(CallRefused):
        await there.expect("", Bringer.CARRIER)


async def test_a_line_that_nobody_comes_for_is_given_back_at_once(there: Front) -> None:
    [only] = house(there, False)
    found = await there.expect("", Bringer.GATEWAY)
    there.give_back("another")
    assert only.told == []
    there.give_back(found["call_id"])
    there.give_back(found["call_id"])
    assert only.told == [("forget", found["call_id"])]
    assert not only.worker.calls


@pytest.mark.wire
def test_no_caller_is_sent_to_a_worker_that_stands_still_until_it_goes_on(tmp_path: Path) -> None:
    with served(tmp_path, "[workers]\ncount = 2\ncalls_per_worker = 3\n") as server:
        pids = {event["worker"]: event["pid"] for event in server.until("worker_started", 2)}
        token = next(token for _ in range(4) if (token := server.token()).startswith("w1."))
        os.kill(pids["w1"], signal.SIGSTOP)
        try:
            assert server.offer(token)[0] == 200  # begun before anybody could know
            assert server.events("call_answered")[0]["worker"] == "w2"
            assert _silences(server, 1) == [("w1", True)]
            assert {server.token().partition(".")[0] for _ in range(4)} == {"w2"}
            health = server.ask("GET", "/healthz")[1]["workers"]
            shown = [(each["state"], each["free_slots"], each["calls"]) for each in health]
            assert shown == [("silent", 0, 0), ("ready", 2, 1)]
        finally:
            os.kill(pids["w1"], signal.SIGCONT)
        assert _silences(server, 2)[1:] == [("w1", False)]
        assert "w1" in {server.token().partition(".")[0] for _ in range(4)}
        assert not server.events("worker_ended")


def _silences(server: Served, count: int) -> list[tuple[str, bool]]:
    return [(event["worker"], event["silent"]) for event in server.until("worker_silent", count)]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked five times as often, and found where the tests are."""
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.setattr(workers, "PING_EVERY_MS", 100.0)


@pytest.mark.wire
@pytest.mark.usefixtures("hurried")
async def test_a_worker_that_does_not_come_back_is_killed_and_started_again(tmp_path: Path) -> None:
    settings = Settings(state=State(directory=str(tmp_path)))
    watching = Watching()
    async with Workers(
        settings, watching, module="tests.fakes.fake_worker", names=("w1",)
    ) as house:
        [worker] = house.all
        await _until(house, house.ready)
        worker.calls.add("c1")
        os.kill(first := worker.pid, signal.SIGSTOP)
        await _until(house, lambda: worker.silent)
        assert not house.ready()
        assert house.freest({}) is None
        await _until(house, lambda: worker.unexpected is not None)
        assert worker.unexpected is not None
        assert (worker.unexpected.hung, worker.unexpected.status) == (True, -signal.SIGKILL)
        assert worker.unexpected.calls_lost == 1
        assert watching.lost == [{"c1"}]
        await _until(house, house.ready)
        assert worker.pid != first
        assert house.freest({}) is worker


async def _until(house: Workers, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            house.changed.clear()
            await house.changed.wait()
