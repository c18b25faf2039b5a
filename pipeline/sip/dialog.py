"""What two ends of a call remember of each other (RFC 3261 section 12): tags, counters, target and route.

A calculation: it writes requests and answers and knows where they go, and sends none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.sip.addresses import Malformed, answered_via, hop_of, read_address, read_uri
from pipeline.sip.paths import Hop, Path
from pipeline.sip.wire import Header, Request, Response, write_request, write_response

MAX_FORWARDS = "70"
DialogId = tuple[str, str, str]
"""Call-ID, our tag, their tag."""


@dataclass(slots=True, repr=False)
class Dialog:
    """One end's memory of a call."""

    call_id: str
    local: str
    """Our From in requests: the header without its tag."""
    local_tag: str
    remote: str
    """Their To in requests, with its tag."""
    remote_tag: str
    target: str
    """Their Contact."""
    routes: tuple[str, ...]
    """What stands between, nearest first."""
    local_cseq: int
    remote_cseq: int
    begun_here: bool = False
    """Whether its Call-ID is ours."""

    @property
    def id(self) -> DialogId:
        """What its requests are recognised by."""
        return (self.call_id, self.local_tag, self.remote_tag)

    def is_next(self, request: Request) -> bool:
        """Whether a request comes after all others of this dialog; remembers it (section 12.2.2)."""
        if request.cseq <= self.remote_cseq:
            return False
        self.remote_cseq = request.cseq
        return True

    def retarget(self, message: Request | Response) -> None:
        """Take a new Contact, as re-INVITE, UPDATE and their answers may bring one."""
        contact = contact_of(message)
        if contact:
            self.target = contact

    def next_hop(self, path: Path) -> Hop | None:
        """Where a request of ours goes when no connection stands; None: that leads nowhere."""
        try:
            first = read_address(self.routes[0]).uri if self.routes else self.target
            return hop_of(read_uri(first), path.transport)
        except Malformed:
            return None

    def request(
        self,
        method: str,
        via: str,
        headers: Iterable[Header] = (),
        body: bytes = b"",
        *,
        cseq: int = 0,
    ) -> tuple[int, bytes]:
        """Write a request; returns its number too. `cseq` repeats one, for an ACK."""
        if not cseq:
            self.local_cseq += 1
            cseq = self.local_cseq
        uri, routes = self._leads()
        written: list[Header] = [
            ("Via", via),
            *(("Route", route) for route in routes),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"{self.local};tag={self.local_tag}"),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
        ]
        return cseq, write_request(method, uri, written, body)

    @property
    def request_uri(self) -> str:
        """What a request of ours names as whom it is for."""
        return self._leads()[0]

    def _leads(self) -> tuple[str, tuple[str, ...]]:
        """The request's URI, and the Routes in it."""
        if self.routes:
            first = read_address(self.routes[0])
            if "lr" not in read_uri(first.uri).params:  # a strict router (section 12.2.1.1)
                return first.uri, (*self.routes[1:], f"<{self.target}>")
        return self.target, self.routes


def contact_of(message: Request | Response) -> str:
    """The URI of the first Contact; "" when there is none that leads somewhere."""
    try:
        uri = read_address(message.headers.first("contact")).uri
        return uri if read_uri(uri).host else ""
    except Malformed:
        return ""


def routes_of(message: Request | Response) -> tuple[str, ...]:
    """The Record-Routes as they came; raises `Malformed` when one leads nowhere."""
    routes = tuple(message.headers.all("record-route"))
    for route in routes:
        if not read_uri(read_address(route).uri).host:
            raise Malformed("record_route")
    return routes


def called_side(invite: Request, tag: str) -> Dialog:
    """The dialog an INVITE begins on the side that is called (section 12.1.1): the route as it came, not reversed."""
    return Dialog(
        call_id=invite.call_id,
        local=invite.to.raw,
        local_tag=tag,
        remote=invite.from_.raw,
        remote_tag=invite.from_.tag,
        target=contact_of(invite),
        routes=tuple(invite.headers.all("record-route")),
        local_cseq=0,
        remote_cseq=invite.cseq,
    )


def answer(
    request: Request,
    path: Path,
    status: int,
    tag: str = "",
    headers: Iterable[Header] = (),
    body: bytes = b"",
) -> bytes:
    """Write the answer to a request (section 8.2.6); one that makes a dialog keeps the proxies' Record-Route."""
    vias = (answered_via(request.vias[0], path), *request.vias[1:])
    to = request.to.raw
    if tag and not request.to.tag:
        to += f";tag={tag}"
    written: list[Header] = [("Via", via) for via in vias]
    if request.method == "INVITE" and 100 < status < 300:
        written += [("Record-Route", one) for one in request.headers.all("record-route")]
    written += [
        ("From", request.from_.raw),
        ("To", to),
        ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq} {request.method}"),
        *headers,
    ]
    if status == 100 and (timestamp := request.headers.first("timestamp")):
        written.append(("Timestamp", timestamp))
    return write_response(status, written, body)
