"""How the `wardline` program finds a command."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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
