"""The embedded recogniser's language model, built once for every file of tests that listens with it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by every process of a test run: building it takes seconds, and it is named by its content."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if own.name.startswith("popen-") else own) / "speech-cache"
    shared.mkdir(exist_ok=True)
    return shared
