"""Recordings as staff and operators handle them: every act on record first, and no copy outlives its key."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pipeline.audit.post import AuditPost
from pipeline.cli import main
from pipeline.commands import signing_in
from pipeline.errors import StartUpError
from pipeline.recording import copies
from pipeline.recording.copies import PutBack
from pipeline.recording.sealed_file import SealedWriter
from pipeline.recording.shelf import DAY_MS
from pipeline.recording.timeline import Mark
from pipeline.settings import Recording, Settings
from pipeline.shelves import (
    check_classes,
    expirer,
    finish_destroyed,
    finish_restore,
    open_shelf,
)
from pipeline.store import backup, keys
from pipeline.store.access import Access
from pipeline.store.database import Database
from pipeline.store.draft import State
from pipeline.store.opening import now_ms, tombstones_of
from pipeline.supervisor.staff import StaffTokens
from tests.store.conftest import House
from tests.store.snapshots import snapshot

CALL = snapshot(1).call_id
OTHER_CALL = "c00000000ffff"
SOUND = bytes(range(1, 101)) * 64


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("WARDLINE_PRACTICE_ID", "north")
    monkeypatch.setenv("WARDLINE_RECORDING_DAYS", "call 30,minor 7300")
    made = House(tmp_path / "state")
    with made.records() as records:
        for number in (1, 2):
            records.write(snapshot(number))
    return made


@pytest.fixture
def accesses(monkeypatch: pytest.MonkeyPatch) -> list[Access]:
    kept: list[Access] = []
    monkeypatch.setattr(signing_in, "access_record", lambda settings: kept.extend)
    return kept


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(keys, "GONE_AT_RESTART", set())  # memory stands for a USB stick
    with TemporaryDirectory(dir="/dev/shm") as name:  # another file system is the point
        yield Path(name)


def settings(house: House) -> Settings:
    days = ("call 30", "minor 7300")
    return replace(house.settings(), recording=Recording(mode="ask", days=days))


def record(house: House, call_id: str = CALL, kept_as: str = "call") -> str:
    file, header, data_key = open_shelf(settings(house)).open_new(call_id, 16_000, kept_as)
    with file:
        writer = SealedWriter(file, header, data_key)
        writer.sound(SOUND)
        writer.end([Mark("paused", 100, 3_200)])
    return header.recording_id


def recordings(house: House, role: str, *arguments: str) -> int:
    return staff("recordings", house, role, *arguments)


def staff(command: str, house: House, role: str, *arguments: str) -> int:
    path = house.directory.parent / f"token-{role}"
    path.write_text(StaffTokens(house.directory).create(f"{role}-ada", role=role) + "\n")
    return main([command, "--token-file", str(path), *arguments])


def kept(house: House) -> list[str]:
    return [each.id for each in open_shelf(settings(house)).kept()]


def test_a_list_names_calls_classes_and_ends_and_is_on_record(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    assert recordings(house, "readonly", "list") == 0
    assert capsys.readouterr().out == "no recordings\n"
    one = record(house)
    assert recordings(house, "readonly", "list") == 0
    said = capsys.readouterr().out
    assert one in said
    assert CALL in said
    assert [(access.action, access.user) for access in accesses] == [("list", "readonly-ada")] * 2


@pytest.mark.parametrize("by", ["recording", "call"])
def test_row_a6_an_export_is_on_record_first_and_its_owners_alone(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access], by: str
) -> None:
    one = record(house, OTHER_CALL)
    to = house.directory.parent / "call.wav"
    wanted = one if by == "recording" else OTHER_CALL
    assert recordings(house, "operator", "export", wanted, "--to", str(to)) == 0
    assert to.stat().st_mode & 0o777 == 0o600
    with wave.open(str(to)) as file:
        assert file.readframes(file.getnframes()) == SOUND
    said = capsys.readouterr().out
    assert "NOT encrypted" in said
    assert "paused, 0.2 s absent" in said
    (access,) = accesses
    assert (access.action, access.recording_id, access.call_id) == ("export", one, OTHER_CALL)
    assert recordings(house, "operator", "export", one, "--to", str(to)) == 1
    assert "not there yet" in capsys.readouterr().err


def test_what_cannot_be_recorded_is_not_exported_or_destroyed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = record(house)
    to = house.directory.parent / "call.wav"

    def broken(accesses: object) -> None:
        raise StartUpError("the audit record cannot be written")

    monkeypatch.setattr(signing_in, "access_record", lambda settings: broken)
    assert recordings(house, "admin", "export", one, "--to", str(to)) == 1
    assert recordings(house, "admin", "delete", one) == 1
    assert not to.exists()
    assert kept(house) == [one]


@pytest.mark.parametrize("arguments", [["delete", "x"], ["keep", "x", "--as", "call"]])
def test_a_role_that_is_too_low_is_refused_and_recorded(
    house: House, accesses: list[Access], arguments: list[str]
) -> None:
    one = record(house)
    assert recordings(house, "operator", arguments[0], one, *arguments[2:]) == 1
    assert [(access.action, access.success) for access in accesses] == [(arguments[0], False)]
    assert kept(house) == [one]


def test_row_a6_a_deleted_recording_opens_from_no_copy(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    one = record(house)
    folder = open_shelf(settings(house)).directory
    copy = house.directory.parent / "copy"
    shutil.copytree(folder, copy)
    assert recordings(house, "admin", "delete", one) == 0
    assert list(folder.iterdir()) == []
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    assert kept(house) == []
    capsys.readouterr()
    assert recordings(house, "admin", "export", one, "--to", str(copy / "x.wav")) == 1
    assert "no such recording" in capsys.readouterr().err
    assert [(access.action, access.success) for access in accesses] == [
        ("delete", True),
        ("export", False),
    ]


@pytest.mark.parametrize("action", ["redact", "delete"])
def test_a_requests_recording_is_destroyed_with_it(
    house: House, accesses: list[Access], action: str
) -> None:
    record(house)
    other = record(house, OTHER_CALL)
    assert staff("requests", house, "admin", action, snapshot(1).request_id) == 0
    assert kept(house) == [other]
    assert [(a.action, bool(a.recording_id)) for a in accesses] == [
        (action, False),
        ("delete", True),
    ]


@pytest.mark.parametrize("action", ["redact", "delete"])
def test_a_request_that_has_to_stay_keeps_its_recording_too(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access], action: str
) -> None:
    running = snapshot(3, state=State.OPEN, ended="")
    with house.records() as records:
        records.write(running)
    one = record(house, running.call_id)
    assert staff("requests", house, "admin", action, running.request_id) == 1
    assert "the call of this request goes on" in capsys.readouterr().err
    assert kept(house) == [one]
    assert [(a.action, bool(a.recording_id)) for a in accesses] == [(action, False)]


def test_a_hold_on_a_recording_its_request_or_everything_keeps_it(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    one = record(house)
    request_id = snapshot(1).request_id
    for command, named in (("recordings", one), ("requests", request_id), ("requests", "--all")):
        assert staff(command, house, "admin", "hold", named) == 0
        assert recordings(house, "admin", "delete", one) == 1
        assert "legal hold" in capsys.readouterr().err
        assert recordings(house, "readonly", "list") == 0
        assert "held" in capsys.readouterr().out
        assert staff(command, house, "admin", "release", named) == 0
    assert recordings(house, "admin", "delete", one) == 0


@contextmanager
def auditing(
    *, works: bool = True
) -> Iterator[tuple[AuditPost, asyncio.AbstractEventLoop, list[str]]]:
    """A worker's loop in a thread of its own, with what its audit was sent."""
    sent: list[str] = []

    async def send(records: list[dict[str, object]]) -> None:
        if not works:
            raise OSError
        sent.extend(json.dumps(each) for each in records)

    loop = asyncio.new_event_loop()
    post = AuditPost(send, retry_ms=1)
    thread = threading.Thread(target=loop.run_until_complete, args=(_until_told(post),))
    thread.start()
    try:
        yield post, loop, sent
    finally:
        loop.call_soon_threadsafe(_stop.pop(post).set)
        thread.join()
        loop.close()


_stop: dict[AuditPost, asyncio.Event] = {}


async def _until_told(post: AuditPost) -> None:
    _stop[post] = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(post.run())
        await _stop[post].wait()
        running.cancel()


@pytest.mark.wire
def test_rows_a5_a6_each_class_expires_on_its_day_with_an_audit_record(
    house: House, monkeypatch: pytest.MonkeyPatch, accesses: list[Access]
) -> None:
    child, adult = record(house), record(house, OTHER_CALL)
    assert recordings(house, "admin", "keep", child, "--as", "minor") == 0
    assert recordings(house, "admin", "keep", child, "--as", "unknown") == 1
    with auditing() as (post, loop, sent), house.records() as records:
        expire = expirer(settings(house), post, loop)
        half_gone = record(house, "c00000000aaaa")
        tombstones_of(settings(house)).add([half_gone], "withdrawn", 0)
        assert half_gone in {path.stem for path in open_shelf(settings(house)).directory.iterdir()}
        expire(records)
        assert {path.stem for path in open_shelf(settings(house)).directory.iterdir()} == {
            child,
            adult,
        }
        later_ms = now_ms() + 31 * DAY_MS
        monkeypatch.setattr("pipeline.shelves.now_ms", lambda: later_ms)
        expire(records)
        assert kept(house) == [child]
    (line,) = sent
    told = json.loads(line)
    assert told["type"] == "recording"
    assert told["fields"] == {"call_id": OTHER_CALL, "action": "expire", "reason": "days_over"}
    tombstones = (house.directory / "keys/tombstones.jsonl").read_text()
    assert adult in tombstones


@pytest.mark.wire
def test_row_a6_nothing_expires_that_cannot_be_put_on_record(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = record(house)
    monkeypatch.setattr("pipeline.shelves.AUDIT_LIMIT_MS", 50.0)
    later_ms = now_ms() + 31 * DAY_MS
    monkeypatch.setattr("pipeline.shelves.now_ms", lambda: later_ms)
    with auditing(works=False) as (post, loop, _), house.records() as records:
        expirer(settings(house), post, loop)(records)
    assert kept(house) == [one]


def test_the_start_finishes_what_was_destroyed_and_keeps_the_rest(house: House) -> None:
    finish_destroyed(settings(house))
    left, stays = record(house), record(house)
    tombstones_of(settings(house)).add([left], "withdrawn", now_ms())
    finish_destroyed(settings(house))
    folder = open_shelf(settings(house)).directory
    assert {path.stem for path in folder.glob("rec_*")} == {stays}


def test_the_start_is_refused_while_nobody_says_the_days_of_a_class(house: House) -> None:
    check_classes(settings(house))
    record(house, kept_as="research")
    with pytest.raises(StartUpError, match='the class "research" and no days'):
        check_classes(settings(house))


def test_a_rotation_wraps_the_keys_of_recordings_too(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access], tmp_path: Path
) -> None:
    one = record(house)
    assert recordings(house, "admin", "keep", one, "--as", "minor") == 0
    old = json.loads((house.directory / "keys/install.key").read_text())["current"]
    assert main(["key", "rotate"]) == 0
    assert "3 data keys were wrapped anew" in capsys.readouterr().out
    ring = json.loads((house.directory / "keys/install.key").read_text())
    assert list(ring["keys"]) == [ring["current"]] != [old]
    to = tmp_path / "call.wav"
    assert recordings(house, "admin", "export", one, "--to", str(to)) == 0
    assert [each.kept_as for each in open_shelf(settings(house)).kept()] == ["minor"]


def test_a_recording_whose_key_is_damaged_stops_no_rotation(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    broken, whole = record(house), record(house, OTHER_CALL)
    key = open_shelf(settings(house)).directory / f"{broken}.key"
    stored = json.loads(key.read_text())
    key.write_text(json.dumps({**stored, "sealed": stored["sealed"] + "00"}))

    def key_ids() -> set[str]:
        return set(json.loads((house.directory / "keys/install.key").read_text())["keys"])

    assert main(["key", "rotate"]) == 1
    said = capsys.readouterr()
    assert "3 data keys were wrapped anew" in said.out
    assert broken in said.err
    assert whole not in said.err
    assert key_ids() > {stored["key_id"]}
    assert recordings(house, "admin", "delete", broken) == 0
    assert main(["key", "rotate"]) == 0
    assert len(key_ids()) == 1
    assert kept(house) == [whole]


def test_a_recording_that_begins_during_a_rotation_opens_after_it(house: House) -> None:
    shelf = open_shelf(settings(house))  # has read the key before the rotation
    assert main(["key", "rotate"]) == 0
    file, header, data_key = shelf.open_new(CALL, 16_000, "call")
    with file:
        SealedWriter(file, header, data_key).end([])
    fresh = open_shelf(settings(house))
    to = house.directory.parent / "x.wav"
    assert fresh.export(fresh.find(header.recording_id), to, lambda *_: None).broken == ""


def test_a_backup_brings_recordings_back_but_not_those_destroyed_since(
    house: House,
    elsewhere: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    accesses: list[Access],
) -> None:
    one, gone = record(house), record(house, OTHER_CALL)
    assert main(["key", "export", str(elsewhere / "key")]) == 0
    assert main(["backup", str(elsewhere / "copy")]) == 0
    assert SOUND[:64] not in (elsewhere / "copy").read_bytes()
    assert recordings(house, "admin", "delete", gone) == 0
    shutil.copy(house.directory / "keys/tombstones.jsonl", elsewhere)
    shutil.rmtree(house.directory)
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path / "new"))
    new = House(tmp_path / "new")
    assert main(["key", "import", str(elsewhere / "key")]) == 0
    capsys.readouterr()
    assert main(["restore", "--tombstones", str(elsewhere), str(elsewhere / "copy")]) == 0
    assert "; 1 recordings are there" in capsys.readouterr().out
    assert kept(new) == [one]
    to = tmp_path / "call.wav"
    assert recordings(new, "operator", "export", one, "--to", str(to)) == 0
    with wave.open(str(to)) as file:
        assert file.readframes(file.getnframes()) == SOUND
    shutil.rmtree(new.directory / "data")
    assert main(["restore", "--no-tombstones", str(elsewhere / "copy")]) == 1
    assert "holds recordings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("owner", "name", "time"),
    [
        (copies, "_write", 1),
        (copies, "_write", 3),
        (Database, "upgrade_within", 1),
        (backup, "insert", 1),
        (backup, "insert", 3),
        (backup, "shred", 1),
        (PutBack, "finished", 1),
    ],
    ids=lambda each: getattr(each, "__name__", str(each)).rpartition(".")[2],
)
def test_row_o13_a_restore_that_is_killed_anywhere_is_run_again_or_was_whole(
    owner: object,
    name: str,
    time: int,
    house: House,
    elsewhere: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    accesses: list[Access],
) -> None:
    one, gone = record(house), snapshot(2).request_id
    assert main(["key", "export", str(elsewhere / "key")]) == 0
    assert main(["backup", str(elsewhere / "copy")]) == 0
    assert staff("requests", house, "admin", "delete", gone) == 0
    shutil.copy(house.directory / "keys/tombstones.jsonl", elsewhere)
    shutil.rmtree(house.directory)
    new = House(tmp_path / "new")
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(new.directory))
    assert main(["key", "import", str(elsewhere / "key")]) == 0
    again = ["restore", "--tombstones", str(elsewhere), str(elsewhere / "copy")]
    _killed_at(owner, name, time, again)
    capsys.readouterr()
    if name == "finished":  # everything is there, and only the mark is left
        assert main(again) == 1
        assert "is not empty" in capsys.readouterr().err
    else:
        assert main(again) == 0
        assert "1 requests open" in capsys.readouterr().out
        assert not list((new.directory / "recordings").glob("*.unfinished"))
    finish_restore(settings(new))  # as the next start does
    assert not list((new.directory / "recordings").glob("*.unfinished"))
    with new.records() as records:
        assert [each.entry.id for each in records.all_opened()] == [snapshot(1).request_id]
        assert records.open(snapshot(1).request_id).document.fields == snapshot(1).fields
    assert kept(new) == [one]
    to = tmp_path / "call.wav"
    assert recordings(new, "operator", "export", one, "--to", str(to)) == 0
    with wave.open(str(to)) as file:
        assert file.readframes(file.getnframes()) == SOUND


def test_no_store_is_made_beside_half_a_restore(
    house: House,
    elsewhere: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = record(house)
    assert main(["key", "export", str(elsewhere / "key")]) == 0
    assert main(["backup", str(elsewhere / "copy")]) == 0
    new = House(tmp_path / "new")
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(new.directory))
    assert main(["key", "import", str(elsewhere / "key")]) == 0
    again = ["restore", "--no-tombstones", str(elsewhere / "copy")]
    _killed_at(backup, "insert", 1, again)
    capsys.readouterr()
    assert main(["key", "init"]) == 1
    assert "Run it again as it was" in capsys.readouterr().err
    assert main(again) == 0
    assert main(["key", "init"]) == 0
    assert kept(new) == [one]


def _killed_at(owner: object, name: str, time: int, command: list[str]) -> None:
    """Run a command in a child that ends by SIGKILL when it does this for the so many-th time."""
    child = os.fork()
    if child == 0:
        left, original = iter(range(1, time)), getattr(owner, name)

        def last(*arguments: Any, **named: Any) -> Any:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        setattr(owner, name, last)
        try:
            main(command)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it ended by itself"


def test_row_o15_a_purge_destroys_recordings_and_certifies_it(
    house: House, tmp_path: Path, accesses: list[Access]
) -> None:
    record(house)
    folder = open_shelf(settings(house)).directory
    certificate = tmp_path / "certificate.json"
    options = ["--all", "--practice", "north", "--certificate", str(certificate)]
    assert staff("requests", house, "admin", "hold", snapshot(2).request_id) == 0
    assert staff("purge", house, "admin", *options) == 1
    assert len(list(folder.iterdir())) == 2
    assert staff("requests", house, "admin", "release", snapshot(2).request_id) == 0
    assert staff("purge", house, "admin", *options) == 0
    assert json.loads(certificate.read_text())["recordings_destroyed"] == 1
    assert list(folder.iterdir()) == []
