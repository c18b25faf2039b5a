"""What one call leaves in the audit: interruptions, escalations, and its end with the names of what was collected.

Hears what staff's live view hears (`pipeline.call.observer.CallObserver`) and keeps names and counts of it.
"""

from __future__ import annotations

from pipeline.audit.post import Auditor
from pipeline.audit.records import (
    DISPOSITIONS,
    BargeIn,
    CallEnd,
    Consent,
    Escalation,
    FunctionCall,
    Recording,
)
from pipeline.clock import Clock

DURABLE_LIMIT_MS = 1_000.0
"""A call does not hold its line longer than this for a disk."""

_PERSON = "person"
_BOOKED = "goodbye"
"""How a call ends by itself; with a confirmed request it is `booked`."""


NOTICE = "recording_notice"
"""The name of the line in the call flow."""
_RECORDING = {
    "on": ("start", "consent"),
    "paused": ("pause", "sensitive"),
    "off": ("stop", "call_over"),
    "destroyed": ("delete", "withdrawn"),
    "lost": ("stop", "disk"),
}


class CallAudit:
    """One call's records."""

    def __init__(self, call_id: str, auditor: Auditor, clock: Clock) -> None:
        """The call begins now."""
        self._call_id = call_id
        self._auditor = auditor
        self._clock = clock
        self._began_ms = clock.now_ms()
        self._fields: tuple[str, ...] = ()
        self._complete = False
        self._over = False
        self._paused = False

    def call(self, state: str) -> None:
        """States pass."""

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        """Turns pass."""

    def cut(self, turn: int) -> None:
        """An answer was cut: that is on record."""
        self._auditor.put(BargeIn(call_id=self._call_id, turn=turn))

    def request(self, fields: dict[str, str], revisions: dict[str, int], complete: bool) -> None:
        """Keep the names; a request that the caller confirmed is a function call."""
        self._fields = tuple(sorted(fields))
        confirmed, self._complete = complete and not self._complete, complete
        if confirmed:
            self._auditor.put(
                FunctionCall(
                    call_id=self._call_id,
                    function_name="take_request",
                    sanitized_args=self._fields,
                    result_status="ok",
                )
            )

    def urgent(self, kind: str) -> None:
        """A person is wanted; the phrase that says why is the caller's own."""
        wanted = "person" if kind.startswith(_PERSON) else "urgent"
        self._auditor.put(Escalation(call_id=self._call_id, kind=wanted))

    def consent(self, answer: str) -> None:
        """What came back to the notice."""
        self._auditor.put(Consent(call_id=self._call_id, notice=NOTICE, answer=answer))

    def recording(self, state: str) -> None:
        """Each change of the recording."""
        action, reason = _RECORDING[state]
        if state == "on" and self._paused:
            action, reason = "resume", "sensitive_over"
        self._paused = state == "paused"
        self._auditor.put(Recording(call_id=self._call_id, action=action, reason=reason))

    def network(self, shown: object) -> None:
        """Networks pass."""

    def ended(self, reason: str) -> None:
        """`end` writes it."""

    async def end(self, reason: str) -> None:
        """Put the end on record and wait, within the limit, until the whole call is on the disk."""
        if self._over:
            return
        self._over = True
        if reason == _BOOKED and self._complete:
            reason = "booked"
        elapsed_ms = max(0.0, self._clock.now_ms() - self._began_ms)
        self._auditor.put(
            CallEnd(
                call_id=self._call_id,
                duration=round(elapsed_ms / 1000, 1),
                disposition=reason if reason in DISPOSITIONS else "other",
                field_names=self._fields,
            )
        )
        await self._auditor.flushed(DURABLE_LIMIT_MS)
