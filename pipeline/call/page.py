"""What the caller's page and the staff's live view are shown of a call. Knows messages, not how they travel."""

from __future__ import annotations

from models.ports import Spoken
from pipeline.call.observer import CallObserver, NetworkShown
from pipeline.line import (
    Bye,
    CallerLeg,
    CallState,
    Caption,
    RecordingShown,
    RequestShown,
    ToCaller,
    TurnTimed,
    Urgent,
)

REACH_A_PERSON = "To reach a person, please call the practice."


class Page:
    """The caller's leg, when there is one, and what it must be shown again when it comes back."""

    def __init__(self, observer: CallObserver, practice_phone: str) -> None:
        """Nobody is connected yet."""
        self._observer = observer
        self._practice_phone = practice_phone
        self._leg: CallerLeg | None = None
        self._state = ""
        self._fields: dict[str, str] = {}
        self._revisions: dict[str, int] = {}
        self._complete = False
        self._urgent: Urgent | None = None
        self._captioned: Caption | None = None
        self._recording = ""

    def attach(self, leg: CallerLeg) -> None:
        """The caller is here (again): show what is known."""
        self._leg = leg
        self._captioned = None
        if self._state:
            leg.send(CallState(self._state))
        if self._fields:
            leg.send(RequestShown(dict(self._fields), self._complete))
        if self._urgent is not None:
            leg.send(self._urgent)
        if self._recording:
            leg.send(RecordingShown(self._recording))

    def detach(self) -> None:
        """The caller's connection is lost."""
        self._leg = None

    @property
    def can_transfer(self) -> bool:
        """Whether the caller, when there is one, can be led to another telephone."""
        return self._leg is not None and self._leg.can_transfer

    def send(self, message: ToCaller) -> None:
        """Tell the caller's page, when there is one."""
        if self._leg is not None:
            self._leg.send(message)

    def state(self, value: str) -> None:
        """Show what the call is doing."""
        if value != self._state:
            self._state = value
            self.send(CallState(value))
            self._observer.call(value)

    def caller_said(self, turn: int, text: Spoken, *, final: bool) -> None:
        """Show the caller's words to the caller."""
        if text:
            self._caption(Caption("caller", turn, text.text, final))

    def agent_said(self, turn: int, text: str, *, final: bool) -> None:
        """Show our own words."""
        if text:
            self._caption(Caption("agent", turn, text, final))

    def _caption(self, caption: Caption) -> None:
        """Show words that changed: neither more audio of a reply nor one more look at an utterance does it."""
        if caption != self._captioned:
            self._captioned = caption
            self.send(caption)

    def field(self, name: str, shown: str | None) -> None:
        """Show a field of the request, or that it is open again; each time is a new revision of it."""
        self._revisions[name] = self._revisions.get(name, 0) + 1
        if shown is None:
            self._fields.pop(name, None)
        else:
            self._fields[name] = shown
        self._show_request()

    def complete(self) -> None:
        """Show that the request is booked."""
        self._complete = True
        self._show_request()

    def taken_back(self) -> None:
        """Show that the request is open again."""
        self._complete = False
        self._show_request()

    def urgent(self, kind: str, sentence: str) -> None:
        """Show the urgent sentence large, here and to staff."""
        self._urgent = Urgent(sentence, self._practice_phone)
        self.send(self._urgent)
        self._observer.urgent(kind)

    def person(self, why: str) -> None:
        """Show the practice's number large, and tell staff that a person is wanted."""
        if self._urgent is None and not self.can_transfer:
            self._urgent = Urgent(REACH_A_PERSON, self._practice_phone)
            self.send(self._urgent)
        self._observer.urgent(f"person:{why}")

    def consent(self, answer: str) -> None:
        """Tell staff and the audit what the caller said to the notice; the caller was told in words."""
        self._observer.consent(answer)

    def recording(self, state: str) -> None:
        """Show whether the call is being recorded."""
        self._observer.recording(state)
        shown = state if state in ("on", "paused") else "off"
        if shown != self._recording:
            self._recording = shown
            self.send(RecordingShown(shown))

    def turn_timed(self, turn: int, marks_ms: dict[str, float], *, interrupted: bool) -> None:
        """Show how long the stages of a turn took."""
        self.send(TurnTimed(turn, marks_ms))
        self._observer.turn(turn, marks_ms, interrupted)

    def cut(self, turn: int) -> None:
        """Tell that the caller cut the answer to this turn; their page knows."""
        self._observer.cut(turn)

    def network(self, shown: NetworkShown) -> None:
        """Show staff how the caller's network fares."""
        self._observer.network(shown)

    def bye(self, reason: str, close_as: str) -> None:
        """Say that the call ends, and hang up."""
        self.state("ended")
        self.send(Bye(reason))
        if self._leg is not None:
            self._leg.close(close_as)
        self._leg = None
        self._observer.ended(close_as)

    def _show_request(self) -> None:
        self.send(RequestShown(dict(self._fields), self._complete))
        revisions = {name: self._revisions[name] for name in self._fields}
        self._observer.request(dict(self._fields), revisions, self._complete)
