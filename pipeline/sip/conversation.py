"""A call from its 2xx on (RFC 3261 sections 12 to 15, 3311, 3515, 4028, 6086): one dialog, whoever began it.

A calculation: requests, answers and time go in, messages go out through the station, and a listener is told what
became of the call. Offers and answers are the media's affair; this only carries them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum
from typing import Protocol

from pipeline.sip.acknowledgement import AwaitedAck
from pipeline.sip.alarms import Alarm
from pipeline.sip.dialog import Dialog, answer
from pipeline.sip.digest import Credentials
from pipeline.sip.keys import key_of_info
from pipeline.sip.paths import DEFAULT_PORTS, Hop, Path
from pipeline.sip.ports import CallMedia, MediaRefused
from pipeline.sip.referring import OutcomeTaker, Referring
from pipeline.sip.refresh import Refresh
from pipeline.sip.screening import Refusal, check_extensions, check_timer, sdp_of
from pipeline.sip.session_timer import SessionTimer, agreed
from pipeline.sip.settings import Digest
from pipeline.sip.station import ACCEPT, ALLOW, SDP, SUPPORTED, Station
from pipeline.sip.transactions import PATIENCE_MS, ServerTransaction, Way, back
from pipeline.sip.wire import Header, Request, Response

LAST_WORD_MS = 4_000.0
"""How long a BYE is tried to somebody who has been silent for 32 s: a flood leaves nothing behind for another 32."""
DTMF_BODIES: Header = ("Accept", "application/dtmf-relay, application/dtmf")


class CallListener(OutcomeTaker, Protocol):
    """Who is told what becomes of a call."""

    def on_up(self) -> None:
        """Both ends know that it stands."""

    def on_refused(self, reason: str) -> None:
        """The answer to our offer could not be taken: the call is being ended."""

    def on_refresh_refused(self, status: int, tries_left: int) -> None:
        """The other side did not let the session go on: it may end the call when its time is over."""

    def on_over(self, reason: str) -> None:
        """It has ended: "caller", "us", "lost", "timeout", "limit". Told once."""


class State(Enum):
    """How far it is."""

    UNACKNOWLEDGED = "unacknowledged"
    UP = "up"
    LEAVING = "leaving"
    """Over for us, and its BYE is still to be sent or answered."""
    OVER = "over"


class Conversation:
    """One dialog in which two sides talk."""

    def __init__(
        self,
        station: Station,
        dialog: Dialog,
        path: Path,
        media: CallMedia,
        listener: CallListener,
        forget: Callable[[], None],
        *,
        permits: Callable[[str], bool],
        updates: bool,
        digest: Digest | None = None,
    ) -> None:
        """`permits` says whether an address is the trunk's; `updates`, whether the other side takes UPDATE.

        `digest` answers who asks for a password before it takes a request of ours, each once.
        """
        self._station = station
        self.dialog = dialog
        self.path = path
        self.media = media
        self._listener = listener
        self._forget = forget
        self._permits = permits
        self._digest = digest
        self.state = State.UNACKNOWLEDGED
        self._awaited: AwaitedAck | None = None
        self._referring = Referring(station, self, listener)
        self._refresh = Refresh(station, self, updates=updates)
        self._told_over = False
        self._limit = self._ends_after(station.settings.call_limit_ms)

    def _ends_after(self, limit_ms: float) -> Alarm:
        return self._station.alarms.set(limit_ms, lambda: self.hang_up("limit"))

    def may_last(self, limit_ms: float) -> None:
        """End it so long from now, whatever was the limit before; one that is over stays so."""
        if self.state in (State.UNACKNOWLEDGED, State.UP):
            self._limit.cancel()
            self._limit = self._ends_after(limit_ms)

    @property
    def is_up(self) -> bool:
        """Whether both ends know that it stands, and nobody hung up."""
        return self.state is State.UP

    # ---- answering an INVITE -------------------------------------------------------------------------------------

    def answer_invite(
        self, request: Request, transaction: ServerTransaction, body: bytes, *, wants_answer: bool
    ) -> None:
        """Say 200 to an INVITE, the first or a later one, until it is acknowledged."""
        timer = agreed(request)
        headers: list[Header] = [
            self._station.contact(self.path, secure=request.uri.lower().startswith("sips:")),
            ALLOW,
            SUPPORTED,
            *(timer.headers() if timer is not None else ()),
            ("Content-Type", SDP),
        ]
        data = answer(request, transaction.path, 200, self.dialog.local_tag, headers, body)
        hop = _hop_back(request, transaction.path)
        way = replace(back(request, transaction.path), hop=hop, permits=self._permits)
        transaction.respond(200, data)
        self._refresh.keep(timer)
        self._await_no_ack()
        self._awaited = AwaitedAck(
            self._station.alarms,
            request.cseq,
            wants_answer=wants_answer,
            repeat=lambda: self._station.send(data, way),
            on_silence=self._on_no_ack,
        )

    def acknowledge(self, ack: Request) -> None:
        """The ACK of a 2xx came, the first time or again."""
        awaited = self._awaited
        if awaited is None or ack.cseq != awaited.cseq:
            return
        awaited.stop()
        self._awaited = None
        if self.state is State.LEAVING:
            self._say_bye(PATIENCE_MS)
            return
        if awaited.wants_answer:
            try:
                offer_answer = sdp_of(ack)
                if not offer_answer:
                    raise MediaRefused("no_answer")
                self.media.accept(offer_answer)
            except (MediaRefused, Refusal) as fault:
                self._listener.on_refused(fault.reason)
                self._end_by_bye("us")
                return
        self.come_up()

    def come_up(self) -> None:
        """Both ends know of the 2xx."""
        if self.state is State.UNACKNOWLEDGED:
            self.state = State.UP
            self._listener.on_up()

    def keep_session(self, timer: SessionTimer | None) -> None:
        """What the 2xx to an INVITE of ours says about how long the session lasts unrefreshed."""
        self._refresh.keep(timer)

    def _on_no_ack(self) -> None:
        """32 s without an ACK (section 13.3.1.4): the other end never got our answer, or is gone."""
        self._awaited = None
        self._finish("lost")
        self._say_bye(LAST_WORD_MS)

    # ---- requests of the other side ------------------------------------------------------------------------------

    def receive(self, request: Request, transaction: ServerTransaction) -> None:
        """A request of this dialog; neither ACK nor CANCEL. Raises `Refusal`."""
        if request.method == "BYE":
            self._on_bye(request, transaction)
            return
        if self.state in (State.LEAVING, State.OVER):
            raise Refusal(481, "over")
        if (
            request.method == "OPTIONS"
        ):  # an edge asks whether the call stands, with a number that was used before
            self._reply(request, transaction, 200, (ALLOW, SUPPORTED, ACCEPT))
            return
        if not self.dialog.is_next(request):
            raise Refusal(500, "cseq", ("Retry-After", "1"))
        check_extensions(request)
        self.path = transaction.path
        match request.method:
            case "INVITE":
                self._on_reinvite(request, transaction)
            case "UPDATE":
                self._on_update(request, transaction)
            case "INFO":
                self._on_info(request, transaction)
            case "NOTIFY":
                self._on_notify(request, transaction)
            case _:
                self._reply(request, transaction, 200, (ALLOW, SUPPORTED, ACCEPT))

    def _on_bye(self, request: Request, transaction: ServerTransaction) -> None:
        """200 to any number: section 12.2.2 wants 500 to an old one, but who says BYE has left, whatever we answer.

        A carrier that miscounts would leave us with an open line. An old BYE cannot come again: the first one ended the call.
        """
        self.dialog.is_next(request)
        self._reply(request, transaction, 200)
        if self.state is State.LEAVING and self._awaited is None:
            return  # both hung up at once: the answer to our own BYE ends it
        self._referring.on_bye()
        self._finish("caller")
        self._leave()

    def _on_reinvite(self, request: Request, transaction: ServerTransaction) -> None:
        self._refuse_glare()
        check_timer(request)
        offer = sdp_of(request)
        try:
            body = self.media.answer(offer) if offer else self.media.offer()
        except MediaRefused as fault:
            raise Refusal(488, fault.reason) from None
        # It cannot re-INVITE what it does not know of: only its ACK was lost.
        if self._await_no_ack():
            self.come_up()
        self.dialog.retarget(request)
        self.answer_invite(request, transaction, body, wants_answer=not offer)

    def _on_update(self, request: Request, transaction: ServerTransaction) -> None:
        check_timer(request)
        offer = sdp_of(request)
        headers: list[Header] = [self._station.contact(self.path), ALLOW, SUPPORTED]
        body = b""
        if offer:
            self._refuse_glare()
            try:
                body = self.media.answer(offer)
            except MediaRefused as fault:
                raise Refusal(488, fault.reason) from None
            headers.append(("Content-Type", SDP))
        timer = agreed(request)
        if timer is not None:
            headers += timer.headers()
        self.dialog.retarget(request)
        self._reply(request, transaction, 200, headers, body)
        self._refresh.keep(timer)

    def _refuse_glare(self) -> None:
        """Both sides changing the session at once is answered with 491 (section 14.2)."""
        if self._refresh.offering or (self._awaited is not None and self._awaited.wants_answer):
            raise Refusal(491, "glare")

    def _on_info(self, request: Request, transaction: ServerTransaction) -> None:
        if not request.body:
            self._reply(
                request, transaction, 200
            )  # section 4.2.2 of RFC 6086: nothing to take is no error
            return
        key = key_of_info(request.headers.first("content-type"), request.body)
        if key is None:
            raise Refusal(415, "info", DTMF_BODIES)
        self._reply(request, transaction, 200)
        if key:
            self.media.on_info_key(key)

    def _on_notify(self, request: Request, transaction: ServerTransaction) -> None:
        outcome = self._referring.told(request)
        self._reply(request, transaction, 200)
        self._referring.settle(outcome)

    # ---- requests of ours ----------------------------------------------------------------------------------------

    def hang_up(self, reason: str = "us") -> None:
        """Send BYE, now or as soon as the ACK is here (section 15); twice is once."""
        if self.state in (State.LEAVING, State.OVER):
            return
        if self.state is State.UNACKNOWLEDGED and self._awaited is not None:
            self._finish(reason)
            self.state = State.LEAVING
            return
        self._end_by_bye(reason)

    def refer(self, target: str) -> None:
        """Ask the other side to lead the caller to a target; the listener is told the outcome. Raises ValueError."""
        self._referring.refer(target)

    def _end_by_bye(self, reason: str) -> None:
        self._finish(reason)
        self._say_bye(PATIENCE_MS)

    def _say_bye(self, patience_ms: float, credentials: Credentials | None = None) -> None:
        self.state = State.LEAVING
        self._await_no_ack()  # of a re-INVITE: it would be taken for the one that a BYE waits for
        shown = credentials or self.credentials("BYE")

        def on_response(response: Response) -> None:
            if response.status < 200:
                return
            if shown.answer(response):
                self._say_bye(patience_ms, shown)
            else:
                self._leave()

        headers = shown.headers(self.dialog.request_uri)
        self.request("BYE", headers, b"", on_response, self._leave, patience_ms)

    def credentials(self, method: str) -> Credentials:
        """What a new request of ours will show to who asks."""
        return Credentials(self._digest, method, self._station.token)

    # ---- sending and ending --------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        headers: Iterable[Header],
        body: bytes,
        on_response: Callable[[Response], None],
        on_silence: Callable[[], None],
        patience_ms: float = PATIENCE_MS,
    ) -> int:
        """Send a request of this dialog; returns its number."""
        via, branch = self._station.via(self.path)
        number, data = self.dialog.request(method, via, headers, body)
        self._station.transactions.request(
            method, data, self.way(branch), on_response, on_silence, patience_ms=patience_ms
        )
        return number

    def way(self, branch: str) -> Way:
        """Back on the connection it came by; when that is closed, or on UDP, to the top Route or the Contact."""
        hop = self.dialog.next_hop(self.path)
        path = self.path
        if (
            not path.reliable
            and hop is not None
            and hop.transport == "udp"
            and self._permits(hop.host)
        ):
            path = replace(path, host=hop.host, port=hop.port)
        return Way(path, hop, branch, self._permits)

    def _reply(
        self,
        request: Request,
        transaction: ServerTransaction,
        status: int,
        headers: Iterable[Header] = (),
        body: bytes = b"",
    ) -> None:
        data = answer(request, transaction.path, status, self.dialog.local_tag, headers, body)
        transaction.respond(status, data)

    def lost_if_unknown(self, response: Response) -> None:
        """The other end does not know the call any more (section 12.2.1.2)."""
        if response.status in (408, 481) and self.state is State.UP:
            self._end_by_bye("lost")

    def on_refresh_refused(self, status: int, tries_left: int) -> None:
        """See `refresh.Talk`."""
        self._listener.on_refresh_refused(status, tries_left)

    def on_silence(self) -> None:
        if self.state in (State.UP, State.UNACKNOWLEDGED):
            self._finish("lost")
            self._say_bye(LAST_WORD_MS)

    def _finish(self, reason: str) -> None:
        """Nobody talks any more; what is left is politeness."""
        self._refresh.end()
        self._limit.cancel()
        self._referring.stop()
        if not self._told_over:
            self._told_over = True
            self._listener.on_over(reason)

    def _leave(self) -> None:
        self.state = State.OVER
        self._await_no_ack()
        self._forget()

    def _await_no_ack(self) -> bool:
        """Say no 2xx again; true where one was still to be acknowledged."""
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            awaited.stop()
        return awaited is not None


def _hop_back(request: Request, path: Path) -> Hop | None:
    """Where a 2xx goes when its connection is gone (section 18.2.2): the sender, at the port it listens on."""
    if not path.reliable:
        return None
    return Hop(path.transport, path.host, request.via.port or DEFAULT_PORTS[path.transport])
