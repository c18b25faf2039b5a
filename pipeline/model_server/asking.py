"""What is asked of the model's server over loopback: is it there, can it speak, how busy is it.

No answer is kept or shown: bodies are read up to a limit and only their status, or the numbers of `load`, go on. The key
goes with the one request that needs it, and nothing is asked where another user's program listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import aiohttp

from pipeline.metrics.model_load import TEXT_BYTES_MAX, Load, read_load
from pipeline.model_server.flags import HOST
from pipeline.model_server.port import is_ours

ANSWER_LIMIT_MS = 5_000.0
"""A server that does not say it is well within this time is not."""
WARM_UP_LIMIT_MS = 120_000.0
"""The first request compiles what later ones use."""


class Asking:
    """One connection pool to one server."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        port: int,
        name: str,
        key: str,
        is_ours: Callable[[int], bool] = is_ours,
    ) -> None:
        """Nothing is sent yet."""
        self._session = session
        self._port = port
        self._is_ours = is_ours
        self._origin = f"http://{HOST}:{port}"
        self._name = name
        self._key = {"Authorization": f"Bearer {key}"}

    async def is_well(self) -> bool:
        """Whether it is our user's program and `/health` says so: vLLM answers 503 there once its engine is dead."""
        return (
            await self._has_the_port()
            and await self._status("GET", "/health", ANSWER_LIMIT_MS) == 200
        )

    async def can_speak(self) -> bool:
        """Let it make a few tokens, as a caller's first reply would."""
        body = {
            "model": self._name,
            "messages": [{"role": "user", "content": "Hello."}],
            "max_tokens": 8,
            "temperature": 0,
        }
        path = "/v1/chat/completions"
        return (
            await self._has_the_port()
            and await self._status("POST", path, WARM_UP_LIMIT_MS, body, self._key) == 200
        )

    async def _has_the_port(self) -> bool:
        return await asyncio.to_thread(self._is_ours, self._port)

    async def load(self) -> Load | None:
        """How busy it is; None when it does not say."""
        try:
            async with asyncio.timeout(ANSWER_LIMIT_MS / 1000):
                url = f"{self._origin}/metrics"
                async with self._session.get(url, allow_redirects=False) as response:
                    text = await response.content.read(TEXT_BYTES_MAX)
                    while len(text) < TEXT_BYTES_MAX and not response.content.at_eof():
                        text += await response.content.read(TEXT_BYTES_MAX - len(text))
                    return read_load(text.decode(errors="replace"))
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None

    async def _status(
        self,
        method: str,
        path: str,
        limit_ms: float,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """The status, 0 when there was no answer in time."""
        try:
            async with asyncio.timeout(limit_ms / 1000):
                async with self._session.request(
                    method,
                    self._origin + path,
                    json=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response:
                    return response.status
        except (TimeoutError, aiohttp.ClientError, OSError):
            return 0


@asynccontextmanager
async def asking(port: int, name: str, key: str) -> AsyncIterator[Asking]:
    """Ask, until the block is left."""
    limits = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=limits, trust_env=False) as session:
        yield Asking(session, port, name, key)
