"""SIP messages read and written: the only file that knows aiosipua, of which it uses the parser and the writer.

What the calculations get is checked here once and for all: the headers every message must have are there and mean
something (RFC 3261 section 8.1.1). A message shows nothing of itself in a log, a `repr` or an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

from aiosipua.headers import CaseInsensitiveDict
from aiosipua.message import SipMessage, SipRequest, SipResponse

from pipeline.sip.addresses import Address, Malformed, Via, read_address, read_via
from pipeline.sip.framing import (
    BODY_LIMIT_BYTES,
    HEADER_LIMIT_BYTES,
    declared_length,
    without_length,
)

HEADERS_MAX = 128
"""Of one kind or another; a carrier's INVITE has 30."""
CSEQ_MAX = 2**31
"""RFC 3261 section 8.1.1.5."""

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}\Z")
_CALL_ID = re.compile(r"[\x21-\x7e]{1,512}\Z")
_CSEQ = re.compile(r"([0-9]{1,10})[ \t]+(\S{1,64})\Z", re.ASCII)
_STATUS = re.compile(r"SIP/2\.0[ \t]+([1-6][0-9]{2})(?:[ \t].*)?\Z", re.ASCII | re.IGNORECASE)
_LONE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_SHORT_NAMES = {"x": "session-expires", "o": "event", "r": "refer-to", "b": "referred-by"}
"""Short forms of headers that came after RFC 3261; the parser knows only those in it."""
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-type")
"""Said twice with different words, a message means two things: each reader would take another."""

Header = tuple[str, str]


class Headers:
    """The headers of one message by name, in the order they came."""

    __slots__ = ("_by_name",)

    def __init__(self, parsed: CaseInsensitiveDict) -> None:
        """Keep what the parser found, under full names."""
        self._by_name: dict[str, list[str]] = {}
        for name, values in parsed.items():
            lower = name.lower()
            self._by_name.setdefault(_SHORT_NAMES.get(lower, lower), []).extend(values)

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return self._by_name.get(name, [])

    def first(self, name: str) -> str:
        """The first value; "" when there is none."""
        values = self._by_name.get(name)
        return values[0] if values else ""

    def tokens(self, name: str) -> list[str]:
        """A list of names, as in Require or Supported, in lower case."""
        return [
            token for value in self.all(name) for part in value.split(",")
            if (token := part.strip().lower())
        ]  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """What requests and responses share."""

    headers: Headers
    vias: tuple[str, ...]
    """As they came, the nearest first."""
    via: Via
    from_: Address
    to: Address
    call_id: str
    cseq: int
    body: bytes

    def __repr__(self) -> str:
        """Only what kind of thing it is: a log may show this."""
        return f"<{type(self).__name__}>"


@dataclass(frozen=True, slots=True, repr=False)
class Request(Message):
    """A request whose headers are sound."""

    method: str
    uri: str


@dataclass(frozen=True, slots=True, repr=False)
class Response(Message):
    """A response whose headers are sound."""

    status: int
    method: str
    """Of the request it answers, by its CSeq."""


class Unreadable(Exception):
    """A message that is not sound. Its text is a token; `status` is what to answer, with `headers`."""

    def __init__(self, reason: str, status: int = 0, headers: Headers | None = None) -> None:
        """`status` 0: nothing can be answered, or nothing may (it was a response, or an ACK)."""
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.headers = headers


def read(data: bytes) -> Request | Response:
    """One whole message. Raises `Unreadable`.

    A datagram may have 64 KB: of headers beyond their limit nothing is read, and a body beyond its own is not looked at.
    """
    end = data.find(b"\r\n\r\n", 0, HEADER_LIMIT_BYTES + 4)
    if end < 0 and len(data) > HEADER_LIMIT_BYTES:
        raise Unreadable("header_limit")
    head, _, body = data.partition(b"\r\n\r\n")
    if _LONE_LINE_END.search(head):  # each reader on the way would end the line elsewhere
        raise Unreadable("line_end")
    start, _, _ = head.partition(b"\r\n")
    try:
        first_line = start.decode("utf-8")
        head.decode("utf-8")
        trimmed, fault = _trimmed(head, body)
        parsed = SipMessage.parse(without_length(head) + b"\r\n\r\n")
    except ValueError:  # its text quotes the line
        raise Unreadable("syntax") from None
    headers = Headers(parsed.headers)
    if isinstance(parsed, SipResponse):
        return _response(first_line, headers, trimmed, fault)
    return _request(first_line, headers, trimmed, fault)


def _request(first_line: str, headers: Headers, body: bytes, fault_of_body: str) -> Request:
    parts = first_line.split(" ")
    answerable = 400 if parts[0] != "ACK" else 0
    try:
        if not _TOKEN.match(parts[0]) or parts[-1][:4].upper() != "SIP/":
            raise Malformed("request_line")
        if parts[-1].upper() != "SIP/2.0":
            raise Unreadable("version", answerable and 505, headers)
        if len(parts) != 3 or not parts[1] or parts[1].startswith("<"):
            raise Malformed("request_line")
        facts, method = _facts(headers, body, fault_of_body)
        if method != parts[0]:
            raise Malformed("cseq_method")
        if len(facts["body"]) > BODY_LIMIT_BYTES:
            raise Unreadable("body_limit", answerable and 513, headers)
        return Request(**facts, method=method, uri=parts[1])
    except Malformed as fault:
        raise Unreadable(fault.reason, answerable, headers) from None


def _response(first_line: str, headers: Headers, body: bytes, fault_of_body: str) -> Response:
    status = _STATUS.match(first_line)
    if status is None:
        raise Unreadable("status_line")
    try:
        facts, method = _facts(headers, body, fault_of_body)
        if len(facts["body"]) > BODY_LIMIT_BYTES:
            raise Malformed("body_limit")
        return Response(**facts, status=int(status[1]), method=method)
    except Malformed as fault:
        raise Unreadable(fault.reason) from None


class _Facts(TypedDict):
    """What requests and responses both have: the fields of `Message`."""

    headers: Headers
    vias: tuple[str, ...]
    via: Via
    from_: Address
    to: Address
    call_id: str
    cseq: int
    body: bytes


def _facts(headers: Headers, body: bytes, fault_of_body: str) -> tuple[_Facts, str]:
    """What every message needs, once, and CSeq's method. Raises `Malformed` where it is missing or means nothing."""
    if fault_of_body:
        raise Malformed(fault_of_body)
    for name in ("via", "from", "to", "call-id", "cseq"):
        if not headers.first(name):
            raise Malformed(f"no_{name}")
    for name in _SINGLE:
        if len(set(headers.all(name))) > 1:
            raise Malformed(f"two_{name}")
    if sum(len(headers.all(name)) for name in ("via", "route", "record-route")) > HEADERS_MAX:
        raise Malformed("too_many")
    if not _CALL_ID.match(headers.first("call-id")):
        raise Malformed("call_id")
    cseq = _CSEQ.match(headers.first("cseq"))
    if cseq is None or int(cseq[1]) >= CSEQ_MAX:
        raise Malformed("cseq")
    vias = tuple(headers.all("via"))
    facts = _Facts(
        headers=headers,
        vias=vias,
        via=read_via(vias[0]),
        from_=read_address(headers.first("from")),
        to=read_address(headers.first("to")),
        call_id=headers.first("call-id"),
        cseq=int(cseq[1]),
        body=body,
    )
    return facts, cseq[2]


def _trimmed(head: bytes, body: bytes) -> tuple[bytes, str]:
    """The body as long as the message says, and a fault: a datagram may hold more, never less (section 18.3)."""
    try:
        length = declared_length(head + b"\r\n")
    except ValueError:
        return body, "length"
    if length is None:
        return body, ""
    return body[:length], "length" if length > len(body) else ""


def write_request(method: str, uri: str, headers: Iterable[Header], body: bytes = b"") -> bytes:
    """A request as bytes; raises ValueError for a header that would break its line."""
    if not _TOKEN.match(method) or not re.fullmatch(r"[\x21-\x7e]+", uri):
        raise ValueError("a request line of ours would be none")
    return _bytes(SipRequest(method=method, uri=uri), headers, body)


def write_response(status: int, headers: Iterable[Header], body: bytes = b"") -> bytes:
    """A response as bytes, with the phrase of its status."""
    phrase = PHRASES.get(status, "Answer")
    return _bytes(SipResponse(status_code=status, reason_phrase=phrase), headers, body)


def _bytes(message: SipRequest | SipResponse, headers: Iterable[Header], body: bytes) -> bytes:
    for name, value in headers:
        message.headers.append(name, value)
    message.body = body
    return bytes(message)


PHRASES = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
}
