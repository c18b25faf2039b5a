"""A language model that answers from a function of the request, token by token, and keeps what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from models.ports import ReplyEvent, ReplyRequest, TextDelta

Answer = Callable[[ReplyRequest], Sequence[ReplyEvent | float | Exception] | str]
"""Text, or a list of events, pauses in ms and an exception to raise."""


class FakeLanguageModel:
    """Streams; `confirm` is only recorded. `closed` counts streams that were closed before their end."""

    def __init__(self, answer: Answer | str, *, token_ms: float = 0.0) -> None:
        self._answer = answer
        self._token_ms = token_ms
        self.requests: list[ReplyRequest] = []
        self.confirmed: list[str] = []
        self.closed = 0

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        self.requests.append(request)
        answer = self._answer if isinstance(self._answer, str) else self._answer(request)
        items: Sequence[ReplyEvent | float | Exception]
        items = tokens(answer) if isinstance(answer, str) else answer
        done = False
        try:
            for item in items:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, float):
                    await asyncio.sleep(item / 1000.0)
                    continue
                if self._token_ms:
                    await asyncio.sleep(self._token_ms / 1000.0)
                yield item
            done = True
        finally:
            self.closed += not done

    def confirm(self, reply_id: str) -> None:
        self.confirmed.append(reply_id)

    @property
    def confirmed_requests(self) -> list[ReplyRequest]:
        return [request for request in self.requests if request.reply_id in self.confirmed]

    @property
    def last_user_texts(self) -> list[str]:
        return [request.messages[-1].content for request in self.requests]


def tokens(text: str) -> list[ReplyEvent]:
    """Words as tokens, each with its space, as models stream them."""
    return [TextDelta(word + " ") for word in text.split()]
