"""What a carrier is to do next with a call: a stream, a person's telephone, the stream again, or the end.

The ladder is the worker's, as on a trunk: it names one person at a time, and a caller who was not answered is back with
it. Without a worker the urgent ladder is climbed here, people only: nobody who may be in danger is left with a sentence.
Knows no HTTP and no socket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.clock import Clock
from pipeline.errors import TooMany
from pipeline.supervisor.carrier_calls import CarrierCall, CarrierCalls
from pipeline.supervisor.carrier_twiml import Twiml
from pipeline.telemetry.events import Event, Token, emit
from pipeline.transfer import Target, TransferOutcome

_OUTCOMES = {
    "completed": TransferOutcome.CONNECTED,
    "answered": TransferOutcome.CONNECTED,
    "busy": TransferOutcome.BUSY,
    "no-answer": TransferOutcome.NO_ANSWER,
    "canceled": TransferOutcome.NO_ANSWER,
}
_GONE = frozenset({"completed", "canceled", "failed", "busy", "no-answer"})
"""States of the caller's own call in which there is nobody left."""


class CarrierCallLed(Event):
    """The caller was to be led to a person; `target` is the configuration's own name."""

    call_id: Token
    target: Token
    outcome: Token
    rescued: bool
    """No worker had the call any more."""


class CarrierCallOver(Event):
    """The carrier asks for nothing more of this call: nobody is called for its caller any longer."""

    call_id: Token


class CarrierSteps:
    """Decides; each answer is markup for the carrier."""

    def __init__(
        self,
        twiml: Twiml,
        calls: CarrierCalls,
        clock: Clock,
        targets: Mapping[str, Target],
        urgent: Sequence[str],
        apology: str,
    ) -> None:
        """Nobody else than `targets` is ever called."""
        self._twiml = twiml
        self._calls = calls
        self._clock = clock
        self._targets = targets
        self._urgent = tuple(name for name in urgent if name in targets)
        self._apology = apology

    def stream(self, call: CarrierCall) -> str:
        """Into a stream; raises `TooMany`."""
        token = self._calls.token(call, self._clock.now_ms())
        return self._twiml.stream(token, self._calls.next_step(call))

    def after(self, call: CarrierCall, form: Mapping[str, str]) -> str:
        """A stream or a person's call is over."""
        if form.get("CallStatus") in _GONE:
            return self._end(call)
        if call.ringing:
            outcome = _OUTCOMES.get(form.get("DialCallStatus", ""), TransferOutcome.REFUSED)
            return self._rang(call, outcome)
        relay = call.relay
        if relay is not None and relay.here and relay.wanted:
            return self._call_wanted(call)
        return self._rescue(call, self._apology) if call.lost else self._end(call)

    def answered(self, call: CarrierCall) -> None:
        """A person has taken the call; what the carrier asks when they hang up is its end."""
        self._led(call, TransferOutcome.CONNECTED)
        call.lost = False

    def _rang(self, call: CarrierCall, outcome: TransferOutcome) -> str:
        self._led(call, outcome)
        if outcome is TransferOutcome.CONNECTED:
            self._over(call)  # the worker ends it by itself
            return self._twiml.hang_up()
        relay = call.relay
        if call.rescuers is not None:
            return self._rescue(call, "")
        if relay is None or not relay.here:
            return self._rescue(call, self._apology)
        if relay.wanted:
            return self._call_wanted(call)
        call.outcome = outcome
        try:
            return self.stream(call)
        except TooMany:
            return self._rescue(call, self._apology)

    def _call_wanted(self, call: CarrierCall) -> str:
        assert call.relay is not None  # noqa: S101  # who wants somebody is there
        wanted, call.relay.wanted = call.relay.wanted, ""
        return self._dial(call, wanted, "")

    def _rescue(self, call: CarrierCall, sentence: str) -> str:
        """The next person of the urgent ladder, whoever the caller was: nobody is left who could tell."""
        if call.rescuers is None:
            call.rescuers = self._urgent
        if not call.rescuers:
            return self._end(call, sentence)
        name, *left = call.rescuers
        call.rescuers = tuple(left)
        return self._dial(call, name, sentence)

    def _dial(self, call: CarrierCall, name: str, sentence: str) -> str:
        call.ringing = name
        step, ring = self._calls.next_step(call), self._calls.next_ring(call)
        return self._twiml.dial(self._targets[name], step, ring, sentence)

    def _led(self, call: CarrierCall, outcome: TransferOutcome) -> None:
        call.rang = target = call.ringing
        call.ringing = ""
        rescued = call.rescuers is not None
        emit(CarrierCallLed(Token(call.call_id), Token(target), Token(outcome.value), rescued))
        if call.relay is not None and outcome is TransferOutcome.CONNECTED:
            call.relay.transferred(outcome, target)

    def _end(self, call: CarrierCall, sentence: str = "") -> str:
        if call.relay is not None:
            call.relay.leave()
        self._over(call)
        return self._twiml.hang_up(sentence)

    def _over(self, call: CarrierCall) -> None:
        self._calls.over(call)
        emit(CarrierCallOver(Token(call.call_id)))
