"""Two workers: whose call is whose, and what a caller hears when one of them dies."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings import Settings
from pipeline.supervisor.workers import Worker, Workers
from tests.supervisor.served import Served, served

pytestmark = pytest.mark.wire


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Served]:
    with served(
        tmp_path, "[workers]\ncount = 2\ncalls_per_worker = 3\n[limits]\ncalls_per_address = 7\n"
    ) as running:
        yield running


def workers(server: Served) -> dict[str, dict[str, Any]]:
    return {w["name"]: w for w in server.ask("GET", "/healthz")[1]["workers"]}


@contextlib.contextmanager
def events(server: Served, call: dict[str, Any]) -> Iterator[Any]:
    with contextlib.closing(server.connect()) as connection:
        headers = {"Authorization": f"Bearer {call['call_key']}"}
        connection.request("GET", "/api/calls/events", headers=headers)
        stream = connection.getresponse()
        assert stream.readline() == b'{"type":"alive"}\n'
        yield stream


def test_a_token_names_its_worker_and_the_call_is_there(pair: Served) -> None:
    token = pair.token()
    name = token.partition(".")[0]
    assert pair.offer(token)[0] == 200
    counts = {worker: state["calls"] for worker, state in workers(pair).items()}
    assert counts == {"w1": 0, "w2": 0} | {name: 1}
    assert pair.until("call_answered")[0]["worker"] == name


def test_calls_spread_over_the_workers_until_every_line_is_busy(pair: Served) -> None:
    assert {token.partition(".")[0] for token in (pair.token(), pair.token())} == {"w1", "w2"}
    for _ in range(6):
        pair.call()
    assert {w["calls"] for w in workers(pair).values()} == {3}
    status, body, headers = pair.ask("POST", "/api/calls")
    assert (status, body["error"]["code"]) == (503, "lines_busy")
    assert int(headers["Retry-After"]) > 0


def test_callers_of_the_worker_that_dies_hear_it_and_the_others_do_not(pair: Served) -> None:
    calls = [pair.call() for _ in range(4)]
    places = {event["call_id"]: event["worker"] for event in pair.until("call_answered", 4)}
    pids = {event["worker"]: event["pid"] for event in pair.until("worker_started", 2)}
    with contextlib.ExitStack() as stack:
        streams = {c["call_id"]: stack.enter_context(events(pair, c)) for c in calls}
        os.kill(pids["w1"], signal.SIGKILL)
        for call_id, stream in streams.items():
            if places[call_id] == "w1":
                assert stream.read().endswith(b'{"type":"worker_lost"}\n')
            else:
                assert stream.readline() == b'{"type":"alive"}\n'
    assert sorted(places.values()) == ["w1", "w1", "w2", "w2"]
    over = pair.until("call_over", 2)
    assert {places[event["call_id"]] for event in over} == {"w1"}
    assert pair.events("worker_ended")[0]["status"] == -signal.SIGKILL
    pair.until("worker_ready", 3)
    assert {name: w["calls"] for name, w in workers(pair).items()} == {"w1": 0, "w2": 2}


def test_a_worker_whose_engine_failed_takes_no_call_finishes_its_own_and_is_replaced(
    pair: Served,
) -> None:
    token = pair.token()
    deaf = token.partition(".")[0]
    status, call, _ = pair.offer(token, "deaf")
    assert status == 200
    while workers(pair)[deaf]["state"] == "ready":
        pass
    assert workers(pair)[deaf] == {"name": deaf, "state": "draining", "calls": 1, "free_slots": 0}
    assert {pair.token().partition(".")[0] for _ in range(4)} == {"w1", "w2"} - {deaf}
    with events(pair, call) as stream:
        assert pair.ask("POST", "/api/hangup", {"call_key": call["call_key"]})[0] == 204
        assert stream.read().endswith(b'{"type":"ended"}\n')
    assert [event["worker"] for event in pair.until("worker_ready", 3)][-1] == deaf
    ended = pair.events("worker_ended")[0]
    assert (ended["worker"], ended["calls_lost"], ended["expected"]) == (deaf, 0, False)
    assert f"Worker {deaf} stopped: speech recognition failed" in pair.out()


class Nobody:
    def on_worker_notice(self, worker: Worker, kind: str, payload: dict[str, Any]) -> None:
        raise AssertionError

    async def on_worker_audit(self, worker: Worker, records: object) -> None:
        raise AssertionError

    def on_worker_ready(self, worker: Worker) -> None:
        pass

    def on_worker_lost(self, worker: Worker) -> None:
        raise AssertionError


def test_callers_on_their_way_count_but_nobody_is_refused_for_them() -> None:
    house = Workers(Settings(), Nobody())
    first, second = Worker("w1", "ready", free_slots=2), Worker("w2", "ready", free_slots=3)
    house.all = [first, second, Worker("w3", "draining", free_slots=9)]
    assert house.freest({}) is second
    assert house.freest({"w2": 2}) is first
    assert house.freest({"w1": 50, "w2": 50}) is second
    first.free_slots = second.free_slots = 0
    assert house.freest({}) is None
