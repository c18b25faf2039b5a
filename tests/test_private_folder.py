"""Folders that we make are their owner's alone, however many had to be made."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.private_folder import make_private
from tests.supervisor.served import served


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(root: Path) -> dict[str, int]:
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    return {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in folders}


def test_every_folder_on_the_way_is_private_and_one_that_was_there_is_left_alone(
    tmp_path: Path,
) -> None:
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    make_private(there / "a" / "b" / "c")
    make_private(there / "a" / "b")
    assert modes(there) == {".": 0o755, "a": 0o700, "a/b": 0o700, "a/b/c": 0o700}


def test_a_file_where_a_folder_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(OSError, match="file"):
            make_private(path)


def test_the_first_token_of_a_fresh_state_leaves_private_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "fresh" / "state"
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(state))
    assert main(["token", "create", "front-desk"]) == 0
    found = modes(tmp_path / "fresh")
    assert {".", "state", "state/audit", "state/audit/keys"} <= set(found)
    assert set(found.values()) == {0o700}


@pytest.mark.wire
def test_the_first_start_with_a_fresh_state_leaves_private_folders(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        running.call()
        found = modes(tmp_path / "state")
    assert {".", "audit", "audit/keys"} <= set(found)
    assert set(found.values()) == {0o700}
