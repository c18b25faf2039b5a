"""What a network and a stranger may do to a call: it goes on, and the time of its sound stays right."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.media.g711 import ulaw_encode
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_settings import RtpSettings
from tests.sip.far_end import FAR, FRAME, KEY, FarEnd, MemoryWire, call, is_speech, sdp, speak, tone
from tests.virtual_loop import VirtualLoop

SPAN_MS = 20_000.0


def bursts(count: int, share: float, seed: int) -> set[int]:
    """Losses in stretches of four on average (two states, as Gilbert has them)."""
    chance, lost, bad = random.Random(seed), set(), False
    for n in range(count):
        bad = chance.random() < (0.75 if bad else share / 4 / (1 - share))
        if bad:
            lost.add(n)
    return lost


def singles(count: int, share: float, seed: int) -> set[int]:
    chance = random.Random(seed)
    return {n for n in range(count) if chance.random() < share}


@pytest.mark.parametrize("lose", [singles, bursts])
async def test_three_percent_of_loss_are_concealed_and_add_no_delay(lose: object) -> None:
    made = call()
    lost = lose(1_000, 0.03, 5) - set(range(980, 1_000))  # type: ignore[operator]  # one of two functions
    await speak(made.far, tone(SPAN_MS, 180.0), drop=lost)
    figures = made.leg.figures
    assert figures.lost == len(lost) >= 15
    assert figures.concealed_ms == 20.0 * len(lost)
    times = [at for at, _ in made.taker.audio]
    assert len(times) == pytest.approx(1_000, abs=1)
    late = np.array(times) - times[0] - 20.0 * np.arange(len(times))
    assert late[-5:].max() < 1.0, "no lasting delay"
    assert late.max() <= 130.0
    made.leg.close()


async def test_a_storm_of_all_of_it_is_survived_and_leaves_no_delay_behind() -> None:
    """Loss, 100 ms of jitter and with it reordering, doubled packets, another stream in the middle; under SRTP."""
    made = call(key=KEY)
    chance = random.Random(9)
    loop = asyncio.get_running_loop()
    far = made.far
    for number in range(1_000):
        if number == 500:
            far = FarEnd(made.wire, key=KEY, ssrc=0x7777)
        data = far.packet(ulaw_encode(tone(20.0, 200.0)))
        if chance.random() >= 0.03:
            for _ in range(1 + (chance.random() < 0.05)):
                loop.call_later(chance.uniform(0.0, 0.100), made.far.arrive, data)
        await asyncio.sleep(0.020)
    assert len(made.taker.audio) == pytest.approx(1_000, abs=10)
    figures = made.leg.figures
    assert 10 <= figures.lost <= 60
    assert figures.refused >= 10, "doubled packets are replays under SRTP"
    await speak(far, tone(12_000.0, 200.0))  # the sky clears
    loud = [is_speech(pcm) for _, pcm in made.taker.audio[-500:]]
    assert all(loud)
    arrived_ms = loop.time() * 1_000.0 - 20.0
    assert made.taker.audio[-1][0] == pytest.approx(arrived_ms, abs=1.0), "no lasting delay"
    made.leg.close()


@pytest.mark.parametrize("span_ms", [10, 20, 30, 60])
async def test_packets_of_any_length_become_frames_of_20_ms(span_ms: int) -> None:
    made = call()
    words = tone(3_000.0, 220.0)
    step = 8 * span_ms
    for begin in range(0, len(words) - step + 1, step):
        if begin != 20 * step:
            made.far.arrive(made.far.packet(ulaw_encode(words[begin : begin + step])))
        else:
            made.far.packet(b"\xff" * step)
        await asyncio.sleep(span_ms / 1_000.0)
    assert {len(pcm) for _, pcm in made.taker.audio} == {320}
    assert len(made.taker.audio) == pytest.approx(150, abs=4)
    assert made.leg.figures.lost == 1
    assert made.leg.figures.concealed_ms == pytest.approx(span_ms, abs=19.0)
    made.leg.close()


async def test_the_network_stops_for_two_seconds_and_comes_back() -> None:
    made = call()
    await speak(made.far, tone(1_000.0))
    held = [made.far.packet(ulaw_encode(tone(20.0))) for _ in range(100)]
    await asyncio.sleep(2.0)
    for data in held:
        made.far.arrive(data)
    before = len(made.taker.audio)
    await speak(made.far, tone(1_000.0, 300.0))
    assert len(made.taker.audio) - before == pytest.approx(50, abs=2), (
        "late sound is not heard late"
    )
    assert len(made.taker.audio) == pytest.approx(200, abs=8)
    assert all(is_speech(pcm) for _, pcm in made.taker.audio[-40:])
    made.leg.close()


async def test_a_jump_of_the_timestamps_is_survived() -> None:
    made = call()
    for jump in (1 << 31, -1_000_000, 50_000, 4_000):
        await speak(made.far, tone(400.0))
        made.far.timestamp += jump
    await speak(made.far, tone(400.0))
    assert all(is_speech(pcm) for _, pcm in made.taker.audio[-15:])
    assert len(made.taker.audio) == pytest.approx(100, abs=30)
    made.leg.close()


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
@pytest.mark.long
async def test_ten_minutes_of_skew_add_no_more_than_20_ms(ppm: float) -> None:
    made = call()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    payload = ulaw_encode(tone(20.0, 300.0))
    for number in range(30_000):
        made.far.arrive(made.far.packet(payload))
        wait = begun + 0.020 * (number + 1) * (1.0 + ppm * 1e-6) - loop.time()
        await asyncio.sleep(max(0.0, wait))
    assert made.leg.figures.concealed_ms == 0.0
    assert len(made.taker.audio) == 30_000
    assert made.taker.audio[-1][0] - begun * 1_000.0 <= 600_000.0 * (1.0 + ppm * 1e-6) + 20.0
    made.leg.close()


async def test_the_wrong_key_is_silence_and_ends_clearly() -> None:
    made = call(key=KEY)
    wrong = FarEnd(made.wire, key=bytes(range(100, 130)))
    for _ in range(31):
        for _ in range(50):
            wrong.arrive(wrong.packet(b"\x00" * FRAME))
        await asyncio.sleep(1.0)
    assert made.taker.silences == 1
    assert made.leg.figures.refused == 31 * 50
    assert not is_speech(made.taker.heard, 300)
    made.leg.close()


async def test_wideband_sound_has_its_own_rate() -> None:
    made = call(formats="9 101")
    assert made.leg.sample_rate_hz == 16_000
    made.leg.play(tone(200.0, rate=16_000).tobytes())
    await asyncio.sleep(0.5)
    assert {len(packet.payload) for _, packet in made.packets} == {FRAME}
    assert {len(pcm) for _, pcm in made.taker.audio} == {640}
    stamps = [packet.timestamp for _, packet in made.packets]
    assert np.all(np.diff(stamps) % (1 << 32) == FRAME), "the clock of G.722 runs at 8 kHz"
    made.leg.close()


async def test_the_advertised_address_is_what_the_description_says() -> None:
    leg = RtpLeg(RtpSettings(srtp_required=False, advertised_address="203.0.113.5"), MemoryWire())
    answer = leg.answer(sdp(key=None))
    assert b"c=IN IP4 203.0.113.5\r\n" in answer
    assert b" 192.0.2.99" not in answer
    leg.close()


async def test_nothing_can_be_said_before_anything_was_agreed() -> None:
    leg = RtpLeg(RtpSettings(), MemoryWire())
    with pytest.raises(RuntimeError, match="nothing was agreed"):
        leg.play(b"\0\0")
    assert leg.flush() == []
    assert leg.figures.packets_sent == 0
    leg.close()


DATAGRAMS = st.lists(
    st.tuples(
        st.binary(max_size=60)
        | st.binary(min_size=10, max_size=1_400).map(lambda rest: b"\x80\x00" + rest)
        | st.binary(min_size=10, max_size=40).map(lambda rest: b"\x90\x65" + rest)
        | st.binary(min_size=4, max_size=60).map(lambda rest: b"\x81\xc9" + rest),
        st.booleans(),
    ),
    max_size=40,
)


@given(datagrams=DATAGRAMS)
@settings(max_examples=150)
def test_no_datagrams_break_a_call(datagrams: list[tuple[bytes, bool]]) -> None:
    async def body() -> None:
        made = call()
        for data, rtcp in datagrams:
            made.wire.deliver(data, FAR, rtcp)
            await asyncio.sleep(0.010)
        heard = len(made.taker.audio)
        fresh = FarEnd(made.wire, ssrc=0x4321)
        await speak(fresh, tone(400.0))
        assert len(made.taker.audio) - heard <= 60
        assert is_speech(made.taker.heard)
        made.leg.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(body())
