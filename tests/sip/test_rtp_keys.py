"""Keys on a call: each once over three ways, and their tones out of what is handed on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from pipeline.media.dtmf import KeyToneDetector
from pipeline.media.g711 import ulaw_encode
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_settings import RtpSettings
from tests.media.key_tones import frames, key_tone, line, quiet
from tests.sip.far_end import (
    FRAME,
    Call,
    FarEnd,
    MemoryWire,
    Taker,
    call,
    is_speech,
    sdp,
    speak,
    tone,
)


async def press(
    made: Call, key: str, *, span_ms: int = 100, lose: float = 0.0, seed: int = 1
) -> None:
    chance = random.Random(seed)
    packets = made.far.press(key, span_ms)
    for number, data in enumerate(packets):
        if chance.random() >= lose or number == len(packets) - 1:
            made.far.arrive(data)
        await asyncio.sleep(0.020)


def tones_in(made: Call) -> str:
    detector = KeyToneDetector(8_000)
    return "".join(detector.feed(frame).key or "" for frame in frames(made.taker.heard))


async def test_events_are_keys_and_their_time_is_silence() -> None:
    made = call()
    await speak(made.far, tone(200.0, 200.0))
    for key in "0415*#":
        await press(made, key)
    await speak(made.far, tone(200.0, 200.0))
    assert made.taker.keys == list("0415*#")
    figures = made.leg.figures
    assert (figures.lost, figures.late) == (0, 0)
    loud = [is_speech(pcm, 300) for _, pcm in made.taker.audio]
    assert sum(loud) == pytest.approx(20, abs=1), "nothing was invented in their place"
    assert len(loud) == pytest.approx(10 + 6 * 7 + 10, abs=3)
    made.leg.close()


@pytest.mark.parametrize("seed", range(6))
async def test_lost_and_doubled_event_packets_give_each_key_once(seed: int) -> None:
    made = call()
    await speak(made.far, tone(60.0))
    for number, key in enumerate("5550133"):
        await press(made, key, lose=0.5, seed=seed * 10 + number)
    assert made.taker.keys == list("5550133")
    made.leg.close()


async def test_the_offers_own_number_for_events_is_used() -> None:
    made = call("a=rtpmap:96 telephone-event/8000", formats="0 96")
    data = made.far.packet(bytes([7, 0x0A, 0, 160]), payload_type=96, ticks=0, marker=1)
    made.far.arrive(data)
    assert made.taker.keys == ["7"]
    stranger = made.far.packet(
        bytes([8, 0x0A, 0, 160]), payload_type=101, ticks=0, timestamp=99_000
    )
    made.far.arrive(stranger)
    assert made.taker.keys == ["7"]
    made.leg.close()


@pytest.mark.parametrize("number", [96, 101])
async def test_who_answers_our_offer_with_a_number_of_its_own_may_use_either(number: int) -> None:
    wire = MemoryWire()
    leg = RtpLeg(RtpSettings(srtp_required=False), wire)
    leg.offer()
    leg.accept(
        sdp(key=None, formats="0 96").replace(b"rtpmap:101 telephone", b"rtpmap:96 telephone")
    )
    taker, far = Taker(), FarEnd(wire)
    leg.attach(taker)
    await speak(far, tone(100.0))
    payload = bytes([7, 0x0A, 0, 160])
    far.arrive(far.packet(payload, payload_type=number, ticks=0, marker=1))
    assert taker.keys == ["7"]
    leg.close()


async def test_tones_in_the_sound_are_keys_where_nothing_else_comes_and_are_muted() -> None:
    made = call()
    parts = [part for key in "1590" for part in (key_tone(key, 80.0), quiet(80.0))]
    await speak(made.far, line(quiet(100.0), *parts, quiet(100.0)))
    assert made.taker.keys == list("1590")
    assert tones_in(made) == ""
    made.leg.close()


async def test_keys_are_heard_on_where_events_end_and_tones_begin() -> None:
    """The call moved to another leg of the carrier's: what is left of the number comes in the sound."""
    made = call()
    await speak(made.far, tone(100.0))
    for key in "555":
        await press(made, key)
    parts = [part for key in "0133" for part in (key_tone(key, 80.0), quiet(120.0))]
    await speak(made.far, line(*parts, quiet(1_600.0)))
    assert made.taker.keys == list("5550133")
    await speak(made.far, line(key_tone("9", 80.0), quiet(100.0)))
    assert made.taker.keys == list("55501339"), "at once: this line tells of keys no more"
    assert tones_in(made) == ""
    made.leg.close()


@pytest.mark.parametrize("apart_ms", [100.0, 120.0])
async def test_a_whole_number_is_heard_where_events_end_and_tones_begin(apart_ms: float) -> None:
    """One of its tones is in its first milliseconds when the first of them has waited long enough for its event."""
    made = call()
    await speak(made.far, tone(100.0))
    await press(made, "9")
    await speak(made.far, tone(2_000.0))
    parts = [part for key in "5801364297" for part in (key_tone(key, 65.0), quiet(apart_ms))]
    await speak(made.far, line(*parts, quiet(1_600.0)))
    assert made.taker.keys == list("95801364297")
    made.leg.close()


async def test_what_a_carrier_leaves_of_the_tones_of_its_events_is_no_key() -> None:
    made = call()
    for key in "5501":
        await speak(made.far, line(quiet(200.0), key_tone(key, 40.0)))
        await press(made, key, span_ms=2_000)
        await speak(made.far, line(key_tone(key, 40.0), quiet(200.0)))
    await speak(made.far, line(quiet(1_600.0)))
    assert made.taker.keys == list("5501")
    made.leg.close()


@pytest.mark.parametrize("before_ms", [0.0, 40.0, 60.0, 120.0])
@pytest.mark.parametrize("behind_ms", [60.0, 80.0, 120.0])
@pytest.mark.parametrize("span_ms", [100, 400, 2_000])
async def test_the_rest_of_a_tone_behind_its_event_is_no_second_press(
    before_ms: float, behind_ms: float, span_ms: int
) -> None:
    """A gateway is late to take the tone out, and late again."""
    made = call()
    await speak(made.far, tone(100.0))
    for key in "5501":
        await speak(made.far, line(key_tone(key, before_ms)))
        await press(made, key, span_ms=span_ms)
        await speak(made.far, line(key_tone(key, behind_ms), quiet(140.0)))
    await speak(made.far, line(quiet(1_600.0)))
    assert made.taker.keys == list("5501")
    assert tones_in(made) == ""
    made.leg.close()


async def test_tones_are_muted_even_where_they_are_no_keys() -> None:
    made = call(inband_keys=False)
    await speak(made.far, line(quiet(100.0), key_tone("7", 100.0), quiet(100.0)))
    assert made.taker.keys == []
    assert tones_in(made) == ""
    made.leg.close()


async def test_one_press_by_tone_event_and_info_is_one_key() -> None:
    made = call()
    sound = line(*[part for _ in "000" for part in (key_tone("0", 100.0), quiet(100.0))])
    begins = {0: 0, 10: 1, 20: 2}
    for number in range(30):
        made.far.arrive(made.far.packet(ulaw_encode(sound[number * FRAME : (number + 1) * FRAME])))
        if number in begins:
            at = made.far.timestamp - FRAME
            for done in (160, 320, 480):
                made.far.arrive(made.far.event("0", at, done, end=done == 480, marker=done == 160))
        if number - 8 in begins:
            made.leg.on_info_key("0")
        await asyncio.sleep(0.020)
    assert made.taker.keys == ["0", "0", "0"]
    assert tones_in(made) == ""
    made.leg.close()


async def test_info_alone_is_a_key_and_anything_else_is_none() -> None:
    made = call()
    for key in ("1", "*", "d", "", "12", "E", "\N{ARABIC-INDIC DIGIT ONE}"):
        made.leg.on_info_key(key)
    assert made.taker.keys == ["1", "*", "D"]
    made.leg.close()


async def test_a_tone_that_loses_a_packet_is_one_key() -> None:
    made = call()
    await speak(made.far, line(quiet(100.0), key_tone("8", 300.0), quiet(200.0)), drop={12})
    assert made.taker.keys == ["8"]
    assert tones_in(made) == ""
    made.leg.close()


async def test_keys_in_another_stream_of_the_far_end_are_heard() -> None:
    made = call()
    await speak(made.far, tone(100.0))
    own = made.far.ssrc
    made.far.ssrc = 0x5555
    packets = made.far.press("4")
    made.far.ssrc = own
    for data in packets:
        made.far.arrive(data)
        await asyncio.sleep(0.020)
    assert made.taker.keys == ["4"]
    assert np.all([len(pcm) == 320 for _, pcm in made.taker.audio])
    made.leg.close()


async def test_a_key_that_is_held_from_the_first_packet_in_a_stream_of_its_own_covers_no_sound() -> (
    None
):
    made = call()
    far = made.far
    own, begin = far.ssrc, far.timestamp
    sequences = {own: far.sequence, 0x5555: 7_000}

    def arrive(ssrc: int, make: Callable[[], bytes]) -> None:
        far.ssrc, far.sequence = ssrc, sequences[ssrc]
        data = make()
        sequences[ssrc] = far.sequence
        far.arrive(data)

    sound = tone(1_000.0)
    for number in range(50):
        held = FRAME * (number + 1)
        arrive(0x5555, partial(far.event, "4", begin, held, marker=number == 0))
        frame = ulaw_encode(sound[number * FRAME : held])
        arrive(own, partial(far.packet, frame))
        await asyncio.sleep(0.020)
    assert made.taker.keys == ["4"]
    assert sum(is_speech(pcm) for _, pcm in made.taker.audio) >= 45
    figures = made.leg.figures
    assert (figures.lost, figures.late) == (0, 0)
    made.leg.close()
