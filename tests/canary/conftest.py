"""Real servers with models shared by all tests of a run."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> None:
    """Off here: the loops of these tests are callers, and look into files and /proc between two packets."""


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by every process of a test run: building the language model takes seconds."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if own.name.startswith("popen-") else own) / "models"
    shared.mkdir(exist_ok=True)
    return shared
