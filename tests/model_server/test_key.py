"""The key between the two servers: made once, for its user alone, or taken from the configuration."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pipeline.config import from_mapping
from pipeline.errors import StartUpError
from pipeline.model_server.key import key_file, key_of
from pipeline.settings import Settings


def settings(directory: Path, **engines: str) -> Settings:
    return from_mapping({"state": {"directory": str(directory)}, "engines": engines})


def test_a_key_is_made_once_and_only_its_user_may_read_it(tmp_path: Path) -> None:
    ours = settings(tmp_path)
    key, sentence = key_of(ours)
    assert stat.S_IMODE(key_file(ours).stat().st_mode) == 0o600
    assert len(key) == 64
    assert key_of(ours)[0] == key
    assert str(key_file(ours)) in sentence
    assert key not in sentence
    assert [file.name for file in key_file(ours).parent.iterdir()] == ["llm-server.key"]


def test_the_configured_key_is_used_and_none_is_made(tmp_path: Path) -> None:
    configured = "0123456789abcdef" * 3
    ours = settings(tmp_path, llm_api_key=configured)
    assert key_of(ours) == (configured, "")
    assert not key_file(ours).exists()


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    ours = settings(tmp_path)
    key_of(ours)
    key_file(ours).chmod(0o644)
    with pytest.raises(StartUpError, match="chmod 600"):
        key_of(ours)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartUpError, match=r"state\.directory"):
        key_of(settings(tmp_path / "file"))
