"""Identifiers planted in every input of a served call, and errors at its stages, are in no byte that came out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.canary import course
from tests.canary.faults import SUPERVISOR_STAGES, WORKER_STAGES
from tests.canary.outputs import processes
from tests.canary.rig import ground, models_in

pytestmark = pytest.mark.wire

SHORT = ("outputs of the worker", "outputs of the supervisor", "receptionist", "segmentation fault")
"""For `make test`; all of them are for `make test-long`."""


@pytest.mark.parametrize("level", ["debug"])
def test_target_p3_no_planted_identifier_comes_out(
    level: str, tmp_path: Path, model_cache: Path
) -> None:
    with ground(tmp_path / "server", model_cache, level=level) as where:
        models = models_in(model_cache)
        asyncio.run(course.take(where, SHORT))
        assert models_in(model_cache) == models
    assert list(where.server.directory.glob("state/traces/trace-*.jsonl")), "calls were traced"
    course.assert_nothing_came_out(where, SHORT)


@pytest.mark.long
@pytest.mark.parametrize("level", ["warning", "debug"])
def test_target_p3_no_planted_identifier_comes_out_whatever_fails(
    level: str, tmp_path: Path, model_cache: Path
) -> None:
    stages = (*WORKER_STAGES, *SUPERVISOR_STAGES)
    with ground(tmp_path / "server", model_cache, level=level) as where:
        asyncio.run(course.take(where, stages))
        assert processes(where.server.processes())
    course.assert_nothing_came_out(where, stages)
