from __future__ import annotations

import json
import random
from typing import Any

import pytest

from pipeline.media.quality import LineQuality
from pipeline.stream import messages
from pipeline.stream.messages import (
    Audio,
    Clear,
    Connected,
    Elsewhere,
    Hold,
    Key,
    Mark,
    Quality,
    Start,
    Stop,
    Transfer,
    Transferred,
    read_carrier,
    read_ours,
    read_to_call,
)

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
CARRIERS_START: dict[str, Any] = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "AC0001",
        "streamSid": STREAM,
        "callSid": "CA0001",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": "w1.secret"},
    },
    "streamSid": STREAM,
}
"""In the shape that the carrier documents."""
CARRIERS_MEDIA: dict[str, Any] = {
    "event": "media",
    "sequenceNumber": "4",
    "media": {"track": "inbound", "chunk": "2", "timestamp": "5", "payload": "/////w=="},
    "streamSid": STREAM,
}


def test_a_carriers_messages_are_understood() -> None:
    def read(message: dict[str, Any]) -> object:
        return read_carrier(json.dumps(message), STREAM)

    assert read({"event": "connected", "protocol": "Call", "version": "1.0.0"}) == Connected()
    assert read(CARRIERS_START) == Start(
        STREAM, "AC0001", "CA0001", "audio/x-mulaw", 8000, {"token": "w1.secret"}
    )
    assert read(CARRIERS_MEDIA) == Audio(b"\xff\xff\xff\xff")
    dtmf = {"event": "dtmf", "streamSid": STREAM, "dtmf": {"track": "inbound_track", "digit": "#"}}
    assert read(dtmf) == Key("#")
    assert read({"event": "mark", "streamSid": STREAM, "mark": {"name": "m7"}}) == Mark("m7")
    assert read({"event": "stop", "streamSid": STREAM, "stop": {"callSid": "CA0001"}}) == Stop()


def test_what_we_write_is_what_we_read() -> None:
    assert read_ours(messages.connected(), "") == Connected()
    start = read_ours(messages.start("c1", 16_000, {"token": "x"}), "")
    assert start == Start("c1", "", "c1", "audio/x-l16", 16_000, {"token": "x"})
    assert read_ours(messages.media("c1", b"\1\2"), "c1") == Audio(b"\1\2")
    assert read_ours(messages.key("c1", "5"), "c1") == Key("5")
    assert read_ours(messages.mark("c1", "m1"), "c1") == Mark("m1")
    assert read_ours(messages.hold("c1", True), "c1") == Hold(True)
    said = read_ours(messages.transferred("c1", "busy", "desk"), "c1")
    assert said == Transferred("busy", "desk")
    assert read_ours(messages.stop("c1"), "c1") == Stop()
    assert read_to_call(messages.media("c1", b"\1\2")) == Audio(b"\1\2")
    assert read_to_call(messages.media("c1", b"\1\2"), "c1") == Audio(b"\1\2")
    assert read_to_call(messages.media("c1", b"\1\2"), "c2") == Audio(b"\1\2")
    assert read_to_call(messages.mark("c1", "m1")) == Mark("m1")
    assert read_to_call(messages.clear("c1")) == Clear()
    assert read_to_call(messages.transfer("c1", "desk")) == Transfer("desk")


def test_the_name_of_a_mark_says_whether_it_ends_a_reply_and_comes_back_as_it_was() -> None:
    for ends_reply in (False, True):
        name = messages.mark_name(12, ends_reply=ends_reply)
        asked = read_to_call(messages.mark("c1", name))
        given_back = read_carrier(messages.mark(STREAM, name), STREAM)
        assert isinstance(asked, Mark)
        assert asked.ends_reply is ends_reply
        assert given_back == asked
    assert not Mark("line").ends_reply


@pytest.mark.parametrize("stream", ["", "c1"])
def test_a_carrier_cannot_say_what_only_we_may(stream: str) -> None:
    private = [messages.hold("c1", True), messages.transferred("c1", "connected", "desk")]
    for text in private:
        assert read_ours(text, stream) is not None
        assert read_carrier(text, stream) is None
    for text in (messages.media("c1", b"\1\2"), messages.key("c1", "5"), messages.stop("c1")):
        assert read_carrier(text, stream) == read_ours(text, stream)


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("start", "mediaFormat", "encoding"), "audio/x-alaw"),
        (("start", "mediaFormat", "sampleRate"), 48_000),
        (("start", "mediaFormat", "sampleRate"), True),
        (("start", "mediaFormat", "sampleRate"), "8000"),
        (("start", "mediaFormat", "channels"), 2),
        (("start", "mediaFormat"), None),
        (("start", "streamSid"), "with a space"),
        (("start", "streamSid"), 5),
        (("start", "callSid"), "x" * 81),
        (("start", "customParameters"), []),
        (("start", "customParameters"), {"token": 5}),
        (("start", "customParameters"), {"token": "x" * 513}),
        (("start", "customParameters"), {str(n): "x" for n in range(17)}),
        (("start",), "text"),
        (("event",), "begin"),
        (("event",), 5),
    ],
)
def test_a_start_that_is_not_quite_right_is_none(where: tuple[str, ...], wrong: object) -> None:
    message = json.loads(json.dumps(CARRIERS_START))
    inner = message
    for part in where[:-1]:
        inner = inner[part]
    inner[where[-1]] = wrong
    assert read_carrier(json.dumps(message), "") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"text"',
        "[" * 5_000,
        b'{"event":"stop"}',
        '{"event":"media","media":{"payload":"not base64!"}}',
        '{"event":"media","media":{"payload":"AAA"}}',
        '{"event":"media","media":{"payload":""}}',
        '{"event":"media","media":{"payload":5}}',
        '{"event":"media","media":[]}',
        '{"event":"media"}',
        '{"event":"media","media":{"payload":"' + "A" * 12_000 + '"}}',
        '{"event":"stop"}' + " " * messages.MESSAGE_BYTES_MAX,
        '{"event":"dtmf","dtmf":{"digit":"12"}}',
        '{"event":"dtmf","dtmf":{"digit":"x"}}',
        '{"event":"dtmf","dtmf":{"digit":5}}',
        '{"event":"mark","mark":{"name":"a b"}}',
        '{"event":"hold","hold":{"held":1}}',
        '{"event":"transferred","transfer":{"outcome":"perhaps"}}',
    ],
)
def test_what_is_none_of_the_words_is_nothing(text: str | bytes) -> None:
    assert read_ours(text, "") is None
    assert read_to_call(text) is None


def test_our_own_voice_and_other_streams_are_elsewhere() -> None:
    ours = {**CARRIERS_MEDIA, "media": {"track": "outbound", "payload": "AAAA"}}
    assert read_carrier(json.dumps(ours), STREAM) == Elsewhere()
    assert read_carrier(json.dumps(CARRIERS_MEDIA), "MZother") == Elsewhere()


def mutated(text: str, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(letters))
        match rng.randrange(4):
            case 0:
                letters[at] = chr(rng.choice((0, 34, 44, 58, 91, 92, 123, 125, 0x1F600, 0xD800)))
            case 1:
                del letters[at]
            case 2:
                letters.insert(at, rng.choice('0123456789"{}[]:,\\ntfe.-'))
            case _:
                other = rng.randrange(len(letters))
                letters[at], letters[other] = letters[other], letters[at]
    return "".join(letters)


def test_mutated_messages_are_read_or_are_nothing() -> None:
    rng = random.Random(5)
    texts = [
        *(json.dumps(each) for each in (CARRIERS_START, CARRIERS_MEDIA)),
        messages.start("c1", 8_000, {"token": "x"}),
        messages.mark("c1", "m1"),
        messages.key("c1", "1"),
        messages.hold("c1", True),
        messages.transfer("c1", "desk"),
    ]
    read = 0
    for turn in range(3_000):
        text = mutated(texts[turn % len(texts)], rng)
        read += read_ours(text, "") is not None
        read_carrier(text, "")
        read_to_call(text)
    assert 0 < read < 3_000


@pytest.mark.parametrize("trip", [None, 120.5])
def test_how_a_line_fares_travels_from_gateway_to_worker(trip: float | None) -> None:
    line = LineQuality(7.5, 12.0, 40.0, trip)
    assert read_ours(messages.quality("s1", line), "s1") == Quality(line)


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss_percent": "7"},
        {"loss_percent": None},
        {"jitter_ms": -1},
        {"late_ms": 1e9},
        {"late_ms": float("nan")},
        {"round_trip_ms": "far"},
        {"round_trip_ms": []},
    ],
)
def test_a_line_that_fares_impossibly_is_junk(wrong: dict[str, object]) -> None:
    figures = {"loss_percent": 0.0, "jitter_ms": 0, "late_ms": 1, "round_trip_ms": None} | wrong
    said = json.dumps({"event": "quality", "streamSid": "s1", "quality": figures})
    assert read_ours(said, "s1") is None


def test_sound_that_is_read_at_once_is_what_the_whole_reader_reads() -> None:
    rng = random.Random(6)
    for _ in range(2_000):
        text = messages.media("c1", rng.randbytes(rng.randint(1, 12)))
        if rng.random() < 0.8:
            text = mutated(text, rng)
        slowly = text + " "  # as JSON the same, but not as it is written here
        assert read_ours(text, "c1") == read_ours(slowly, "c1")
        assert read_to_call(text, "c1") == read_to_call(slowly, "c1")
