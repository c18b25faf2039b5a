"""`wardline replay`: the timeline, the differences, and a call that becomes a test with one command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.turn.trace import written
from tests.turn.test_trace import a_call, recorded

DATA = written(recorded(a_call()))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trace-c1.jsonl"
    path.write_bytes(DATA)
    return path


def run(*words: str) -> int:
    return cli.main(["replay", *words])


def test_the_timeline_is_shown_and_nothing_differs(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(file)) == 0
    out = capsys.readouterr().out
    assert "    0.000  ReplyStarted(epoch=1)" in out
    assert "ReplyDrained(epoch=1, asked=" in out
    assert "  ->  BeginUtterance" in out
    assert "EndTurn" in out
    assert "none different; the call ended as goodbye, recorded by release 1.2.3" in out


def test_with_other_settings_the_differences_are_shown(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "wardline.toml"
    settings.write_text("[turn.endpoint]\nsilence_ms = 350\n")
    assert run(str(file), "--config", str(settings)) == 1
    out = capsys.readouterr().out
    assert "- recorded: EndTurn\n" in out
    assert "+ now:      nothing\n" in out
    assert "+ now:      EndTurn\n" in out
    assert "2 different" in out


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (DATA[:-9], "cut off"),
        (DATA.replace(b"4620.0", b"4621.0"), "its sum is wrong"),
        (b"Maria Gonzalez\n" * 3, "line 1 cannot be read"),
    ],
)
def test_a_damaged_trace_is_a_sentence(
    file: Path, data: bytes, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(data)
    assert run(str(file)) == 2
    said = capsys.readouterr().err
    assert said.startswith("wardline replay: this is no whole trace: ")
    assert why in said
    assert "Maria" not in said


def test_a_file_that_is_not_there_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("/nowhere/trace-c1.jsonl") == 2
    assert capsys.readouterr().err == "wardline replay: No such file or directory\n"


def test_a_call_becomes_a_test_that_passes_and_fails_when_a_decision_is_put_right(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[2]
    folder = tmp_path / "tests/turn/replays"
    folder.mkdir(parents=True)
    for name in ("tests", "tests/turn", "tests/turn/replays"):
        source = root / name / "__init__.py"
        (tmp_path / name / "__init__.py").write_text(source.read_text())
    monkeypatch.chdir(tmp_path)
    assert run(str(file), "--as-test", "cut_off_in_mid_number") == 0
    made = folder / "test_cut_off_in_mid_number.py"
    assert (folder / "cut_off_in_mid_number.jsonl").read_bytes() == DATA

    mended = made.read_text().replace('"EndTurn"', '"ReopenTurn"', 1)
    (folder / "test_put_right.py").write_text(mended)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{tmp_path}:{root}", "PATH": "/usr/bin:/bin"},
    )
    assert "1 failed, 1 passed" in done.stdout
    assert "FAILED tests/turn/replays/test_put_right.py" in done.stdout
    assert run(str(file), "--as-test", "cut_off_in_mid_number") == 2, "nothing is overwritten"


@pytest.mark.parametrize("name", ["Maria", "../up", "", "9lives", "a" * 61])
def test_a_name_that_is_no_name_of_a_test_is_refused(
    file: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests/turn/replays").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    if name:
        assert run(str(file), "--as-test", name) == 2
    assert list((tmp_path / "tests/turn/replays").iterdir()) == []


def test_outside_the_source_it_is_said(
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(str(file), "--as-test", "late") == 2
    assert "a copy of Wardline's source" in capsys.readouterr().err
