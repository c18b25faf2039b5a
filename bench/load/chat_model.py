"""`python -m bench.load.chat_model`: a language model's server to be killed: it takes a reply in hand and never finishes it.

Speaks the chat protocol of OpenAI on 127.0.0.1. What a server must answer before callers come (the warm-up, a form) it
answers; of a reply it says nothing at all, or the first word and then one more now and then. Says "ready" once it
listens and "held N" when a reply begins, N being how many it then has in hand.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any, Final

from aiohttp import web

HOST: Final = "127.0.0.1"
FIRST: Final = "Certainly. "
MORE: Final = "that can be arranged and "
"""Has no end of a clause, so nothing of it is said: the caller waits for what never comes."""
EVERY_S: Final = 0.3
"""Well below what is taken for a stall."""


class ChatModel:
    """The server's answers."""

    def __init__(self, *, begins: bool) -> None:
        """One that `begins` says the first word of each reply."""
        self._begins = begins
        self._held = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One completion."""
        asked = await request.json()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if asked.get("max_tokens") == 1:
            await response.write(_delta("I") + _END)
        elif "response_format" in asked:
            await response.write(_delta("{}") + _END)
        else:
            await self._hold(response)
        return response

    async def _hold(self, response: web.StreamResponse) -> None:
        self._held += 1
        print(f"held {self._held}", flush=True)
        try:
            if not self._begins:
                await asyncio.Event().wait()
            await response.write(_delta(FIRST))
            while True:
                await asyncio.sleep(EVERY_S)
                await response.write(_delta(MORE))
        finally:
            self._held -= 1


def _delta(text: str) -> bytes:
    return _event({"choices": [{"delta": {"content": text}}]})


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


_END: Final = _event({"choices": [{"delta": {}, "finish_reason": "stop"}]}) + b"data: [DONE]\n\n"


async def serve(port: int, *, begins: bool) -> None:
    """Until the process is killed."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", ChatModel(begins=begins).answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        print("ready", flush=True)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> int:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--begins", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, begins=arguments.begins))
    return 0


if __name__ == "__main__":
    sys.exit(main())
