"""The end of a part of the server in mid-call: who is told when, what was kept, and what the rows make of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from bench.errors import CallLost, ServerNotStarted
from bench.load.door import Door, Heard
from bench.load.faults import GIVEN_MS, Killed, _back, _call, fault_rows, notes_of
from bench.load.house import House
from bench.load.lost_model import Model
from bench.load.lost_store import StoreFile, StoreServer
from bench.load.part import Cue, Part
from bench.load.results import document
from bench.load.telephone_door import Number, TelephoneDoor, calling
from bench.load.victims import Gateway, Scene, Victim, Worker
from bench.reports.result import read
from bench.reports.words import story
from models.timed.tags import UNTAGGED
from pipeline.clock import LoopClock
from tests.bench.load.test_run import FakeDoor

PART = Part((), np.zeros(8_000, np.int16), 8_000)


class Told(FakeDoor):
    """Its caller is told after so long; at None never."""

    def __init__(self, after_s: float | None, fails: Exception | None = None) -> None:
        super().__init__()
        self._after_s, self._fault = after_s, fails

    def lasting(self) -> list[Coroutine[Any, Any, None]]:
        return []

    async def told_of_loss(self, since_ms: float) -> float:
        if self._fault is not None:
            raise self._fault
        await asyncio.sleep(3_600.0 if self._after_s is None else self._after_s)
        return LoopClock().now_ms()


async def outcome(door: Door) -> float | str | None:
    moment: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    scene = Scene(0, LoopClock().now_ms() + 500.0, [door], [PART])
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(_call(Worker(), scene, 0, moment))
        await asyncio.sleep(1.0)
        moment.set_result(LoopClock().now_ms())
    return call.result()


async def test_a_caller_who_is_told_is_told_from_the_kill_on() -> None:
    door = Told(0.3)
    assert await outcome(door) == pytest.approx(300.0)
    assert door.said == ["goodbye", "closed"]


@pytest.mark.parametrize(
    ("door", "says"),
    [
        (Told(None), f"nothing within {GIVEN_MS / 1000:.0f} s"),
        (Told(1.0, CallLost("no sentence")), "no sentence"),
    ],
)
async def test_a_caller_who_is_told_nothing_is_a_sentence(door: Told, says: str) -> None:
    assert await outcome(door) == says
    assert door.said == ["goodbye", "closed"]


def voice(from_ms: float, length_ms: float) -> list[Heard]:
    return [Heard(0.0, from_ms + 20.0 * n, -20.0, 1) for n in range(int(length_ms / 20))]


@pytest.mark.parametrize(("answered_ms", "waited_ms"), [(700.0, 1_140.0), (900.0, None)])
async def test_who_had_an_answer_before_the_model_was_killed_did_not_wait_for_it(
    answered_ms: float, waited_ms: float | None
) -> None:
    asked = Part((Cue("speech", "x", 0, 48_000),), np.zeros(8_000, np.int16), 8_000)
    door = Told(None)
    door.notes.heard = [*voice(0.0, 900.0), *voice(1_100.0, answered_ms), *voice(4_140.0, 900.0)]
    scene = Scene(0, 0.0, [door], [asked])
    assert await Model().told(door, scene, 0, 3_000.0) == waited_ms


def test_who_waited_for_nothing_is_in_no_row_and_is_told_of() -> None:
    model = Model()
    killed = Killed(4, [400.0], ["nothing"], served=2)
    rows = {row.id: row.measured for row in fault_rows(killed, model)}
    assert rows["fault.model.untold"].of == 2
    model.held, model.unbegun = [4, 1], 1
    assert notes_of(killed, model) == [
        "2 of 4 callers had their answer before the kill: they are in no time",
        "at 1 of 2 kills not every caller had heard the first word of a reply",
        "nothing",
    ]
    assert notes_of(Killed(4, [400.0]), Model()) == []


def outcomes(killed: Killed, victim: Victim) -> dict[str, str]:
    return {row.id: row.outcome(True) for row in fault_rows(killed, victim)}


def test_everybody_must_be_told_in_time_and_no_process_be_left() -> None:
    found = outcomes(Killed(2, [400.0, 2_100.0]), Worker())
    assert found == {"fault.told": "missed", "fault.untold": "met", "fault.zombies": "met"}
    found = outcomes(Killed(2, [400.0], ["nothing"], zombies=1), Worker())
    assert found == {"fault.told": "met", "fault.untold": "missed", "fault.zombies": "missed"}


class Gone(Worker):
    """It never comes back."""

    async def again(self, at: House, number: int) -> None:
        raise ServerNotStarted(f"no {at.world} for kill {number}")


async def test_what_does_not_come_back_voids_the_run_and_loses_nothing_of_it() -> None:
    killed = Killed(2, [400.0, 300.0])
    assert killed.faults() == []
    assert not await _back(Gone(), House("ours", "", 0), 3, killed)
    assert killed.faults() == ["after the last kill: no ours for kill 3"]
    assert fault_rows(killed, Gone())[0].measured.values == (400.0, 300.0)


def test_callers_whom_a_killed_gateway_left_in_silence_are_a_miss_whenever_it_is_back() -> None:
    gateway = Gateway()
    gateway.answering_ms, gateway.left = [1_900.0], [1]
    found = outcomes(Killed(2, [], ["nothing", "nothing"]), gateway)
    assert found["fault.gateway.told"] == "not measured"
    assert found["fault.gateway.untold"] == "missed"
    assert found["fault.gateway.calls_left"] == "missed"
    assert found["fault.gateway.answering"] == "met"  # nothing is promised


@pytest.mark.parametrize(
    ("stored", "missing", "outcome"), [(4, [], "met"), (4, ["c1"], "missed"), (0, [], "not measured")]
)  # fmt: skip
def test_what_was_stored_must_be_there_and_nothing_stored_proves_nothing(
    stored: int, missing: list[str], outcome: str
) -> None:
    killed = Killed(4, [300.0], stored=stored, missing=missing)
    assert outcomes(killed, StoreFile())["fault.store.lost"] == outcome


def test_a_model_that_had_nothing_in_hand_was_not_killed_in_mid_call() -> None:
    model = Model()
    model.held = [4, 3]
    assert model.faults() == []
    model.held = [4, 0]
    assert model.faults() == ["at 1 of 2 kills the model had no reply in hand"]


def test_a_database_that_nobody_wrote_to_while_it_was_away_was_not_missed() -> None:
    store = StoreServer()
    store.refused = [1, 2]
    assert store.faults() == []
    store.refused = [1, 0]
    (said,) = store.faults()
    assert said == "at 1 of 2 kills nothing was to be written while the database was away"


@pytest.mark.wire
async def test_by_telephone_the_sentence_is_the_first_voice_that_is_no_replys_tone() -> None:
    number = Number(5060, secure=False)
    async with calling(number) as trunks, asyncio.TaskGroup() as tasks:
        door = TelephoneDoor(trunks, number)
        heard = door.notes.heard
        heard += [Heard(980.0 + 20.0 * n, 0.0, -14.0, 1) for n in range(6)]  # the reply goes on
        heard.append(Heard(1_100.0, 0.0, -20.0, None))  # and fades
        telling = tasks.create_task(door.told_of_loss(1_000.0))
        await asyncio.sleep(0.05)
        heard.append(Heard(1_380.0, 0.0, -60.0, None))
        heard += [
            Heard(1_400.0 + 20.0 * n, 0.0, -20.0, 3 if n == 1 else UNTAGGED) for n in range(4)
        ]
        async with asyncio.timeout(60):
            assert await telling == 1_400.0


def test_a_number_shows_no_more_than_where_it_is() -> None:
    assert Number(5061, secure=True).target == "sip:clinic@127.0.0.1:5061;transport=tls"
    assert Number(5060, secure=False).target == "sip:clinic@127.0.0.1:5060;transport=udp"


def test_a_result_says_what_was_killed_and_a_store_of_which_kind() -> None:
    told = [victim.about() for victim in (Worker(), Gateway(), Model(), StoreFile(), StoreServer())]
    assert told == [
        {"victim": "worker"}, {"victim": "gateway"}, {"victim": "model"},
        {"victim": "store", "store": "file"}, {"victim": "store", "store": "server"},
    ]  # fmt: skip
    run = read("", json.dumps(document({"kind": "faults", "valid": True} | told[-1], []))).run
    assert (run.victim, run.store) == ("store", "server")


@pytest.mark.parametrize(
    ("victim", "killed", "title"),
    [
        (Worker(), Killed(2, [36.0, 47.0]), "2 callers of killed workers heard a sentence within 47 ms."),
        (Model(), Killed(1, [950.0]), "1 caller of killed models heard a sentence within 950 ms."),
        (Gateway(), Killed(2, [], ["nothing"]), "No caller of a killed gateway was told anything."),
    ],
)  # fmt: skip
def test_the_report_says_first_who_was_told(victim: Victim, killed: Killed, title: str) -> None:
    about = {"kind": "faults", "valid": True, "notes": []}
    written = json.dumps(document(about, fault_rows(killed, victim)))
    assert story(read("", written)).title == title
