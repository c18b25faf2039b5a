"""One server for the tests that only talk to it: starting one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.first_call.served import Served, served


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> None:
    """Off here: the loops of these tests are callers, and look into files and /proc between two packets."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served"), cache=model_cache) as running:
        yield running
