"""The key is changed while calls run, and a crash in between loses nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from pipeline.store import retention, rotation
from pipeline.store.faults import KeyFault
from pipeline.store.keys import KeySource
from pipeline.store.opening import key_source
from pipeline.store.proofs import keys_of
from pipeline.store.records import Records
from pipeline.store.rotation import Rotated, rotate
from pipeline.store.schema import DataKeyRow
from pipeline.store.tombstones import Tombstones
from tests.store.conftest import House
from tests.store.snapshots import damage, snapshot

MANY = 12


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three batches for our few requests."""
    monkeypatch.setattr(rotation, "BATCH", 5)


def test_every_request_opens_with_the_new_key_alone(either: House) -> None:
    source = key_source(either.settings())
    with either.records() as records:
        for number in range(MANY):
            records.write(snapshot(number))
        old = source.load()
        assert rotate(records, source) == Rotated(MANY, (), (), "")
        new = source.load()
        assert list(new.keys) == [new.current]
        assert new.current not in old.keys
        assert new.lookup == old.lookup
    with either.records() as records:
        assert sum(1 for _ in records.all_opened()) == MANY
        assert keys_of(records.database, "north") == (new.current,)


def test_a_worker_that_runs_meanwhile_follows_at_its_next_write(either: House) -> None:
    source = key_source(either.settings())
    with either.records() as worker, either.records() as command:
        worker.write(snapshot(1, revision=1))
        rotate(command, source)
        worker.write(snapshot(1, revision=2))
        worker.write(snapshot(2))
        assert worker.ring.current == source.load().current
        rotate(command, source)
        assert worker.open(snapshot(2).request_id).document.fields == snapshot(2).fields
    with either.records() as records:
        assert sum(1 for _ in records.all_opened()) == 2


class Crash(Exception):
    """The process ended here."""


@pytest.mark.parametrize("after", ["key written", "announced", "some wrapped", "all wrapped"])
def test_a_rotation_that_crashed_goes_on_where_it_was(
    either: House, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = key_source(either.settings())
    with either.records() as records:
        for number in range(MANY):
            records.write(snapshot(number))

        def crash(*_: object) -> int:
            raise Crash

        wrap = rotation._wrap_some
        batches: list[list[str]] = []

        def wrap_one(records: Records, after: str, unopened: list[str]) -> list[str]:
            if batches:
                raise Crash
            batches.append(wrap(records, after, unopened))
            return batches[0]

        with monkeypatch.context() as patched:
            match after:
                case "key written":
                    patched.setattr(rotation, "_announce", crash)
                case "announced":
                    patched.setattr(rotation, "_wrap_some", crash)
                case "some wrapped":
                    patched.setattr(rotation, "_wrap_some", wrap_one)
                case _:
                    patched.setattr(rotation, "_drop_old", crash)
            with pytest.raises(Crash):
                rotate(records, source)
    assert len(source.load().keys) == 2
    with either.records() as worker:  # the server starts again in between, and takes a call
        worker.write(snapshot(MANY))
        assert sum(1 for _ in worker.all_opened()) == MANY + 1
    with either.records() as records:
        rotate(records, source)
    assert len(source.load().keys) == 1
    with either.records() as records:
        assert sum(1 for _ in records.all_opened()) == MANY + 1


def test_a_data_key_that_does_not_open_keeps_the_old_key_for_itself_alone(house: House) -> None:
    source = key_source(house.settings())

    def keys() -> set[str]:
        return set(source.load().keys)

    with house.records() as records:
        for number in range(MANY):
            records.write(snapshot(number))
        broken = tuple(damage(records, number, "wrapped") for number in (0, 7))
        old = source.load().current
        assert rotate(records, source) == Rotated(MANY - 2, broken, (), "")
        first = source.load().current
        assert keys() == {old, first}
        unopened: list[str] = []
        assert sum(1 for _ in records.all_opened(unopened)) == MANY - 2
        assert tuple(unopened) == broken
        assert rotate(records, source).unopened == broken  # a stolen key can be changed again
        second = source.load().current
        assert keys() == {old, second}
        assert second != first
    with house.records() as records:  # the server starts with it
        records.write(snapshot(MANY))
        graves = Tombstones(house.directory / "keys")
        for request_id in broken:
            retention.remove(records, graves, request_id)
        assert rotate(records, source) == Rotated(MANY - 1, (), (), "")
        assert keys() == {source.load().current}
        assert sum(1 for _ in records.all_opened()) == MANY - 1


def test_what_a_reader_keeps_in_the_file_of_a_rotation_is_said(house: House) -> None:
    source = key_source(house.settings())
    with house.records(busy_ms=50) as records, house.records() as reader:
        records.write(snapshot(1))
        with reader.database.reading() as session:
            session.scalars(select(DataKeyRow)).all()
            assert "old bytes are still in" in rotate(records, source).owed


def test_another_practices_rows_keep_their_key(either: House) -> None:
    source = key_source(either.settings())
    with either.records("north") as north, either.records("south") as south:
        north.write(snapshot(1))
        south.write(snapshot(2))
        rotate(north, source)
        assert len(source.load().keys) == 2
        assert south.open(snapshot(2).request_id).document.fields == snapshot(2).fields
    with either.records("south") as south:
        assert south.count() == 1
        rotate(south, source)
        assert south.open(snapshot(2).request_id).document.fields == snapshot(2).fields


def test_a_key_that_comes_from_elsewhere_is_not_rotated_here(house: House) -> None:
    with house.records() as records:
        ring = records.ring
        elsewhere = KeySource("environment", house.directory, text=ring.to_text())
        with pytest.raises(KeyFault, match="cannot change"):
            rotate(records, elsewhere)
        records.write(snapshot(1))
