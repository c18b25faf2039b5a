"""A chat model phrases what the script decided: the plain way to let an open model speak.

The script hears, fills the request and knows what must be said next; the model says it in its own words and
answers what was asked beside it. Sentences whose words are the practice's own (urgent, person, read-back,
goodbye) are never rephrased, and a model that fails is replaced by the script's sentence.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol

from models.errors import EngineError
from models.ports import (
    ChatMessage,
    Keyed,
    LanguageModel,
    ReplyEvent,
    ReplyRequest,
    Spoken,
    TextDelta,
)
from pipeline.call.desk import RequestGuard

RULES = """You are the telephone receptionist of {practice}, an automated assistant. You speak, so use short plain
sentences without lists, symbols or digits. You take appointment requests; you never give medical advice, never
judge how serious something is, never reassure and never promise. If somebody wants a person, say they can say
"person" or press zero. If you were interrupted, acknowledge it at once and ask what the caller meant. Never ask for
a birth date, a social security number, insurance details or a diagnosis, and never repeat a telephone number."""
ASSIGNMENT = """If the caller asked something else, answer it in one short sentence or say that the office will.
Then convey exactly this, keeping its question: {say}"""


class Script(Protocol):
    """The scripted receptionist as this file needs it."""

    def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream what must be said."""

    def verbatim(self, reply_id: str) -> bool:
        """True when these words are the practice's own and may not be rephrased."""

    def confirm(self, reply_id: str) -> None:
        """The turn is real."""

    def reopen(self, reply_id: str) -> None:
        """The turn was not over after all."""

    def greeting(self) -> str:
        """The first words."""

    def opening(self) -> str:
        """The greeting without the question."""

    def ask(self) -> str:
        """The pending question."""

    def reprompt(self, attempt: int, heard_something: bool) -> str:
        """The question again."""

    def keyed(self, keys: Keyed) -> str | None:
        """Digits by keypad."""

    def confided(self, reply_id: str, heard: Spoken, alternatives: tuple[Spoken, ...]) -> str:
        """The answer to words that no model may see."""

    def take_over(self) -> str:
        """The sentence that hands over to a person."""

    def filler(self) -> str:
        """A few words for a pause."""

    def apology(self) -> str:
        """The sentence for an engine that failed."""


class ModelledReceptionist:
    """`pipeline.call.desk.Receptionist` over a chat model and a script."""

    def __init__(
        self, model: LanguageModel, script: Script, practice_name: str, guard: RequestGuard
    ) -> None:
        """The model is shared by all calls; script and guard are this call's own."""
        self._guard = guard
        self._model = model
        self._script = script
        self._rules = ChatMessage("system", RULES.format(practice=practice_name))
        self.confirm = script.confirm
        self.reopen = script.reopen
        self.greeting = script.greeting
        self.opening = script.opening
        self.ask = script.ask
        self.reprompt = script.reprompt
        self.keyed = script.keyed
        self.confided = script.confided
        self.take_over = script.take_over
        self.filler = script.filler
        self.apology = script.apology

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream the model's words for what the script wants said, or the script's own."""
        decided = [event async for event in self._script.reply(request)]
        say = "".join(event.text for event in decided if isinstance(event, TextDelta))
        if self._script.verbatim(request.reply_id) or not say:
            for event in decided:
                yield event
            return
        spoke = False
        try:
            async with aclosing(self._phrased(request, say)) as phrased:
                async for text in phrased:
                    spoke = True
                    yield text
        except EngineError:
            if spoke:  # half a sentence was said: the call's own apology follows
                raise
        if not spoke:
            yield TextDelta(say)

    async def _phrased(self, request: ReplyRequest, say: str) -> AsyncGenerator[ReplyEvent, None]:
        messages = (
            self._rules,
            *(message for message in request.messages if message.role != "system"),
            ChatMessage("system", ASSIGNMENT.format(say=say)),
        )
        asked = ReplyRequest(request.reply_id, messages, temperature=request.temperature)
        async for event in self._model.reply(self._guard.request(asked)):
            if isinstance(event, TextDelta):
                yield event
