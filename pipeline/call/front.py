"""The desk of one call: what the conversation decides is kept, shown and told to the session.

Holds the request's real values in memory until the call ends, for a member of staff's reveal, and hands them
to the record that keeps them; the page and the live view get only what may be shown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from phi.vault import Compartment, handle
from pipeline.call.events import ReplyFailed, UrgentRaised
from pipeline.call.observer import COLLECTED
from pipeline.call.outgoing import Outgoing
from pipeline.call.page import Page
from pipeline.call.reach import Reach
from pipeline.call.request import RequestSink
from pipeline.clock import today
from pipeline.telemetry.events import Token, emit
from pipeline.turn.events import Asked

STORE, REVEAL = "store", "reveal"
READERS = frozenset([STORE, REVEAL])
"""Who may read what a conversation collected; a tool reads only what is collected for it (row P12)."""


class Front:
    """Implements `Desk`."""

    def __init__(
        self,
        call_id: str,
        page: Page,
        record: RequestSink,
        on_asked: Callable[[Asked | None], None],
        on_end: Callable[[str | None], None],
        *,
        sayable: tuple[str, ...] = (),
        today: Callable[[], date] = today,
        reach: Callable[[], Reach] = Reach,
        connect: Callable[[str], None] = lambda target: None,
    ) -> None:
        """Show on this page, keep in this record; tell the session of questions and of the end (None: not yet).

        `sayable` are the practice's own numbers.
        """
        self._call_id = call_id
        self._page = page
        self._record = record
        self._on_asked = on_asked
        self._on_end = on_end
        self._reach = reach
        self._connect = connect
        self.compartment = Compartment()
        self.led = False
        """This caller is on the way to a person."""
        self.paused = False
        """The emergency switch: nothing of the caller's is taken (row I6)."""
        self.outgoing = Outgoing(call_id, self.compartment, sayable, today)

    def value(self, name: str) -> str | None:
        """Return the latest real value of a field, for a member of staff."""
        return self.compartment.resolve(name, REVEAL) if self.compartment.holds(name) else None

    def handles(self) -> dict[str, str]:
        """Every field that is known, as what stands for it: the store resolves it as `STORE`."""
        return {name: handle(name) for name in self.compartment.names()}

    def forget(self) -> None:
        """The call is over: nothing is kept, and nothing is taken any more."""
        self.compartment.wipe()
        self.outgoing.forget()

    def asked(self, asked: Asked | None) -> None:
        """This question is pending once the reply has drained."""
        self._on_asked(asked)

    def field(self, name: str, value: str | None, shown: str) -> None:
        """Keep the value, show what may be shown."""
        if self.paused and value is not None:
            return
        self._keep(name, value)
        self._page.field(name, None if value is None else shown)

    def collected(self, name: str, value: str | None) -> None:
        """Keep an identifier; all that may be shown of it is that it is there."""
        if self.paused and value is not None:
            return
        self._keep(name, value)
        self._page.field(name, None if value is None else COLLECTED)

    def _keep(self, name: str, value: str | None) -> None:
        if value is None:
            self.compartment.drop(name)
            self._record.field(name, None)
        else:
            self.compartment.put(name, value, READERS)
            self._record.field(name, self.compartment.resolve(name, STORE))

    def complete(self) -> None:
        """The request is booked."""
        if self.paused:
            return
        self._record.complete()
        self._page.complete()

    def taken_back(self) -> None:
        """The request is not booked after all."""
        self._record.taken_back()
        self._page.taken_back()

    def urgent(self, kind: str, sentence: str) -> None:
        """Show the urgent sentence and raise the alert."""
        self._lead()
        emit(UrgentRaised(Token(self._call_id)))
        self._record.urgent(kind)
        self._page.urgent(kind, sentence)

    def person(self, why: str) -> None:
        """A person has to take over."""
        self._lead()
        self._page.person(why)

    def _lead(self) -> None:
        """Whatever was to end the call: it goes on until a person is reached, or the caller ends it."""
        self.led = True
        self._on_end(None)

    @property
    def reach(self) -> Reach:
        """Who can be reached from here, now."""
        return self._reach()

    def connect(self, target: str) -> None:
        """Lead the caller to this target once everything said has been played."""
        self._connect(target)

    def returned(self) -> None:
        """Nobody was reached: the emergency switch holds for this caller again."""
        self.led = False

    def call_back(self) -> None:
        """Only a number to call back is wanted."""
        self._record.call_back()

    def end(self, reason: str) -> None:
        """Hang up after the goodbye has been played."""
        self._on_end(reason)

    def go_on(self) -> None:
        """The caller took something back: no goodbye yet."""
        self._on_end(None)

    def stood_in(self, code: str) -> None:
        """The script spoke in the model's place; the caller heard no more than a pause."""
        emit(ReplyFailed(Token(self._call_id), Token("model"), Token(code)))
