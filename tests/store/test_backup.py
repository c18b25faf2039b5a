"""A copy taken while calls run comes back on an empty machine, on either kind of database."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from phi.envelope import KeyRing
from pipeline.store import retention
from pipeline.store.backup import back_up, bury_again, examine, restore
from pipeline.store.database import Database
from pipeline.store.faults import StoreBusy, StoreFault
from pipeline.store.opening import key_source, location
from pipeline.store.rotation import rotate
from pipeline.store.schema import DataKeyRow
from pipeline.store.tombstones import Tombstones
from tests.store.conftest import House
from tests.store.snapshots import damage, snapshot


def bring_back(house: House, copy: Path) -> None:
    """Restore as the command does; the key is there already."""
    settings = house.settings()
    database = Database(location(settings))
    try:
        restore(database, copy, key_source(settings).load(), "north")
    finally:
        database.close()


def moved(house: House, to: Path, url: str = "") -> House:
    """Another machine, which has the exported key and nothing else."""
    other = House(to / "state", url)
    (other.directory / "keys").mkdir(parents=True, mode=0o700)
    shutil.copy2(house.directory / "keys/install.key", other.directory / "keys/install.key")
    return other


def test_row_o13_an_empty_machine_gets_everything_back(either: House, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with either.records() as records:
        for number in range(40):
            records.write(snapshot(number))
        records.claim(snapshot(3).request_id, "ada")
        retention.hold(records, snapshot(4).request_id, "ada")
        head = back_up(records, copy)
        assert head.rows == 3 * 40 + 2
        assert copy.stat().st_mode & 0o777 == 0o600
        text = copy.read_bytes()
        assert not [v for v in snapshot(1).fields.values() if v.encode() in text]
        before = records.entries()
        assert json.loads(copy.read_text().split("\n")[0])["taken_at"].endswith("+00:00")  # X23
    other = moved(either, tmp_path / "other")
    bring_back(other, copy)
    with other.records() as records:
        assert records.entries() == before
        fields = {opened.entry.id: opened.document.fields for opened in records.all_opened()}
        assert fields == {snapshot(n).request_id: snapshot(n).fields for n in range(40)}


@pytest.mark.wire
def test_a_practice_moves_from_a_file_to_a_server(
    house: House, server: House, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    with house.records() as records:
        for number in range(10):
            records.write(snapshot(number))
        back_up(records, copy)
    there = moved(house, tmp_path / "other", server.url)
    bring_back(there, copy)
    with there.records() as records:
        records.write(snapshot(11))
        assert sum(1 for _ in records.all_opened()) == 11


@pytest.mark.wire
def test_a_copy_under_load_is_one_consistent_view(either: House, tmp_path: Path) -> None:
    """Each call is written twice; a copy holds a prefix of the writes, each of them whole."""
    stop = threading.Event()
    written: list[int] = []
    with either.records():
        pass

    def calls() -> None:
        with either.records() as records:
            number = 0
            while not stop.is_set():
                for revision in (1, 2):
                    records.write(snapshot(number, revision=revision))
                    written.append(number)
                number += 1

    writer = threading.Thread(target=calls)
    writer.start()
    copies = [tmp_path / f"copy{number}" for number in range(3)]
    counts: list[int] = []
    try:
        with either.records() as records:
            for copy in copies:
                already = len(written)
                while len(written) < already + 10:
                    assert writer.is_alive()
                counts.append(len(written))
                back_up(records, copy)
    finally:
        stop.set()
        writer.join()
    for number, (copy, least) in enumerate(zip(copies, counts, strict=True)):
        other = moved(either, tmp_path / f"other{number}")
        bring_back(other, copy)
        with other.records() as records:
            opened = list(records.all_opened())
            ids = {each.entry.id for each in opened}
            assert len(opened) >= least // 2
            assert ids == {snapshot(n).request_id for n in range(len(ids))}
            assert all(
                each.document.fields == snapshot(int(each.entry.id, 16)).fields for each in opened
            )


def test_row_o13_a_copy_of_an_older_release_comes_back_up_to_date(
    house: House, tmp_path: Path
) -> None:
    """A copy with the first release's tables: what they did not have is not in it."""
    copy = tmp_path / "copy"
    with house.records() as records:
        records.write(snapshot(1))
        back_up(records, copy)
        ring = records.ring
    _resign(copy, ring, revision="0001")
    other = moved(house, tmp_path / "other")
    bring_back(other, copy)
    with other.records() as records:
        assert records.database.version() == "0002"
        retention.hold(records, snapshot(1).request_id, "ada")
        assert records.open(snapshot(1).request_id).document.fields == snapshot(1).fields


def _resign(copy: Path, ring: KeyRing, **head: str) -> None:
    """The same copy with another head, signed as if it had been made so."""
    import hashlib

    first, *rows, foot = copy.read_bytes().splitlines(keepends=True)
    changed = json.dumps({**json.loads(first), **head}).encode() + b"\n"
    body = changed + b"".join(rows)
    signature = ring.signature("backup", hashlib.sha256(body).digest())
    copy.write_bytes(
        body + json.dumps({**json.loads(foot), "signature": signature}).encode() + b"\n"
    )


def test_a_copy_of_a_newer_release_is_refused(house: House, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with house.records() as records:
        back_up(records, copy)
        _resign(copy, records.ring, revision="0999")
    other = moved(house, tmp_path / "other")
    with pytest.raises(StoreFault, match="newer release"):
        bring_back(other, copy)
    assert not (other.directory / "data").exists()


def test_a_copy_of_another_practice_is_refused(house: House, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with house.records("south") as records:
        back_up(records, copy)
    with pytest.raises(StoreFault, match=r'practice "south"'):
        bring_back(moved(house, tmp_path / "other"), copy)


def test_a_store_that_is_not_empty_is_not_restored_into(house: House, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with house.records() as records:
        records.write(snapshot(1))
        back_up(records, copy)
    with pytest.raises(StoreFault, match="not empty"):
        bring_back(house, copy)


def test_the_lost_key_drill_without_the_key_a_copy_is_nothing(house: House, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with house.records() as records:
        records.write(snapshot(1))
        back_up(records, copy)
        right = records.ring
    stranger = House(tmp_path / "stranger")
    with stranger.records() as records:
        wrong = records.ring
    with pytest.raises(StoreFault, match="another key"):
        examine(copy, wrong)
    with pytest.raises(StoreFault, match="wardline key import"):
        bring_back(House(tmp_path / "keyless"), copy)
    assert examine(copy, right).rows > 0


def test_an_earlier_copy_brings_nothing_back_that_was_destroyed_since(
    house: House, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    graves = Tombstones(house.directory / "keys")
    with house.records() as records:
        for number in range(4):
            records.write(snapshot(number))
        back_up(records, copy)
        retention.redact(records, graves, snapshot(1).request_id, [])
        retention.remove(records, graves, snapshot(2).request_id)
    other = moved(house, tmp_path / "other")
    bring_back(other, copy)
    with other.records() as records:
        assert bury_again(records, graves) == 2
        assert bury_again(records, graves) == 0
        ids = {opened.entry.id for opened in records.all_opened()}
        assert ids == {snapshot(0).request_id, snapshot(3).request_id}


def test_row_o10_an_earlier_copy_does_not_bring_redacted_fields_back(
    either: House, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    graves = Tombstones(either.directory / "keys")
    name, phone = snapshot(1).request_id, snapshot(1).fields["phone"]
    with either.records() as records:
        records.write(snapshot(1))
        records.write(snapshot(2))
        back_up(records, copy)
        retention.redact(records, graves, name, ["phone"])
        assert graves.read() == {}  # the rest of it stays
    other = moved(either, tmp_path / "other")
    bring_back(other, copy)
    with other.records() as records:
        assert records.find("phone", phone) == [name]
        assert bury_again(records, graves) == 1
        assert bury_again(records, graves) == 0
        left = {k: v for k, v in snapshot(1).fields.items() if k != "phone"}
        assert records.open(name).document.fields == left
        assert records.find("phone", phone) == []
        assert records.open(snapshot(2).request_id).document.fields == snapshot(2).fields


@pytest.mark.parametrize("column", ["document", "wrapped"])
def test_a_damaged_row_is_named_by_the_copy_and_keeps_nothing_else_back(
    house: House, tmp_path: Path, column: str
) -> None:
    copy = tmp_path / "copy"
    graves = Tombstones(house.directory / "keys")
    with house.records() as records:
        for number in range(4):
            records.write(snapshot(number))
        damaged = damage(records, 2, column)
        assert back_up(records, copy).unopened == (damaged,)
        retention.remove(records, graves, snapshot(0).request_id)
        retention.redact(records, graves, snapshot(1).request_id, ["phone"])
    other = moved(house, tmp_path / "other")
    bring_back(other, copy)
    with other.records() as records:
        assert bury_again(records, graves) == 2
        unopened: list[str] = []
        opened = {each.entry.id: each.document.fields for each in records.all_opened(unopened)}
        assert unopened == [damaged]
        assert list(opened) == [snapshot(1).request_id, snapshot(3).request_id]
        assert "phone" not in opened[snapshot(1).request_id]
        assert [entry.gone for entry in records.entries() if entry.id == damaged] == [None]


@pytest.mark.parametrize("fields", [None, [], ["phone"]])
def test_a_request_that_lost_its_data_key_is_named_and_can_be_destroyed(
    house: House, tmp_path: Path, fields: list[str] | None
) -> None:
    graves = Tombstones(house.directory / "keys")
    with house.records() as records:
        records.write(snapshot(1))
        request_id = snapshot(1).request_id
        with records.database.writing() as session:
            session.delete(session.get_one(DataKeyRow, request_id))
        assert back_up(records, tmp_path / "copy").unopened == (request_id,)
        with pytest.raises(StoreFault, match="requests delete"):
            records.open(request_id)
        retention.hold(records, request_id, "ada")
        with pytest.raises(StoreFault, match="legal hold"):
            retention.remove(records, graves, request_id)
        retention.release(records, request_id, "ada")
        retention.refuse_unless_removable(records, request_id)
        if fields is None:
            retention.remove(records, graves, request_id)
        elif not fields:
            retention.redact(records, graves, request_id, fields)
        else:
            with pytest.raises(StoreFault, match="does not open"):
                retention.redact(records, graves, request_id, fields)
            return
        assert back_up(records, tmp_path / "later").unopened == ()
        assert graves.read().keys() == {request_id}


def test_a_copy_that_is_whole_is_no_failure_though_the_store_cannot_be_tidied(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise StoreBusy("full", "no room")

    with house.records() as records:
        records.write(snapshot(1))
        monkeypatch.setattr(records.database, "scrub_again", full)
        head = back_up(records, tmp_path / "copy")
        assert examine(tmp_path / "copy", records.ring).rows == head.rows


@pytest.mark.parametrize("whole", [True, False])
def test_a_damaged_row_of_a_copy_keeps_nothing_that_was_destroyed_since(
    house: House, tmp_path: Path, whole: bool
) -> None:
    copy = tmp_path / "copy"
    graves = Tombstones(house.directory / "keys")
    with house.records() as records:
        records.write(snapshot(1))
        request_id = damage(records, 1)
        back_up(records, copy)
    if whole:
        graves.add([request_id], "redacted", 1)
    else:
        graves.add_fields(request_id, ["phone"], 1)
    other = moved(house, tmp_path / "other")
    bring_back(other, copy)
    with other.records() as records:
        assert bury_again(records, graves) == 1
        assert [entry.gone for entry in records.entries()] == ["redacted"]
        assert records.count() == 0


def test_a_copy_from_before_a_rotation_needs_the_earlier_key_and_says_so(
    house: House, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    with house.records() as records:
        records.write(snapshot(1))
        back_up(records, copy)
        rotate(records, key_source(house.settings()))
    other = moved(house, tmp_path / "other")
    bring_back(other, copy)
    with pytest.raises(StoreFault, match="not the store's key"), other.records():
        pass


def test_a_copy_onto_a_stick_without_hard_links_is_whole_and_named(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    copy = tmp_path / "copy"
    with house.records() as records:
        records.write(snapshot(1))
        back_up(records, copy)
        assert examine(copy, records.ring).rows == 4
        with pytest.raises(StoreFault, match="exists already"):
            back_up(records, copy)
        assert examine(copy, records.ring).rows == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "state"]


def test_a_copy_is_never_written_over_another(house: House, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_text("precious")
    with house.records() as records:
        with pytest.raises(StoreFault, match="exists already"):
            back_up(records, copy)
        with pytest.raises(StoreFault, match="cannot write"):
            back_up(records, tmp_path / "nowhere/copy")
    assert copy.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "state"]


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(st.data())
def test_a_cut_or_changed_copy_is_refused(
    house: House, tmp_path: Path, data: st.DataObject
) -> None:
    copy, broken = tmp_path / "copy", tmp_path / "broken"
    if not copy.exists():
        with house.records() as records:
            records.write(snapshot(1))
            back_up(records, copy)
    ring = key_source(house.settings()).load()
    whole = copy.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 2))
    if data.draw(st.booleans()):
        changed = whole[:at]
    else:
        changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    broken.write_bytes(changed)
    with pytest.raises(StoreFault):
        examine(broken, ring)
