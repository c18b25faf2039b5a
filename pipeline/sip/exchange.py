"""Every message of every trunk, to the call or the refusal it belongs to (RFC 3261 sections 8.2 and 16.3).

A calculation: bytes, paths and time go in, bytes go out through the station, and new calls are told to `on_call`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from pipeline.sip.addresses import Malformed, answered_via
from pipeline.sip.admission import Admission, AdmittedTrunk, rate
from pipeline.sip.dialog import DialogId, answer
from pipeline.sip.digest import Challenges
from pipeline.sip.events import TrunkFault, TrunkRequestRefused
from pipeline.sip.incoming import IncomingCall
from pipeline.sip.numbers import invite_of
from pipeline.sip.outgoing import DialListener, OutgoingCall
from pipeline.sip.paths import Path
from pipeline.sip.ports import CallMedia
from pipeline.sip.screening import (
    Refusal,
    check_extensions,
    check_invite,
    check_method,
    check_uri,
    sdp_of,
)
from pipeline.sip.settings import SignallingSettings
from pipeline.sip.station import ACCEPT, ALLOW, SUPPORTED, Station
from pipeline.sip.transactions import Send, ServerTransaction, Way
from pipeline.sip.wire import Header, Request, Unreadable, read, write_response
from pipeline.telemetry.events import Token, emit

STATELESS_TAG_BYTES = 8
TOLD_PER_S = 5.0


@dataclass(slots=True)
class Dropped:
    """What got no answer, counted."""

    strangers: int = 0
    unreadable: int = 0
    stray: int = 0
    untold: int = 0
    """Refusals that were answered, and not told one by one: a flood of them must not flood the log."""


class Held(Protocol):
    """A call of either direction, as its messages find it."""

    @property
    def connection(self) -> int:
        """The connection its messages came over last."""

    def receive(self, request: Request, transaction: ServerTransaction) -> None:
        """A request of its dialog. Raises `Refusal`."""

    def acknowledge(self, ack: Request) -> None:
        """An ACK of its dialog."""

    def hang_up(self) -> None:
        """The gateway stops."""


class Exchange:
    """The whole of signalling but sockets and tasks."""

    def __init__(
        self,
        settings: SignallingSettings,
        send: Send,
        token: Callable[[], str],
        may_ring: Callable[[], int | None],
        on_call: Callable[[IncomingCall], None],
    ) -> None:
        """`on_call` is told of a call that rings, and sets its listener. Raises ValueError for a bad network."""
        self.station = Station(settings, send, token)
        self.admission = Admission(settings.trunks, settings.max_calls, settings.calls_per_s)
        self.dropped = Dropped()
        self._told = rate(TOLD_PER_S)
        self._settings = settings
        self._may_ring = may_ring
        self._on_call = on_call
        self._challenges = Challenges(token().encode())
        self._calls: dict[DialogId, Held] = {}
        self._trunks: dict[DialogId, AdmittedTrunk] = {}
        self._dialled: set[OutgoingCall] = set()
        self._early: dict[DialogId, OutgoingCall] = {}
        """Telephones that ring for a call of ours: they may say something within it before they answer."""
        self._bridged: set[DialogId] = set()
        self._by_invite: dict[ServerTransaction, IncomingCall] = {}
        self._merged: dict[tuple[str, str, int], ServerTransaction] = {}

    @property
    def calls(self) -> int:
        """Dialogs that are remembered, those that only wait for a BYE's answer too, and calls of ours that ring."""
        return len(self._calls) + sum(not call.has_dialog for call in self._dialled)

    def next_ms(self) -> float | None:
        """When `run` wants to be called."""
        return self.station.alarms.next_ms()

    def run(self, now_ms: float) -> None:
        """Let time pass."""
        while True:
            try:
                self.station.alarms.run(now_ms)
                return
            except Exception as error:  # noqa: BLE001  # the edge of a call: its alarm fails alone
                emit(TrunkFault(Token("alarm"), Token(type(error).__name__)))

    def receive(self, data: bytes, path: Path) -> None:
        """One whole message came, now."""
        try:
            self._receive(data, path)
        except Exception as error:  # noqa: BLE001  # the edge of a message: one that breaks us ends alone
            emit(TrunkFault(Token("message"), Token(type(error).__name__)))

    def _receive(self, data: bytes, path: Path) -> None:
        trunk = self.admission.trunk_of(path)
        if trunk is None:
            self.dropped.strangers += 1
            return
        path = _as_told(path, trunk)
        try:
            message = read(data)
        except Unreadable as fault:
            self._answer_unreadable(fault, path)
            return
        if not isinstance(message, Request):
            self.dropped.stray += not self.station.transactions.answered(message, path)
            return
        if message.method == "ACK":
            self._on_ack(message, trunk)
            return
        transaction = self.station.transactions.receive(
            message, path, trunk.settings.name, remember=self._matters(message, trunk)
        )
        if transaction is None:
            return
        try:
            self._serve(message, transaction, trunk)
        except Refusal as refusal:
            self._refuse(message, transaction, trunk, refusal)
        except Exception as error:  # noqa: BLE001  # the edge of a request: one that breaks us ends alone
            emit(TrunkFault(Token("request"), Token(type(error).__name__)))
            self._refuse(message, transaction, trunk, Refusal(500, "fault"))

    def _matters(self, request: Request, trunk: AdmittedTrunk) -> bool:
        """Whether an answer must be the same when the request comes again: where a call is begun or meant.

        Anything else (OPTIONS, and what no call of ours is meant by) is answered and forgotten: nothing of it is kept.
        """
        if request.method == "INVITE":
            return True
        if request.method == "CANCEL":
            return self.station.transactions.cancelled_by(request) is not None
        return bool(request.to.tag) and self._call_of(request, trunk) is not None

    def uses(self, connection: int) -> bool:
        """Whether a call goes over this connection."""
        calls = (*self._calls.values(), *self._dialled)
        return any(call.connection == connection for call in calls)

    def hang_up_all(self) -> None:
        """The gateway stops."""
        for call in (*self._calls.values(), *self._dialled):
            call.hang_up()

    # ---- one request ---------------------------------------------------------------------------------------------

    def _serve(
        self, request: Request, transaction: ServerTransaction, trunk: AdmittedTrunk
    ) -> None:
        if request.method == "CANCEL":
            self._on_cancel(request, transaction, trunk)
            return
        check_method(request)
        if request.to.tag:
            call = self._call_of(request, trunk)
            if call is None:
                raise Refusal(481, "no_call")
            call.receive(request, transaction)
            return
        check_uri(request)
        check_extensions(request)
        match request.method:
            case "OPTIONS":
                self._reply(request, transaction, 200, (ALLOW, SUPPORTED, ACCEPT))
            case "INVITE":
                self._on_invite(request, transaction, trunk)
            case _:
                raise Refusal(481, "no_call")

    def _on_invite(
        self, request: Request, transaction: ServerTransaction, trunk: AdmittedTrunk
    ) -> None:
        merged = self._merged.get((request.call_id, request.from_.tag, request.cseq))
        if merged is not None:
            raise Refusal(482, "merged")
        check_invite(request)
        offer = sdp_of(request)
        self._check_credentials(request, transaction.path, trunk)
        self._check_room(transaction, trunk)
        token = self.station.token
        invite = invite_of(request, token(), trunk.settings.name, self._settings.own_numbers)
        call = IncomingCall(
            self.station,
            invite,
            trunk.settings,
            transaction,
            offer,
            self._forget,
            trunk.permits,
        )
        self._calls[call.dialog.id] = call
        self._trunks[call.dialog.id] = trunk
        self._by_invite[transaction] = call
        self._merged[(request.call_id, request.from_.tag, request.cseq)] = transaction
        self.admission.begin(trunk)
        call.ring()
        self._on_call(call)

    def _check_credentials(self, request: Request, path: Path, trunk: AdmittedTrunk) -> None:
        digest = trunk.settings.digest
        if digest is None:
            return
        now_ms = self.station.alarms.now_ms
        verdict = self._challenges.judge(request, digest, path.host, now_ms)
        if verdict != "good":
            asked = self._challenges.ask(digest, path.host, now_ms, stale=verdict == "stale")
            raise Refusal(401, f"credentials_{verdict}", *asked)

    def _check_room(self, transaction: ServerTransaction, trunk: AdmittedTrunk) -> None:
        full = not transaction.remembered
        if full or not self.admission.has_room(trunk, self.station.alarms.now_ms):
            wait_s: int | None = self._settings.retry_after_s
        else:
            wait_s = self._may_ring()
        if wait_s is not None:
            raise Refusal(503, "busy", ("Retry-After", str(wait_s)))

    def _call_of(self, request: Request, trunk: AdmittedTrunk) -> Held | None:
        """The call whose dialog this is, where it is this trunk's: no trunk acts in another's."""
        dialog = request.call_id, request.to.tag, request.from_.tag
        if self._trunks.get(dialog) is not trunk:
            return None
        return self._calls.get(dialog) or self._early.get(dialog)

    def _on_cancel(
        self, request: Request, transaction: ServerTransaction, trunk: AdmittedTrunk
    ) -> None:
        invite = self.station.transactions.cancelled_by(request)
        call = None if invite is None else self._by_invite.get(invite)
        if invite is None or (call is not None and self._trunks.get(call.dialog.id) is not trunk):
            raise Refusal(481, "no_call")
        tag = call.dialog.local_tag if call is not None else self.station.token()
        transaction.respond(200, answer(request, transaction.path, 200, tag))
        if call is not None:
            call.on_cancel()

    def _on_ack(self, ack: Request, trunk: AdmittedTrunk) -> None:
        if self.station.transactions.acknowledge(ack):
            return
        call = self._call_of(ack, trunk)
        if call is None:
            self.dropped.stray += 1
            return
        try:
            call.acknowledge(ack)
        except Exception as error:  # noqa: BLE001  # the edge of a request
            emit(TrunkFault(Token("ack"), Token(type(error).__name__)))
            call.hang_up()

    # ---- answers -------------------------------------------------------------------------------------------------

    def _refuse(
        self,
        request: Request,
        transaction: ServerTransaction,
        trunk: AdmittedTrunk,
        refusal: Refusal,
    ) -> None:
        if transaction.answered:
            return
        if self._told.takes(self.station.alarms.now_ms):
            name = Token(trunk.settings.name)
            emit(TrunkRequestRefused(name, refusal.status, Token(refusal.reason)))
        else:
            self.dropped.untold += 1
        self._reply(request, transaction, refusal.status, refusal.headers)

    def _reply(
        self,
        request: Request,
        transaction: ServerTransaction,
        status: int,
        headers: Iterable[Header],
    ) -> None:
        """Answer outside any dialog; a tag made of the request itself, so that a repeated answer has the same."""
        seed = f"{request.call_id} {request.from_.tag} {request.via.branch}"
        tag = hashlib.blake2b(seed.encode(), digest_size=STATELESS_TAG_BYTES).hexdigest()
        transaction.respond(status, answer(request, transaction.path, status, tag, headers))

    def _answer_unreadable(self, fault: Unreadable, path: Path) -> None:
        """Tell the sender of a request that it is none, as far as it says where it came from."""
        self.dropped.unreadable += 1
        headers = fault.headers
        if not fault.status or headers is None:
            return
        needed = ("via", "from", "to", "call-id", "cseq")
        if not all(headers.first(name) for name in needed):
            return
        vias = headers.all("via")
        try:
            top = answered_via(vias[0], path)
        except Malformed:
            top = vias[0]
        written = [("Via", top), *(("Via", via) for via in vias[1:])]
        written += [
            (shown, headers.first(shown.lower())) for shown in ("From", "To", "Call-ID", "CSeq")
        ]
        try:
            data = write_response(fault.status, written)
        except ValueError:  # what came cannot be said again
            return
        self.station.send(data, Way(path, None))

    # ---- calls of ours -------------------------------------------------------------------------------------------

    def dial(
        self,
        trunk_name: str,
        target: str,
        media: CallMedia,
        caller: str,
        path: Path,
        listener: DialListener,
    ) -> OutgoingCall:
        """Call somebody over a trunk; `path` says what is ours of the way there. Raises ValueError."""
        trunk = self.admission.trunk_named(trunk_name)
        call = OutgoingCall(
            self.station,
            target,
            media,
            caller,
            _as_told(path, trunk),
            listener,
            trunk.permits,
            partial(self._keep, trunk),
            self._drop,
            digest=trunk.settings.ours,
            proxy=trunk.settings.outbound_proxy,
        )
        self._dialled.add(call)
        return call

    def bridge(self, call: IncomingCall) -> None:
        """A person has the caller, through us: the limits of a call with a worker are not theirs."""
        dialog = call.dialog.id
        if dialog in self._calls and dialog not in self._bridged:
            self._bridged.add(dialog)
            self.admission.bridge()
            call.may_last(self._settings.talk_limit_ms)

    def _keep(self, trunk: AdmittedTrunk, call: OutgoingCall, dialog: DialogId) -> None:
        if call.has_dialog:
            self._forget_early(call)
            self._calls[dialog] = call
        else:
            self._early[dialog] = call
        self._trunks[dialog] = trunk

    def _forget_early(self, call: OutgoingCall) -> None:
        for dialog in [each for each, rings in self._early.items() if rings is call]:
            del self._early[dialog]
            self._trunks.pop(dialog, None)

    def _drop(self, call: OutgoingCall, dialog: DialogId | None) -> None:
        self._dialled.discard(call)
        self._forget_early(call)
        if dialog is not None:
            self._calls.pop(dialog, None)
            self._trunks.pop(dialog, None)

    def _forget(self, call: IncomingCall) -> None:
        request = call.transaction.request
        if self._calls.pop(call.dialog.id, None) is None:
            return
        bridged = call.dialog.id in self._bridged
        self._bridged.discard(call.dialog.id)
        self.admission.end(self._trunks.pop(call.dialog.id), bridged=bridged)
        self._by_invite.pop(call.transaction, None)
        self._merged.pop((request.call_id, request.from_.tag, request.cseq), None)


def _as_told(path: Path, trunk: AdmittedTrunk) -> Path:
    """The same way, with what this trunk is told of our end of it."""
    told = trunk.settings.advertised_host
    return replace(path, advertised_host=told) if told else path
