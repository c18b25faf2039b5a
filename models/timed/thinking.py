"""A language model that answers every turn with the same sentences and the turn's own word, after written times."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from models.ports import ReplyEvent, ReplyRequest, TextDelta
from models.timed.held import answer, words_held
from models.timed.tags import tag_of_turn
from models.timed.times import Times

_TOKEN = re.compile(r"\S+\s*")


class TimedMind:
    """Streams a reply (`models.ports.LanguageModel`); one for all calls."""

    def __init__(self, times: Times) -> None:
        """Think as long as these say."""
        self._times = times
        self._chance = times.chance("mind")

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Answer the last of so many turns: which one is read from the conversation alone."""
        turn = sum(message.role == "user" for message in request.messages)
        held = words_held(request.messages)
        text = answer(self._times, tag_of_turn(max(1, turn)), held)
        wait = self._times.llm_first_token_ms
        for token in _TOKEN.findall(text):
            if not wait.instant:
                await asyncio.sleep(wait.draw(self._chance) / 1000.0)
            yield TextDelta(token)
            wait = self._times.llm_token_ms

    def confirm(self, reply_id: str) -> None:
        """It keeps no state."""
