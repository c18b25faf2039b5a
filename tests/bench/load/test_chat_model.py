"""The model that is there to be killed: a process of its own, which takes replies in hand and finishes none."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import pytest

from models.chat_wire import ReplyReader
from models.ports import TextDelta
from tests.first_call.served import REPOSITORY
from tests.ports import free_port

pytestmark = pytest.mark.wire


async def asked(url: str, **more: Any) -> list[str]:
    """What comes of a request, to its end or to the server's."""
    body = {"model": "none", "messages": [], **more}
    reader, words = ReplyReader(), list[str]()
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        try:
            async for piece in answer.content.iter_any():
                words += [e.text for e in reader.feed(piece) if isinstance(e, TextDelta)]
        except aiohttp.ClientError:
            words.append("broken")
    return words


@pytest.mark.parametrize(
    ("begins", "words"), [(False, ["broken"]), (True, ["Certainly. ", "broken"])]
)
async def test_a_reply_that_it_has_in_hand_breaks_off_when_it_is_killed(
    begins: bool, words: list[str]
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load.chat_model", "--port", str(port)),
        *["--begins"] * begins,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    out = process.stdout
    assert out is not None
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            assert await out.readline() == b"ready\n"
            assert await asked(url, max_tokens=1) == ["I"]
            assert await asked(url, response_format={}) == ["{}"]
            reply = tasks.create_task(asked(url))
            assert await out.readline() == b"held 1\n"
            await asyncio.sleep(0.1)  # its first word is on the way
            process.kill()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    assert reply.result() == words
