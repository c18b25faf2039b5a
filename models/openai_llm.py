"""Any OpenAI-compatible chat server, vLLM first: one connection pool, one completion per reply, never a retry.

Deadlines run to the first word or piece of a tool call and from one to the next; closing a reply drops its connection, which stops the server.
An error is told by its status alone, since servers like to quote the request in theirs. This file knows sockets and
deadlines; the format is `chat_wire`'s, which server is asked `replicas`', what is talked about nobody's here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp

from models.chat_address import model_url
from models.chat_wire import BROKEN, Dialect, ReplyReader, Wording, body
from models.errors import EngineFailed, EngineUnavailable
from models.ports import ReplyEvent, ReplyRequest

UNREACHABLE = "llm_unreachable"
UNTRUSTED = "llm_untrusted"
"""Somebody is there, and nothing was said: no certificate of `ca_file` for this very address, or no TLS at all."""
BUSY = "llm_busy"
SLOW = "llm_slow"
STALLED = "llm_stalled"
REFUSED = "llm_refused"
UNFIT = "llm_unfit"
"""This very request cannot be answered, for instance since it is too long for the model."""

_CODES = {429: BUSY, 503: BUSY, 400: UNFIT, 413: UNFIT, 422: UNFIT}
"""Of statuses; any other than 200 is REFUSED."""
_DRAIN_MS = 20.0
"""The end of the body follows its last event at once; a connection is kept for the next reply only if it does."""


@dataclass(frozen=True, slots=True)
class OpenAiSettings:
    """Where the server listens and how long it may think."""

    base_url: str
    """For instance http://127.0.0.1:8000/v1."""
    model: str
    api_key: str | None = field(default=None, repr=False)
    addresses: tuple[str, ...] = ()
    """Private networks the server may be in; none: this machine alone."""
    ca_file: str = ""
    """Certificate authority of a server that speaks https; none: the system's."""
    dialect: Dialect = "vllm"
    cache_salt: str = field(default="", repr=False)
    max_tokens: int = 300
    """Two hundred words: longer than anybody listens to."""
    connect_ms: float = 500.0
    """A server of the same machine or building answers in one."""
    first_token_ms: float = 2_000.0
    """A healthy one takes 20 to 150 ms."""
    next_token_ms: float = 1_500.0
    """With the sentence of ours that follows, the caller waits no more than two seconds."""
    reply_ms: float = 30_000.0
    """A model that drips words for ever is a failure too."""
    keepalive_ms: float = 4_000.0
    """Below the five seconds after which vLLM's own server hangs up: nobody writes into a closed connection."""


class OpenAiLanguageModel:
    """A chat server (`models.ports.LanguageModel`); it keeps no state of ours."""

    def __init__(self, settings: OpenAiSettings) -> None:
        """Refuse a URL that is neither this machine's nor a listed private address."""
        self._settings = settings
        self._url = model_url(settings.base_url, settings.addresses) + "/chat/completions"
        self._tls = _tls(settings.ca_file) if self._url.startswith("https:") else None
        self._wording = Wording(
            settings.model, settings.dialect, settings.max_tokens, settings.cache_salt
        )
        self._session: aiohttp.ClientSession | None = None

    def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream a reply; closing the iterator drops the connection, which stops the server."""
        return self._reply(request, self._settings.first_token_ms)

    def confirm(self, reply_id: str) -> None:
        """Nothing to advance: each request carries the whole conversation."""

    async def warm(self, request: ReplyRequest) -> None:
        """Ask for one token: the connection, the prompt's beginning and the schemas are ready afterwards.

        No caller waits for it, and a cold server first reads and compiles: whoever asks says when to give up.
        """
        short = replace(request, max_tokens=1, speculative=True)
        async for _ in self._reply(short, self._settings.reply_ms):
            pass

    async def stop(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _reply(
        self, request: ReplyRequest, first_ms: float
    ) -> AsyncGenerator[ReplyEvent, None]:
        settings, loop = self._settings, asyncio.get_running_loop()
        now_s = loop.time()
        over_s = now_s + settings.reply_ms / 1000
        response: aiohttp.ClientResponse | None = None
        begun = 0
        try:
            due_s = min(now_s + first_ms / 1000, over_s)
            async with asyncio.timeout_at(due_s):
                response = await self._post(request)
            reader, chunks = ReplyReader(), response.content
            while not reader.over:
                async with asyncio.timeout_at(due_s):
                    piece = await chunks.readany()
                events = reader.feed(piece) if piece else reader.end()
                for event in events:
                    yield event
                if reader.progress > begun:
                    begun = reader.progress
                    due_s = min(loop.time() + settings.next_token_ms / 1000, over_s)
            await _drain(chunks)
            response.release()
        except TimeoutError:
            code = STALLED if begun else SLOW
            raise EngineFailed("the language model is too slow", code=code) from None
        except aiohttp.ClientSSLError:
            raise EngineFailed(
                "the language model's server did not prove who it is", code=UNTRUSTED
            ) from None
        except (aiohttp.ClientError, OSError):
            code = BROKEN if response is not None else UNREACHABLE
            raise EngineFailed("the language model cannot be reached", code=code) from None
        finally:
            if response is not None:
                response.close()

    async def _post(self, request: ReplyRequest) -> aiohttp.ClientResponse:
        session = self._session or self._open()
        response = await session.post(
            self._url,
            data=body(self._wording, request),
            ssl=self._tls or True,
            allow_redirects=False,
        )
        if response.status != 200:
            response.close()
            raise EngineFailed(
                f"the language model answered with status {response.status}",
                code=_CODES.get(response.status, REFUSED),
            )
        return response

    def _open(self) -> aiohttp.ClientSession:
        settings = self._settings
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "User-Agent": "wardline",
        }
        if settings.api_key:
            headers["Authorization"] = f"Bearer {settings.api_key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the calls are bounded, and a reply never waits for another one's connection
                keepalive_timeout=settings.keepalive_ms / 1000,
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_ms / 1000),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            auto_decompress=False,
            trust_env=False,
        )
        return self._session


async def _drain(chunks: aiohttp.StreamReader) -> None:
    """Read the end of the body, which is all that should be left: then the connection serves again."""
    try:
        async with asyncio.timeout(_DRAIN_MS / 1000):
            await chunks.readany()
    except TimeoutError:
        return


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=Path(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError):
        raise EngineUnavailable(
            "engines.llm_ca_file cannot be read as a certificate: give the path of a PEM file"
        ) from None
