"""A desk that also tells what is known and what is asked to whoever keeps words of the call out of logs.

Everything goes on to the call's own desk unchanged. Refuses to know what becomes of what it tells.
"""

from __future__ import annotations

from typing import Protocol

from pipeline.call.desk import Desk, RequestGuard
from pipeline.call.reach import Reach
from pipeline.turn.events import Asked


class Knows(Protocol):
    """Who is told."""

    def learn(self, field: str, value: str | None) -> None:
        """A field of the request is known."""

    def expect(self, slot: str | None) -> None:
        """A question is pending, or none."""


class KnownDesk:
    """The call's desk, overheard."""

    def __init__(self, desk: Desk, knows: Knows) -> None:
        """Tell this one."""
        self._desk = desk
        self._knows = knows

    @property
    def outgoing(self) -> RequestGuard:
        """What every request to a model must pass."""
        return self._desk.outgoing

    def asked(self, asked: Asked | None) -> None:
        """Say which question is pending."""
        self._knows.expect(asked.slot if asked is not None else None)
        self._desk.asked(asked)

    def field(self, name: str, value: str | None, shown: str) -> None:
        """A field of the request is known: before anything else is done with it."""
        self._knows.learn(name, value)
        self._desk.field(name, value, shown)

    def collected(self, name: str, value: str | None) -> None:
        """An identifier was given, or taken back: whoever must not write it knows it first."""
        self._knows.learn(name, value)
        self._desk.collected(name, value)

    def complete(self) -> None:
        """The request stands."""
        self._desk.complete()

    def taken_back(self) -> None:
        """The request stands no more."""
        self._desk.taken_back()

    def urgent(self, kind: str, sentence: str) -> None:
        """Urgent words were heard."""
        self._desk.urgent(kind, sentence)

    def person(self, why: str) -> None:
        """A person takes over."""
        self._desk.person(why)

    @property
    def reach(self) -> Reach:
        """Who can be reached from here."""
        return self._desk.reach

    def connect(self, target: str) -> None:
        """Lead the caller to this target."""
        self._desk.connect(target)

    def returned(self) -> None:
        """Nobody was reached."""
        self._desk.returned()

    def call_back(self) -> None:
        """Only a number is wanted."""
        self._desk.call_back()

    def end(self, reason: str) -> None:
        """Hang up once everything said has been played."""
        self._desk.end(reason)

    def go_on(self) -> None:
        """Do not hang up after all."""
        self._desk.go_on()

    def stood_in(self, code: str) -> None:
        """The script spoke in the model's place."""
        self._desk.stood_in(code)
