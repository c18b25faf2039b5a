"""The key is changed while calls run, and a crash in between loses nothing."""

from __future__ import annotations

import pytest

from pipeline.store import rotation
from pipeline.store.faults import KeyFault, StoreFault
from pipeline.store.keys import KeySource
from pipeline.store.opening import key_source
from pipeline.store.proofs import keys_of
from pipeline.store.records import Records
from pipeline.store.rotation import rotate
from tests.store.conftest import House
from tests.store.snapshots import snapshot

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
        assert rotate(records, source) == MANY
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
        batches: list[int] = []

        def wrap_one(records: Records) -> int:
            if batches:
                raise Crash
            batches.append(wrap(records))
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


def test_a_damaged_row_stops_the_rotation_and_both_keys_stay(house: House) -> None:
    source = key_source(house.settings())
    with house.records() as records:
        records.write(snapshot(1))
        with records.database.connected(writes=True) as connection:
            connection.exec_driver_sql("UPDATE data_keys SET wrapped = x'0100'")
        with pytest.raises(StoreFault, match="rotate again"):
            rotate(records, source)
    assert len(source.load().keys) == 2


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
