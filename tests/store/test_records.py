"""Requests in the database: sealed, merged, isolated; the same on SQLite and PostgreSQL."""

from __future__ import annotations

import base64
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, select, update

from pipeline.store.draft import State
from pipeline.store.faults import KeyFault, RequestGone, StoreFault
from pipeline.store.schema import Base, DataKeyRow, RequestRow
from tests.store.conftest import House
from tests.store.postgresql import Server
from tests.store.snapshots import phone, snapshot


def test_a_request_comes_back_as_it_was_written(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1))
        opened = records.open(snapshot(1).request_id)
        assert opened.document.fields == snapshot(1).fields
        assert (opened.entry.state, opened.document.ended) == (State.COMPLETE, "goodbye")
        assert records.count() == 1
        assert "José" not in repr(opened) + repr(snapshot(1))


def test_row_o14_every_table_carries_the_practice() -> None:
    assert all("practice_id" in table.c for table in Base.metadata.tables.values())


def _forms(text: str) -> list[bytes]:
    plain = text.encode()
    return [
        plain, text.encode("utf-16-le"), text.encode("latin-1"), base64.b64encode(plain)[:-2],
        plain.hex().encode(), plain[::-1], text.upper().encode(),
    ]  # fmt: skip


def test_rows_d11_c4_nothing_is_readable_in_database_journal_or_index(house: House) -> None:
    with house.records() as records:
        for number in range(30):
            records.write(snapshot(number, revision=1, state=State.OPEN, ended=""))
            records.write(snapshot(number, revision=2))
        assert (house.directory / "data/requests.db-wal").stat().st_size > 10_000
        data = b"".join(path.read_bytes() for path in (house.directory / "data").iterdir())
        key = (house.directory / "keys/install.key").read_bytes()
    assert b"00000000000000000000000000000001" in data  # the search would find what is there
    for number in range(30):
        for value in snapshot(number).fields.values():
            assert not [form for form in _forms(value) if form in data]
    secrets = [part for part in key.decode().split('"') if part.endswith("=")]
    assert len(secrets) == 2
    for secret in secrets:  # X6: no key lies beside what it opens
        assert secret.encode() not in data
        assert base64.b64decode(secret) not in data


def test_row_d7_a_later_snapshot_never_empties_a_field_or_lowers_a_state(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1, revision=1, fields={"first_name": "José", "phone": phone(1)}))
        records.write(
            snapshot(1, revision=2, state=State.OPEN, ended="", fields={"reason": "check_up"})
        )
        opened = records.open(snapshot(1).request_id)
    assert opened.document.fields == {
        "first_name": "José", "phone": phone(1), "reason": "check_up",
    }  # fmt: skip
    assert opened.entry.state is State.COMPLETE
    assert opened.document.ended == "goodbye"


def test_a_confirmation_its_caller_took_back_does_not_stay(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1, revision=1))
        assert records.open(snapshot(1).request_id).entry.state is State.COMPLETE
        records.write(snapshot(1, revision=2, state=State.INCOMPLETE))
        assert records.open(snapshot(1).request_id).entry.state is State.INCOMPLETE


def test_a_snapshot_that_comes_twice_or_late_changes_nothing(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1, revision=3))
        records.write(snapshot(1, revision=2, fields={"first_name": "Ana"}))
        assert records.open(snapshot(1).request_id).document.fields["first_name"] == "Siobhán"


def test_row_o14_a_practice_sees_and_opens_only_its_own(either: House) -> None:
    with either.records("north") as north, either.records("south") as south:
        north.write(snapshot(1))
        south.write(snapshot(2))
        assert [entry.call_id for entry in north.entries()] == ["c1"]
        assert north.find("phone", phone(2)) == []
        with pytest.raises(RequestGone):
            north.open(snapshot(2).request_id)
        with pytest.raises(RequestGone):
            north.claim(snapshot(2).request_id, "ada")
        with north.database.writing() as session:  # a row carried over by hand does not open
            for table, column in ((RequestRow, RequestRow.id), (DataKeyRow, DataKeyRow.request_id)):
                session.execute(
                    update(table)
                    .where(column == snapshot(2).request_id)
                    .values(practice_id="north")
                )
        with pytest.raises(StoreFault, match="does not open"):
            north.open(snapshot(2).request_id)


def test_a_callers_earlier_requests_are_found_by_token(either: House) -> None:
    with either.records() as records:
        for number in (1, 2, 10_001):
            records.write(snapshot(number))
        found = set(records.find("phone", phone(1)))
        assert found == {snapshot(1).request_id, snapshot(10_001).request_id}
        assert records.find("phone", "2125559999") == []


@pytest.mark.parametrize("column", ["document", "wrapped"])
def test_a_changed_row_is_found_and_said(house: House, column: str) -> None:
    with house.records() as records:
        records.write(snapshot(1))
    cell = RequestRow.document if column == "document" else DataKeyRow.wrapped
    with house.records() as records, records.database.writing() as session:
        sealed = session.scalar(select(cell)) or b""
        session.execute(update(cell.class_).values({column: sealed[:-1] + b"\0\0"}))
    with (
        house.records() as records,
        pytest.raises(StoreFault, match="changed or damaged") as raised,
    ):
        records.open(snapshot(1).request_id)
    assert raised.value.reason == "damaged"


def test_only_sealed_columns_may_hold_bytes() -> None:
    binary = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.c
        if isinstance(column.type, LargeBinary)
    }
    assert binary == {"install_keys.proof", "requests.document", "data_keys.wrapped"}


def test_staff_claim_and_resolve_by_name(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1))
        request_id = records.resolve_id(snapshot(1).request_id)
        records.claim(request_id, "ada")
        with pytest.raises(RequestGone, match="ada has claimed"):
            records.claim(request_id, "bo")
        records.settle(request_id, "ada")
        (entry,) = records.entries()
        assert (entry.claimed_by, entry.resolved_by) == ("ada", "ada")
        assert records.entries(unresolved=True) == []


@pytest.mark.parametrize("beginning", ["", "abc", "%%%%%%", "______", "ffffffff", "' OR 1=1"])
def test_an_id_nobody_has_is_a_sentence(house: House, beginning: str) -> None:
    with house.records() as records:
        records.write(snapshot(1))
        with pytest.raises(RequestGone):
            records.resolve_id(beginning)


def test_a_beginning_that_two_requests_share_is_refused(house: House) -> None:
    with house.records() as records:
        records.write(snapshot(1))
        records.write(snapshot(2))
        with pytest.raises(RequestGone, match="several"):
            records.resolve_id("00000000")


# --- what can be wrong with a store ------------------------------------------------------------------


def test_a_lost_key_is_said_and_no_new_one_hides_it(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1))
    key = either.directory / "keys/install.key"
    text = key.read_text()
    key.unlink()
    with pytest.raises(KeyFault, match="wardline key import") as raised, either.records():
        pass
    assert raised.value.reason == "key_missing"
    assert not key.exists()
    key.write_text(text)
    key.chmod(0o600)
    with either.records() as records:
        assert records.open(snapshot(1).request_id).document.fields == snapshot(1).fields


def test_another_key_is_refused_and_changes_nothing(either: House, tmp_path: Path) -> None:
    with either.records() as records:
        records.write(snapshot(1))
    other = House(tmp_path / "other")
    with other.records():
        pass
    key = either.directory / "keys/install.key"
    right = key.read_text()
    key.write_text((other.directory / "keys/install.key").read_text())
    with pytest.raises(KeyFault, match="not the store's key") as raised, either.records():
        pass
    assert raised.value.reason == "wrong_key"
    key.write_text(right)
    with either.records() as records:
        assert records.count() == 1


def test_a_corrupt_file_is_said(house: House) -> None:
    with house.records() as records:
        for number in range(50):
            records.write(snapshot(number))
    file = house.directory / "data/requests.db"
    for damage in (b"not a database, " * 300, file.read_bytes()[:5_000] + bytes(40_000)):
        for journal in house.directory.glob("data/*-*"):
            journal.unlink()
        file.write_bytes(damage)
        with pytest.raises(StoreFault) as raised, house.records() as records:
            list(records.all_opened())
        assert raised.value.reason == "corrupt"
        assert "wardline restore" in str(raised.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_database_that_others_may_read_is_refused(house: House, mode: int) -> None:
    with house.records():
        pass
    file = house.directory / "data/requests.db"
    file.chmod(mode)
    with pytest.raises(StoreFault, match="chmod 600") as raised, house.records():
        pass
    assert raised.value.reason == "permissions"


def test_files_are_the_owners_alone(house: House) -> None:
    with house.records() as records:
        records.write(snapshot(1))
        files = [path for path in house.directory.rglob("*") if path.is_file()]
        assert len(files) == 4
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_second_look_by_this_process_costs_no_later_commit(house: House) -> None:
    """Another process that reads and leaves must not take itself for the last one, and the journal with it."""
    file = house.directory / "data/requests.db"
    with house.records() as records:
        records.write(snapshot(1))
        with house.records() as beside:
            assert beside.count() == 1
        look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM requests').fetchone(); c.close()"
        subprocess.run([sys.executable, "-c", look, str(file)], check=True)
        records.write(snapshot(2))
        with house.records() as found:
            assert found.count() == 2


def test_a_locked_database_is_said(house: House) -> None:
    with house.records(busy_ms=20) as records:
        other = sqlite3.connect(house.directory / "data/requests.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFault) as raised:
            records.write(snapshot(1))
        assert raised.value.reason == "locked"
        assert records.entries() == []  # readers go on
        other.execute("ROLLBACK")
        other.close()
        records.write(snapshot(1))
        assert records.count() == 1


def test_row_o13_a_store_of_an_older_release_opens_after_an_upgrade(either: House) -> None:
    from pipeline.store.database import Database
    from pipeline.store.opening import key_source, location, now_ms, open_records, prepare
    from pipeline.store.records import Records

    settings = either.settings()
    database = Database(location(settings))
    database.upgrade("0001")
    assert database.version() == "0001"
    source = key_source(settings)
    old = Records(database, "north", source.create(), source.load, now_ms)
    old.proofs.enter()
    old.write(snapshot(1))
    database.close()
    with pytest.raises(StoreFault, match="wardline serve") as raised:
        open_records(settings)
    assert raised.value.reason == "older"
    assert prepare(settings).requests == 1
    with either.records() as records:
        assert records.open(snapshot(1).request_id).document.fields == snapshot(1).fields


def test_row_o13_a_store_of_a_newer_release_is_refused_and_not_touched(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1))
        with records.database.connected(writes=True) as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(StoreFault, match="newer release") as raised, either.records():
        pass
    assert raised.value.reason == "newer"


def test_a_database_of_another_program_is_refused(either: House) -> None:
    from pipeline.store.database import Database
    from pipeline.store.opening import location

    database = Database(location(either.settings()))
    if not either.url:
        database.location.directory.mkdir(parents=True)
        (database.location.directory / "requests.db").touch(mode=0o600)
    with database.connected(writes=True) as connection:
        connection.exec_driver_sql("CREATE TABLE invoices (id INTEGER)")
    database.close()
    with pytest.raises(StoreFault, match="database of its own"), either.records():
        pass


@pytest.mark.wire
def test_a_server_that_is_not_there_is_a_sentence_without_user_or_password(
    tmp_path: Path,
) -> None:
    from tests.ports import free_port

    gone = House(tmp_path / "state", f"postgresql://127.0.0.1:{free_port()}/wardline")
    with pytest.raises(StoreFault, match="does not answer") as raised, gone.records():
        pass
    assert raised.value.reason == "unreachable"


@pytest.mark.wire
def test_a_database_that_is_not_there_is_a_sentence(tmp_path: Path, postgresql: Server) -> None:
    gone = House(tmp_path / "state", f"postgresql://{postgresql.address}/nothing_here")
    with pytest.raises(StoreFault, match="createdb"), gone.records():
        pass


@pytest.mark.wire
def test_a_database_without_an_encoding_keeps_requests_as_any_other(
    tmp_path: Path, postgresql: Server
) -> None:
    """Symptom: on a cluster that was made without a locale the start ended with a TypeError."""
    house = House(tmp_path / "state", postgresql.create("no_encoding", encoding="SQL_ASCII"))
    with house.records() as records:
        records.write(snapshot(1))
        assert records.open(snapshot(1).request_id).document.fields == snapshot(1).fields
