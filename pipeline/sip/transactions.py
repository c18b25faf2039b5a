"""Requests and their answers (RFC 3261 section 17, RFC 6026): what is repeated, until when, and what is absorbed.

A calculation on `Alarms`: it is told messages and sends through a function it is given. Knows no call and no socket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.sip.alarms import Alarm, Alarms
from pipeline.sip.paths import DEFAULT_PORTS, Hop, Path
from pipeline.sip.shares import Shares
from pipeline.sip.wire import Request, Response

T1_MS = 500.0
"""A round trip, RFC 3261 table 4."""
T2_MS = 4_000.0
T4_MS = 5_000.0
PATIENCE_MS = 64 * T1_MS
"""32 s: who has not answered by then does not."""
REFUSED_MS = T4_MS
"""A new call refused at once, without having rung: a caller who missed that asks again, and is answered anew. Kept for as
long as a copy of the request may still be under way, and no longer: a flood of refusals must not fill the table."""
COOKIE = "z9hG4bK"

Send = Callable[[bytes, "Way"], None]
Permits = Callable[[str], bool]
"""Whether a numeric address is the trunk's whose call this is."""


def nobody(host: str) -> bool:
    """Where a message goes back on its path and nowhere else."""
    del host
    return False


@dataclass(frozen=True, slots=True)
class Way:
    """Where a message goes: back on the path, and when that is gone, to the hop."""

    path: Path | None
    hop: Hop | None
    branch: str = ""
    """Whose request this is; `Transactions.unsendable` wants it back when no connection can be made."""
    permits: Permits = nobody
    """Which addresses the hop may be: a trunk's messages go to nobody else, whatever its Contact or a target's name leads to."""


Key = tuple[str, ...]


def server_key(request: Request, method: str) -> Key:
    """Which transaction a request belongs to (section 17.2.3); for senders of RFC 2543, which knew no branch, too."""
    sent_by = f"{request.via.host}:{request.via.port or ''}"
    branch = request.via.branch
    if branch.startswith(COOKIE) and branch != COOKIE:
        return (branch, sent_by, method)
    return (request.call_id, request.from_.tag, str(request.cseq), sent_by, method)


def back(request: Request, path: Path) -> Way:
    """The way an answer goes (sections 18.2.2, RFC 3581): a sender on UDP who asks for no rport listens where Via says."""
    if path.reliable or request.via.rport:
        return Way(path, None)
    return Way(replace(path, port=request.via.port or DEFAULT_PORTS["udp"]), None)


class ServerTransaction:
    """One request that came, and the answers to it."""

    def __init__(
        self, table: Transactions, key: Key, request: Request, path: Path, *, remembered: bool
    ) -> None:
        """Made by `Transactions.receive`. One that is not remembered is answered once and leaves nothing."""
        self._table = table
        self._key = key
        self._remembered = remembered
        self.request = request
        self.path = path
        self._back = back(request, path)
        self.invite = request.method == "INVITE"
        self.answered = False
        """Whether a final answer went out."""
        self._accepted = False
        self._rang = False
        self._last: bytes | None = None
        self._again: Alarm | None = None
        self._interval_ms = T1_MS
        self._end: Alarm | None = None

    @property
    def remembered(self) -> bool:
        """Whether there was a place for it; a call needs one."""
        return self._remembered

    def respond(self, status: int, data: bytes) -> None:
        """Answer; the first final answer counts, and is repeated as long as it must be."""
        if self.answered:
            return
        self._table.send(data, self._back)
        self._last = data
        if status < 200:
            self._rang = True
            return
        self.answered = True
        if not self._remembered:
            return
        if not self.invite:
            self._end_after(0 if self.path.reliable else PATIENCE_MS)
            return
        self._accepted = status < 300
        at_once = not (self._accepted or self._rang or self.request.to.tag)
        self._end_after(REFUSED_MS if at_once else PATIENCE_MS)
        if not self._accepted and not self.path.reliable:
            self._again = self._table.alarms.set(T1_MS, self._repeat)

    def repeated(self, path: Path) -> None:
        """The request came again: so does our answer, if there is one, by the way it came now.

        A 2xx to INVITE is not repeated here: its call does that until the ACK.
        """
        self.path = path
        self._back = back(self.request, path)
        if self._last is not None and not self._accepted:
            self._table.send(self._last, self._back)

    def acknowledged(self) -> None:
        """The ACK of a refusal came."""
        if self._again is not None:
            self._again.cancel()
        self._end_after(0 if self.path.reliable else T4_MS)

    @property
    def refused(self) -> bool:
        """Whether an INVITE was answered with 300 or more, so that its ACK ends here."""
        return self.answered and not self._accepted

    def _repeat(self) -> None:
        if self._last is not None:
            self._table.send(self._last, self._back)
        self._interval_ms = min(2 * self._interval_ms, T2_MS)
        self._again = self._table.alarms.set(self._interval_ms, self._repeat)

    def _end_after(self, ms: float) -> None:
        if self._end is not None:
            self._end.cancel()
        if ms:
            self._end = self._table.alarms.set(ms, self.forget)
        else:
            self.forget()

    def forget(self) -> None:
        """Leave the table."""
        for alarm in (self._again, self._end):
            if alarm is not None:
                alarm.cancel()
        if self._remembered:
            self._table.forget_server(self._key)


class ClientTransaction:
    """One request of ours, until it is answered or given up."""

    def __init__(
        self,
        table: Transactions,
        method: str,
        data: bytes,
        way: Way,
        on_response: Callable[[Response], None],
        on_silence: Callable[[], None],
        patience_ms: float,
    ) -> None:
        """Made by `Transactions.request`."""
        self._table = table
        self.method = method
        self._data = data
        self._way = way
        self._on_response = on_response
        self._on_silence = on_silence
        self._patience_ms = patience_ms
        self._interval_ms = T1_MS
        self._again: Alarm | None = None
        self._end: Alarm | None = None
        self._provisional = False
        self._finished = False
        self._ack: Callable[[Response], bytes] | None = None
        self.answered_by: Path | None = None
        """The way its last answer came."""

    def begin(self, ack: Callable[[Response], bytes] | None) -> None:
        """Send it. `ack` writes the ACK of a refused INVITE, which belongs to the transaction."""
        self._ack = ack
        self._end = self._table.alarms.set(self._patience_ms, self.give_up)
        path = self._way.path
        hop = self._way.hop
        reliable = path.reliable if path is not None else hop is not None and hop.transport != "udp"
        if not reliable:
            self._again = self._table.alarms.set(T1_MS, self._repeat)
        self._table.send(self._data, self._way)

    def receive(self, response: Response, path: Path) -> None:
        """An answer came, by this way."""
        self.answered_by = path
        if self._finished:
            if self._ack is not None and response.status >= 300:
                self._table.send(self._ack(response), self._way)
            elif self._ack is not None and response.status >= 200:
                self._on_response(response)  # a 2xx again: its ACK was lost, and that is the call's
            return
        if response.status < 200:
            self._on_provisional()
        else:
            self._on_final(response)
        self._on_response(response)

    def give_up(self) -> None:
        """Nobody answers, or no connection can be made."""
        if self._finished:
            self._leave()
            return
        self._leave()
        self._finished = True
        self._on_silence()

    def _on_provisional(self) -> None:
        self._provisional = True
        if self.method == "INVITE":
            for alarm in (self._again, self._end):  # it may ring as long as its caller lets it
                if alarm is not None:
                    alarm.cancel()

    def _on_final(self, response: Response) -> None:
        self._finished = True
        if self._ack is None:
            self._leave()
            return
        for alarm in (self._again, self._end):
            if alarm is not None:
                alarm.cancel()
        if response.status >= 300:
            self._table.send(self._ack(response), self._way)
        self._end = self._table.alarms.set(PATIENCE_MS, self._leave)

    def _repeat(self) -> None:
        self._table.send(self._data, self._way)
        if self.method == "INVITE":
            self._interval_ms *= 2
        else:
            self._interval_ms = T2_MS if self._provisional else min(2 * self._interval_ms, T2_MS)
        self._again = self._table.alarms.set(self._interval_ms, self._repeat)

    def _leave(self) -> None:
        for alarm in (self._again, self._end):
            if alarm is not None:
                alarm.cancel()
        self._table.forget_client(self._way.branch, self.method)


class Transactions:
    """All requests under way, in both directions."""

    def __init__(self, alarms: Alarms, send: Send, shares: Shares) -> None:
        """`send` puts bytes on their way and returns at once; `shares` is for requests that came."""
        self.alarms = alarms
        self.send = send
        self._shares = shares
        self._servers: dict[Key, ServerTransaction] = {}
        self._places: dict[Key, tuple[str, str]] = {}
        """Trunk and address that each request took a place of."""
        self._clients: dict[tuple[str, str], ClientTransaction] = {}

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._servers) + len(self._clients)

    def receive(
        self, request: Request, path: Path, trunk: str, *, remember: bool
    ) -> ServerTransaction | None:
        """A request came (no ACK). None: it came before, and what it needs has been done.

        `remember` false: its answer follows from itself, so that it may be made again.
        """
        key = server_key(request, request.method)
        known = self._servers.get(key)
        if known is not None:
            known.repeated(path)
            return None
        remembered = remember and self._shares.take(trunk, path.host)
        transaction = ServerTransaction(self, key, request, path, remembered=remembered)
        if remembered:
            self._servers[key] = transaction
            self._places[key] = (trunk, path.host)
        return transaction

    def acknowledge(self, ack: Request) -> bool:
        """An ACK came; True when it was for a refusal, and all is done."""
        transaction = self._servers.get(server_key(ack, "INVITE"))
        if transaction is None or not transaction.refused:
            return False
        transaction.acknowledged()
        return True

    def cancelled_by(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE that a CANCEL means (section 9.2)."""
        return self._servers.get(server_key(cancel, "INVITE"))

    def request(
        self,
        method: str,
        data: bytes,
        way: Way,
        on_response: Callable[[Response], None],
        on_silence: Callable[[], None],
        *,
        patience_ms: float = PATIENCE_MS,
        ack: Callable[[Response], bytes] | None = None,
    ) -> ClientTransaction:
        """Send a request of ours; `way.branch` is the one in its Via."""
        transaction = ClientTransaction(
            self, method, data, way, on_response, on_silence, patience_ms
        )
        self._clients[(way.branch, method)] = transaction
        transaction.begin(ack)
        return transaction

    def answered(self, response: Response, path: Path) -> bool:
        """A response came by this way; False when it answers nothing of ours."""
        transaction = self._clients.get((response.via.branch, response.method))
        if transaction is None:
            return False
        transaction.receive(response, path)
        return True

    def unsendable(self, branch: str) -> None:
        """No connection could be made for the request with this branch."""
        for (other, _), transaction in list(self._clients.items()):
            if other == branch:
                transaction.give_up()

    def forget_server(self, key: Key) -> None:
        """Used by a transaction that is over."""
        if self._servers.pop(key, None) is not None:
            self._shares.give_back(*self._places.pop(key))

    def forget_client(self, branch: str, method: str) -> None:
        """Used by a transaction that is over."""
        self._clients.pop((branch, method), None)
