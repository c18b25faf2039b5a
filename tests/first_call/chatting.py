"""A chat model's server that says what it is told to convey, in words of its own, from a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from tests.fakes.chat_server import FINISH, ChatServer, delta

OWN_WORDS = "Certainly, happy to help."
CONVEY = "keeping its question: "


class Chatting:
    """The chat model's server in a thread of its own: it answers while the test waits for the other one."""

    def __init__(self) -> None:
        self.server = ChatServer(self._answer)
        self._loop = asyncio.new_event_loop()

    async def _answer(self, response: web.StreamResponse) -> None:
        asked = self.server.asked[-1]
        if "response_format" in asked:
            await response.write(delta(content="{}") + FINISH)
            return
        _, _, say = str(asked["messages"][-1]["content"]).partition(CONVEY)
        for word in f"{OWN_WORDS} {say}".split(" "):
            await response.write(delta(content=f"{word} "))
        await response.write(FINISH)

    @property
    def settings(self) -> str:
        """Lines of `[engines]` that name it, once it runs."""
        return f'llm_url = "{self.server.url}"\nllm_model = "tiny"\nllm_dialect = "plain"\n'

    def kill(self) -> None:
        """As a process that is killed."""
        asyncio.run_coroutine_threadsafe(self.server.kill(), self._loop).result(10)

    @contextmanager
    def running(self) -> Iterator[ChatServer]:
        thread = threading.Thread(target=self._loop.run_forever, name="chat server")
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.server.begin(), self._loop).result(10)
            yield self.server
        finally:
            self.kill()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()
