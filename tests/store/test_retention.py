"""How requests end: expiry, redaction, deletion, purge, and what a legal hold stops."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.store import opening, retention
from pipeline.store.backup import back_up
from pipeline.store.draft import State
from pipeline.store.faults import RequestGone, ScrubOwed, StoreFault
from pipeline.store.opening import now_ms
from pipeline.store.records import Records
from pipeline.store.retention import DAY_MS
from pipeline.store.schema import Base, DataKeyRow, RequestRow
from pipeline.store.tombstones import Tombstones
from tests.store.conftest import House
from tests.store.snapshots import snapshot


def aged(records: Records, number: int, days: float) -> str:
    """A request whose call was so many days ago."""
    then_ms = int(now_ms() - days * DAY_MS)
    today, records.now_ms = records.now_ms, lambda: then_ms
    records.write(snapshot(number, created_at_ms=then_ms))
    records.now_ms = today
    return snapshot(number).request_id


def tombstones(house: House) -> Tombstones:
    return Tombstones(house.directory / "keys")


def wrapped(records: Records, request_id: str) -> bytes | None:
    with records.database.reading() as session:
        row = session.get(DataKeyRow, request_id)
        assert row is not None
        return row.wrapped


def test_row_a5_requests_expire_after_their_days_and_leave_a_tombstone(either: House) -> None:
    with either.records() as records:
        old, young = aged(records, 1, 91), aged(records, 2, 89)
        assert retention.expire(records, tombstones(either), 90) == 1
        assert retention.expire(records, tombstones(either), 90) == 0
        assert wrapped(records, old) is None
        assert wrapped(records, young) is not None
        with pytest.raises(RequestGone, match="expired"):
            records.open(old)
        assert records.open(young).document.fields == snapshot(2).fields
        assert tombstones(either).read() == {old: "expired"}
        assert {entry.id: entry.gone for entry in records.entries()} == {
            old: "expired",
            young: None,
        }


def test_a_legal_hold_stops_expiry_redaction_deletion_and_purge(either: House) -> None:
    with either.records() as records:
        held, free = aged(records, 1, 100), aged(records, 2, 100)
        graves = tombstones(either)
        retention.hold(records, held, "ada")
        retention.hold(records, held, "ada")
        assert retention.expire(records, graves, 90) == 1
        with pytest.raises(RequestGone):
            records.open(free)
        with pytest.raises(RequestGone, match="hold"):
            retention.redact(records, graves, held, [])
        with pytest.raises(RequestGone, match="hold"):
            retention.redact(records, graves, held, ["phone"])
        with pytest.raises(RequestGone, match="hold"):
            retention.remove(records, graves, held)
        with pytest.raises(RequestGone, match="hold"):
            retention.purge(records, graves, "ada", lambda: ())
        assert records.open(held).document.fields == snapshot(1).fields
        assert not retention.logs_held(records)
        assert retention.release(records, held, "bo")
        assert not retention.release(records, held, "bo")
        retention.hold(records, None, "ada")
        assert retention.logs_held(records)
        assert retention.expire(records, graves, 90) == 0
        assert retention.release(records, None, "ada")
        assert retention.expire(records, graves, 90) == 1


def test_row_o10_a_redacted_request_cannot_be_read_by_anyone_again(house: House) -> None:
    with house.records() as records:
        records.write(snapshot(1))
        with records.database.reading() as session:
            row = session.scalars(select(RequestRow)).one()
            sealed = row.document
            key_row = session.scalars(select(DataKeyRow)).one()
            key = key_row.wrapped
        assert sealed is not None
        assert key is not None
        data = house.directory / "data"
        assert sealed in b"".join(path.read_bytes() for path in data.iterdir())
        retention.redact(records, tombstones(house), snapshot(1).request_id, [])
        with pytest.raises(RequestGone, match="redacted"):
            records.open(snapshot(1).request_id)
        left = b"".join(path.read_bytes() for path in data.iterdir())
        assert sealed not in left
        assert key not in left
        assert records.find("phone", snapshot(1).fields["phone"]) == []
        with pytest.raises(RequestGone, match="already"):
            retention.redact(records, tombstones(house), snapshot(1).request_id, [])


def test_bytes_that_a_reader_keeps_in_the_file_are_owed_and_said_until_they_are_gone(
    house: House, tmp_path: Path
) -> None:
    data = house.directory / "data"

    def left(sought: bytes) -> bool:
        return sought in b"".join(path.read_bytes() for path in data.iterdir())

    with house.records(busy_ms=50) as records, house.records() as reader:
        records.write(snapshot(1))
        records.write(snapshot(2))
        for number, finish in (
            (1, lambda: opening.sweeper(house.settings())(records)),
            (2, lambda: back_up(records, tmp_path / "copy")),
        ):
            key = wrapped(records, snapshot(number).request_id) or b""
            with reader.database.reading() as session:
                session.scalars(select(RequestRow)).all()
                with pytest.raises(ScrubOwed, match="old bytes are still in"):
                    retention.redact(records, tombstones(house), snapshot(number).request_id, [])
                assert wrapped(records, snapshot(number).request_id) is None
                with pytest.raises(StoreFault, match="nothing was destroyed"):
                    retention.purge(records, tombstones(house), "ada", lambda: ())
                opening.prepare(house.settings())  # a start is not refused for it
            assert left(key)
            finish()
            assert not left(key)


@pytest.mark.parametrize("read_meanwhile", [True, False])
def test_row_o15_a_purge_that_somebody_begins_to_read_beside_ends_and_says_so(
    house: House, read_meanwhile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a purge would leave recordings, the key and no certificate."""
    with house.records(busy_ms=50) as records, ExitStack() as reading, house.records() as reader:
        records.write(snapshot(1))

        graves = tombstones(house)
        bury = graves.add

        def begun(ids: Iterable[str], why: str, at_ms: int) -> None:
            """The purge has begun: from here on nothing stops it."""
            if read_meanwhile:
                session = reading.enter_context(reader.database.reading())
                session.scalars(select(RequestRow)).all()
            bury(ids, why, at_ms)

        monkeypatch.setattr(graves, "add", begun)
        certificate = retention.purge(records, graves, "ada", lambda: ("key",), lambda: 2)
        assert (certificate.requests_destroyed, certificate.recordings_destroyed) == (1, 2)
        assert certificate.keys_destroyed == ("key",)
        assert (retention.OLD_BYTES in certificate.not_covered) is read_meanwhile


def test_row_o10_one_field_can_be_redacted_and_its_key_goes_with_it(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1))
        request_id = snapshot(1).request_id
        before = wrapped(records, request_id)
        with pytest.raises(RequestGone, match="no such field"):
            retention.redact(records, tombstones(either), request_id, ["diagnosis"])
        retention.redact(records, tombstones(either), request_id, ["phone"])
        assert wrapped(records, request_id) != before
        fields = records.open(request_id).document.fields
        assert "phone" not in fields
        assert len(fields) == len(snapshot(1).fields) - 1
        assert records.find("phone", snapshot(1).fields["phone"]) == []


def test_row_o10_a_request_whose_call_goes_on_is_not_removed(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1, state=State.OPEN, ended=""))
        request_id, graves = snapshot(1).request_id, tombstones(either)
        with pytest.raises(RequestGone, match="goes on"):
            retention.redact(records, graves, request_id, [])
        with pytest.raises(RequestGone, match="goes on"):
            retention.remove(records, graves, request_id)


def test_a_deleted_request_leaves_only_its_tombstone(either: House) -> None:
    with either.records() as records:
        records.write(snapshot(1))
        retention.remove(records, tombstones(either), snapshot(1).request_id)
        assert records.entries() == []
        with records.database.reading() as session:
            row = session.scalars(select(DataKeyRow)).one()
            assert (row.wrapped, row.destroyed_why) == (None, "deleted")


def test_nothing_is_destroyed_when_its_tombstone_cannot_be_written(house: House) -> None:
    with house.records() as records:
        records.write(snapshot(1))
        (house.directory / "keys/tombstones.jsonl").mkdir()
        with pytest.raises(StoreFault, match="nothing was destroyed"):
            retention.redact(records, tombstones(house), snapshot(1).request_id, [])
        assert records.count() == 1


def test_a_tombstone_file_cut_by_a_crash_is_read_to_the_cut(tmp_path: Path) -> None:
    graves = Tombstones(tmp_path)
    graves.add(["a", "b"], "expired", 1)
    with graves.path.open("a") as file:
        file.write('{"id": "c", "wh')
    assert graves.read() == {"a": "expired", "b": "expired"}


def test_row_o15_a_purge_destroys_all_of_one_practice_and_certifies_it(either: House) -> None:
    with either.records("north") as north, either.records("south") as south:
        for number in range(5):
            north.write(snapshot(number))
        south.write(snapshot(7))
        retention.remove(north, tombstones(either), snapshot(0).request_id)
        forgot: list[str] = []

        def forget() -> tuple[str, ...]:
            forgot.append("key")
            return ("k1",)

        certificate = retention.purge(north, tombstones(either), "ada", forget)
        assert (certificate.requests_destroyed, certificate.destroyed_earlier) == (4, 1)
        assert forgot == []  # another practice still needs the key
        assert certificate.keys_destroyed == ()
        assert south.open(snapshot(7).request_id).document.fields == snapshot(7).fields
        body = json.loads(certificate.text())
        digest = body.pop("sha256")
        assert digest == hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        purged_at = datetime.fromisoformat(body["purged_at"])
        assert purged_at.utcoffset() is not None  # X23
        assert body["not_covered"]
        assert not [v for v in snapshot(1).fields.values() if v in certificate.text()]
        with north.database.reading() as session:
            for table in Base.metadata.sorted_tables:
                rows = session.execute(select(table).where(table.c.practice_id == "north")).all()
                assert (len(rows) > 0) == (table.name == "data_keys")
            keys = session.scalars(select(DataKeyRow).where(DataKeyRow.practice_id == "north"))
            assert {row.wrapped for row in keys} == {None}


def test_the_last_practices_key_is_forgotten_with_it(house: House) -> None:
    file = house.directory / "keys/install.key"
    with house.records() as records:
        records.write(snapshot(1))
        ids = tuple(records.ring.keys)
        certificate = retention.purge(
            records, tombstones(house), "ada", lambda: retention.forget_key_file(file, ids)
        )
        assert certificate.keys_destroyed == ids
        assert not file.exists()
        with pytest.raises(StoreFault):  # a server that still runs stores nothing more
            records.write(snapshot(2))
