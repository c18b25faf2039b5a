"""The course of a test of target P3: calls, a fault at each stage, and what must hold of every byte afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from bench.errors import BenchError
from tests.canary import calls, http_inputs, rig
from tests.canary.faults import CRASHES, WORKER_STAGES
from tests.canary.outputs import Places
from tests.canary.rig import Ground
from tests.canary.search import Search
from tests.first_call.served import until


async def _fail_at(where: Ground, stage: str, *, recorded: bool) -> None:
    """One call in which this stage fails, and the server whole again afterwards."""
    later = recorded and stage in WORKER_STAGES  # while the recording runs
    if not later:
        where.fail(stage)
    with contextlib.suppress(BenchError):
        async with calls.caller(where) as call:
            if recorded:
                await calls.agree(call)
            if later:
                where.fail(stage)
            await calls.reply_to(call, call.type_text(rig.person("typed").says))
            with contextlib.suppress(BenchError):
                await call.press(rig.person("keyed").phone)
            if stage == "recogniser":
                await calls.say_everything(where, call)
            calls.remember(where, call)
    where.fail("")


async def take(where: Ground, stages: tuple[str, ...], *, recorded: bool = False) -> None:
    """Plant everywhere, then let each stage fail in a call of its own; `recorded`: callers agree to be recorded."""
    where.shown |= await asyncio.to_thread(http_inputs.plant, where.server.port)
    async with calls.caller(where, spoilt=True) as call:
        if recorded:
            await calls.agree(call)
        await calls.say_everything(where, call)
    for stage in stages:
        await calls.until_idle(where, stage)
        await _fail_at(where, stage, recorded=recorded)
    ended = sum(stage in CRASHES for stage in stages)
    await asyncio.to_thread(
        until, lambda: len(where.server.events("worker_ended")) >= ended, 20, "the crash's event"
    )
    where.look_at_processes("at the end")
    where.shown |= await asyncio.to_thread(http_inputs.metrics, where.server.port)


def assert_nothing_came_out(
    where: Ground,
    stages: tuple[str, ...],
    elsewhere: Places | None = None,
    *,
    confided: bool = False,
) -> None:
    """After the server's end; `elsewhere` is searched too. `confided`: what is spoken may go into the vault and be no caption."""
    assert where.server.events("server_ready")
    lost = [event for event in where.server.events("worker_ended") if not event["expected"]]
    assert len(lost) == len(set(stages) & set(CRASHES))
    places = where.places() | (elsewhere or {})
    assert places["stderr"]
    assert any(name.startswith("webhook") for name in places)
    assert places["syslog"]
    assert b"\nwardline_calls_answered_total" in places["metrics"]
    assert len(where.outside.received.asked) >= 2
    assert where.hits(places) == []
    assert not [name for name in places if "core" in Path(name).name.split(".")]
    assert where.heard["typed"]
    assert where.heard["speech"] or confided
    lines = set[str]().union(*where.heard.values())
    heard = Search({f"heard {n}": line for n, line in enumerate(sorted(lines))})
    assert heard.look(places) == []
