"""What a receptionist may tell a call, and what a call may ask of a receptionist.

The conversation decides through `Desk`; the session implements it. Knows no flow, engine or transport.
"""

from __future__ import annotations

from typing import Protocol

from models.ports import Keyed, LanguageModel
from pipeline.turn.events import Asked


class Desk(Protocol):
    """What the conversation decides about the call; implemented by the session."""

    def asked(self, asked: Asked | None) -> None:
        """Name the question that is pending once the reply has drained."""

    def field(self, name: str, value: str | None, shown: str) -> None:
        """Fill, change or clear (None) a field of the request; `shown` is safe for the caller's page."""

    def complete(self) -> None:
        """Say that the request is booked."""

    def urgent(self, kind: str, sentence: str) -> None:
        """Show the urgent sentence and raise an alert."""

    def person(self, why: str) -> None:
        """Say that a person has to take over."""

    def end(self, reason: str) -> None:
        """Hang up after the goodbye has been played."""


class Receptionist(LanguageModel, Protocol):
    """A language model that also knows what to say when nobody asked it anything."""

    def greeting(self) -> str:
        """Return the first words of the call."""

    def reprompt(self, attempt: int, heard_something: bool) -> str:
        """Return the question again, in other words; `attempt` counts from 1."""

    def keyed(self, keys: Keyed) -> str | None:
        """Take digits for the asked slot; return what to say, or None for nothing."""

    def take_over(self) -> str:
        """Return the sentence that hands over to a person."""

    def filler(self) -> str:
        """Return a few words for a pause in thinking."""

    def apology(self) -> str:
        """Return the sentence for an engine that failed."""
