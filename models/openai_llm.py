"""Any OpenAI-compatible chat server on loopback.

Streams one completion per reply, never retries, and refuses an address outside this machine: what a
caller said must not leave it. Errors carry a status at most, since servers like to quote the request
in theirs. This file knows the wire format, not what is talked about.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from models.errors import EngineFailed, EngineUnavailable
from models.ports import ReplyEvent, ReplyRequest, TextDelta, ToolCall

_MAX_LINE_BYTES = 1_000_000
_MAX_REPLY_CHARACTERS = 20_000
_MAX_TOOL_CALLS = 16


@dataclass(frozen=True, slots=True)
class OpenAiSettings:
    """Where the server listens and how long it may think."""

    base_url: str
    """For instance http://127.0.0.1:8000/v1."""
    model: str
    api_key: str | None = field(default=None, repr=False)
    max_tokens: int = 300
    connect_ms: float = 1_000.0
    first_token_ms: float = 2_000.0
    next_token_ms: float = 1_500.0


class OpenAiLanguageModel:
    """A chat server (`models.ports.LanguageModel`); it keeps no state of ours."""

    def __init__(self, settings: OpenAiSettings) -> None:
        """Refuse a URL that is not plain loopback."""
        self._settings = settings
        self._url = loopback_url(settings.base_url) + "/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream a reply; closing the iterator drops the connection, which stops the server."""
        return self._reply(request)

    def confirm(self, reply_id: str) -> None:
        """Nothing to advance: each request carries the whole conversation."""

    async def stop(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.first_token_ms / 1000):
                response = await self._post(request)
                try:
                    parts = _Parts(response.content)
                    event = await parts.next()
                except BaseException:
                    response.close()
                    raise
            try:
                while event is not None:
                    yield event
                    async with asyncio.timeout(settings.next_token_ms / 1000):
                        event = await parts.next()
            finally:
                response.close()
        except TimeoutError:
            raise EngineFailed("the language model is too slow") from None
        except (aiohttp.ClientError, OSError):
            raise EngineFailed("the language model cannot be reached") from None

    async def _post(self, request: ReplyRequest) -> aiohttp.ClientResponse:
        if self._session is None:
            limits = aiohttp.ClientTimeout(
                total=None, sock_connect=self._settings.connect_ms / 1000
            )
            self._session = aiohttp.ClientSession(timeout=limits, trust_env=False)
        key = self._settings.api_key
        response = await self._session.post(
            self._url,
            json=_body(self._settings, request),
            headers={"Authorization": f"Bearer {key}"} if key else None,
            allow_redirects=False,
        )
        if response.status != 200:
            response.close()
            raise EngineFailed(f"the language model answered with status {response.status}")
        return response


def loopback_url(url: str) -> str:
    """The URL without a trailing slash; EngineUnavailable unless it is plain http to this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise EngineUnavailable("the language model's URL is not valid") from None
    if parts.username is not None or parts.password is not None:
        raise EngineUnavailable("the language model's URL holds credentials: use the key setting")
    if parts.scheme != "http" or parts.query or parts.fragment:
        raise EngineUnavailable("the language model's URL must look like http://127.0.0.1:8000/v1")
    try:
        # no name is looked up: "localhost" means the address, whatever the resolver says
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise EngineUnavailable("the language model must be on 127.0.0.1 or ::1") from None
    if not address.is_loopback:
        raise EngineUnavailable("the language model must be on 127.0.0.1 or ::1")
    name = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{name}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def _body(settings: OpenAiSettings, request: ReplyRequest) -> dict[str, object]:
    body: dict[str, object] = {
        "model": settings.model,
        "messages": [{"role": one.role, "content": one.content} for one in request.messages],
        "stream": True,
        "temperature": request.temperature,
        "max_tokens": settings.max_tokens,
    }
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in request.tools
        ]
    return body


class _Parts:
    """Reads server-sent events and makes reply events of them; tool calls come whole, at the end."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self._buffer = bytearray()
        self._ready: list[ReplyEvent] = []
        self._calls: dict[int, list[str]] = {}
        self._characters = 0
        self._finished = False
        self._over = False

    async def next(self) -> ReplyEvent | None:
        """The next event, None at a proper end."""
        while not self._ready:
            if self._over:
                return None
            line = await self._line()
            if line.startswith(b"data:"):
                self._take(line[5:].strip())
        return self._ready.pop(0)

    async def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            piece = await self._content.readany()
            self._buffer += piece
            if len(self._buffer) > _MAX_LINE_BYTES:
                raise EngineFailed("the language model sent an endless line")
            if not piece:
                if not self._finished:
                    raise EngineFailed("the language model broke off")
                return b"data: [DONE]"
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _take(self, data: bytes) -> None:
        if data == b"[DONE]":
            self._over = True
            self._ready += [
                ToolCall(name, tool, arguments)
                for _, (name, tool, arguments) in sorted(self._calls.items())
            ]
            return
        try:
            content = json.loads(data)
            choices = content.get("choices", [])
            if "error" in content or not isinstance(choices, list):
                raise EngineFailed("the language model reported an error")
            for choice in choices:
                self._take_choice(choice)
        except (ValueError, AttributeError, KeyError, TypeError):
            raise EngineFailed("the language model sent something that is not a reply") from None

    def _take_choice(self, choice: dict[str, object]) -> None:
        if choice.get("finish_reason") is not None:
            self._finished = True
        delta = choice.get("delta") or {}
        if not isinstance(delta, dict):
            raise TypeError
        for call in delta.get("tool_calls") or ():
            self._take_call(call)
        text = delta.get("content")
        if text is None or text == "":
            return
        if not isinstance(text, str):
            raise TypeError
        text.encode()  # half a character could be sent to nobody: a ValueError
        self._characters += len(text)
        if self._characters > _MAX_REPLY_CHARACTERS:
            raise EngineFailed("the language model does not stop talking")
        self._ready.append(TextDelta(text))

    def _take_call(self, call: dict[str, object]) -> None:
        index = call.get("index", 0)
        function = call.get("function") or {}
        if not isinstance(index, int) or not isinstance(function, dict):
            raise TypeError
        known = self._calls.setdefault(index, ["", "", ""])
        if len(self._calls) > _MAX_TOOL_CALLS:
            raise EngineFailed("the language model calls too many tools")
        for place, piece in enumerate((call.get("id"), function.get("name"))):
            if piece:
                known[place] = str(piece)
        arguments = function.get("arguments") or ""
        if not isinstance(arguments, str):
            raise TypeError
        known[2] += arguments
        if len(known[2]) > _MAX_REPLY_CHARACTERS:
            raise EngineFailed("the language model does not stop talking")
