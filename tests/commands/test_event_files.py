"""The event log: a file a day, gone after its days, unless a hold keeps it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from pipeline.commands.event_files import EventFiles
from pipeline.errors import StartUpError
from pipeline.telemetry import log

TODAY = date(2026, 3, 4)


@pytest.fixture(autouse=True)
def turned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Descriptors the log was given, instead of this process's real log."""
    given: list[int] = []
    monkeypatch.setattr(log, "redirect", given.append)
    return given


def dated(directory: Path, days_ago: int) -> Path:
    path = directory / f"events-{(TODAY - timedelta(days=days_ago)).isoformat()}.jsonl"
    path.write_text("{}\n")
    return path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_new_day_is_a_new_file_and_no_line_is_lost(tmp_path: Path, turned: list[int]) -> None:
    files = EventFiles(tmp_path / "events.jsonl", 30, lambda: False)
    for days in range(3):
        for _ in range(2):
            files.look(TODAY + timedelta(days=days))
        assert len(turned) == days + 1
        with open(turned[-1], "w", closefd=False) as now:  # as the log writes
            now.write(f"{days}\n")
    assert names(tmp_path) == ["events-2026-03-04.jsonl", "events-2026-03-05.jsonl", "events.jsonl"]
    lines = [(tmp_path / name).read_text() for name in names(tmp_path)]
    assert lines == ["0\n", "1\n", "2\n"]
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_clock_set_back_over_midnight_overwrites_no_day(
    tmp_path: Path, turned: list[int]
) -> None:
    files = EventFiles(tmp_path / "events.jsonl", 30, lambda: False)
    for days in (0, 1, 0, 1, 2):
        files.look(TODAY + timedelta(days=days))
        with open(turned[-1], "w", closefd=False) as now:
            now.write(f"{len(turned)}\n")
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == {
        "events-2026-03-04.jsonl": "1\n",
        "events-2026-03-04.2.jsonl": "3\n",
        "events-2026-03-05.jsonl": "2\n",
        "events-2026-03-05.2.jsonl": "4\n",
        "events.jsonl": "5\n",
    }
    files.look(TODAY + timedelta(days=40))
    assert names(tmp_path) == ["events.jsonl"]


def test_files_older_than_their_days_go_and_others_stay(tmp_path: Path) -> None:
    old, young = dated(tmp_path, 31), dated(tmp_path, 30)
    for name in ("events-2026-13-99.jsonl", "events-old.jsonl", "notes-2020-01-01.jsonl"):
        (tmp_path / name).write_text("")
    EventFiles(tmp_path / "events.jsonl", 30, lambda: False).look(TODAY)
    assert not old.exists()
    assert young.exists()
    assert len(names(tmp_path)) == 5


def test_a_legal_hold_keeps_every_file(tmp_path: Path) -> None:
    old = dated(tmp_path, 400)
    EventFiles(tmp_path / "events.jsonl", 30, lambda: True).look(TODAY)
    assert old.exists()


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartUpError, match=r"set log\.file"):
        EventFiles(tmp_path / "file/events.jsonl", 30, lambda: False).open()
