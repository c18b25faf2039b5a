"""The install key: where it may come from, who may read it, and where its copies may lie."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from phi.envelope import KeyRing
from pipeline.store import keys
from pipeline.store.faults import KeyFault
from pipeline.store.keys import KeySource
from pipeline.store.opening import key_source, open_records, prepare
from pipeline.telemetry.events import Event, set_sink
from tests.store.conftest import House
from tests.store.snapshots import snapshot

RING = KeyRing.new()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on another file system than the tests' own; memory stands for a USB stick."""
    monkeypatch.setattr(keys, "GONE_AT_RESTART", set())
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:  # another file system is the point
        yield Path(name)


def test_a_made_key_is_its_owners_alone_and_comes_back(tmp_path: Path) -> None:
    source = KeySource("file", tmp_path / "keys/install.key")
    ring = source.create()
    assert source.load() == ring
    assert source.file.stat().st_mode & 0o777 == 0o600
    assert source.file.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(KeyFault, match="exists already"):
        source.create()
    assert source.load() == ring


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    source = KeySource("file", tmp_path / "install.key")
    source.create()
    source.file.chmod(mode)
    with pytest.raises(KeyFault, match="chmod 600") as raised:
        source.load()
    assert raised.value.reason == "permissions"


def test_a_key_of_another_user_a_link_and_a_pipe_are_refused(tmp_path: Path) -> None:
    source = KeySource("file", tmp_path / "install.key")
    source.create()
    link = KeySource("file", tmp_path / "link")
    link.file.symlink_to(source.file)
    with pytest.raises(KeyFault):
        link.load()
    pipe = KeySource("file", tmp_path / "pipe")
    os.mkfifo(pipe.file, 0o600)
    with pytest.raises(KeyFault, match="no ordinary file"):
        pipe.load()
    if os.geteuid() == 0:
        os.chown(source.file, 65534, 65534)
        with pytest.raises(KeyFault, match="another user"):
            source.load()


def test_a_replaced_key_is_whole_or_not_there(tmp_path: Path) -> None:
    source = KeySource("file", tmp_path / "install.key")
    ring = source.create()
    (tmp_path / ".install.key.new").write_text("left by a crash")
    source.replace(ring.rotated())
    assert source.load().current != ring.current
    assert sorted(path.name for path in tmp_path.iterdir()) == ["install.key"]


def test_the_key_comes_from_a_credential(house: House, tmp_path: Path) -> None:
    (tmp_path / "wardline-key").write_text(RING.to_text())
    (tmp_path / "wardline-key").chmod(0o440)
    settings = house.settings(key="credential", credentials_directory=str(tmp_path))
    assert key_source(settings).load() == replace(RING, deployment="trial")
    prepare(settings)
    records = open_records(settings)
    records.write(snapshot(1))
    assert records.count() == 1
    records.database.close()
    assert not (house.directory / "keys").exists()
    with pytest.raises(KeyFault, match="cannot change"):
        key_source(settings).replace(RING.rotated())
    (tmp_path / "wardline-key").chmod(0o444)
    with pytest.raises(KeyFault, match="other users"):
        key_source(settings).load()


@pytest.mark.wire
def test_the_key_comes_from_a_command_without_our_environment(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDLINE_STORE_KEY_TEXT", "should not travel")
    (tmp_path / "text").write_text(RING.to_text())
    script = (
        "import os, sys; assert not [k for k in os.environ if k.startswith('WARDLINE')];"
        f"print(open({str(tmp_path / 'text')!r}).read())"
    )
    settings = house.settings(key="command", key_command=[sys.executable, "-c", script])
    assert key_source(settings).load() == replace(RING, deployment="trial")
    failing = house.settings(
        key="command", key_command=[sys.executable, "-c", "print('swordfish'); raise SystemExit(3)"]
    )
    with pytest.raises(KeyFault, match="status 3") as raised:
        key_source(failing).load()
    assert "swordfish" not in str(raised.value)
    with pytest.raises(KeyFault, match="did not run"):
        key_source(house.settings(key="command", key_command=["/no/such/program"])).load()


def test_a_key_from_the_environment_is_a_warning_event(house: House) -> None:
    events: list[Event] = []
    set_sink(events.append)
    settings = house.settings(key="environment", key_text=RING.to_text().strip())
    try:
        assert key_source(settings).load() == replace(RING, deployment="trial")
    finally:
        set_sink(None)
    assert [event.name for event in events] == ["key_in_environment"]


@pytest.mark.parametrize("text", ["", "swordfish", RING.to_text()[:-30], "{" * 70_000])
def test_a_damaged_key_is_said_without_its_content(tmp_path: Path, text: str) -> None:
    source = KeySource("file", tmp_path / "install.key")
    keys.write_new(source.file, text)
    with pytest.raises(KeyFault, match="wardline key import") as raised:
        source.load()
    assert raised.value.reason == "key_invalid"
    assert "swordfish" not in str(raised.value)


def test_row_c6_an_export_beside_the_data_is_refused(house: House, elsewhere: Path) -> None:
    prepare(house.settings())
    data = house.directory / "data"
    for place in (data / "key", house.directory / "key", house.directory.parent / "key"):
        with pytest.raises(KeyFault, match="same file system"):
            keys.export(RING, place, (data,))
        assert not place.exists()
    (elsewhere / "looks-away").symlink_to(data)
    with pytest.raises(KeyFault, match="same file system"):
        keys.export(RING, elsewhere / "looks-away/key", (data,))
    keys.export(RING, elsewhere / "wardline.key", (data,))
    assert keys.read_exported(elsewhere / "wardline.key") == RING
    assert (elsewhere / "wardline.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFault, match="exists already"):
        keys.export(RING, elsewhere / "wardline.key", (data,))


def test_an_export_into_memory_is_refused(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        with pytest.raises(KeyFault, match="gone at the next restart"):
            keys.export(RING, Path(name) / "key", (tmp_path,))
        assert not (Path(name) / "key").exists()


def test_an_export_into_no_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(KeyFault, match="folder that exists"):
        keys.export(RING, tmp_path / "nowhere/key", (tmp_path,))
