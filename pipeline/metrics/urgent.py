"""What becomes of callers with urgent words: each counts once, when it is known whether a person has them.

A telephone call outlives its worker: the gateway, or the carrier's doors, lead such a caller to a person without one, so
what they say of it is waited for. Whether an exchange that took a caller without a word reached anybody is not known, and
for an urgent caller that is not good enough. Time is an argument. Refuses to know who the callers are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from pipeline.metrics import families as f
from pipeline.metrics.tally import Tally

URGENT_MAX = 1_024
"""Urgent calls whose end has not come; a worker that dies takes its own with it."""
CARRIED_MAX = 4_096
"""Telephone calls that go on."""
RESCUE_LIMIT_MS = 240_000.0
"""For the next news of a caller without a worker: one telephone rings for 180 s at most (`transfer.limit_ms`). A carrier
that asks for nothing any more has nobody left."""
_JOINED: Mapping[str, str] = {"phone_call_joined": "gateway", "carrier_stream_joined": "carrier"}
_LED = frozenset({"transfer_tried", "phone_call_led", "carrier_call_led"})
_OVER = frozenset({"phone_call_over", "carrier_call_over"})
FOLLOWED = frozenset(
    {*_JOINED, *_LED, *_OVER, "urgent_raised", "call_ended", "call_over", "worker_ended"}
)
"""Every event that is looked at."""


class UrgentCalls:
    """Remembers urgent calls until they are over."""

    def __init__(self, tally: Tally) -> None:
        """Count here."""
        self._tally = tally
        self._became: OrderedDict[str, str] = OrderedDict()
        """Calls with urgent words, and what has become of them so far."""
        self._carried: OrderedDict[str, str] = OrderedDict()
        """Telephone calls that are not over, and who carries them."""
        self._alone: dict[str, float | None] = {}
        """Urgent ones without a worker, for whom somebody is still called: since which look there was no news."""

    def take(self, name: str, call_id: str, record: Mapping[str, object]) -> None:
        """One event of any process."""
        if name in _JOINED:
            self._carried[call_id] = _JOINED[name]
            while len(self._carried) > CARRIED_MAX:
                self._carried.popitem(last=False)
        elif name == "urgent_raised":
            self._became.setdefault(call_id, "told")
            while len(self._became) > URGENT_MAX:
                self._alone.pop(self._became.popitem(last=False)[0], None)
        elif name == "worker_ended" and record.get("worker") == "gateway":
            self._gateway_ended()
        elif name in _OVER:
            self._carried.pop(call_id, None)
            if call_id in self._alone:
                self._lose(call_id)
        elif call_id in self._became:
            self._follow(name, call_id, record)

    def look(self, now_ms: float) -> None:
        """Once in a while: who has waited too long for a person is lost."""
        for call_id, since_ms in list(self._alone.items()):
            if since_ms is None:
                self._alone[call_id] = now_ms
            elif now_ms - since_ms > RESCUE_LIMIT_MS:
                self._lose(call_id)

    def _follow(self, name: str, call_id: str, record: Mapping[str, object]) -> None:
        if name in _LED:
            self._led(call_id, record.get("outcome"), tried=name == "transfer_tried")
        elif name == "call_ended":
            self._settle(call_id, self._became[call_id])
        elif name == "call_over" and record.get("worker_lost") is True:
            if call_id in self._carried and self._became[call_id] != "connected":
                self._alone[call_id] = None
            else:
                self._lose(call_id)

    def _led(self, call_id: str, outcome: object, *, tried: bool) -> None:
        became = self._became[call_id]
        if outcome == "connected" or (outcome == "left" and became != "connected"):
            self._became[call_id] = str(outcome)
        elif tried and became not in f.REACHED:
            self._became[call_id] = "unanswered"
        if call_id in self._alone:
            self._alone[call_id] = None
            if outcome == "connected":
                self._lose(call_id)

    def _gateway_ended(self) -> None:
        """Its callers are gone with it, and with them whom it was calling."""
        for call_id in [each for each, by in self._carried.items() if by == "gateway"]:
            del self._carried[call_id]
            if call_id in self._alone:
                self._lose(call_id)

    def _lose(self, call_id: str) -> None:
        """Its worker is gone and nothing more can become of it."""
        became = self._became[call_id]
        self._settle(call_id, became if became in f.REACHED else "lost")

    def _settle(self, call_id: str, outcome: str) -> None:
        self._tally.add(f.URGENT, outcome=outcome)
        self._alone.pop(call_id, None)
        del self._became[call_id]
