"""Keeping a session alive that its caller wanted to expire (RFC 4028): we refresh, or notice that nobody does.

A calculation beside `conversation`, which it asks to send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from pipeline.sip.alarms import Alarm
from pipeline.sip.dialog import Dialog
from pipeline.sip.digest import Credentials
from pipeline.sip.paths import Path
from pipeline.sip.ports import CallMedia, MediaRefused
from pipeline.sip.session_timer import TRIES, SessionTimer, confirmed, lengthened
from pipeline.sip.station import ALLOW, SDP, SUPPORTED, Station
from pipeline.sip.transactions import PATIENCE_MS, ClientTransaction, Way
from pipeline.sip.wire import Header, Response

GLARE_STEP_MS = 10.0
GLARE_STEPS = {True: (210, 400), False: (1, 200)}
"""Who made the Call-ID tries again between 2.1 and 4 s after a 491, who did not within 2 s (RFC 3261 section 14.1)."""


class Talk(Protocol):
    """The conversation, as far as refreshing it goes."""

    dialog: Dialog
    path: Path
    media: CallMedia

    @property
    def is_up(self) -> bool:
        """Whether both ends still talk."""

    def way(self, branch: str) -> Way:
        """Where a request of ours goes."""

    def request(
        self,
        method: str,
        headers: Iterable[Header],
        body: bytes,
        on_response: Callable[[Response], None],
        on_silence: Callable[[], None],
    ) -> int:
        """Send a request within the dialog; returns its number."""

    def credentials(self, method: str) -> Credentials:
        """What a new request of ours will show to who asks."""

    def hang_up(self, reason: str = "us") -> None:
        """End it."""

    def lost_if_unknown(self, response: Response) -> None:
        """End it when the other side does not know it any more."""

    def on_silence(self) -> None:
        """A request of ours was never answered."""

    def on_refresh_refused(self, status: int, tries_left: int) -> None:
        """The other side did not let the session go on."""


class Refresh:
    """The session timer of one conversation."""

    def __init__(self, station: Station, talk: Talk, *, updates: bool) -> None:
        """`updates`: whether the other side takes UPDATE."""
        self._station = station
        self._talk = talk
        self._takes_update = self._updates = updates
        """What the other side takes, and what is tried next: what refuses one may take the other."""
        self._tries_left = 0
        self._least_s = 0
        """The longest least that was asked for within this dialog; 0: none was."""
        self._alarm: Alarm | None = None
        self._sent: ClientTransaction | None = None
        self._limit: Alarm | None = None
        """Until when our re-INVITE is to be answered."""
        self.offering = False
        """Whether a re-INVITE of ours is unanswered."""

    def keep(self, timer: SessionTimer | None) -> None:
        """What was agreed last; None: the session does not expire."""
        self.stop()
        self._tries_left = TRIES
        if timer is not None:
            self._least_s = max(self._least_s, timer.least_s)
            act = (lambda: self._refresh(timer)) if timer.ours else self._on_nobody
            self._alarm = self._station.alarms.set(timer.act_after_ms, act)

    def stop(self) -> None:
        """No refresh is due: a new timer comes, or none."""
        if self._alarm is not None:
            self._alarm.cancel()

    def end(self) -> None:
        """The call is over; a re-INVITE that is still only "tried" is remembered no longer than any other request."""
        self.stop()
        if self.offering and self._sent is not None and self._limit is not None:
            self._limit.cancel()
            self._limit = self._station.alarms.set(PATIENCE_MS, self._sent.give_up)

    def _on_nobody(self) -> None:
        self._talk.hang_up("timeout")

    def _refresh(self, timer: SessionTimer, credentials: Credentials | None = None) -> None:
        """Say that the session goes on, with the credentials that it was asked for the times before."""
        if not self._talk.is_up:
            return
        if self.offering and credentials is None:  # one re-INVITE at a time (RFC 3261 section 14.1)
            self._again(timer, timer.again_after_ms)
            return
        method = "UPDATE" if self._updates else "INVITE"
        shown = credentials or self._talk.credentials(method)
        proofs = shown.headers(self._talk.dialog.request_uri)
        headers: list[Header] = [
            self._station.contact(self._talk.path),
            *self._lasting(timer),
            ALLOW,
            SUPPORTED,
            *proofs,
        ]

        def on_answer(response: Response) -> None:
            if response.status < 200:
                return
            if shown.answer(response):
                self._refresh(timer, shown)
            elif method == "UPDATE" and response.status in (405, 501) and self._talk.is_up:
                self._takes_update = self._updates = False
                self._refresh(timer)
            else:
                self._on_answer(response, timer)

        if method == "UPDATE":
            self._talk.request(method, headers, b"", on_answer, self._talk.on_silence)
        else:
            self._reinvite(headers, proofs, timer, on_answer)

    def _lasting(self, timer: SessionTimer) -> list[Header]:
        """How long the session shall last; a least that was asked for within this dialog is said again (RFC 4028 section 7.4)."""
        least_s = max(self._least_s, timer.least_s)
        lasting = ("Session-Expires", f"{max(timer.interval_s, least_s)};refresher=uac")
        return [lasting, ("Min-SE", str(least_s))] if least_s else [lasting]

    def _on_answer(self, response: Response, timer: SessionTimer) -> None:
        self.offering = False
        if not self._talk.is_up:  # somebody hung up meanwhile: nothing is kept any more
            return
        if response.status < 300:
            self._talk.dialog.retarget(response)
            self.keep(confirmed(response, timer))
        elif response.status in (408, 481):
            self._talk.lost_if_unknown(response)
        elif response.status == 491:
            first, last = GLARE_STEPS[self._talk.dialog.begun_here]
            steps = first + int(self._station.token()[-4:], 16) % (last - first + 1)
            self._again(timer, steps * GLARE_STEP_MS)
        elif response.status == 422 and (longer := lengthened(response, timer)) is not None:
            self._refresh(longer)
        else:
            self._on_refused(response.status, timer)

    def _on_refused(self, status: int, timer: SessionTimer) -> None:
        """Try again while the session lasts: a refusal leaves it as it was (RFC 3261 section 14.1), to its end.

        The far end ends the call then, or does not: that is its own to say (RFC 4028 section 10), and not ours to cut short.
        """
        self._tries_left -= 1
        self._talk.on_refresh_refused(status, self._tries_left)
        if status not in (500, 503):  # those are ill, and may be well then
            self._updates = self._takes_update and not self._updates
        if self._tries_left > 0:
            self._again(timer, timer.again_after_ms)

    def _again(self, timer: SessionTimer, after_ms: float) -> None:
        self.stop()
        self._alarm = self._station.alarms.set(after_ms, lambda: self._refresh(timer))

    def _reinvite(
        self,
        headers: list[Header],
        proofs: list[Header],
        timer: SessionTimer,
        on_answer: Callable[[Response], None],
    ) -> None:
        talk = self._talk
        self.offering = True
        acks: list[bytes] = []
        via, branch = self._station.via(talk.path)
        number, data = talk.dialog.request(
            "INVITE", via, [*headers, ("Content-Type", SDP)], talk.media.offer()
        )

        def acknowledge_refusal(_: Response) -> bytes:
            return talk.dialog.request("ACK", via, cseq=number)[1]

        def on_response(response: Response) -> None:
            if 200 <= response.status < 300:
                if acks:  # it was lost
                    self._station.send(acks[0], talk.way(""))
                    return
                talk.dialog.retarget(response)
                ack_via, _ = self._station.via(talk.path)
                # An ACK cannot be challenged: it says what its INVITE said (RFC 3261 section 22.1).
                acks.append(talk.dialog.request("ACK", ack_via, proofs, cseq=number)[1])
                self._station.send(acks[0], talk.way(""))
                self._take_answer(response)
            if response.status >= 200 and self._limit is not None:
                self._limit.cancel()
            on_answer(response)

        self._sent = sent = self._station.transactions.request(
            "INVITE", data, talk.way(branch), on_response, talk.on_silence, ack=acknowledge_refusal
        )
        # "Trying" alone keeps an INVITE for ever; the session it was to keep ends before (RFC 4028 section 10).
        self._limit = self._station.alarms.set(timer.answered_within_ms, sent.give_up)

    def _take_answer(self, response: Response) -> None:
        try:
            self._talk.media.accept(response.body)
        except MediaRefused:
            self._talk.hang_up("us")
