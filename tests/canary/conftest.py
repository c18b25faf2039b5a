"""Callers of real servers, whose loops may block."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> None:
    """Off here: the loops of these tests are callers, and look into files and /proc between two packets."""
