"""Calls that say, type, key and send planted identifiers, whatever becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time

from bench.caller import Caller
from bench.errors import BenchError
from bench.record import TurnRecord
from bench.voices import choose
from tests.canary.http_inputs import session_description, spoilt_descriptions
from tests.canary.people import people
from tests.canary.rig import Ground

_PEOPLE = people()
REPLY_MS = 4_000.0
"""A line that is no answer to what was asked may stay without one."""
NOTICE_MS = 20_000.0
"""A greeting is heard in real time."""
HEARD_MS = 15_000.0
"""What is said is shown as it is said."""
IDLE_S = 60.0


def caller(ground: Ground, *, spoilt: bool = False) -> Caller:
    """Somebody whose offer is full of words; before it come some that are spoilt by them."""
    call = Caller(ground.server.url)
    offer = call._line.offer

    async def planted(addresses: list[str]) -> str:
        sdp = await offer(addresses)
        for wrong in spoilt_descriptions(sdp) if spoilt else ():
            answer = await asyncio.to_thread(ground.server.offer, wrong)
            ground.shown[f"answer to a spoilt offer {len(ground.shown)}"] = str(answer).encode()
        return session_description(sdp)

    call._line.offer = planted  # type: ignore[method-assign]  # the page's own words
    return call


async def reply_to(call: Caller, turn: TurnRecord) -> None:
    """Wait until an answer to it begins, or until the end that a fault makes of the call."""
    with contextlib.suppress(BenchError):
        await call._until(lambda: bool(turn.reply_lines) or call.has_ended(), REPLY_MS, "no answer")


async def hear_out(call: Caller) -> None:
    """Hear what is being said to its end, or to the end of the call."""
    with contextlib.suppress(BenchError):
        await call.reply_over(NOTICE_MS)


async def agree(call: Caller) -> None:
    """Hear the notice to its end and press 1: from then on the call is recorded, unless it is over."""
    with contextlib.suppress(BenchError):
        await call.reply_over(NOTICE_MS)
        await call.heard_reply(await call.press("1"), REPLY_MS)


async def _hear_the_model(ground: Ground, call: Caller, turn: TurnRecord) -> None:
    """Wait until the page shows a word that a reply of the model planted, unless that was shown before."""
    planted = _PEOPLE["model_text"].first

    def shown() -> bool:
        remember(ground, call)
        return call.has_ended() or any(planted in line for line in ground.told)

    await reply_to(call, turn)
    with contextlib.suppress(BenchError):
        await call._until(shown, HEARD_MS, "the model's words were not said")


async def say_everything(ground: Ground, call: Caller) -> None:
    """Every way in that a call has."""
    typed, keyed = _PEOPLE["typed"], _PEOPLE["keyed"]
    await _hear_the_model(ground, call, call.type_text("I need a follow up appointment"))
    for text in (
        typed.says,
        typed.phone_written,
        typed.spoken["phone_said_oh"],
    ):
        if not call.has_ended():
            await reply_to(call, call.type_text(text))
    send_junk(call)
    with contextlib.suppress(BenchError):
        await call.press(keyed.phone)
        await call.press(keyed.values["born_keyed"] + "#")
        await speak(call)
    ground.look_at_processes("in a call")
    remember(ground, call)


async def speak(call: Caller) -> None:
    """Say aloud who calls."""
    spoken = _PEOPLE["speech"]
    said = f"My name is {spoken.name}. My number is {spoken.spoken['phone_said']}."
    await reply_to(call, await call.say(await choose(None).speak(said), said))


def send_junk(call: Caller) -> None:
    """What no page sends."""
    person = _PEOPLE["channel"]
    channel = call._line._channel
    if channel is None or channel.readyState != "open":
        return
    channel.transport._remote_max_message_size = 0  # stock aiortc keeps to what was agreed
    for junk in (
        person.says,
        f'{{"type": "{person.name}", "text": "{person.says}"}}',
        f'{{"type": "typed", "text": ["{person.says}"]}}',
        f'{{"type": "dtmf", "key": "{person.phone}"}}',
        f'{{"type": "ping", "id": "{person.says}"}}',
        person.says.encode("utf-16"),
        f'{{"type": "mute", "{person.last}": {person.phone}}}',
    ):
        channel.send(junk)


def remember(ground: Ground, call: Caller) -> None:
    """Lines that the page showed as heard, what the recogniser makes of speech being nobody's plan, and as said."""
    for turn in call.record.turns:
        lines = {line for line in turn.heard_lines.values() if len(re.sub(r"\W", "", line)) >= 12}
        ground.heard.setdefault(turn.how, set()).update(lines)
        ground.told.update(turn.reply_lines.values())


async def until_idle(ground: Ground, before: str) -> None:
    """Wait until the server answers calls again and holds none."""
    end_s = time.monotonic() + IDLE_S

    def idle() -> bool:
        with contextlib.suppress(OSError, ValueError):
            return bool(ground.server.health()["ready"]) and ground.server.calls() == 0
        return False

    while not await asyncio.to_thread(idle):
        assert time.monotonic() < end_s, (
            f"the server did not come back before the fault of {before}"
        )
        await asyncio.sleep(0.1)
