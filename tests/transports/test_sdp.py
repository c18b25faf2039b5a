"""Each limit of an offer, one by one: never anything but an `Offer` or `OfferInvalid`."""

from __future__ import annotations

import re

import pytest
from aiortc import RTCIceCandidate
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import OfferInvalid
from pipeline.transports.sdp import MAX_SDP_BYTES, read_offer, write_answer

FINGERPRINT = ":".join(["AB"] * 32)
CANDIDATE = "a=candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host"
AUDIO = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
    "c=IN IP4 0.0.0.0",
    "a=rtpmap:111 opus/48000/2",
    "a=rtpmap:0 PCMU/8000",
    "a=rtcp-mux",
    "a=sendrecv",
    "a=mid:0",
    CANDIDATE,
]
DATA = [
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    "a=mid:1",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
]
SESSION = [
    "v=0",
    "o=- 1 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa",
    f"a=fingerprint:sha-256 {FINGERPRINT}",
    "a=setup:actpass",
]
LINES = SESSION + AUDIO + DATA
VIDEO = ["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=rtpmap:96 VP8/90000", "a=rtcp-mux", "a=mid:2"]


def text(lines: list[str], ending: str = "\r\n") -> str:
    return ending.join(lines) + ending


def without(start: str) -> list[str]:
    kept = [line for line in LINES if not line.startswith(start)]
    assert len(kept) < len(LINES), "the line that is taken away must be there"
    return kept


def replaced(old: str, new: str) -> list[str]:
    assert old in LINES
    return [new if line == old else line for line in LINES]


def test_the_offer_that_the_others_are_made_from_is_read() -> None:
    offer = read_offer(text(LINES))
    assert offer.opus_payload_type == 111
    assert [candidate.port for candidate in offer.candidates] == [50_000]
    assert offer.sctp_port == 5_000
    assert not offer.we_are_dtls_server


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r\n\r\n"])
def test_line_endings_of_every_client_are_read(ending: str) -> None:
    assert read_offer(text(LINES, ending)).mids == ("0", "1")


@pytest.mark.parametrize("ending", ["\r", "\x0b", "\x0c", "\x1c", " ", "\\r\\n", "\0"])
def test_line_endings_of_no_client_are_refused(ending: str) -> None:
    with pytest.raises(OfferInvalid):
        read_offer(text(LINES, ending))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(SESSION + AUDIO + AUDIO, id="two audio lines"),
        pytest.param(LINES + AUDIO, id="two audio lines and data"),
        pytest.param(LINES + VIDEO, id="video besides"),
        pytest.param(SESSION + VIDEO + DATA, id="video instead"),
        pytest.param(SESSION + AUDIO, id="no data channel"),
        pytest.param(SESSION + DATA, id="no audio"),
        pytest.param(SESSION, id="nothing"),
        pytest.param(LINES[1:], id="no version"),
        pytest.param(without("a=group"), id="not bundled"),
        pytest.param(replaced("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"), id="half bundled"),
        pytest.param(replaced("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 2"), id="strange bundle"),
        pytest.param(without("a=mid:0"), id="no mid"),
        pytest.param(replaced("a=mid:0", "a=mid:1"), id="one mid twice"),
        pytest.param(
            [
                line.replace("mid:0", "mid:" + "x" * 40).replace("BUNDLE 0", "BUNDLE " + "x" * 40)
                for line in LINES
            ],
            id="endless mid",
        ),
        pytest.param(without("a=ice-ufrag"), id="no ufrag"),
        pytest.param(replaced("a=ice-ufrag:abcd", "a=ice-ufrag:abc"), id="short ufrag"),
        pytest.param(replaced("a=ice-ufrag:abcd", "a=ice-ufrag:ab:d"), id="ufrag with a colon"),
        pytest.param(replaced("a=ice-ufrag:abcd", "a=ice-ufrag"), id="empty ufrag"),
        pytest.param(replaced("a=ice-ufrag:abcd", "a=ice-ufrag:" + "a" * 257), id="endless ufrag"),
        pytest.param(without("a=ice-pwd"), id="no password"),
        pytest.param(
            replaced("a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa", "a=ice-pwd:short"), id="short password"
        ),
        pytest.param(without("a=fingerprint"), id="no fingerprint"),
        pytest.param(
            replaced(f"a=fingerprint:sha-256 {FINGERPRINT}", "a=fingerprint:sha-256 xyz"),
            id="odd fingerprint",
        ),
        pytest.param(
            replaced(
                f"a=fingerprint:sha-256 {FINGERPRINT}",
                "a=fingerprint:sha-1 " + ":".join(["AB"] * 20),
            ),
            id="weak fingerprint",
        ),
        pytest.param(without("a=setup"), id="no setup role"),
        pytest.param(replaced("a=setup:actpass", "a=setup:holdconn"), id="odd setup role"),
        pytest.param(without("a=rtpmap:111"), id="no opus"),
        pytest.param(
            replaced("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus/16000/2"), id="odd opus"
        ),
        pytest.param(
            replaced("a=rtpmap:111 opus/48000/2", "a=rtpmap:99999 opus/48000/2"),
            id="payload type beyond seven bits",
        ),
        pytest.param(
            replaced("a=rtpmap:111 opus/48000/2", "a=rtpmap:-1 opus/48000/2"),
            id="negative payload type",
        ),
        pytest.param(
            replaced("a=rtpmap:111 opus/48000/2", "a=rtpmap:112 opus/48000/2"),
            id="payload type of no line",
        ),
        pytest.param(
            [
                line.replace("SAVPF 111", "SAVPF 200").replace("rtpmap:111", "rtpmap:200")
                for line in LINES
            ],
            id="payload type of eight bits",
        ),
        pytest.param(
            [
                line.replace("SAVPF 111", "SAVPF 80").replace("rtpmap:111", "rtpmap:80")
                for line in LINES
            ],
            id="payload type that looks like RTCP",
        ),
        pytest.param(without("a=rtcp-mux"), id="no mux"),
        pytest.param(
            replaced("m=audio 9 UDP/TLS/RTP/SAVPF 111 0", "m=audio 9 RTP/AVP 111 0"),
            id="audio in clear",
        ),
        pytest.param(
            replaced(
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
                "m=application 9 TCP/DTLS/SCTP webrtc-datachannel",
            ),
            id="data over TCP",
        ),
        pytest.param(without("a=sctp-port"), id="no sctp port"),
        pytest.param(replaced("a=sctp-port:5000", "a=sctp-port:0"), id="sctp port 0"),
        pytest.param(replaced("a=sctp-port:5000", "a=sctp-port:65536"), id="sctp port too large"),
        pytest.param(
            replaced("a=sctp-port:5000", "a=sctp-port:" + "9" * 5_000), id="endless sctp port"
        ),
        pytest.param(replaced("a=sendrecv", "a=sendonly"), id="cannot hear us"),
        pytest.param(replaced("a=sendrecv", "a=inactive"), id="neither hears nor speaks"),
        pytest.param([*LINES, *[CANDIDATE] * 30], id="31 candidates"),
        pytest.param(replaced(CANDIDATE, "a=candidate:1 1 udp"), id="half a candidate"),
        pytest.param(replaced(CANDIDATE, "a=candidate"), id="empty candidate"),
        pytest.param([*LINES, "a=x:" + "y" * MAX_SDP_BYTES], id="huge"),
        pytest.param([*LINES, "a=x:é"], id="not ASCII"),
        pytest.param([*LINES, "a=x:\0"], id="a zero byte"),
    ],
)
def test_what_is_not_a_call_is_refused(lines: list[str]) -> None:
    with pytest.raises(OfferInvalid) as refusal:
        read_offer(text(lines))
    assert "a=" not in str(refusal.value), "a refusal quotes nothing of the offer"


@pytest.mark.parametrize(
    "garbage", ["", "v=0", "\0\1\2", "\xff\xfe" * 50, "v=0\r\n" * 2_000, "{}", "m=\r\n" * 4_000]
)
def test_garbage_is_refused(garbage: str) -> None:
    with pytest.raises(OfferInvalid):
        read_offer(garbage)


def test_thirty_candidates_are_read() -> None:
    more = [
        f"a=candidate:1 1 udp 2130706431 192.0.2.7 {port} typ host" for port in range(2_000, 2_029)
    ]
    offer = read_offer(text(SESSION + AUDIO + more + DATA))
    assert len(offer.candidates) == 30


@pytest.mark.parametrize(
    "candidate",
    [
        "a=candidate:1 1 udp 1 192.0.2.8 0 typ host",
        "a=candidate:1 1 udp 1 192.0.2.8 65536 typ host",
        "a=candidate:1 1 udp 1 192.0.2.8 -1 typ host",
        "a=candidate:1 2 udp 1 192.0.2.8 5000 typ host",
        "a=candidate:1 1 tcp 1 192.0.2.8 9 typ host tcptype active",
        CANDIDATE,
    ],
)
def test_candidates_nobody_can_use_are_left_out(candidate: str) -> None:
    offer = read_offer(text(SESSION + AUDIO + [candidate] + DATA))
    assert [(each.ip, each.port) for each in offer.candidates] == [("192.0.2.7", 50_000)]


def answer_to(lines: list[str]) -> str:
    offer = read_offer(text(lines))
    host = RTCIceCandidate(
        component=1,
        foundation="1",
        ip="192.0.2.1",
        port=40_000,
        priority=1,
        protocol="udp",
        type="host",
    )
    return write_answer(
        offer,
        ice=RTCIceParameters(usernameFragment="efgh", password="b" * 22),
        dtls=RTCDtlsParameters(
            fingerprints=[RTCDtlsFingerprint(algorithm="sha-256", value=FINGERPRINT)]
        ),
        candidates=[host],
        ssrc=1,
        cname="x",
    )


def test_nothing_of_the_offer_adds_a_line_to_the_answer() -> None:
    spiked = replaced("a=mid:0", "a=mid:0\x0ba=injected:1")
    answer = answer_to([*spiked, "a=ice-options:trickle\x0ca=injected:2", "a=msid:x\ra=injected:3"])
    assert "injected" not in answer
    assert len(answer.splitlines()) == len(answer_to(LINES).splitlines())


def test_a_media_line_hidden_behind_an_odd_line_break_is_refused() -> None:
    with pytest.raises(OfferInvalid):
        read_offer(text([*LINES, "a=x:\x1dm=video 9 UDP/TLS/RTP/SAVPF 96"]))


@pytest.mark.parametrize("mid", ["a\tb", "a\x01b", "a\x7fb"])
def test_control_characters_in_a_mid_are_refused(mid: str) -> None:
    lines = [line.replace("mid:0", f"mid:{mid}") for line in LINES]
    with pytest.raises(OfferInvalid):
        answer_to([line.replace("BUNDLE 0", f"BUNDLE {mid}") for line in lines])


@pytest.mark.parametrize(
    ("setup", "role"), [("actpass", "active"), ("active", "passive"), ("passive", "active")]
)
def test_the_answer_takes_the_other_dtls_role(setup: str, role: str) -> None:
    answer = answer_to(replaced("a=setup:actpass", f"a=setup:{setup}"))
    assert set(re.findall("a=setup:([a-z]+)", answer)) == {role}


def test_the_answer_keeps_the_order_of_the_offer() -> None:
    assert re.findall("m=([a-z]+)", answer_to(SESSION + DATA + AUDIO)) == ["application", "audio"]


def _read(sdp: str) -> None:
    try:
        offer = read_offer(sdp)
    except OfferInvalid:
        return
    assert 0 <= offer.opus_payload_type < 128
    assert len(offer.candidates) <= 30


@given(st.text(max_size=300) | st.text(max_size=300).map("v=0\r\n".__add__))
def test_any_text_is_an_offer_or_invalid(sdp: str) -> None:
    _read(sdp)


_VALUE = st.text(st.characters(max_codepoint=126), max_size=30) | st.integers().map(str)


@given(st.data())
def test_any_mutation_of_an_offer_is_an_offer_or_invalid(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        match data.draw(st.sampled_from(["drop", "copy", "cut", "value", "words", "swap"])):
            case "drop" if len(lines) > 1:
                del lines[at]
            case "copy":
                lines.append(line)
            case "cut":
                lines[at] = line[: data.draw(st.integers(0, len(line)))]
            case "value":
                lines[at] = line.split(":")[0] + ":" + data.draw(_VALUE)
            case "words":
                words = line.split(" ")
                words[data.draw(st.integers(0, len(words) - 1))] = data.draw(_VALUE)
                lines[at] = " ".join(words)
            case _:
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], line
    _read(text(lines, data.draw(st.sampled_from(["\r\n", "\n", "\r"]))))
