"""Asking the other side of a conversation to lead its caller to a person (RFC 3515), from the REFER to the outcome.

A calculation beside `conversation`, which it asks to send; what answers and NOTIFYs mean is `refer`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pipeline.sip.alarms import Alarm
from pipeline.sip.digest import Credentials
from pipeline.sip.ports import TransferOutcome
from pipeline.sip.refer import Refer, Referred, check_target
from pipeline.sip.refresh import Talk
from pipeline.sip.screening import Refusal
from pipeline.sip.station import ALLOW, SUPPORTED, Station
from pipeline.sip.wire import Header, Request, Response


class OutcomeTaker(Protocol):
    """Who is told."""

    def on_transfer(self, outcome: TransferOutcome) -> None:
        """What became of leading the caller away."""


class Referring:
    """The REFERs of one conversation."""

    def __init__(self, station: Station, talk: Talk, taker: OutcomeTaker) -> None:
        """Nobody is led anywhere."""
        self._station = station
        self._talk = talk
        self._taker = taker
        self._referred = Referred()
        self._limit: Alarm | None = None

    def refer(self, target: str) -> None:
        """Ask to lead the caller to a target. Raises ValueError for one that is none, or is never called."""
        settings = self._station.settings
        check_target(target, settings.emergency_number)
        if self._referred.current is not None or not self._talk.is_up:
            self._taker.on_transfer(TransferOutcome.REFUSED)
            return
        transfer = self._referred.begin()
        self._limit = self._station.alarms.set(
            settings.transfer_limit_ms, lambda: self.settle(TransferOutcome.NO_ANSWER)
        )
        self._ask(transfer, target, self._talk.credentials("REFER"))

    def _ask(self, transfer: Refer, target: str, shown: Credentials) -> None:
        """Send it, with the credentials that it was asked for the times before."""
        headers: list[Header] = [
            self._station.contact(self._talk.path),
            ("Refer-To", f"<{target}>"),
            ALLOW,
            SUPPORTED,
            *shown.headers(self._talk.dialog.request_uri),
        ]

        def on_challenge(response: Response) -> bool:
            if self._referred.current is not transfer:  # given up: nobody is led any more
                return False
            if not shown.answer(response):
                return False
            self._ask(transfer, target, shown)
            return True

        transfer.number = self._talk.request(
            "REFER",
            headers,
            b"",
            self._on_answer_to(transfer, on_challenge),
            lambda: self._settle_of(transfer, transfer.on_silence()),
        )

    def _on_answer_to(
        self, transfer: Refer, on_challenge: Callable[[Response], bool]
    ) -> Callable[[Response], None]:
        def on_answer(response: Response) -> None:
            if on_challenge(response):
                return
            self._settle_of(transfer, transfer.on_answer(response.status))
            if response.status != 408:  # a proxy's: whom it asked was slow, and may have the call
                self._talk.lost_if_unknown(response)

        return on_answer

    def told(self, notify: Request) -> TransferOutcome | None:
        """What a NOTIFY says; None: go on waiting. Raises `Refusal` where it is of nothing that is waited for."""
        event = notify.headers.first("event")
        if event.partition(";")[0].strip().lower() != "refer":
            raise Refusal(489, "event", ("Allow-Events", "refer"))
        transfer = self._referred.meant(event)
        if transfer is None:
            raise Refusal(481, "subscription")
        outcome = transfer.on_notify(notify.headers.first("subscription-state"), notify.body)
        if transfer is not self._referred.current:  # given up: nobody wants to be told
            raise Refusal(481, "subscription")
        return outcome

    def _settle_of(self, transfer: Refer, outcome: TransferOutcome | None) -> None:
        """As `settle`, where this one is still waited for.

        Nothing else follows from a REFER that nobody answers: some exchanges drop it, and the caller still talks to us.
        Whether the far end is gone the sound tells, and the answers to what else is asked.
        """
        if self._referred.current is transfer:
            self.settle(outcome)

    def settle(self, outcome: TransferOutcome | None) -> None:
        """Tell what became of it, if that is known; with a person there, our part of the call ends."""
        if outcome is None or self._referred.current is None:
            return
        self.stop()
        self._taker.on_transfer(outcome)
        if outcome is TransferOutcome.CONNECTED:
            self._talk.hang_up("us")

    def on_bye(self) -> None:
        """The other side ends the call: after it agreed to lead the caller on, that is what it did."""
        transfer = self._referred.current
        if transfer is not None and transfer.accepted:
            self.settle(TransferOutcome.LEFT)

    def stop(self) -> None:
        """Nobody waits any more."""
        self._referred.settle()
        if self._limit is not None:
            self._limit.cancel()
