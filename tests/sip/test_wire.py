"""Messages read: what is taken, what is not, and what is said of it."""

from __future__ import annotations

import pytest

from pipeline.sip.addresses import Malformed, hop_of, read_address, read_uri, read_via
from pipeline.sip.paths import Hop
from pipeline.sip.wire import Request, Response, Unreadable, read, write_request, write_response
from tests.sip.shapes import Peer, said

WHOLE = Peer(extra_vias=("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKz, SIP/2.0/TCP 10.0.0.2",)).invite()


def test_a_request_is_read() -> None:
    request = read(WHOLE)
    assert isinstance(request, Request)
    assert (request.method, request.cseq, request.from_.tag) == ("INVITE", 101, "fromtag1")
    assert len(request.vias) == 3
    assert request.body.startswith(b"v=0\r\n")


def test_short_names_are_long_ones_in_the_headers_of_later_rfcs_too() -> None:
    data = WHOLE.replace(b"Max-Forwards", b"x: 1800;refresher=uac\r\no: refer\r\nMax-Forwards")
    request = read(data)
    assert request.headers.first("session-expires") == "1800;refresher=uac"
    assert request.headers.first("event") == "refer"


def test_a_response_is_read() -> None:
    response = read(WHOLE.replace(b"INVITE " + b"sip:", b"SIP/2.0 183 sip:", 1))
    assert isinstance(response, Response)
    assert (response.status, response.method) == (183, "INVITE")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Call-ID: ", b"Call-ID: a b", "call_id"),
        (b"CSeq: 101", b"CSeq: 2147483648", "cseq"),
        (b"CSeq: 101", "CSeq: \u0661".encode(), "cseq"),
        (b"CSeq: 101 INVITE", b"CSeq: 101 invite", "cseq_method"),
        (b";branch", b":0;branch", "via"),
        (b"5060;branch", b"70000;branch", "port"),
        (b"tag=fromtag1", b"tag=a@b", "tag"),
        (b"From: ", b"Frm: ", "no_from"),
        (b"Content-Length: ", b"Content-Length: 9", "length"),
        (b"Call-ID:", b"Call-ID: other\r\nCall-ID:", "two_call-id"),
        (b"Max-Forwards", b"X: \xff\r\nMax-Forwards", "syntax"),
        (b"Max-Forwards", b"X: a\rContent-Length: 0\r\nMax-Forwards", "line_end"),
        (b"Max-Forwards", b"X: a\nMax-Forwards", "line_end"),
        (b"Contact", b"A: b\r\n" * 300 + b"Contact", "syntax"),
    ],
)
def test_what_is_not_sound_is_named(old: bytes, new: bytes, reason: str) -> None:
    assert old in WHOLE
    with pytest.raises(Unreadable) as fault:
        read(WHOLE.replace(old, new, 1))
    assert fault.value.reason == reason


def test_a_header_with_a_line_end_is_not_written() -> None:
    with pytest.raises(ValueError, match="line breaks"):
        write_response(200, [("To", "a\r\nX: y")])
    with pytest.raises(ValueError, match="request line"):
        write_request("BYE", "sip:a b", [])
    assert said(write_response(299, [("To", "a")])).line == "SIP/2.0 299 Answer"


def test_addresses_with_brackets_and_quotes_in_their_names() -> None:
    address = read_address('"a <sip:x@y> \\" b" <sip:real@host;p=1>;tag=t;q')
    assert (address.uri, address.tag) == ("sip:real@host;p=1", "t")
    assert read_address("sip:bare@host;tag=t").uri == "sip:bare@host"
    for text in ("", "<sip:a@b", '"x <sip:a@b>', "<sip:a@b> tag=t", "a@b", "<>"):
        with pytest.raises(Malformed):
            read_address(text)


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:a@192.0.2.1", Hop("udp", "192.0.2.1", 5060)),
        ("sip:192.0.2.1:5099;transport=TCP;lr", Hop("tcp", "192.0.2.1", 5099)),
        ("sips:a@host.example", Hop("tls", "host.example", 5061)),
        ("sip:a@[2001:db8::1]:5070;transport=tls", Hop("tls", "2001:db8::1", 5070)),
        ("sip:a:b;c@host;transport=sctp", Hop("udp", "host", 5060)),
    ],
)
def test_where_a_uri_leads(uri: str, hop: Hop) -> None:
    assert hop_of(read_uri(uri), "udp") == hop


@pytest.mark.parametrize(
    "uri", ["sip:", "sip:@host", "sip:a@", "sip:a@b:0", "sip:a@b c", "mailto:a@b", "sip"]
)
def test_a_uri_that_leads_nowhere(uri: str) -> None:
    with pytest.raises(Malformed):
        read_uri(uri)


def test_a_via_of_ipv6_with_spaces() -> None:
    via = read_via("SIP / 2.0 / TLS  [2001:DB8::9]:5061 ;branch = z9hG4bK1 ;rport")
    assert (via.transport, via.host, via.port) == ("TLS", "2001:db8::9", 5061)
    assert (via.branch, via.rport) == ("z9hG4bK1", True)
