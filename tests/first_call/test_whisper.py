"""A whole call that is heard by faster-whisper: the tiny model knows the lines of the booking script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.first_call.served import served, wardline
from tests.models.whisper.tiny import FOLDER

pytestmark = [pytest.mark.wire, pytest.mark.long]


def test_a_call_heard_by_whisper_books_an_appointment(tmp_path: Path) -> None:
    chosen = (
        f'[engines]\nstt = "whisper"\nwhisper_directory = "{FOLDER}"\n'
        'whisper_window = "short"\nwhisper_device = "cpu"\n'
    )
    with served(tmp_path, chosen) as server:
        made = wardline("call", "--url", server.url, "--script", "booking", "--json")
    assert made.returncode == 0, made.stderr
    record = json.loads(made.stdout)
    assert record["met"] is True
    assert record["ended"] == "goodbye"
    assert sum(bool(turn["heard"]) for turn in record["turns"]) >= 5
