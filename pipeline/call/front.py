"""The desk of one call: what the conversation decides is kept, shown and told to the session.

Holds the request's real values in memory until the call ends, for a member of staff's reveal, and hands them
to the record that keeps them; the page and the live view get only what may be shown.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.call.events import UrgentRaised
from pipeline.call.page import Page
from pipeline.call.request import RequestSink
from pipeline.telemetry.events import Token, emit
from pipeline.turn.events import Asked


class Front:
    """Implements `Desk`."""

    def __init__(
        self,
        call_id: str,
        page: Page,
        record: RequestSink,
        on_asked: Callable[[Asked | None], None],
        on_end: Callable[[str], None],
    ) -> None:
        """Show on this page, keep in this record; tell the session of questions and of the end."""
        self._call_id = call_id
        self._page = page
        self._record = record
        self._on_asked = on_asked
        self._on_end = on_end
        self._values: dict[str, str] = {}

    def value(self, name: str) -> str | None:
        """Return the latest real value of a field."""
        return self._values.get(name)

    def forget(self) -> None:
        """The call is over: nothing is kept."""
        self._values.clear()

    def asked(self, asked: Asked | None) -> None:
        """This question is pending once the reply has drained."""
        self._on_asked(asked)

    def field(self, name: str, value: str | None, shown: str) -> None:
        """Keep the value, show what may be shown."""
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value
        self._record.field(name, value)
        self._page.field(name, None if value is None else shown)

    def complete(self) -> None:
        """The request is booked."""
        self._record.complete()
        self._page.complete()

    def urgent(self, kind: str, sentence: str) -> None:
        """Show the urgent sentence and raise the alert."""
        emit(UrgentRaised(Token(self._call_id), Token(kind)))
        self._record.urgent(kind)
        self._page.urgent(kind, sentence)

    def person(self, why: str) -> None:
        """A person has to take over: until calls can be transferred the alert is all."""
        self._page.person(why)

    def end(self, reason: str) -> None:
        """Hang up after the goodbye has been played."""
        self._on_end(reason)
