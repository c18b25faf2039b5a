"""What a receptionist tells the call, and what the call may ask of a receptionist.

Knows no engine, no transport and no call flow: only the seam between the two.
"""

from __future__ import annotations

from typing import Protocol

from models.ports import Keyed, LanguageModel, ReplyRequest, Spoken
from pipeline.call.reach import Reach
from pipeline.turn.events import Asked


class RequestGuard(Protocol):
    """Keeps what was collected in a call out of what a model is asked."""

    def request(self, request: ReplyRequest) -> ReplyRequest:
        """The request as a model may see it."""


class Desk(Protocol):
    """The call as a receptionist sees it."""

    @property
    def outgoing(self) -> RequestGuard:
        """What every request to a model must pass."""

    def asked(self, asked: Asked | None) -> None:
        """Say which question is pending once the reply has been heard."""

    def field(self, name: str, value: str | None, shown: str) -> None:
        """A field of the request is known; `shown` is all that a page may display of it."""

    def collected(self, name: str, value: str | None) -> None:
        """An identifier was given, or taken back: kept in the call's compartment, shown as collected."""

    def complete(self) -> None:
        """The caller confirmed the read-back: the request stands."""

    def taken_back(self) -> None:
        """The caller took that back: the request stands no more, until it is confirmed again."""

    def urgent(self, kind: str, sentence: str) -> None:
        """Urgent words were heard: show the sentence large and raise the alert."""

    def person(self, why: str) -> None:
        """A person takes over; `why` is a token of ours."""

    @property
    def reach(self) -> Reach:
        """Who can be reached from here, now."""

    def connect(self, target: str) -> None:
        """Lead the caller to this target of the configuration, once everything said has been played."""

    def returned(self) -> None:
        """Nobody was reached: the caller is back in the conversation."""

    def call_back(self) -> None:
        """Only a number to call back is wanted."""

    def end(self, reason: str) -> None:
        """Hang up once everything said has been played."""

    def go_on(self) -> None:
        """Do not hang up after all."""

    def stood_in(self, code: str) -> None:
        """The script's words stand in for a model's; `code` is a token of ours."""


class Receptionist(LanguageModel, Protocol):
    """A language model that also knows the lines a call needs outside a turn."""

    def greeting(self) -> str:
        """The first words, not to be interrupted."""

    def opening(self) -> str:
        """The greeting without its question: what every caller must hear."""

    def ask(self) -> str:
        """The question that is pending, which the desk is told of."""

    def reprompt(self, attempt: int, heard_something: bool) -> str:
        """The question again, after silence or after speech nobody understood."""

    def keyed(self, keys: Keyed) -> str | None:
        """Take keypad keys, each once; words to say, or None when more keys are needed."""

    def confided(self, reply_id: str, heard: Spoken, alternatives: tuple[Spoken, ...]) -> str:
        """Answer words that may go nowhere else: the words to say. `reopen` takes it back."""

    def take_over(self) -> str:
        """The ladder is exhausted: the words that lead to a person."""

    def not_reached(self) -> str:
        """Whoever was called did not answer: the words that come next; "" when nobody was being called."""

    def filler(self) -> str:
        """Something short while the reply is late."""

    def apology(self) -> str:
        """Something failed: say so, with the way to a person."""
