"""A finished file gets its name, on disks with and without hard links, and takes nobody else's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pipeline.finished_file import give_name

LINKS = [0, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS]
"""0: hard links work; otherwise what `link` answers."""


@pytest.fixture(params=LINKS, ids=lambda code: errno.errorcode.get(code, "links"))
def _disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(request.param, os.strerror(request.param))

    if request.param:
        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("_disk")
def test_a_finished_file_gets_its_name_and_keeps_its_rights(tmp_path: Path) -> None:
    unfinished, to = tmp_path / ".copy.unfinished", tmp_path / "copy"
    unfinished.write_text("whole")
    unfinished.chmod(0o600)
    give_name(unfinished, to)
    unfinished.unlink(missing_ok=True)
    assert to.read_text() == "whole"
    assert to.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("_disk")
def test_a_name_that_is_taken_stays_with_its_file(tmp_path: Path) -> None:
    unfinished, to = tmp_path / ".copy.unfinished", tmp_path / "copy"
    unfinished.write_text("whole")
    to.write_text("precious")
    with pytest.raises(FileExistsError):
        give_name(unfinished, to)
    assert to.read_text() == "precious"
    assert unfinished.read_text() == "whole"


def test_a_disk_that_refuses_both_leaves_no_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    unfinished, to = tmp_path / ".copy.unfinished", tmp_path / "copy"
    unfinished.write_text("whole")
    with pytest.raises(OSError, match="not permitted"):
        give_name(unfinished, to)
    assert not to.exists()


def test_a_full_disk_is_no_disk_without_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    (tmp_path / "unfinished").write_text("whole")
    with pytest.raises(OSError, match="No space"):
        give_name(tmp_path / "unfinished", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
