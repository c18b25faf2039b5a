"""What is said of the store without its key: counts that are right, and no content."""

from __future__ import annotations

import json

from sqlalchemy import update

from pipeline.store.facts import facts_of
from pipeline.store.opening import tombstones_of
from pipeline.store.retention import hold, redact
from pipeline.store.schema import DataKeyRow
from tests.store.conftest import House
from tests.store.snapshots import NAMES, phone, snapshot


def test_requests_are_counted_by_state_and_the_destroyed_by_reason(either: House) -> None:
    with either.records() as records:
        for number in range(4):
            records.write(snapshot(number))
        graves = tombstones_of(either.settings())
        redact(records, graves, f"{0:032x}", [])
        hold(records, f"{1:032x}", "boss")
        found = facts_of(records.database, "north")
        other = facts_of(records.database, "south")
    assert found.by_state == {"complete": 3}
    assert found.destroyed == {"redacted": 1}
    assert (found.holds, found.install_keys, found.readable_keys_of_destroyed) == (1, 1, 0)
    assert found.is_current
    assert found.oldest == "2026-09-21"
    assert (other.by_state, other.holds) == ({}, 0)
    shown = json.dumps(found.record())
    assert not any(value in shown for value in (*NAMES, phone(0), phone(1), "vaccination"))


def test_a_destroyed_request_that_still_has_its_key_is_counted_as_a_fault(house: House) -> None:
    with house.records() as records:
        records.write(snapshot(0))
        with records.database.writing() as session:
            session.execute(update(DataKeyRow).values(destroyed_at_ms=1, destroyed_why="expired"))
        assert facts_of(records.database, "north").readable_keys_of_destroyed == 1


def test_what_cannot_be_looked_at_is_said(house: House) -> None:
    with house.records() as records:
        file = records.database.location.file
    assert file is not None
    file.write_bytes(b"no database" * 500)
    with_damage = facts_of(records.database, "north")
    assert "is damaged" in with_damage.said
    records.database.close()
    file.unlink()
    assert facts_of(records.database, "north").said == "there is no store yet"
