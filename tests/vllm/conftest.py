"""One real vLLM for all tests of this folder, started and watched by `wardline models serve`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import config
from tests.ports import free_port
from tests.vllm.real import ENVIRONMENT, MODEL, ROOT, Real

STEP_MS = 12
"""A token of an eight-billion model on one card."""

ORDER = (
    "test_options",
    "test_replies",
    "test_page",
    "test_interrupting",
    "test_ends",
    "test_silence",
)
"""What breaks the server comes late, and what looks at everything it wrote comes last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    here.sort(key=lambda item: ORDER.index(item.path.stem))
    items[:] = [item for item in items if item not in here] + here


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    assert (ENVIRONMENT / "bin" / "vllm").exists(), "run `make test-vllm`: it makes .venv-vllm"
    folder = tmp_path_factory.mktemp("vllm")
    program = folder / "vllm"
    # all that vLLM writes goes to a file of ours as well, so that it can be searched
    program.write_text(
        "#!/bin/bash\n"
        f"export PYTHONPATH={ROOT}/tests/vllm/pace TEST_STEP_MS={STEP_MS} VLLM_LOGGING_LEVEL=INFO\n"
        f'exec {ENVIRONMENT}/bin/vllm "$@" --logits-processors pace:Pace > >(tee -a {folder}/written) 2>&1\n'
    )
    program.chmod(0o755)
    port = free_port()
    file = folder / "wardline.toml"
    file.write_text(
        f'[state]\ndirectory = "{folder}/state"\n[llm_server]\nexecutable = "{program}"\n'
        f'model_directory = "{MODEL}"\nport = {port}\ndevice = "cpu"\ncache_gib = 1\ncontext_tokens = 2048\n'
        'sequences = 4\nqueued = 2\noptions = ["--dtype=float32"]\nrestarts = 3\ndrain_limit_ms = 3000\n'
    )
    environment = config.child_environment({"PYTHONPATH": str(ROOT)})
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", "models", "--config", str(file), "serve"],
            stdout=out,
            stderr=err,
            env=environment,
            cwd=folder,
        )
    server = Real(process, folder, port)
    try:
        server.until("model_server_ready")
        server.key = (folder / "state/keys/llm-server.key").read_text().strip()
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)  # its keeper ends the rest
                process.wait(60)
