from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bench.reports import report_command
from tests.bench.reports.made import SHAPES, text


def report(*given: object) -> int:
    parser = argparse.ArgumentParser()
    report_command.configure(parser)
    arguments = parser.parse_args([str(each) for each in given])
    status: int = arguments.run(arguments)
    return status


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "20260301T100000-turns-conversation.json").write_text(text(SHAPES["no control"]))
    (tmp_path / "20260301T110000-turns-conversation.json").write_text(text(SHAPES["with controls"]))
    (tmp_path / "20260301T120000-booking.json").write_text('{"format": 1}')
    return tmp_path


def test_the_latest_result_of_a_folder_is_shown_and_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = folder / "page.html"
    saved = folder / "20260301T100000-turns-conversation.json"
    assert report(folder, "--against", saved, "--html", page) == 0
    printed = capsys.readouterr().out
    assert "stock Pipecat, fastest setting" in printed
    assert "beside the saved run" in printed
    assert "<!doctype html>" in page.read_text("utf-8")


@pytest.mark.parametrize("which", ["missing", "foreign", "empty folder", "unwritable"])
def test_what_cannot_be_read_or_written_is_a_sentence(
    which: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = folder / "empty"
    empty.mkdir()
    given: dict[str, tuple[object, ...]] = {
        "missing": (folder / "nothing.json",),
        "foreign": (folder / "20260301T120000-booking.json",),
        "empty folder": (empty,),
        "unwritable": (folder, "--html", empty / "no" / "page.html"),
    }
    assert report(*given[which]) == 1
    told = capsys.readouterr().err
    assert told.startswith("wardline bench report: ")
    assert len(told.splitlines()) == 1
