"""Offers and answers: what is agreed, what is refused, and what a later offer changes."""

from __future__ import annotations

import re
from base64 import b64encode
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip.ports import MediaRefused
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.sdp_crypto import SUITE, choose
from pipeline.sip.sdp_terms import Negotiation
from pipeline.sip.sdp_text import parse

KEY = b64encode(bytes(range(30))).decode()
NOWHERE = "0.0.0.0"  # noqa: S104  # the hold of RFC 2543, no bind
OTHER_KEY = b64encode(bytes(range(30, 60))).decode()
CRYPTO = f"a=crypto:1 {SUITE} inline:{KEY}"


def offer(
    *lines: str,
    media: str = "m=audio 11000 RTP/SAVP 0 8 101",
    address: str = "IN IP4 192.0.2.7",
    crypto: str = CRYPTO,
    before: str = "",
) -> bytes:
    """The carrier's shape, changed where a test says so."""
    text = [
        "v=0", "o=root 185 185 " + address, "s=Media Gateway", "c=" + address, "t=0 0", before, media,
        "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16", "a=ptime:20", "a=maxptime:20", crypto, *lines,
    ]  # fmt: skip
    return "\r\n".join(line for line in text if line).encode() + b"\r\n"


def plain(*lines: str, **changes: str) -> bytes:
    return offer(*lines, **{"media": "m=audio 11000 RTP/AVP 0 8 101", "crypto": "", **changes})


def side(**settings: object) -> Negotiation:
    return Negotiation(RtpSettings(**settings), "192.0.2.99", 16_000, 16_001)  # type: ignore[arg-type]  # a test's shorthand


def refusal(negotiation: Negotiation, body: bytes) -> str:
    with pytest.raises(MediaRefused) as refused:
        negotiation.answer(body)
    return refused.value.reason


def value(answer: bytes, start: str) -> str:
    found = [line[len(start) :] for line in answer.decode().split("\r\n") if line.startswith(start)]
    assert len(found) == 1, (start, found)
    return found[0]


def test_a_carriers_offer_is_answered_line_by_line() -> None:
    ours = side()
    answer = ours.answer(offer())
    assert value(answer, "m=") == "audio 16000 RTP/SAVP 0 101"
    assert value(answer, "c=") == "IN IP4 192.0.2.99"
    assert value(answer, "a=rtpmap:0 ") == "PCMU/8000"
    assert value(answer, "a=rtpmap:101 ") == "telephone-event/8000"
    assert value(answer, "a=fmtp:101 ") == "0-15"
    assert value(answer, "a=ptime:") == "20"
    assert value(answer, "a=rtcp:") == "16001"
    assert "a=sendrecv" in answer.decode()
    crypto = value(answer, "a=crypto:")
    assert re.fullmatch(rf"1 {SUITE} inline:[A-Za-z0-9+/]{{40}}", crypto)
    assert KEY not in crypto, "each direction has its own key"
    terms = ours.terms
    assert terms is not None
    assert (terms.codec.name, terms.payload_type, terms.event_type) == ("PCMU", 0, 101)
    assert (terms.rtp, terms.rtcp) == (("192.0.2.7", 11_000), ("192.0.2.7", 11_001))
    assert terms.their_key is not None
    assert terms.their_key.material == bytes(range(30))
    assert terms.may_send
    assert terms.may_hear


@pytest.mark.parametrize(
    ("formats", "extra", "codec", "answered"),
    [
        ("8 0 101", (), "PCMA", "8 101"),
        ("18 8", (), "PCMA", "8"),
        ("9 0 8", (), "G722", "9"),
        ("9 0", ("a=rtpmap:9 G722/8000",), "G722", "9"),
        ("97 98", ("a=rtpmap:97 opus/48000/2", "a=rtpmap:98 pcmu/8000/1"), "PCMU", "98"),
        ("0 96 97", ("a=rtpmap:96 telephone-event/48000", "a=rtpmap:97 telephone-event/8000"), "PCMU", "0 97"),
        ("0 13 99", ("a=rtpmap:13 CN/8000", "a=rtpmap:99 telephone-event/8000"), "PCMU", "0 99"),
    ],
)  # fmt: skip
def test_the_offerers_first_codec_and_its_own_numbers_are_taken(
    formats: str, extra: tuple[str, ...], codec: str, answered: str
) -> None:
    ours = side()
    answer = ours.answer(offer(*extra, media=f"m=audio 11000 RTP/SAVP {formats}"))
    assert value(answer, "m=") == f"audio 16000 RTP/SAVP {answered}"
    assert ours.terms is not None
    assert ours.terms.codec.name == codec


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (plain(), "srtp_required"),
        (offer(crypto=""), "no_crypto"),
        (offer(media="m=audio 11000 RTP/SAVP 18 101"), "no_codec"),
        (offer(media="m=audio 11000 RTP/SAVP 101"), "no_codec"),
        (offer("a=rtpmap:8 GSM/8000", media="m=audio 11000 RTP/SAVP 8"), "no_codec"),
        (offer(media="m=audio 0 RTP/SAVP 0"), "no_audio"),
        (offer(media="m=video 11000 RTP/SAVP 0"), "no_audio"),
        (offer(media="m=audio 11000 UDP/TLS/RTP/SAVP 0"), "no_transport"),
        (offer(address="IN IP4 gateway.example"), "no_address"),
        (offer(address="IN IP6 2001:db8::1"), "no_address"),
        (offer(address="IN IP4 224.2.36.42/127"), "no_address"),
        (offer(address="IN IP4 255.255.255.255"), "no_address"),
        (offer(media="m=audio 99999 RTP/SAVP 0"), "bad_sdp"),
        (offer(media="m=audio eleven RTP/SAVP 0"), "bad_sdp"),
        (offer(media="m=audio 11000 RTP/SAVP"), "bad_sdp"),
        (b"", "bad_sdp"),
        (b"\0" * 40, "bad_sdp"),
        (b"v=1\r\n", "bad_sdp"),
        (offer() + b"a=x\r\n" * 500, "bad_sdp"),
        (offer() + b"a=" + b"x" * 20_000, "bad_sdp"),
        (offer() + b"nonsense\r\n", "bad_sdp"),
        (b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nt=0 0\r\n", "no_audio"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_by_a_token(body: bytes, reason: str) -> None:
    ours = side()
    assert refusal(ours, body) == reason
    assert ours.terms is None


@pytest.mark.parametrize(
    "line",
    [
        f"1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 {SUITE} inline:{KEY[:36]}",
        f"1 {SUITE} inline:{KEY}AAAA",
        f"1 {SUITE} inline:!!!!{KEY[4:]}",
        f"1 {SUITE} inline:{KEY[:-1]}",
        f"1 {SUITE} inline:",
        f"1 {SUITE} inline:{KEY}|2^20|1:4",
        f"1 {SUITE} inline:{KEY}|1:4",
        f"1 {SUITE} inline:{KEY}|2^20|1:4;inline:{OTHER_KEY}|2^20|2:4",
        f"1 {SUITE} inline:{KEY}|0",
        f"1 {SUITE} inline:{KEY}|2^49",
        f"1 {SUITE} inline:{KEY} UNENCRYPTED_SRTP",
        f"1 {SUITE} inline:{KEY} UNAUTHENTICATED_SRTP",
        f"1 {SUITE} inline:{KEY} KDR=4",
        f"x {SUITE} inline:{KEY}",
        f"{SUITE} inline:{KEY}",
        "",
    ],
)
def test_a_key_that_cannot_be_honoured_is_no_key(line: str) -> None:
    assert choose([line]) is None
    assert refusal(side(), offer(crypto=f"a=crypto:{line}")) == "no_crypto"


def test_the_first_key_that_can_be_honoured_is_taken_and_its_tag_answered() -> None:
    ours = side()
    lines = [
        f"a=crypto:1 AEAD_AES_256_GCM inline:{'A' * 59}=",
        f"a=crypto:2 {SUITE} inline:{KEY}|2^31|1:1",
        f"a=crypto:7 {SUITE} inline:{OTHER_KEY}|2^31 WSH=128 -UNKNOWN",
    ]
    answer = ours.answer(offer(*lines, crypto=""))
    assert value(answer, "a=crypto:").startswith(f"7 {SUITE} inline:")
    assert ours.terms is not None
    assert ours.terms.their_key is not None
    assert ours.terms.their_key.material == bytes(range(30, 60))
    assert ours.terms.their_key.lifetime == 1 << 31


def test_keys_are_never_shown() -> None:
    ours = side()
    ours.answer(offer())
    shown = repr(ours.terms) + repr(parse(offer()))
    assert KEY not in shown
    assert "192.0.2.7" not in shown
    assert repr(bytes(range(30)))[2:20] not in shown


def test_plain_sound_is_taken_where_the_trunk_allows_it() -> None:
    ours = side(srtp_required=False)
    answer = ours.answer(plain())
    assert value(answer, "m=") == "audio 16000 RTP/AVP 0 101"
    assert b"crypto" not in answer
    assert ours.terms is not None
    assert not ours.terms.secured


def test_a_key_offered_beside_plain_rtp_secures_the_call() -> None:
    ours = side()
    answer = ours.answer(offer(media="m=audio 11000 RTP/AVP 0 8 101"))
    assert value(answer, "m=").startswith("audio 16000 RTP/AVP ")
    assert value(answer, "a=crypto:")
    assert ours.terms is not None
    assert ours.terms.secured


def test_a_secured_call_never_becomes_a_plain_one() -> None:
    ours = side(srtp_required=False)
    ours.answer(offer())
    before = ours.terms
    assert refusal(ours, plain()) == "srtp_required"
    assert ours.terms is before


@pytest.mark.parametrize(
    ("line", "address", "answered", "may_send", "may_hear", "held"),
    [
        ("a=sendrecv", "192.0.2.7", "sendrecv", True, True, False),
        ("", "192.0.2.7", "sendrecv", True, True, False),
        ("a=sendonly", "192.0.2.7", "recvonly", False, False, True),
        ("a=inactive", "192.0.2.7", "inactive", False, False, True),
        ("a=recvonly", "192.0.2.7", "sendonly", True, False, False),
        ("", NOWHERE, "recvonly", False, False, True),
        ("a=inactive", NOWHERE, "inactive", False, False, True),
    ],
)
def test_hold_in_all_its_spellings(
    line: str, address: str, answered: str, may_send: bool, may_hear: bool, held: bool
) -> None:
    ours = side()
    ours.answer(offer())
    answer = ours.answer(offer(line, address=f"IN IP4 {address}"))
    assert f"a={answered}\r\n" in answer.decode()
    assert ours.terms is not None
    assert (ours.terms.may_send, ours.terms.may_hear, ours.terms.held) == (may_send, may_hear, held)
    assert (
        f"a={answered}\r\n"
        in side().answer(offer(address=f"IN IP4 {address}", before=line)).decode()
    )


def test_the_version_of_our_descriptions_counts_what_changed() -> None:
    """RFC 3264 section 8: a refresh that raised it would look like a change, and some far ends set their media up anew."""
    ours, held = side(), offer("a=sendonly")
    said = [ours.answer(offer()), ours.answer(offer()), ours.offer(), ours.offer()]
    said += [ours.answer(held), ours.answer(held), ours.answer(offer())]
    names, sessions, versions = zip(*(value(each, "o=").split()[:3] for each in said), strict=True)
    assert (set(names), len(set(sessions))) == ({"-"}, 1)
    assert [int(version) for version in versions] == [1, 1, 1, 1, 2, 2, 3]
    assert [one == other for one, other in pairwise(said)] == [True, True, True, False, True, False]


def test_a_refresh_of_a_call_that_we_began_changes_nothing() -> None:
    ours, theirs = side(), side()
    first = ours.offer()
    ours.accept(theirs.answer(first))
    agreed = ours.offer()
    assert agreed != first, "one codec of several"
    for _ in range(3):
        ours.accept(theirs.answer(agreed))
        assert ours.offer() == agreed


def test_our_key_stays_while_theirs_does_and_changes_with_it() -> None:
    ours = side()
    first = value(ours.answer(offer()), "a=crypto:")
    again = value(ours.answer(offer("a=sendonly")), "a=crypto:")
    new = value(ours.answer(offer(crypto=f"a=crypto:1 {SUITE} inline:{OTHER_KEY}")), "a=crypto:")
    assert first == again
    assert new != first


def test_a_new_address_of_theirs_is_taken_over() -> None:
    ours = side()
    ours.answer(offer())
    ours.answer(
        offer(
            "a=rtcp:12345 IN IP4 198.51.100.4",
            media="m=audio 12000 RTP/SAVP 0",
            address="IN IP4 198.51.100.3",
        )
    )
    assert ours.terms is not None
    assert ours.terms.rtp == ("198.51.100.3", 12_000)
    assert ours.terms.rtcp == ("198.51.100.4", 12_345)


def test_reports_share_the_port_when_they_ask_for_it() -> None:
    ours = side()
    answer = ours.answer(offer("a=rtcp-mux", "a=rtcp:12345"))
    assert b"a=rtcp-mux\r\n" in answer
    assert b"a=rtcp:" not in answer
    assert ours.terms is not None
    assert ours.terms.rtcp == ours.terms.rtp


def test_every_other_line_is_refused_with_port_zero_in_its_place() -> None:
    ours = side()
    video = "m=video 13000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000"
    more = ["m=audio 14000 RTP/AVP 0", "m=image 15000 udptl t38"]
    answer = ours.answer(offer(*more, before=video))
    lines = [line for line in answer.decode().split("\r\n") if line.startswith("m=")]
    assert lines == [
        "m=video 0 RTP/AVP 96",
        "m=audio 16000 RTP/SAVP 0 101",
        "m=audio 0 RTP/AVP 0",
        "m=image 0 udptl t38",
    ]


def test_the_second_of_two_audio_lines_is_taken_when_the_first_cannot_be() -> None:
    ours = side()
    body = offer("m=audio 14000 RTP/SAVP 8", CRYPTO, crypto="", media="m=audio 11000 RTP/AVP 0")
    lines = [line for line in ours.answer(body).decode().split("\r\n") if line.startswith("m=")]
    assert lines == ["m=audio 0 RTP/AVP 0", "m=audio 16000 RTP/SAVP 8"]
    assert ours.terms is not None
    assert ours.terms.rtp == ("192.0.2.7", 14_000)


def test_a_later_offer_keeps_the_codec_and_never_changes_the_rate() -> None:
    ours = side()
    ours.answer(offer())
    ours.answer(offer(media="m=audio 11000 RTP/SAVP 9 8 0 101"))
    assert ours.terms is not None
    assert ours.terms.codec.name == "PCMU"
    ours.answer(offer(media="m=audio 11000 RTP/SAVP 9 8 101"))
    assert ours.terms.codec.name == "PCMA"
    assert refusal(ours, offer(media="m=audio 11000 RTP/SAVP 9 101")) == "no_codec"


def test_an_invite_without_an_offer_gets_ours_and_its_answer_binds() -> None:
    ours = side()
    made = ours.offer()
    assert value(made, "m=") == "audio 16000 RTP/SAVP 0 8 9 101"
    ours.accept(offer(media="m=audio 11000 RTP/SAVP 8 101"))
    terms = ours.terms
    assert terms is not None
    assert (terms.codec.name, terms.event_type) == ("PCMA", 101)
    assert terms.our_key is not None
    assert f"inline:{b64encode(terms.our_key.material).decode()}" in made.decode()
    again = ours.offer()
    assert value(again, "m=") == "audio 16000 RTP/SAVP 8 101"
    assert value(again, "a=crypto:") == value(made, "a=crypto:")


@pytest.mark.parametrize(
    ("media", "line", "heard"),
    [
        ("m=audio 11000 RTP/SAVP 0 101", "a=rtpmap:101 telephone-event/8000", {101}),
        ("m=audio 11000 RTP/SAVP 0 96", "a=rtpmap:96 telephone-event/8000", {96, 101}),
        ("m=audio 11000 RTP/SAVP 101 96", "a=rtpmap:101 PCMU/8000\r\na=rtpmap:96 telephone-event/8000", {96}),
        ("m=audio 11000 RTP/SAVP 0", "a=ptime:20", set()),
    ],
)  # fmt: skip
def test_keys_may_come_under_the_number_of_either_side(
    media: str, line: str, heard: set[int]
) -> None:
    """RFC 3264 section 6.1 says ours; telephones that answer with another send under that."""
    ours = side()
    ours.offer()
    answer = offer(media=media).replace(b"a=rtpmap:101 telephone-event/8000", line.encode())
    ours.accept(answer)
    assert ours.terms is not None
    assert ours.terms.event_types == heard
    ours.answer(answer)
    assert ours.terms.event_types == heard, "whoever says it again"


def test_two_of_us_understand_each_other() -> None:
    ours, theirs = side(), side()
    theirs.accept(ours.answer(theirs.offer()))
    a, b = ours.terms, theirs.terms
    assert a is not None
    assert b is not None
    assert a.codec == b.codec
    assert a.their_key == b.our_key
    assert a.our_key == b.their_key


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (plain(), "srtp_required"),
        (offer(crypto=""), "no_crypto"),
        (offer(media="m=audio 0 RTP/SAVP 0"), "no_audio"),
        (offer(media="m=audio 11000 RTP/SAVP 18"), "no_codec"),
        (b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nt=0 0\r\n", "no_audio"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(body: bytes, reason: str) -> None:
    ours = side()
    ours.offer()
    with pytest.raises(MediaRefused) as refused:
        ours.accept(body)
    assert refused.value.reason == reason
    assert ours.terms is None


def test_an_answer_cannot_add_a_key_that_was_not_offered() -> None:
    ours = side(srtp_required=False)
    ours.offer()
    ours.accept(plain())
    assert ours.terms is not None
    assert not ours.terms.secured


def test_an_address_of_the_new_kind_is_taken_by_a_server_that_has_one() -> None:
    ours = Negotiation(RtpSettings(), "2001:db8::5", 16_000, 16_001)
    answer = ours.answer(offer(address="IN IP6 2001:db8::1"))
    assert value(answer, "c=") == "IN IP6 2001:db8::5"
    assert refusal(ours, offer()) == "no_address"


@given(
    body=st.binary(max_size=600)
    | st.lists(
        st.sampled_from([b"v=0", b"m=audio 1 RTP/AVP 0", b"c=IN IP4 1.2.3.4", b"a=crypto:1 x inline:y", b"a=sendonly"])
        | st.binary(max_size=40),
        max_size=12,
    ).map(b"\r\n".join)
)  # fmt: skip
def test_no_bytes_break_it(body: bytes) -> None:
    ours = side(srtp_required=False)
    try:
        ours.answer(body)
    except MediaRefused:
        assert ours.terms is None
