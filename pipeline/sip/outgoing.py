"""A call of ours to a person, where the carrier does not transfer: from INVITE to 2xx, refusal or no answer.

A calculation (RFC 3261 sections 13.2, 9.1). What follows a 2xx is `conversation`'s. Targets come from the
configuration alone; nothing about a patient is in what is sent but the number the caller chose to show, if any.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from pipeline.sip.addresses import Malformed, hop_of, read_uri
from pipeline.sip.conversation import CallListener, Conversation
from pipeline.sip.dialog import MAX_FORWARDS, Dialog, DialogId, answer, contact_of, routes_of
from pipeline.sip.digest import CHALLENGED, Credentials
from pipeline.sip.paths import Path
from pipeline.sip.ports import CallMedia, MediaRefused, TransferOutcome
from pipeline.sip.refer import check_target, outcome_of
from pipeline.sip.screening import Refusal
from pipeline.sip.session_timer import answered
from pipeline.sip.settings import Digest
from pipeline.sip.station import ALLOW, SDP, SUPPORTED, USER, Station
from pipeline.sip.transactions import PATIENCE_MS, ServerTransaction, Way
from pipeline.sip.wire import Header, Request, Response, write_request

RINGING_MAX = 16
"""Telephones of one person that may ring at once."""
_NUMBER = re.compile(r"\+?[0-9]{1,20}\Z", re.ASCII)


class DialListener(CallListener, Protocol):
    """Who waits for the person to answer."""

    def on_failed(self, outcome: TransferOutcome) -> None:
        """Nobody answered: busy, refused, no answer. Told once, and then nothing more."""


class OutgoingCall:
    """One call we make."""

    def __init__(
        self,
        station: Station,
        target: str,
        media: CallMedia,
        caller: str,
        path: Path,
        listener: DialListener,
        permits: Callable[[str], bool],
        keep: Callable[[OutgoingCall, DialogId], None],
        drop: Callable[[OutgoingCall, DialogId | None], None],
        *,
        digest: Digest | None = None,
        proxy: str = "",
    ) -> None:
        """Send the INVITE, to the `proxy` (a SIP URI) where there is one. Raises ValueError for a target or a number that is none.

        `digest` answers who asks for a password, each once; where it is not taken nobody was reached.
        """
        check_target(target, station.settings.emergency_number)
        if caller and not _NUMBER.match(caller):
            raise ValueError(
                "the number shown to the person must be digits, with a leading + where known"
            )
        try:
            self._hop = hop_of(read_uri(proxy or target), path.transport)
        except Malformed:
            raise ValueError("a transfer target must name a host") from None
        self._station = station
        self._media = media
        self._path = path
        self._listener = listener
        self._permits = permits
        self._keep = keep
        self._drop = drop
        self._tag = station.token()
        self._call_id = station.token()
        self._digest = digest
        self._route: list[Header] = [("Route", f"<{proxy};lr>")] if proxy else []
        self._credentials = Credentials(digest, "INVITE", station.token)
        self._proofs: list[Header] = []
        """What the INVITE that was sent last shows of them."""
        self._number = 0
        """Of the INVITE that was sent last: one with credentials is another request of the same call."""
        self._from = f"<sip:{caller or USER}@{station.sent_by(path)}>"
        self._target = target
        self._heard = False
        self._cancelling = False
        self._settled = False
        self._rings: set[str] = set()
        """The tags of telephones that ring for it."""
        self._acks: dict[str, bytes] = {}
        """By the tag of who answered: said again when the 2xx comes again."""
        self._conversation: Conversation | None = None
        self._limit = station.alarms.set(station.settings.transfer_limit_ms, self._on_limit)
        self._offer = media.offer()
        self._invite()

    def _invite(self) -> None:
        """Send the next INVITE."""
        self._heard = False
        self._number += 1
        self._via, self._branch = self._station.via(self._path)
        self._proofs = self._credentials.headers(self._target)
        headers: list[Header] = [
            *self._headers(f"<{self._target}>", "INVITE"),
            *self._proofs,
            self._station.contact(self._path),
            ALLOW,
            SUPPORTED,
            ("Content-Type", SDP),
        ]
        data = write_request("INVITE", self._target, headers, self._offer)
        acknowledged = self._headers("", "ACK")
        self._transaction = self._station.transactions.request(
            "INVITE",
            data,
            self._way(),
            self._on_response,
            self._on_silence,
            ack=partial(self._refusal_ack, acknowledged),
        )

    @property
    def has_dialog(self) -> bool:
        """Whether somebody has answered."""
        return self._conversation is not None

    @property
    def connection(self) -> int:
        """See `exchange.Held`."""
        conversation = self._conversation
        return (conversation.path if conversation is not None else self._known_path()).connection

    def receive(self, request: Request, transaction: ServerTransaction) -> None:
        """See `exchange.Held`."""
        if self._conversation is not None:
            self._conversation.receive(request, transaction)
            return
        if request.method not in ("UPDATE", "OPTIONS", "INFO"):
            raise Refusal(481, "early")
        if request.method == "UPDATE" and request.body:  # RFC 3311 section 5.2: ours is unanswered
            raise Refusal(491, "glare")
        headers = (self._station.contact(self._path), ALLOW, SUPPORTED)
        transaction.respond(200, answer(request, transaction.path, 200, self._tag, headers))

    def acknowledge(self, ack: Request) -> None:
        """See `exchange.Held`."""
        if self._conversation is not None:
            self._conversation.acknowledge(ack)

    def hang_up(self) -> None:
        """Give up while it rings, or end the conversation."""
        if self._conversation is not None:
            self._conversation.hang_up()
        else:
            self._give_up(TransferOutcome.NO_ANSWER)

    def _on_response(self, response: Response) -> None:
        self._heard = True
        if response.status < 200:
            self._keep_early(response.to.tag)
            if self._cancelling:
                self._say_cancel()
        elif response.status < 300:
            self._on_answered(response)
        elif response.status not in CHALLENGED:
            self._fail(outcome_of(response.status))
            self._drop(self, None)
        elif not self._settled and self._credentials.answer(response):
            self._invite()
        else:
            self._fail(TransferOutcome.UNAUTHORIZED)
            self._drop(self, None)

    def _keep_early(self, tag: str) -> None:
        """A telephone rings (section 12.1): some exchanges say whose it is, by an UPDATE, before it is answered."""
        if tag and self._conversation is None and len(self._rings) < RINGING_MAX:
            self._rings.add(tag)
            self._keep(self, (self._call_id, self._tag, tag))

    def _known_path(self) -> Path:
        """Our way to the person: on a stream, once anything was answered, with the connection by which it was."""
        came = self._transaction.answered_by
        if came is None or came.transport != self._path.transport or not came.reliable:
            return self._path
        return replace(self._path, connection=came.connection)

    def _on_answered(self, response: Response) -> None:
        known = self._acks.get(response.to.tag)
        if known is not None:
            self._station.send(known, self._way(""))
            return
        try:
            routes = tuple(reversed(routes_of(response)))
        except Malformed:
            routes = ()
        dialog = Dialog(
            call_id=self._call_id,
            local=self._from,
            local_tag=self._tag,
            remote=response.to.raw,
            remote_tag=response.to.tag,
            target=contact_of(response) or self._target,
            routes=routes,
            local_cseq=self._number,
            remote_cseq=0,
            begun_here=True,
        )
        first = not self._settled
        path = self._known_path()
        conversation = Conversation(
            self._station,
            dialog,
            path,
            self._media,
            self._listener if first else _Nobody(),
            lambda: self._drop(self, dialog.id),
            permits=self._permits,
            updates="update" in response.headers.tokens("allow"),
            digest=self._digest,
        )
        # An ACK cannot be challenged: it says what its INVITE said (section 22.1).
        via = self._station.via(path)[0]
        ack = dialog.request("ACK", via, self._proofs, cseq=self._number)[1]
        self._acks[response.to.tag] = ack
        self._station.send(ack, conversation.way(""))
        if not first:  # another phone answered too, or it was too late (section 13.2.2.4)
            conversation.come_up()
            conversation.hang_up()
            return
        self._settled = True
        self._limit.cancel()
        self._conversation = conversation
        conversation.may_last(self._station.settings.talk_limit_ms)
        self._keep(self, dialog.id)
        self._take(conversation, response)

    def _take(self, conversation: Conversation, response: Response) -> None:
        try:
            self._media.accept(response.body)
        except MediaRefused as fault:
            self._listener.on_refused(fault.reason)
            conversation.come_up()
            conversation.hang_up()
            return
        conversation.keep_session(answered(response))
        conversation.come_up()

    def _on_limit(self) -> None:
        self._give_up(TransferOutcome.NO_ANSWER)

    def _on_silence(self) -> None:
        self._fail(TransferOutcome.NO_ANSWER)
        self._drop(self, None)

    def _give_up(self, outcome: TransferOutcome) -> None:
        if self._settled:
            return
        self._fail(outcome)
        self._cancelling = True
        if self._heard:  # before any answer a CANCEL may overtake its INVITE (section 9.1)
            self._say_cancel()

    def _say_cancel(self) -> None:
        self._cancelling = False
        data = write_request("CANCEL", self._target, self._headers(f"<{self._target}>", "CANCEL"))
        self._station.transactions.request(
            "CANCEL", data, self._way(), lambda _: None, lambda: None
        )
        self._station.alarms.set(PATIENCE_MS, self._transaction.give_up)

    def _fail(self, outcome: TransferOutcome) -> None:
        self._limit.cancel()
        if not self._settled:
            self._settled = True
            self._listener.on_failed(outcome)

    def _refusal_ack(self, headers: list[Header], response: Response) -> bytes:
        """Of the INVITE whose `headers` these are: another one may be under way already."""
        said = [(name, response.to.raw if name == "To" else value) for name, value in headers]
        return write_request("ACK", self._target, said)

    def _headers(self, to: str, method: str) -> list[Header]:
        return [
            ("Via", self._via),
            *self._route,
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"{self._from};tag={self._tag}"),
            ("To", to),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._number} {method}"),
        ]

    def _way(self, branch: str | None = None) -> Way:
        path = self._path if not self._path.reliable else None
        return Way(path, self._hop, self._branch if branch is None else branch, self._permits)


class _Nobody:
    """Who listens to a leg that is ended at once."""

    def on_up(self) -> None:
        """See `conversation.CallListener`."""

    def on_refused(self, reason: str) -> None:
        """See `conversation.CallListener`."""

    def on_refresh_refused(self, status: int, tries_left: int) -> None:
        """See `conversation.CallListener`."""

    def on_over(self, reason: str) -> None:
        """See `conversation.CallListener`."""

    def on_transfer(self, outcome: TransferOutcome) -> None:
        """See `conversation.CallListener`."""
