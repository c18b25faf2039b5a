"""Our client and stage against Pipecat's stock service on the same stream in the same run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.wire, pytest.mark.long]

ADDED_MS = 10.0
MOST_OF_STOCK = {8: 0.7, 32: 0.45}


@pytest.mark.parametrize("streams", [8, 32])
def test_a_token_costs_a_fraction_of_the_stock_service_and_the_first_is_not_held_up(
    streams: int, record_property: Any
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.call.model_cost", str(streams)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=120,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    record_property("found", json.dumps(found))
    ours = min(found[f"ours{at}"]["cpu_us_a_token"] for at in range(2))
    stock = min(found[f"stock{at}"]["cpu_us_a_token"] for at in range(2))
    assert ours / stock <= MOST_OF_STOCK[streams], found
    if streams == 8:
        bare = min(found[f"bare{at}"]["added_ms"] for at in range(2))
        assert min(found[f"ours{at}"]["added_ms"] for at in range(2)) - bare <= ADDED_MS, found
