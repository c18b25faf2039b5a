"""A secret comes from a file that nobody but the server's user can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import secret

TEXT = "0123456789abcdef" * 2


def kept(folder: Path, mode: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "llm_api_key"
    path.write_text(TEXT + "\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("mode", "good"), [(0o400, True), (0o600, True), (0o440, False), (0o404, False)]
)
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int, good: bool) -> None:
    fault, text = secret.first_line(kept(tmp_path, mode))
    assert (not fault, text == TEXT) == (good, good)


@pytest.mark.parametrize(("mode", "good"), [(0o400, True), (0o440, True), (0o444, False)])
def test_a_credential_of_systemd_may_show_rights_of_the_group(
    tmp_path: Path, mode: int, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "CREDENTIALS", f"{tmp_path}/credentials/")
    path = kept(tmp_path / "credentials/wardline.service", mode)
    assert (secret.first_line(path)[1] == TEXT) == good
    around = kept(tmp_path / "elsewhere", mode)
    by_another_name = tmp_path / "credentials/../elsewhere/llm_api_key"
    assert secret.first_line(by_another_name) == secret.first_line(around)
