"""How the `wardline` program finds a command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import main

SHOW = """
import json, sys
from pipeline import cli
status = cli.main(["serve", "--port", "-1"])
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.mark.wire
def test_serve_has_imported_no_library_that_talks_when_it_takes_over_the_outputs() -> None:
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, check=True, text=True)
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == 78, "it stopped at a wrong setting, just before it would take them over"
    talkers = {"aiohttp", "aiortc", "av", "loguru", "numpy", "onnxruntime", "pipecat", "sqlalchemy"}
    assert not talkers & set(modules)


@pytest.mark.wire
def test_help_and_a_wrong_name_list_every_command() -> None:
    for arguments, status in ((["--help"], 0), (["nonsense"], 2), ([], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments], capture_output=True, text=True
        )
        assert done.returncode == status
        said = done.stdout + done.stderr
        assert arguments == [] or all(name in said for name in ("serve", "doctor", "call", "bench"))


@pytest.mark.wire
@pytest.mark.parametrize("arguments", [["redact"], ["check-config"]])
def test_a_reader_who_leaves_is_no_traceback(arguments: list[str], tmp_path: Path) -> None:
    text = tmp_path / "big"
    text.write_text("a line without anything\n" * 20_000)
    with text.open("rb") as lines:
        left = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            stdin=lines,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    assert left.stdout is not None
    left.stdout.close()
    _, err = left.communicate(timeout=60)
    assert left.returncode == 141
    assert b"Traceback" not in err
    assert b"Exception" not in err
    assert b"BrokenPipe" not in err


def test_the_help_is_written_for_who_uses_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "answers a practice's calls" in said
    assert "entry point" not in said


@pytest.mark.parametrize("wrong", [["--keys", "abc"], ["--script", "booking", "--say", "Hello"]])
def test_what_call_refuses_names_the_command(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["call", *wrong]) == 2
    assert capsys.readouterr().err.startswith("wardline call: ")
