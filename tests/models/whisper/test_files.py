"""A Whisper directory that is not whole: a sentence names the file and the remedy."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from models.errors import EngineUnavailable
from models.whisper.files import SUMS, check


def whole(folder: Path) -> Path:
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_bytes(b"{}")
    return folder


def sums(folder: Path) -> str:
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
    )


def test_a_missing_directory_names_every_missing_file_and_the_setting(tmp_path: Path) -> None:
    with pytest.raises(
        EngineUnavailable,
        match=r"missing model\.bin, config\.json, tokenizer\.json.*whisper_directory",
    ):
        check(tmp_path / "absent")


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_each_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (whole(tmp_path) / name).unlink()
    with pytest.raises(EngineUnavailable, match=f"missing {name}.* Copy the whole"):
        check(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"a": '])
def test_a_damaged_text_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (whole(tmp_path) / name).write_bytes(content)
    with pytest.raises(EngineUnavailable, match=f"{name} cannot be read as JSON. Copy it again"):
        check(tmp_path)


def test_files_that_match_their_sums_pass(tmp_path: Path) -> None:
    listed = sums(whole(tmp_path))
    (tmp_path / SUMS).write_text(listed)
    check(tmp_path)


def test_an_altered_file_is_named(tmp_path: Path) -> None:
    listed = sums(whole(tmp_path))
    (tmp_path / SUMS).write_text(listed)
    (tmp_path / "model.bin").write_bytes(b"{ }")
    with pytest.raises(
        EngineUnavailable, match=r"model\.bin is not the file that SHA256SUMS lists"
    ):
        check(tmp_path)


def test_a_file_that_the_sums_list_must_be_there(tmp_path: Path) -> None:
    (whole(tmp_path) / SUMS).write_text(f"{'0' * 64}  preprocessor_config.json\n")
    with pytest.raises(EngineUnavailable, match=r"missing preprocessor_config\.json"):
        check(tmp_path)


@pytest.mark.parametrize(
    "line", ["abc  model.bin", f"{'0' * 64}  ../model.bin", f"{'0' * 64}  /etc/passwd"]
)
def test_sums_that_are_none_are_refused(tmp_path: Path, line: str) -> None:
    (whole(tmp_path) / SUMS).write_text(f"{line}\n")
    with pytest.raises(EngineUnavailable, match="not of sha256sum"):
        check(tmp_path)
