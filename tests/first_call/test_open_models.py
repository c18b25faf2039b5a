"""From the ring to the stored request with open models alone: Whisper hears, a chat model phrases, Piper speaks.

The real page in Chromium, the real server, real engines with tiny models of this repository; the chat model is a server of
the tests that speaks the OpenAI protocol and says what it is told to convey in words of its own. The caller listens to the
captions, since a tiny voice is no speech that anybody would understand: this proves plumbing, and no quality of any model.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.first_call import microphone
from tests.first_call.chatting import OWN_WORDS, Chatting
from tests.first_call.open_models import NUMBER, called, practice, stored
from tests.first_call.page import BOOKED, Booked
from tests.first_call.served import until

pytestmark = [pytest.mark.wire, pytest.mark.browser, pytest.mark.long]


async def killed_on_the_way(url: str, silence: Path, chat: Chatting) -> Booked:
    """The chat model's server dies after its first answers of the call."""

    async def watch() -> None:
        heard = len(chat.server.asked)
        while len(chat.server.asked) < heard + 2:  # noqa: ASYNC110  # another thread's list
            await asyncio.sleep(0.1)
        await asyncio.to_thread(chat.kill)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        call = tasks.create_task(called(url, silence))
    return call.result()


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed in mid-call"])
def test_a_booking_by_voice_through_the_page_is_stored(
    tmp_path: Path, model_cache: Path, killed: bool
) -> None:
    silence = tmp_path / "silence.wav"
    asyncio.run(microphone.write([], silence))
    chat = Chatting()
    with chat.running() as model, practice(tmp_path, chat.settings, model_cache) as server:
        if killed:
            done = asyncio.run(killed_on_the_way(server.url, silence, chat))
        else:
            done = asyncio.run(called(server.url, silence))
        for value in BOOKED:
            assert value in done.request.lower(), (done.request, done.captions)
        assert (done.console, done.foreign, done.kept) == ([], [], 0)
        assert OWN_WORDS in done.captions, "the model's own words were said"
        until(lambda: server.calls() == 0, 10.0, "the end of the call")
        (request,) = stored(server)
        assert request["state"] == "complete"
        assert request["ended"] == "goodbye"
        assert request["field.phone"] == NUMBER
        assert NUMBER not in json.dumps(model.asked), "no model is told the number"
        assert bool(server.events("engine_circuit")[1:]) is killed
        assert server.events("engine_stood_in") == [], "nothing but the model failed"
        turns = server.events("turn_ended")
        assert len([turn for turn in turns if turn["final_text_ms"] is not None]) >= 5
