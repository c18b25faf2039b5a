"""X27: no step of a test, of an operator or of a fault shows a decrypted value in a log, at any level."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sqlalchemy import update

from pipeline.store.backup import back_up
from pipeline.store.faults import StoreFault
from pipeline.store.opening import tombstones_of
from pipeline.store.retention import redact
from pipeline.store.schema import RequestRow
from pipeline.telemetry.events import Event, set_sink
from tests.store.conftest import House
from tests.store.snapshots import snapshot

WANTED = snapshot(1)


def test_x27_writing_opening_copying_and_failing_leave_no_value_in_any_log(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Event] = []
    set_sink(events.append)
    faults: list[str] = []
    try:
        with caplog.at_level(logging.DEBUG), house.records() as records:
            for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "alembic"):
                logging.getLogger(name).setLevel(logging.DEBUG)
            records.write(WANTED)
            assert records.open(WANTED.request_id).document.fields == WANTED.fields
            assert records.find("phone", WANTED.fields["phone"]) == [WANTED.request_id]
            assert len(list(records.all_opened())) == 1
            back_up(records, tmp_path / "copy")
            redact(records, tombstones_of(house.settings()), WANTED.request_id, ["first_name"])
            with records.database.writing() as session:
                session.execute(update(RequestRow).values(document=b"\x01" * 300))
            with pytest.raises(StoreFault) as broken:
                records.open(WANTED.request_id)
            faults.append(str(broken.value))
            key = (house.directory / "keys/install.key").read_text()
    finally:
        set_sink(None)
        for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "alembic"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    said = caplog.text + " ".join(str(event.record()) for event in events) + " ".join(faults)
    assert "SELECT" in caplog.text  # the libraries did talk
    assert "requests_destroyed" in said
    secrets = [*WANTED.fields.values(), *(line for line in key.splitlines() if len(line) > 20)]
    assert len(secrets) > len(WANTED.fields)
    assert not [value for value in secrets if value in said]
