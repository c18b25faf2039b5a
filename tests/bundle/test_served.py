"""A server and its bundle: a changed model stops the start with status 78, a running one keeps its version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import config
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.versions import Bundles
from tests.bundle.rig import VOICE, placed, two, writable
from tests.supervisor.served import served

pytestmark = pytest.mark.wire


def configured(folder: Path) -> str:
    return (
        f'[bundle]\ndirectory = "{folder}/models"\n'
        f'[engines]\nstt = "whisper"\nwhisper_directory = "{folder}/models/current/whisper"\n'
    )


def test_a_model_file_that_is_not_what_was_fetched_stops_the_start(tmp_path: Path) -> None:
    bundles, manifest = two(tmp_path / "models")
    file = writable(bundles.version(manifest.name) / "whisper/model.bin")
    data = bytearray(file.read_bytes())
    data[9] ^= 4
    file.write_bytes(data)
    file.chmod(0o444)
    settings = tmp_path / "wardline.toml"
    settings.write_text(
        f'[http]\nport = 0\n[state]\ndirectory = "{tmp_path}/state"\n{configured(tmp_path)}'
    )
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "serve", "--config", str(settings)],
        capture_output=True, text=True, timeout=60, env=config.child_environment({}),
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 78, done.stderr[-2_000:]
    sentence = done.stderr.splitlines()[-1]
    assert "whisper/model.bin (changed)" in sentence
    assert "unpack or pull the bundle again" in sentence
    assert "worker_started" not in done.stderr


def test_a_running_server_says_what_it_loaded_and_keeps_it(tmp_path: Path) -> None:
    bundles, manifest = two(tmp_path / "models")
    with served(tmp_path, configured(tmp_path)) as server:
        assert f"Models: bundle {manifest.name}, 4 files" in server.out()
        assert server.ask("GET", "/healthz")[1]["tested"]["models"]["result"] == "pass"
        (checked,) = server.events("models_checked")
        assert (checked["models"], checked["files"]) == (1, 4)
        placed(bundles, clear=VOICE)
        placed(bundles, clear={"clear.onnx": b"other"})
        with bundles.locked(), pytest.raises(BundleFault, match="a running server uses"):
            bundles.remove(manifest.name)
    with Bundles(tmp_path / "models").locked():
        bundles.remove(manifest.name)
