"""This process's redactor, and what it knows of each call: the values a dialogue has filled, the question it asked.

`clean` is plugged into `telemetry.words`. Whoever runs a call opens it here, so that records written on the call's
tasks are read with the call in mind; a record of another task is read against the values of every open call at once.
Nothing is learnt where no words are written: what a value looks like in each of its forms need not lie in memory then.
Refuses to know how a redactor works and what a dialogue is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from phi.carry import CallContext
from phi.known import KnownTogether
from phi.redact import Redactor
from pipeline.telemetry import words

EXPECTED = {"name": "name", "phone": "phone", "day": "date"}
"""What a pending question's answer is, by its slot; other answers are no identifiers of a kind."""


class NotClean(Exception):
    """The redactor withheld a record: nothing of it may be written."""


class KnownCall:
    """What is known of one call until it is wiped."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        """Nothing is known yet, nor will it be unless it is wanted."""
        self.context = CallContext()
        self._wanted = wanted

    def learn(self, field: str, value: str | None) -> None:
        """A field of the request is known."""
        if value and self._wanted():
            self.context.learn(field, value)

    def expect(self, slot: str | None) -> None:
        """A question is pending, or none."""
        self.context.expect(EXPECTED.get(slot or ""))


class Redaction:
    """One redactor for the process, one context for each call."""

    def __init__(
        self, redactor: Redactor | None = None, *, wanted: Callable[[], bool] = words.allowed
    ) -> None:
        """No call is open; `wanted` says whether any words are written that a call's values could stand in."""
        self._redactor = redactor or Redactor()
        self._wanted = wanted
        self._open: dict[int, KnownCall] = {}
        self._current: ContextVar[KnownCall | None] = ContextVar("redacted call", default=None)

    def open(self) -> KnownCall:
        """A call begins; `close` wipes it."""
        call = KnownCall(self._wanted)
        self._open[id(call)] = call
        return call

    def close(self, call: KnownCall) -> None:
        """The call is over: forget it."""
        self._open.pop(id(call), None)
        call.context.wipe()

    @contextmanager
    def within(self, call: KnownCall) -> Iterator[None]:
        """Records of this task, and of those it starts, are this call's."""
        token = self._current.set(call)
        try:
            yield
        finally:
            self._current.reset(token)

    def clean(self, text: str) -> tuple[str, Mapping[str, int]]:
        """Text without identifiers, and how many of each kind went; raises `NotClean`."""
        call = self._current.get()
        if call is not None and id(call) in self._open:
            return self._through(text, call.context)
        alone = CallContext(single=True)  # a stranger's record is no answer within a call
        alone.known = KnownTogether([call.context.known for call in tuple(self._open.values())])
        return self._through(text, alone)

    def _through(self, text: str, context: CallContext) -> tuple[str, Mapping[str, int]]:
        result = self._redactor.redact(text, context)
        if result.failure is not None:
            raise NotClean
        return result.text, result.counts()
