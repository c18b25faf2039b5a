"""The file of tombstones after a full disk, a crash and damage: what was destroyed stays so."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pipeline.store.faults import StoreFault
from pipeline.store.tombstones import Tombstones

ONE, TWO = "a" * 32, "b" * 32


def test_an_id_after_a_cut_line_is_not_lost_with_it(tmp_path: Path) -> None:
    graves = Tombstones(tmp_path)
    graves.add([ONE], "deleted", 1)
    with graves.path.open("ab") as file:
        file.write(b'{"id": "cccc')
    graves.add([TWO], "expired", 2)
    assert graves.read() == {ONE: "deleted", TWO: "expired"}


def test_a_disk_that_fills_up_within_a_line_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graves = Tombstones(tmp_path)
    graves.add([ONE], "deleted", 1)
    before = graves.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreFault, match="nothing was destroyed"):
            graves.add([TWO], "expired", 2)
    assert graves.path.read_bytes() == before
    graves.add([TWO], "expired", 2)
    assert graves.read() == {ONE: "deleted", TWO: "expired"}


@pytest.mark.parametrize(
    "damage", [b"\xff\xfe\x80\n", b"[1]\n", b'{"id": 1}\n', b"[" * 50_000 + b"\n", b"\x00\n"]
)
def test_a_damaged_line_is_passed_over_and_the_others_count(tmp_path: Path, damage: bytes) -> None:
    graves = Tombstones(tmp_path)
    graves.add([ONE], "deleted", 1)
    graves.add_fields(TWO, ["phone"], 1)
    graves.path.write_bytes(damage + graves.path.read_bytes() + damage)
    assert graves.read() == {ONE: "deleted"}
    assert graves.read_fields() == {TWO: frozenset({"phone"})}


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    graves = Tombstones(tmp_path)
    assert graves.read() == {}
    graves.path.mkdir()
    with pytest.raises(StoreFault, match="cannot read"):
        graves.read()
