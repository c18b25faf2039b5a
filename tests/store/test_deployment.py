"""Separate data and key for each environment (row D23): what one deployment made no other opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import select

from phi.envelope import KeyRing, KeyTextInvalid
from pipeline.audit.folder import audit_folder
from pipeline.cli import main
from pipeline.settings import Deployment, Settings
from pipeline.store import keys
from pipeline.store.faults import KeyFault, StoreFault
from pipeline.store.keys import read_exported
from pipeline.store.opening import key_source, open_records, prepare
from pipeline.store.records import Records
from pipeline.store.rotation import rotate
from pipeline.store.schema import KeyRow
from tests.audit.rig import records as audit_records
from tests.store.conftest import House
from tests.store.snapshots import snapshot


def of(house: House, name: str, directory: str = "") -> Settings:
    return replace(house.settings(directory=directory), deployment=Deployment(name))


def opened(settings: Settings) -> Records:
    prepare(settings)
    return open_records(settings)


def refused(settings: Settings) -> str:
    """Why neither the server's start nor a worker or command opens it."""
    said = []
    for attempt in (prepare, open_records):
        with pytest.raises(StoreFault) as caught:
            attempt(settings)
        assert caught.value.reason == "deployment"
        said.append(str(caught.value))
    assert said[0] == said[1]
    return said[0]


def test_row_d23_a_store_and_key_are_bound_at_the_first_start(either: House) -> None:
    records = opened(of(either, "staging"))
    records.write(snapshot(1))
    records.database.close()
    said = refused(of(either, "production"))
    assert 'is of the deployment "staging", and deployment.name is "production"' in said
    assert "store.key_file" in said
    records = opened(of(either, "staging"))
    assert records.count() == 1
    records.database.close()


def test_a_store_is_refused_even_when_the_key_names_no_deployment(house: House) -> None:
    staging = of(house, "staging")
    opened(staging).database.close()
    source = key_source(staging)
    source.replace(replace(source.load(), deployment=""))
    assert "the store at" in refused(of(house, "production"))


def test_a_key_is_refused_even_when_there_is_no_store_yet(house: House, tmp_path: Path) -> None:
    opened(of(house, "staging")).database.close()
    said = refused(of(house, "production", directory=str(tmp_path / "fresh")))
    assert str(house.directory / "keys/install.key") in said


def test_what_an_earlier_release_left_is_bound_at_its_next_start(house: House) -> None:
    nobody = replace(house.settings(), deployment=Deployment(""))
    records = opened(nobody)
    records.write(snapshot(1))
    records.database.close()
    assert key_source(nobody).load().deployment == ""
    opened(of(house, "production")).database.close()
    assert key_source(nobody).load().deployment == "production"
    refused(of(house, "staging"))
    records = open_records(of(house, "production"))
    assert [found.entry.id for found in records.all_opened()] == [snapshot(1).request_id]
    records.database.close()


def test_a_rotated_key_keeps_its_deployment(house: House) -> None:
    settings = of(house, "staging")
    records = opened(settings)
    records.write(snapshot(1))
    rotate(records, key_source(settings))
    records.database.close()
    refused(of(house, "production"))
    opened(settings).database.close()


def test_the_name_in_the_store_is_sealed(house: House) -> None:
    settings = of(house, "staging")
    records = opened(settings)
    with records.database.writing() as session:
        row = session.scalars(select(KeyRow)).one()
        assert b"staging" not in row.proof
        row.proof = row.proof[:-1] + bytes([row.proof[-1] ^ 1])
    with pytest.raises(KeyFault, match="not the store's key"):
        records.proofs.check()
    records.database.close()


def test_a_key_text_with_a_strange_name_is_no_key() -> None:
    text = replace(KeyRing.new(), deployment="two\nlines").to_text()
    with pytest.raises(KeyTextInvalid, match="no name"):
        KeyRing.from_text(text)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(keys, "GONE_AT_RESTART", set())  # memory stands for a USB stick
    with TemporaryDirectory(dir="/dev/shm") as name:  # another file system is the point
        yield Path(name)


def test_a_copy_and_key_of_another_deployment_come_back_only_when_it_is_named(
    house: House,
    elsewhere: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(house.directory))
    monkeypatch.setenv("WARDLINE_PRACTICE_ID", "north")
    monkeypatch.setenv("WARDLINE_DEPLOYMENT_NAME", "staging")
    records = opened(of(house, "staging"))
    records.write(snapshot(1))
    records.database.close()
    copy, key = str(elsewhere / "copy"), str(elsewhere / "key")
    assert main(["key", "export", key]) == 0
    assert main(["backup", copy]) == 0
    new = House(tmp_path / "new")
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(new.directory))
    monkeypatch.setenv("WARDLINE_DEPLOYMENT_NAME", "drill")
    capsys.readouterr()
    assert main(["key", "import", key]) == 1
    assert "wardline key import --from-deployment staging FILE" in capsys.readouterr().err
    assert main(["key", "import", "--from-deployment", "trial", key]) == 1
    assert 'is of the deployment "staging", not of "trial"' in capsys.readouterr().err
    assert main(["key", "import", "--from-deployment", "staging", key]) == 0
    assert 'TAKEN OVER from the deployment "staging" into "drill"' in capsys.readouterr().out
    assert main(["restore", "--no-tombstones", copy]) == 1
    assert "wardline restore --from-deployment staging FILE" in capsys.readouterr().err
    assert main(["restore", "--no-tombstones", "--from-deployment", "trial", copy]) == 1
    assert main(["restore", "--no-tombstones", "--from-deployment", "staging", copy]) == 0
    assert 'TAKEN OVER from the deployment "staging" into "drill"' in capsys.readouterr().out
    records = opened(of(new, "drill"))
    assert records.count() == 1
    records.database.close()
    refused(of(new, "staging"))
    made = audit_records(audit_folder(new.settings()))
    actions = [record["action"] for record in made if record["type"] == "administration"]
    assert {"key_adopt", "restore_adopt"} <= set(actions)


def test_an_exported_key_without_a_deployment_is_taken_as_ours(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KeyRing.new().to_text())
    assert read_exported(file, "production").deployment == "production"
    with pytest.raises(KeyFault, match="of no deployment"):
        read_exported(file, "production", "staging")
