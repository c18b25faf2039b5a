"""`wardline token`: shown once, listed without secrets, revoked at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.errors import NotAuthorised
from pipeline.supervisor.staff import StaffTokens


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path))


def test_a_token_is_printed_once_and_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "create", "front-desk"]) == 0
    token = capsys.readouterr().out.strip()
    assert StaffTokens(tmp_path).use(token).name == "front-desk"
    assert main(["token", "list"]) == 0
    listed = capsys.readouterr().out
    assert "front-desk" in listed
    assert token not in listed
    secret = token.split("_", 2)[2].encode()
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()
    ]


def test_a_revoked_token_opens_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["token", "create", "front-desk"])
    token = capsys.readouterr().out.strip()
    assert main(["token", "revoke", "front-desk"]) == 0
    with pytest.raises(NotAuthorised):
        StaffTokens(tmp_path).use(token)


def test_what_cannot_be_done_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "revoke", "nobody"]) == 1
    assert "token list" in capsys.readouterr().err
    assert main(["token", "create", "two words"]) == 1
    assert "name" in capsys.readouterr().err
