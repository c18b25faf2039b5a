"""Identifiers planted in every input of a served call, and errors at its stages, are in no byte that came out."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from bench.errors import BenchError
from tests.canary import calls, http_inputs, rig
from tests.canary.faults import CRASHES, SUPERVISOR_STAGES, WORKER_STAGES
from tests.canary.outputs import processes
from tests.canary.rig import Ground, ground, models_in
from tests.canary.search import Search
from tests.first_call.served import until

pytestmark = pytest.mark.wire

SHORT = ("outputs of the worker", "outputs of the supervisor", "receptionist", "segmentation fault")
"""For `make test`; all of them are for `make test-long`."""


async def _fail_at(where: Ground, stage: str) -> None:
    """One call in which this stage fails, and the server whole again afterwards."""
    where.fail(stage)
    with contextlib.suppress(BenchError):
        async with calls.caller(where) as call:
            await calls.reply_to(call, call.type_text(rig.person("typed").says))
            with contextlib.suppress(BenchError):
                await call.press(rig.person("keyed").phone)
            if stage == "recogniser":
                await calls.say_everything(where, call)
            calls.remember(where, call)
    where.fail("")


async def _everything(where: Ground, stages: tuple[str, ...]) -> None:
    where.shown |= await asyncio.to_thread(http_inputs.plant, where.server.port)
    async with calls.caller(where, spoilt=True) as call:
        await calls.say_everything(where, call)
    for stage in stages:
        await calls.until_idle(where, stage)
        await _fail_at(where, stage)
    ended = sum(stage in CRASHES for stage in stages)
    await asyncio.to_thread(
        until, lambda: len(where.server.events("worker_ended")) >= ended, 20, "the crash's event"
    )
    where.look_at_processes("at the end")


def _assert_nothing_came_out(where: Ground, stages: tuple[str, ...]) -> None:
    assert where.server.events("server_ready")
    lost = [event for event in where.server.events("worker_ended") if not event["expected"]]
    assert len(lost) == len(set(stages) & set(CRASHES))
    places = where.places()
    assert places["stderr"]
    assert any(name.startswith("webhook") for name in places)
    assert places["syslog"]
    assert len(where.outside.received.asked) >= 2
    assert where.hits() == []
    assert not [name for name in places if "core" in Path(name).name.split(".")]
    assert where.heard["typed"]
    assert where.heard["speech"]
    lines = set[str]().union(*where.heard.values())
    heard = Search({f"heard {n}": line for n, line in enumerate(sorted(lines))})
    assert heard.look(places) == []


@pytest.mark.parametrize("level", ["debug"])
def test_target_p3_no_planted_identifier_comes_out(
    level: str, tmp_path: Path, model_cache: Path
) -> None:
    with ground(tmp_path / "server", model_cache, level=level) as where:
        models = models_in(model_cache)
        asyncio.run(_everything(where, SHORT))
        assert models_in(model_cache) == models
    _assert_nothing_came_out(where, SHORT)


@pytest.mark.long
@pytest.mark.parametrize("level", ["warning", "debug"])
def test_target_p3_no_planted_identifier_comes_out_whatever_fails(
    level: str, tmp_path: Path, model_cache: Path
) -> None:
    stages = (*WORKER_STAGES, *SUPERVISOR_STAGES)
    with ground(tmp_path / "server", model_cache, level=level) as where:
        asyncio.run(_everything(where, stages))
        assert processes(where.server.processes())
    _assert_nothing_came_out(where, stages)
