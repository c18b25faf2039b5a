"""A call's record while the store works, and while it does not: the call goes on, nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from pipeline.clock import LoopClock
from pipeline.settings import Settings
from pipeline.store.draft import Snapshot
from pipeline.store.fields import KINDS, FieldRule, RequestSchema
from pipeline.store.opening import open_records, prepare
from pipeline.store.records import Records
from pipeline.store.requests import (
    TRIES_MAX,
    Record,
    RequestLost,
    RequestSetAside,
    RequestStore,
)
from pipeline.store.retention import redact
from pipeline.store.tombstones import Tombstones
from pipeline.telemetry.events import Event, set_sink
from tests.store.conftest import House

SCHEMA = RequestSchema(
    (
        FieldRule("reason", KINDS["choice"], ("vaccination", "check_up"), True, store=True),
        FieldRule("first_name", KINDS["first_name"], (), True, store=True),
        FieldRule("phone", KINDS["phone"], (), True, store=True, lookup=True),
        FieldRule("ssn4", KINDS["ssn4"]),
    )
)
FULL = {"reason": "vaccination", "first_name": "José", "phone": "2125550143"}


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


@pytest.fixture
def settings(house: House) -> Settings:
    """Of a store that is made and proven."""
    made = house.settings()
    prepare(made)
    return made


class Other:
    """Another program that holds the database."""

    def __init__(self, house: House) -> None:
        self._connection = sqlite3.connect(
            house.directory / "data/requests.db", isolation_level=None, check_same_thread=False
        )

    async def hold(self) -> None:
        await asyncio.to_thread(self._connection.execute, "BEGIN IMMEDIATE")

    async def let_go(self) -> None:
        await asyncio.to_thread(self._connection.execute, "ROLLBACK")

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def other(house: House, settings: Settings) -> Iterator[Other]:
    program = Other(house)
    yield program
    program.close()


def store(settings: Settings, **options: object) -> RequestStore:
    return RequestStore(
        lambda: open_records(settings, busy_ms=20),
        SCHEMA,
        LoopClock(),
        retry_ms=20.0,
        **options,  # type: ignore[arg-type]  # passed on
    )


def fill(record: Record) -> None:
    for name, value in FULL.items():
        record.field(name, value)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60.0):
        while not condition():  # noqa: ASYNC110  # what a thread changed sets no event of this loop
            await asyncio.sleep(0.005)


def names(said: list[Event]) -> list[str]:
    return [event.name for event in said]


def words(said: list[Event]) -> str:
    return " ".join(str(event.record()) for event in said)


def stored(house: House) -> list[dict[str, str]]:
    with house.records() as records:
        return [dict(opened.document.fields) for opened in records.all_opened()]


@pytest.mark.wire
async def test_a_request_is_on_the_disk_when_the_call_has_ended(
    house: House, settings: Settings, said: list[Event]
) -> None:
    async with store(settings) as requests:
        record = requests.record("c1")
        fill(record)
        record.complete()
        await record.end("goodbye")
        on_disk = await asyncio.to_thread(stored, house)
    assert on_disk == [FULL]
    assert not [value for value in FULL.values() if value in words(said)]
    assert "request_stored" in names(said)


@pytest.mark.wire
async def test_a_caller_who_leaves_half_way_leaves_what_is_known(
    house: House, settings: Settings
) -> None:
    async with store(settings) as requests:
        record = requests.record("c1")
        record.field("first_name", "José")
        await record.end("lost")

    def entry() -> tuple[str, bool]:
        with house.records() as records:
            (only,) = records.entries()
            return only.state.value, only.ended

    assert await asyncio.to_thread(entry) == ("incomplete", True)


@pytest.mark.wire
async def test_rows_d9_d11_p10_p11_what_may_not_be_stored_reaches_no_file_and_no_event(
    house: House, settings: Settings, said: list[Event]
) -> None:
    async with store(settings) as requests:
        record = requests.record("c1")
        fill(record)
        record.field("ssn4", "7391")
        record.field("diagnosis", "psoriasis")
        record.field("first_name", "it is about my psoriasis")
        record.complete()
        await record.end("goodbye")
    data = await asyncio.to_thread(house.written)
    assert [event.record()["field"] for event in said if event.name == "request_refused_field"] == [
        "unknown",
        "first_name",
    ]
    for planted in ("7391", "psoriasis", "diagnosis"):
        assert planted.encode() not in data
        assert planted not in words(said)
    (fields,) = await asyncio.to_thread(stored, house)
    assert fields == FULL


@pytest.mark.wire
async def test_a_locked_store_does_not_hold_the_call_and_nothing_is_lost(
    house: House, settings: Settings, other: Other, said: list[Event]
) -> None:
    told: list[str] = []
    async with store(settings) as requests:
        await other.hold()
        record = requests.record("c1", told.append)
        fill(record)
        record.complete()
        await record.end("goodbye")
        await until(lambda: told == ["waiting"])
        assert requests.failing == "locked"
        assert requests.waiting == 1
        await other.let_go()
        await until(lambda: told == ["waiting", "stored"])
        await until(lambda: not requests.failing)
    assert await asyncio.to_thread(stored, house) == [FULL]
    assert names(said).count("store_failed") == 1
    assert names(said).count("store_works") == 1
    assert "request_lost" not in names(said)


@pytest.mark.wire
@pytest.mark.parametrize("harm", ["key gone", "key of others", "key wrong", "file gone", "corrupt"])
async def test_whatever_breaks_while_calls_run_is_an_event_and_is_made_good_later(
    house: House, settings: Settings, said: list[Event], tmp_path: Path, harm: str
) -> None:
    key = house.directory / "keys/install.key"
    file = house.directory / "data/requests.db"

    def break_it() -> Callable[[], None]:
        kept_key, kept_file = key.read_text(), file.read_bytes()
        match harm:
            case "key gone":
                key.unlink()
            case "key of others":
                key.chmod(0o644)
            case "key wrong":
                stranger = House(tmp_path / "other")
                prepare(stranger.settings())
                key.write_text((stranger.directory / "keys/install.key").read_text())
            case "file gone":
                file.rename(tmp_path / "away")
            case _:
                file.write_bytes(b"nothing of ours" * 500)

        def mend() -> None:
            key.write_text(kept_key)
            key.chmod(0o600)
            if harm == "file gone":
                (tmp_path / "away").rename(file)
            elif harm == "corrupt":
                file.write_bytes(kept_file)

        return mend

    mend = await asyncio.to_thread(break_it)
    async with store(settings) as requests:
        record = requests.record("c1")
        fill(record)
        record.complete()
        await record.end("goodbye")
        await until(lambda: requests.failing != "")
        await asyncio.to_thread(mend)
        await until(lambda: requests.waiting == 0)
    assert await asyncio.to_thread(stored, house) == [FULL]
    assert names(said).count("request_lost") == 0


@pytest.mark.wire
async def test_the_newest_snapshot_replaces_one_that_waits_and_a_full_memory_refuses_new_calls(
    house: House, settings: Settings, other: Other, said: list[Event]
) -> None:
    told: list[str] = []
    async with store(settings, waiting_max=2) as requests:
        await other.hold()
        first, second = requests.record("c1"), requests.record("c2")
        for record in (first, second):
            for name in ("vaccination", "check_up", "vaccination"):
                record.field("reason", name)
                record.complete()
        third = requests.record("c3", told.append)
        fill(third)
        third.complete()
        assert told == ["lost"]
        assert requests.waiting == 2
        for record in (first, second, third):
            await record.end("goodbye")
        await other.let_go()
        await until(lambda: requests.waiting == 0)
    assert await asyncio.to_thread(stored, house) == [{"reason": "vaccination"}] * 2
    assert {str(e.record()["call_id"]) for e in said if e.name == "request_lost"} == {"c3"}


@pytest.mark.wire
async def test_a_server_that_stops_while_the_store_fails_says_what_is_lost(
    house: House, settings: Settings, said: list[Event]
) -> None:
    async with store(settings) as requests:
        await asyncio.to_thread((house.directory / "keys/install.key").chmod, 0o644)
        record = requests.record("c1")
        fill(record)
        await record.end("shutdown")
        await until(lambda: requests.failing != "")
    (lost,) = [event.record() for event in said if event.name == "request_lost"]
    assert (lost["call_id"], lost["reason"]) == ("c1", "permissions")


@pytest.mark.wire
async def test_row_o10_a_request_that_staff_destroyed_meanwhile_stays_destroyed(
    house: House, settings: Settings
) -> None:
    async with store(settings) as requests:
        record = requests.record("c1")
        fill(record)
        record.complete()
        await record.end("goodbye")

        def destroy() -> None:
            with house.records() as records:
                redact(records, Tombstones(house.directory / "keys"), record.request_id, [])

        await asyncio.to_thread(destroy)
        record.field("first_name", "Ana")
        record.complete()
        await record.end("goodbye")
    assert await asyncio.to_thread(stored, house) == []


def never() -> Records:
    raise AssertionError("no thread runs here")


class Instant(RequestStore):
    """A store that commits at once, on the loop: what remains is the record's own timing."""

    def __init__(self) -> None:
        super().__init__(never, SCHEMA, LoopClock())
        self.wrote: list[tuple[float, dict[str, str]]] = []

    def put(self, snapshot: Snapshot, told: Callable[[str], None]) -> None:
        self.wrote.append((self.clock.now_ms(), dict(snapshot.fields)))
        told("stored")


async def test_row_d2_the_debounce_runs_on_one_timer_a_call() -> None:
    instant = Instant()
    began_ms = instant.clock.now_ms()
    record = instant.record("c1")
    loop = asyncio.get_running_loop()
    for reason in ("vaccination", "check_up", "vaccination"):
        record.field("reason", reason)
        record.heard()
        timers = [t for t in loop._scheduled if not t.cancelled()]  # type: ignore[attr-defined]  # X32: the loop's own list
        assert len(timers) == 1
        await asyncio.sleep(0.4)
    assert instant.wrote == []
    await asyncio.sleep(20.0)
    times = [round(at_ms - began_ms) for at_ms, _ in instant.wrote]
    assert times[0] == 800 + 1_500
    assert len(times) == 2  # the second marks it incomplete
    await record.end("lost")


async def test_rows_d5_x16_no_timer_outlives_a_thousand_calls() -> None:
    instant = Instant()
    loop = asyncio.get_running_loop()
    for number in range(1_000):
        record = instant.record(f"c{number}")
        record.field("reason", "vaccination")
        record.heard()
        await record.end("goodbye")
    assert [timer for timer in loop._scheduled if not timer.cancelled()] == []  # type: ignore[attr-defined]  # the loop's own list
    assert len(instant.wrote) == 1_000


def calls_in(settings: Settings) -> set[str]:
    records = open_records(settings)
    try:
        return {each.entry.call_id for each in records.all_opened()}
    finally:
        records.database.close()


def when(awaited: str, event: asyncio.Event) -> Callable[[str], None]:
    return lambda kept: event.set() if kept == awaited else None


class Poisoned:
    """A store that works, but for one call's request."""

    def __init__(self, records: Records, call_id: str, cured: list[bool]) -> None:
        self._records = records
        self.database = records.database
        self._call_id = call_id
        self._cured = cured

    def write(self, snapshot: Snapshot) -> None:
        if snapshot.call_id == self._call_id and not self._cured:
            raise ValueError("this one row")
        self._records.write(snapshot)


@pytest.mark.wire
@pytest.mark.parametrize("cured", [False, True])
async def test_one_request_that_never_can_be_stored_holds_up_no_other_and_is_not_lost_silently(
    settings: Settings, said: list[Event], cured: bool
) -> None:
    ill, cure = "c00000000bad0", list[bool]()
    kept_ill: list[str] = []
    opened = RequestStore(
        lambda: cast(Records, Poisoned(open_records(settings, busy_ms=20), ill, cure)),
        SCHEMA,
        LoopClock(),
        retry_ms=1.0,
    )
    async with opened as requests:
        bad = requests.record(ill, kept_ill.append)
        bad.field("first_name", "Ann")
        await bad.end("caller")
        for number in range(TRIES_MAX + 2):
            is_stored = asyncio.Event()
            good = requests.record(f"c{number:012x}", when("stored", is_stored))
            good.field("first_name", "Bob")
            await good.end("caller")
            async with asyncio.timeout(60):
                await is_stored.wait()
        assert [type(event) for event in said].count(RequestSetAside) == 1
        assert requests.failing == ""
        assert requests.waiting == 1
        assert "stored" not in kept_ill
        if cured:
            cure.append(True)
    lost = [event for event in said if isinstance(event, RequestLost)]
    assert [event.call_id for event in lost] == ([] if cured else [ill])
    found = await asyncio.to_thread(calls_in, settings)
    assert len(found) == TRIES_MAX + 2 + cured
    assert (ill in found) is cured
