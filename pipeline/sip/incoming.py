"""A call that rings: from its INVITE to our answer, or to the caller's or our change of mind.

A calculation. What follows a 200 is `conversation`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.sip.conversation import CallListener, Conversation
from pipeline.sip.dialog import answer, called_side
from pipeline.sip.ports import CallMedia, CallOver, Invite, MediaRefused
from pipeline.sip.screening import Refusal
from pipeline.sip.settings import TrunkSettings
from pipeline.sip.station import ALLOW, SUPPORTED, Station
from pipeline.sip.transactions import ServerTransaction
from pipeline.sip.wire import Header, Request


class IncomingCall:
    """One call somebody makes to us."""

    def __init__(
        self,
        station: Station,
        invite: Invite,
        trunk: TrunkSettings,
        transaction: ServerTransaction,
        offer: bytes,
        forget: Callable[[IncomingCall], None],
        permits: Callable[[str], bool],
    ) -> None:
        """The INVITE is sound and admitted; `offer` is its session description, b"" when it brought none."""
        self.invite = invite
        self.trunk = trunk
        self.listener: CallListener | None = None
        self.conversation: Conversation | None = None
        self.transaction = transaction
        self.dialog = called_side(transaction.request, station.token())
        self.over_reason = ""
        self._station = station
        self._offer = offer
        self._forget = forget
        self._permits = permits
        self._limit = station.alarms.set(station.settings.ring_limit_ms, self._on_ring_limit)

    @property
    def ringing(self) -> bool:
        """Whether nobody has decided yet."""
        return self.conversation is None and not self.over_reason

    @property
    def connection(self) -> int:
        """The connection its messages came over last; 0 for a UDP socket."""
        path = self.transaction.path if self.conversation is None else self.conversation.path
        return path.connection if path.reliable else 0

    def ring(self) -> None:
        """Say 180: the caller hears its own network's tone; no media of ours."""
        self._respond(180, (self._contact(), ALLOW))

    def accept(self, media: CallMedia) -> None:
        """Answer 200. Raises `CallOver`, or `MediaRefused` once 488 is out."""
        if not self.ringing:
            raise CallOver
        try:
            body = media.answer(self._offer) if self._offer else media.offer()
        except MediaRefused as fault:
            self._respond(488)
            self._over("us")
            raise MediaRefused(fault.reason) from None
        self._limit.cancel()
        assert self.listener is not None  # noqa: S101  # set before anybody can accept
        request = self.transaction.request
        allowed = request.headers.tokens("allow")
        self.conversation = Conversation(
            self._station,
            self.dialog,
            self.transaction.path,
            media,
            self.listener,
            lambda: self._forget(self),
            permits=self._permits,
            updates="update" in allowed,
            digest=self.trunk.ours,
        )
        self.conversation.answer_invite(
            request, self.transaction, body, wants_answer=not self._offer
        )

    def reject(self, status: int, retry_after_s: int | None = None) -> None:
        """Refuse the call while it rings; later this does nothing."""
        if not self.ringing:
            return
        headers = () if retry_after_s is None else (("Retry-After", str(retry_after_s)),)
        self._respond(status, headers)
        self._over("us")

    def hang_up(self) -> None:
        """End it, whatever state it is in."""
        if self.conversation is not None:
            self.conversation.hang_up()
        else:
            self.reject(480)

    def may_last(self, limit_ms: float) -> None:
        """End it so long from now, and not before."""
        if self.conversation is not None:
            self.conversation.may_last(limit_ms)

    def refer(self, target: str) -> None:
        """Lead the caller away. Raises `CallOver` where there is nobody to lead."""
        if self.conversation is None:
            raise CallOver
        self.conversation.refer(target)

    def on_cancel(self) -> None:
        """The caller gave up before our answer (RFC 3261 section 9.2); after it, nothing."""
        if self.ringing:
            self._respond(487)
            self._over("caller")

    def receive(self, request: Request, transaction: ServerTransaction) -> None:
        """A request of this dialog, neither ACK nor CANCEL. Raises `Refusal`."""
        if self.conversation is not None:
            self.conversation.receive(request, transaction)
            return
        if not self.dialog.is_next(request):
            raise Refusal(500, "cseq", ("Retry-After", "1"))
        match request.method:
            case "INVITE":
                raise Refusal(500, "too_early", ("Retry-After", "2"))
            case "UPDATE" if (
                request.body
            ):  # our answer to its first offer is still due (RFC 3311 section 5.2)
                raise Refusal(500, "too_early", ("Retry-After", "2"))
            case "NOTIFY":
                raise Refusal(481, "subscription")
            case _:
                headers = (self._contact(), ALLOW, SUPPORTED) if request.method != "BYE" else ()
                tag = self.dialog.local_tag
                transaction.respond(200, answer(request, transaction.path, 200, tag, headers))
        if request.method == "BYE":
            self.on_cancel()

    def acknowledge(self, ack: Request) -> None:
        """The ACK of our 200."""
        if self.conversation is not None:
            self.conversation.acknowledge(ack)

    def _on_ring_limit(self) -> None:
        if self.ringing:
            self._respond(503, (("Retry-After", str(self._station.settings.retry_after_s)),))
            self._over("timeout")

    def _contact(self) -> Header:
        secure = self.transaction.request.uri.lower().startswith("sips:")
        return self._station.contact(self.transaction.path, secure=secure)

    def _respond(self, status: int, headers: Iterable[Header] = ()) -> None:
        transaction = self.transaction
        tag = self.dialog.local_tag
        transaction.respond(
            status, answer(transaction.request, transaction.path, status, tag, headers)
        )

    def _over(self, reason: str) -> None:
        self.over_reason = reason
        self._limit.cancel()
        self._forget(self)
        if self.listener is not None:
            self.listener.on_over(reason)
