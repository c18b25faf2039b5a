"""The course of a test of target P3: calls, a fault at each stage, and what must hold of every byte afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from bench.errors import BenchError
from tests.canary import calls, http_inputs, outside, rig
from tests.canary.faults import CRASHES, TOOL_RESULT, WORKER_STAGES
from tests.canary.outputs import Places
from tests.canary.people import everything
from tests.canary.rig import Ground
from tests.canary.search import Search
from tests.first_call.served import until

MAY_BE_ASKED = frozenset(
    {
        "configuration last",  # it stands in the model's own name
        *("typed first", "speech first", "tool_result first"),
        *("model_text first", "model_text last", "model_text name"),
        *("model_tool first", "model_tool last", "model_tool record"),
    }
)
"""What requests to the model may hold: a first name is what a receptionist talks about
(`pipeline.call.outgoing.GUARDED`), by whomever it comes, and names and a record's number that the model made up itself come back to it.
Numbers, dates, addresses and a caller's last name do not."""
FIRED_S = 15.0
"""Records, reports and the store's writes come after a call's end."""
CALLS_MAX = 6
"""A call may pass a stage by: the model is not asked while its circuit is open."""


async def _fail_at(where: Ground, stage: str, *, recorded: bool) -> None:
    """Calls in which this stage may fail until it has, and the server whole again afterwards."""
    for _ in range(CALLS_MAX):
        await calls.until_idle(where, stage)
        await _meet(where, stage, recorded=recorded)
        if await _has_fired(where, stage):
            break
    where.fail("")
    assert stage in where.fired(), f"{stage} never failed"


async def _has_fired(where: Ground, stage: str) -> bool:
    end_s = time.monotonic() + FIRED_S
    while time.monotonic() < end_s:
        if stage in where.fired():
            return True
        await asyncio.sleep(0.1)
    return False


async def _meet(where: Ground, stage: str, *, recorded: bool) -> None:
    """One call, with this stage to fail from then on."""
    later = recorded and stage in WORKER_STAGES  # while the recording runs
    if not later:
        where.fail(stage)
    with contextlib.suppress(BenchError):
        async with calls.caller(where) as call:
            if recorded:
                await calls.agree(call)
            if later:
                where.fail(stage)
            if stage == "recogniser":  # first: a call that has all it wants hears nothing more
                await calls.hear_out(call)  # what is said into the greeting is nobody's answer
                await calls.speak(call)
            await calls.reply_to(call, call.type_text(rig.person("typed").says))
            with contextlib.suppress(BenchError):
                await call.press(rig.person("keyed").phone)
            calls.remember(where, call)


async def take(where: Ground, stages: tuple[str, ...], *, recorded: bool = False) -> None:
    """Plant everywhere, then let each stage fail in a call of its own; `recorded`: callers agree to be recorded."""
    where.shown |= await asyncio.to_thread(http_inputs.plant, where.server.port)
    async with calls.caller(where, spoilt=True) as call:
        if recorded:
            await calls.agree(call)
        await calls.say_everything(where, call)
    for stage in stages:
        await _fail_at(where, stage, recorded=recorded)
    ended = sum(stage in CRASHES for stage in stages)
    await asyncio.to_thread(
        until, lambda: len(where.server.events("worker_ended")) >= ended, 60, "the crash's event"
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
    assert where.fired() >= {*stages, TOOL_RESULT}
    _assert_the_model_was_heard(where)
    hits = where.hits(places)
    assert hits == [], hits  # names of what was found and where, none of it
    assert not [name for name in places if "core" in Path(name).name.split(".")]
    assert where.heard["typed"]
    assert where.heard["speech"] or confided
    lines = set[str]().union(*where.heard.values())
    heard = Search({f"heard {n}": line for n, line in enumerate(sorted(lines))})
    hits = heard.look(places)
    assert hits == [], hits


def _assert_the_model_was_heard(where: Ground) -> None:
    """What was planted in replies and results reached the guard, the voice and the caller's page."""
    received = where.outside.received
    assert {outside.WORDS, outside.RESULT} <= set(received.answered)
    withheld = {str(event["where"]) for event in where.server.events("values_withheld")}
    assert {"speech", "result"} <= withheld
    assert any(rig.person("model_text").first in line for line in where.told)
    too_much = asked_too_much(received.asked)
    assert too_much == set(), too_much


def asked_too_much(requests: Iterable[bytes]) -> set[str]:
    """Whose value, and which, stands in a request to the model and may not."""
    prompts = {f"prompt {n}": asked for n, asked in enumerate(requests)}
    return {hit.text for hit in _PLANTED.look(prompts)} - MAY_BE_ASKED


_PLANTED = Search(everything(rig.PEOPLE.values()))
