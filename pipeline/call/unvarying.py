"""A receptionist that understands nothing and answers every turn alike: what a measurement talks to, never a patient.

It says so first. Its language model is the one that is given; nothing is collected, asked for or decided.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from models.ports import Keyed, LanguageModel, ReplyEvent, ReplyRequest, Spoken
from pipeline.call.desk import RequestGuard

GREETING = "This line is a test. Nobody can help you here."
AGAIN = "This line is a test."
FILLER = "One moment."


class MeasuredDesk(Protocol):
    """The call as this receptionist sees it."""

    @property
    def outgoing(self) -> RequestGuard:
        """What every request to a model must pass."""


class UnvaryingReceptionist:
    """One call's; implements `pipeline.call.desk.Receptionist`."""

    def __init__(self, model: LanguageModel, desk: MeasuredDesk) -> None:
        """The model is shared by all calls."""
        self._model = model
        self._desk = desk
        self.confirm = model.confirm

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream the model's words, behind the same guard as any model's."""
        async for event in self._model.reply(self._desk.outgoing.request(request)):
            yield event

    def greeting(self) -> str:
        """What it is."""
        return GREETING

    def opening(self) -> str:
        """The same."""
        return GREETING

    def ask(self) -> str:
        """It asks nothing."""
        return AGAIN

    def reprompt(self, attempt: int, heard_something: bool) -> str:
        """The same after silence as after words."""
        del attempt, heard_something
        return AGAIN

    def keyed(self, keys: Keyed) -> str | None:
        """Keys are answered too."""
        del keys
        return AGAIN

    def confided(self, reply_id: str, heard: Spoken, alternatives: tuple[Spoken, ...]) -> str:
        """Never asked for; the same."""
        del reply_id, heard, alternatives
        return AGAIN

    def take_over(self) -> str:
        """There is nobody."""
        return AGAIN

    def not_reached(self) -> str:
        """Nobody was called."""
        return ""

    def filler(self) -> str:
        """A few words while the reply is late."""
        return FILLER

    def apology(self) -> str:
        """Something failed."""
        return AGAIN
