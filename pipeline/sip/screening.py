"""What a request must not ask of us, and the refusal that says so (RFC 3261 section 8.2). Calculations."""

from __future__ import annotations

from pipeline.sip.addresses import Malformed, read_uri
from pipeline.sip.dialog import contact_of, routes_of
from pipeline.sip.session_timer import MIN_SE_S, too_small
from pipeline.sip.station import ACCEPT, ALLOW, EXTENSIONS, SDP
from pipeline.sip.wire import Header, Request


class Refusal(Exception):
    """A request is answered with `status` and these headers; `reason` is a token for the log."""

    def __init__(self, status: int, reason: str, *headers: Header) -> None:
        """Nothing of the request is in it."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


def check_method(request: Request) -> None:
    """Refuse what is not in Allow (405)."""
    if request.method not in ALLOW[1].split(", "):
        raise Refusal(405, "method", ALLOW)


def check_extensions(request: Request) -> None:
    """Refuse what requires something we do not have (420)."""
    missing = [token for token in request.headers.tokens("require") if token not in EXTENSIONS]
    if missing:
        shown = [token for token in missing if token.isascii() and token.isprintable()]
        raise Refusal(420, "extension", ("Unsupported", ", ".join(shown)))


def check_uri(request: Request) -> None:
    """Refuse an address that is none of a telephone's (416), or carries headers (400, section 19.1.5)."""
    if "?" in request.uri:
        raise Refusal(400, "request_uri")
    try:
        read_uri(request.uri)
    except Malformed as fault:
        raise Refusal(416 if fault.reason == "scheme" else 400, "request_uri") from None


def check_invite(request: Request) -> None:
    """Refuse an INVITE without what a dialog is made of (400, 406), or with a timer too short (422).

    A From without a tag is one: callers of RFC 2543 have none (section 12.1.1).
    """
    if not contact_of(request):
        raise Refusal(400, "contact")
    kinds = {token.partition(";")[0].strip() for token in request.headers.tokens("accept")}
    if kinds and not kinds & {SDP, "application/*", "*/*"}:
        raise Refusal(406, "accept")
    try:
        routes_of(request)
    except Malformed:
        raise Refusal(400, "record_route") from None
    check_timer(request)


def check_timer(request: Request) -> None:
    """Refuse a session timer below the least of RFC 4028 (422)."""
    if too_small(request):
        raise Refusal(422, "session_timer", ("Min-SE", str(MIN_SE_S)))


def sdp_of(request: Request) -> bytes:
    """The session description a request brings; b"" when it brings none. Refuses any other body (415)."""
    encoding = request.headers.first("content-encoding").strip().lower()
    if request.body and encoding not in ("", "identity"):
        raise Refusal(415, "encoding", ("Accept-Encoding", "identity"))
    kind = request.headers.first("content-type").partition(";")[0].strip().lower()
    if not request.body:
        return b""
    if kind != SDP:
        raise Refusal(415, "body", ACCEPT)
    return request.body
