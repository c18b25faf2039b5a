"""The signed folder: whatever is changed, added or taken away is named, and only the right key is believed."""

from __future__ import annotations

import errno
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phi.chain_key import ChainKey
from pipeline.errors import StartUpError
from pipeline.evidence.folder import (
    KEY,
    SIGNATURE,
    SUMS,
    Fault,
    check,
    refuse_full,
    sums_of,
    write,
)

KEYS = ChainKey.new()
ID = "e" + "0" * 32
PARTS = {"README.txt": b"read me\n", "audit.json": b"{}\n", "empty.json": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "out", ID, PARTS, KEYS.sign, KEYS.public)
    return tmp_path / "out"


def test_what_was_written_is_whole_for_the_folder_s_key_and_a_kept_one(folder: Path) -> None:
    for key in (None, KEYS.public):
        checked = check(folder, key)
        assert checked.whole
        assert (checked.evidence_id, checked.files) == (ID, 4)
        assert checked.fingerprint == KEYS.public.fingerprint
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


@pytest.mark.parametrize("name", [*PARTS, KEY])
def test_a_changed_a_missing_and_a_replaced_file_are_named(folder: Path, name: str) -> None:
    kept = (folder / name).read_bytes()
    (folder / name).write_bytes(kept + b"x")
    assert check(folder, KEYS.public).faults == ((name, Fault.CHANGED),)
    (folder / name).unlink()
    assert check(folder, KEYS.public).faults == ((name, Fault.MISSING),)
    (folder / name).symlink_to("/dev/zero")
    assert check(folder, KEYS.public).faults == ((name, Fault.CHANGED),)
    (folder / name).unlink()
    (folder / name).mkdir()
    assert check(folder, KEYS.public).faults == ((name, Fault.CHANGED),)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "a name with spaces\n", "sub"])
def test_an_added_file_is_named(folder: Path, name: str) -> None:
    if name == "sub":
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(b"")
    checked = check(folder)
    assert checked.faults == ((name, Fault.ADDED),)
    assert not checked.refused


def test_every_fault_is_named_at_once(folder: Path) -> None:
    (folder / "README.txt").write_bytes(b"else\n")
    (folder / "audit.json").unlink()
    (folder / "more").write_bytes(b"")
    assert {fault for _, fault in check(folder).faults} == {
        Fault.CHANGED,
        Fault.MISSING,
        Fault.ADDED,
    }


def test_a_folder_that_somebody_else_signed_fails_with_the_key_that_was_kept(
    folder: Path,
) -> None:
    other = ChainKey.new()
    shutil.rmtree(folder)
    write(folder, ID, PARTS, other.sign, other.public)
    assert check(folder).whole  # this is why the key has to be kept elsewhere
    checked = check(folder, KEYS.public)
    assert not checked.whole
    assert "not of this key" in checked.refused


def test_edited_sums_are_refused_and_the_signature_is_for_nothing_else(folder: Path) -> None:
    sums = (folder / SUMS).read_bytes()
    (folder / SUMS).write_bytes(sums.replace(b"README.txt", b"README.tex"))
    assert check(folder).refused
    (folder / SUMS).write_bytes(sums)
    (folder / SIGNATURE).write_bytes(KEYS.sign(b"wardline chain checkpoint 1\n" + sums))
    assert check(folder).refused
    (folder / SIGNATURE).unlink()
    assert check(folder).refused


@pytest.mark.parametrize("name", [SUMS, SIGNATURE, KEY])
@pytest.mark.parametrize("data", [b"", b"\xff\x00", b"-----BEGIN PUBLIC KEY-----\n"])
def test_rubbish_in_the_files_that_a_check_needs_is_refused(
    folder: Path, name: str, data: bytes
) -> None:
    (folder / name).write_bytes(data)
    assert not check(folder).whole


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sums=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_no_signed_sums_make_the_check_raise_or_believe(folder: Path, sums: bytes) -> None:
    (folder / SUMS).write_bytes(sums)
    (folder / SIGNATURE).write_bytes(KEYS.sign(sums))
    assert not check(folder).whole


def test_a_name_twice_or_a_path_in_the_sums_is_not_believed(folder: Path) -> None:
    good = (folder / SUMS).read_bytes()
    line = good.splitlines()[1]
    for sums in (good + line + b"\n", good + line.replace(b"README", b"../README") + b"\n"):
        (folder / SUMS).write_bytes(sums)
        (folder / SIGNATURE).write_bytes(KEYS.sign(sums))
        assert "not what `wardline evidence` writes" in check(folder).refused


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter").write_bytes(b"mine")
    for place in (full, full / "letter", tmp_path / "no" / "such"):
        with pytest.raises(StartUpError):
            refuse_full(place)
        with pytest.raises(StartUpError):
            write(place, ID, PARTS, KEYS.sign, KEYS.public)
    assert (full / "letter").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "letter"]


@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_no_half_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    syncs = iter(range(2))

    def full(descriptor: int) -> None:
        if next(syncs, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")

    if there:
        (tmp_path / "out").mkdir()
    monkeypatch.setattr("pipeline.evidence.folder.os.fsync", full)
    with pytest.raises(StartUpError, match="No space left on device; nothing is left there"):
        write(tmp_path / "out", ID, PARTS, KEYS.sign, KEYS.public)
    assert (tmp_path / "out").exists() == there
    assert list(tmp_path.rglob("*.json")) == []


def test_a_name_that_a_check_could_not_read_is_never_written(tmp_path: Path) -> None:
    for name in ("../up", "a b", "", "two\nlines"):
        with pytest.raises(ValueError, match="a name of the folder"):
            sums_of(ID, {name: b""})


@pytest.mark.wire
def test_standard_tools_check_it_too(folder: Path) -> None:
    assert _run(folder, "sha256sum", "--strict", "-c", SUMS) == 0
    openssl = (
        "openssl", "pkeyutl", "-verify", "-pubin", "-inkey", KEY, "-rawin", "-in", SUMS,
        "-sigfile", SIGNATURE,
    )  # fmt: skip
    assert _run(folder, *openssl) == 0
    (folder / "audit.json").write_bytes(b"[]\n")
    assert _run(folder, "sha256sum", "--strict", "-c", SUMS) != 0
    with (folder / SUMS).open("ab") as file:
        file.write(b"\n")
    assert _run(folder, *openssl) != 0


def _run(folder: Path, *command: str) -> int:
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode
