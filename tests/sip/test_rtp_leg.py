"""A call's media on a virtual clock: what is sent, and what is heard of what comes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.media.g711 import ulaw_decode, ulaw_encode
from pipeline.sip.rtp_leg import RtpLeg
from tests.sip.far_end import (
    FAR,
    FRAME,
    KEY,
    Call,
    FarEnd,
    Taker,
    call,
    is_speech,
    now_ms,
    speak,
    tone,
)
from tests.virtual_loop import VirtualLoop


async def test_nothing_is_sent_before_somebody_is_attached() -> None:
    made = call(attach=False)
    made.far.arrive(made.far.packet(b"\xff" * FRAME))
    await asyncio.sleep(1.0)
    assert made.wire.sent == []
    made.leg.attach(made.taker)
    await asyncio.sleep(0.1)
    assert len(made.packets) >= 5
    made.leg.close()


async def test_comfort_noise_goes_out_each_20_ms_and_never_ends() -> None:
    made = call()
    await asyncio.sleep(10.0)
    at = [at_ms for at_ms, _ in made.packets]
    assert len(at) == pytest.approx(500, abs=2)
    assert np.allclose(np.diff(at), 20.0, atol=0.6)
    packets = [packet for _, packet in made.packets]
    assert {packet.payload_type for packet in packets} == {0}
    assert {len(packet.payload) for packet in packets} == {FRAME}
    assert np.all(np.diff([packet.sequence_number for packet in packets]) % 65_536 == 1)
    assert np.all(np.diff([packet.timestamp for packet in packets]) % (1 << 32) == FRAME)
    assert [packet.marker for packet in packets][:3] == [1, 0, 0]
    level = 20 * np.log10(np.sqrt(np.mean(made.said().astype(float) ** 2)) / 32_768)
    assert -70.0 < level < -60.0
    made.leg.close()


async def test_packets_of_all_calls_leave_at_four_instants_of_each_frame() -> None:
    """One wake-up of the loop then serves many calls; each keeps its own 20 ms."""
    calls = []
    for _ in range(20):
        calls.append(call())
        await asyncio.sleep(0.0033)
    await asyncio.sleep(0.5)
    instants = {round(at % 20.0, 3) % 20.0 for made in calls for at, _ in made.packets}
    assert len(instants) <= 4
    for made in calls:
        times = [at for at, _ in made.packets]
        assert np.allclose(np.diff(times), 20.0, atol=1e-3)
        made.leg.close()


async def test_speech_is_sent_as_it_was_given() -> None:
    made = call()
    await asyncio.sleep(0.107)
    words = tone(1_000.0)
    made.leg.play(words.tobytes())
    await asyncio.sleep(1.2)
    said = made.said()
    begin = int(np.flatnonzero(np.abs(said.astype(int)) > 1_000)[0]) // FRAME * FRAME
    sent = said[begin : begin + len(words)].astype(float)
    noise = sent - words
    assert 10 * np.log10(np.mean(words.astype(float) ** 2) / np.mean(noise**2)) > 30.0
    marked = [n for n, (_, packet) in enumerate(made.packets) if packet.marker]
    assert marked == [0, begin // FRAME]
    made.leg.close()


async def test_the_first_word_leaves_at_once_and_the_grid_stays() -> None:
    made = call()
    await asyncio.sleep(0.105)
    before = len(made.packets)
    at_ms = now_ms()
    made.leg.play(tone(200.0).tobytes())
    await asyncio.sleep(0.5)
    times = [each for each, _ in made.packets]
    assert times[before] - at_ms < 1.0
    off = (np.array(times[before + 1 :]) - times[0]) % 20.0
    assert np.all(np.minimum(off, 20.0 - off) < 0.6)
    made.leg.close()


async def test_what_goes_on_behind_a_mark_waits_for_its_slot() -> None:
    """A mark stands behind each fifth frame of a reply, and the frame behind it comes when the one before has just left."""
    made = call()
    await asyncio.sleep(0.105)
    words = tone(1_000.0)
    begun = asyncio.get_running_loop().time()
    for number in range(50):
        made.leg.play(words[number * FRAME : (number + 1) * FRAME].tobytes())
        if number % 5 == 4:
            made.leg.mark(str(number), ends_reply=False)
        await asyncio.sleep(
            max(0.0, begun + 0.0201 * (number + 1) - asyncio.get_running_loop().time())
        )
    await asyncio.sleep(0.1)
    spoken = [at for at, packet in made.packets if is_speech(made.said([(at, packet)]))]
    assert len(spoken) == 50
    assert np.allclose(np.diff(spoken[1:]), 20.0, atol=0.6)
    made.leg.close()


async def behind_the_fifth_frame(
    comes_after_ms: float, *, ends_reply: bool
) -> list[tuple[float, bool, int]]:
    """Five frames, a mark, and five more so long after the slot of the first of them.

    Of each packet behind the mark: how long after the one before the mark it left, whether it is speech, and its marker.
    """
    made = call()
    await asyncio.sleep(0.105)
    words = tone(200.0)
    made.leg.play(words[: 5 * FRAME].tobytes())
    made.leg.mark("fifth", ends_reply=ends_reply)
    await asyncio.sleep(0.100)
    assert [name for _, name in made.taker.played] == ["fifth"]
    fifth_ms = made.packets[-1][0]
    await asyncio.sleep((fifth_ms + 20.0 + comes_after_ms - now_ms()) / 1_000.0)
    made.leg.play(words[5 * FRAME :].tobytes())
    made.leg.mark("tenth", ends_reply=True)
    await asyncio.sleep(0.3)
    made.leg.close()
    return [
        (at_ms - fifth_ms, is_speech(made.said([(at_ms, packet)])), packet.marker)
        for at_ms, packet in made.packets
        if at_ms > fifth_ms
    ]


async def test_a_frame_that_is_late_behind_a_mark_within_a_reply_is_waited_for() -> None:
    left = await behind_the_fifth_frame(15.0, ends_reply=False)
    assert [speech for _, speech, _ in left[:6]] == [True] * 5 + [False], (
        "no hole, and the end at once"
    )
    assert [marker for _, _, marker in left] == [0] * len(left), "the same talk goes on"
    assert [at_ms for at_ms, _, _ in left[:6]] == pytest.approx(
        [35.0, 40, 60, 80, 100, 120], abs=0.6
    )


async def test_a_frame_that_is_later_than_that_has_noise_in_its_place() -> None:
    left = await behind_the_fifth_frame(25.0, ends_reply=False)
    assert [speech for _, speech, _ in left[:4]] == [False, False, True, True]
    assert [at_ms for at_ms, _, _ in left[:4]] == pytest.approx([40.0, 40, 45, 80], abs=0.6)


async def test_behind_the_end_of_a_reply_nothing_is_waited_for() -> None:
    left = await behind_the_fifth_frame(15.0, ends_reply=True)
    assert [speech for _, speech, _ in left[:3]] == [False, True, True]
    assert left[0][0] == pytest.approx(20.0, abs=0.6)
    assert [marker for _, _, marker in left[:3]] == [0, 1, 0], "another talk begins"


async def starved(made: Call) -> float:
    """Speech without an end is over, and its next frame 10 ms late; returns when its slot was."""
    await asyncio.sleep(0.105)
    made.leg.play(tone(100.0).tobytes())
    await asyncio.sleep(0.100)
    sent, slot_ms = len(made.packets), made.packets[-1][0] + 20.0
    assert is_speech(made.said(made.packets[-5:]))
    await asyncio.sleep((slot_ms + 10.0 - now_ms()) / 1_000.0)
    assert len(made.packets) == sent, "it is waited for"
    return slot_ms


@pytest.mark.parametrize(
    "end", [lambda leg: leg.mark("end", ends_reply=True), lambda leg: leg.flush()]
)
async def test_who_waits_for_a_frame_is_told_that_none_comes(
    end: Callable[[RtpLeg], object],
) -> None:
    made = call()
    slot_ms = await starved(made)
    sent = len(made.packets)
    end(made.leg)
    await asyncio.sleep(0.1)
    made.leg.close()
    at_ms = [at - slot_ms for at, _ in made.packets[sent:]]
    assert at_ms[:3] == pytest.approx([10.0, 20.0, 40.0], abs=0.6)
    assert not is_speech(made.said(made.packets[sent:]), above=300)


async def test_a_mark_within_a_reply_ends_no_waiting() -> None:
    made = call()
    slot_ms = await starved(made)
    sent = len(made.packets)
    made.leg.mark("fifth", ends_reply=False)
    await asyncio.sleep(0.1)
    made.leg.close()
    assert made.packets[sent][0] - slot_ms == pytest.approx(20.0, abs=0.6)


LEVELS = [int(level) for level in ulaw_decode(bytes(range(256))) if abs(int(level)) > 2_000]
"""Each is decoded as it was coded: a frame of one is known again."""


@given(seed=st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_whatever_is_queued_every_frame_leaves_in_order_and_every_mark_is_told(seed: int) -> None:
    async def scenario() -> None:
        dice, made = random.Random(seed), call()
        await asyncio.sleep(dice.uniform(0.05, 0.12))
        queued: list[int] = []
        marks = 0
        for _ in range(dice.randint(20, 80)):
            match dice.choice(["play", "play", "play", "mark", "end", "wait", "wait"]):
                case "play":
                    for _ in range(dice.choice([1, 1, 1, 8])):
                        queued.append(LEVELS[len(queued) % len(LEVELS)])
                        made.leg.play(np.full(FRAME, queued[-1], "<i2").tobytes())
                case "wait":
                    await asyncio.sleep(dice.choice([0.001, 0.015, 0.0201, 0.03, 0.041, 0.1]))
                case what:
                    made.leg.mark(str(marks), ends_reply=what == "end")
                    marks += 1
        await asyncio.sleep(0.1 + 0.02 * len(queued))
        made.leg.close()
        middles = [int(ulaw_decode(packet.payload)[FRAME // 2]) for _, packet in made.packets]
        assert [level for level in middles if abs(level) > 2_000] == queued
        assert [name for _, name in made.taker.played] == [str(n) for n in range(marks)]
        apart = np.diff([at_ms for at_ms, _ in made.packets])
        assert apart.max() < 60.6, "a frame early, a slot, and 20 ms of grace"

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scenario())


async def test_a_flush_leaves_no_stale_packet() -> None:
    made = call()
    made.leg.play(tone(5_000.0).tobytes())
    made.leg.mark("half", ends_reply=False)
    made.leg.play(tone(5_000.0).tobytes())
    made.leg.mark("end", ends_reply=True)
    await asyncio.sleep(1.0)
    at_ms = now_ms()
    assert made.leg.flush() == ["half", "end"]
    await asyncio.sleep(1.0)
    after = [packet for packet in made.packets if packet[0] > at_ms]
    assert len(after) >= 49
    assert not is_speech(made.said(after), above=300)
    assert made.taker.played == []
    made.leg.play(tone(40.0).tobytes())
    made.leg.mark("next", ends_reply=True)
    await asyncio.sleep(0.1)
    assert [name for _, name in made.taker.played] == ["next"]
    made.leg.close()


async def test_a_flush_in_the_same_moment_as_speech_does_not_stop_the_pacer() -> None:
    made = call()
    await asyncio.sleep(0.105)
    made.leg.play(tone(400.0).tobytes())
    made.leg.flush()
    at_ms = now_ms()
    await asyncio.sleep(1.0)
    after = [packet for packet in made.packets if packet[0] > at_ms]
    assert len(after) == pytest.approx(50, abs=1)
    assert not is_speech(made.said(after), above=300)
    made.leg.close()


async def test_marks_are_told_when_their_last_sample_was_sent() -> None:
    made = call()
    made.leg.mark("nothing before", ends_reply=True)
    assert made.taker.played == [], "never from inside mark"
    await asyncio.sleep(0.5)
    begun_ms = now_ms()
    made.leg.play(tone(110.0).tobytes())
    made.leg.mark("a", ends_reply=False)
    made.leg.play(tone(100.0).tobytes())
    made.leg.mark("b", ends_reply=True)
    made.leg.mark("c", ends_reply=True)
    await asyncio.sleep(0.5)
    told = {name: at_ms - begun_ms for at_ms, name in made.taker.played}
    assert list(told) == ["nothing before", "a", "b", "c"]
    assert 80.0 <= told["a"] <= 121.0
    assert 180.0 <= told["b"] == told["c"] <= 221.0
    speech = [packet for packet in made.packets if is_speech(made.said([packet]))]
    assert len(speech) == 11
    made.leg.close()


async def test_speech_that_is_fed_in_time_but_unevenly_has_no_holes() -> None:
    made = call()
    words = tone(2_000.0)
    uneven = np.random.default_rng(1).uniform(0.0, 0.018, 100)
    for number in range(100):
        begun = asyncio.get_running_loop().time()
        await asyncio.sleep(float(uneven[number]))
        made.leg.play(words[number * FRAME : (number + 1) * FRAME].tobytes())
        await asyncio.sleep(max(0.0, begun + 0.020 - asyncio.get_running_loop().time()))
    await asyncio.sleep(0.1)
    loud = [is_speech(made.said([packet])) for packet in made.packets]
    first, last = loud.index(True), len(loud) - 1 - loud[::-1].index(True)
    assert last - first + 1 == 100
    made.leg.close()


async def test_a_piece_that_fills_no_frame_is_said_all_the_same() -> None:
    made = call()
    made.leg.play(tone(30.0).tobytes())
    await asyncio.sleep(0.2)
    assert sum(is_speech(made.said([packet])) for packet in made.packets) == 2
    with pytest.raises(ValueError, match="whole"):
        made.leg.play(b"\0")
    with pytest.raises(BufferError):
        made.leg.play(bytes(2 * 8_000 * 121))
    made.leg.close()


async def test_one_frame_is_heard_for_each_20_ms_from_the_beginning() -> None:
    made = call()
    await asyncio.sleep(1.0)
    assert len(made.taker.audio) == pytest.approx(50, abs=1)
    await speak(made.far, tone(1_000.0))
    await asyncio.sleep(1.0)
    assert len(made.taker.audio) == pytest.approx(150 - 6, abs=3), (
        "a stall is waited for, 120 ms at most"
    )
    assert {len(pcm) for _, pcm in made.taker.audio} == {320}
    made.leg.close()


async def test_sound_is_heard_as_it_was_said() -> None:
    made = call()
    words = tone(1_000.0)
    await speak(made.far, words)
    heard = made.taker.heard
    begin = int(np.flatnonzero(np.abs(heard.astype(int)) > 1_000)[0]) // FRAME * FRAME
    got = heard[begin : begin + len(words)].astype(float)
    noise = got - words[: len(got)]
    assert len(got) >= 49 * FRAME
    assert 10 * np.log10(np.mean(words.astype(float) ** 2) / np.mean(noise**2)) > 30.0
    made.leg.close()


async def test_one_lost_packet_adds_no_lasting_delay() -> None:
    made = call()
    await speak(made.far, tone(1_000.0), drop={20})
    last = made.taker.audio[-1][0]
    await speak(made.far, tone(200.0))
    delays = [at - last for at, _ in made.taker.audio[-10:]]
    assert np.allclose(np.diff(delays), 20.0, atol=0.1)
    assert made.leg.figures.lost == 1
    assert made.leg.figures.concealed_ms == 20.0
    loud = [is_speech(pcm) for _, pcm in made.taker.audio]
    assert all(loud[loud.index(True) :]), "the hole was concealed"
    made.leg.close()


@pytest.mark.parametrize("secured", [False, True])
async def test_reordered_and_doubled_packets_are_heard_once_and_in_order(secured: bool) -> None:
    made = call(key=KEY if secured else None)
    words = tone(2_000.0, 300.0)
    packets = [made.far.packet(ulaw_encode(words[n * FRAME : (n + 1) * FRAME])) for n in range(100)]
    order = list(range(100))
    for n in range(5, 95, 10):
        order[n], order[n + 1] = order[n + 1], order[n]
    for n in order:
        made.far.arrive(packets[n])
        if n % 7 == 0:
            made.far.arrive(packets[n])
        await asyncio.sleep(0.020)
    heard = made.taker.heard
    begin = int(np.flatnonzero(np.abs(heard.astype(int)) > 1_000)[0]) // FRAME * FRAME
    got = heard[begin : begin + 98 * FRAME].astype(float)
    assert 10 * np.log10(np.mean(got**2) / np.mean((got - words[: len(got)]) ** 2)) > 30.0
    figures = made.leg.figures
    assert (figures.lost, figures.concealed_ms) == (0, 0.0)
    assert (figures.refused if secured else figures.duplicate) == 15
    made.leg.close()


async def test_a_hundred_milliseconds_of_jitter_lose_next_to_nothing() -> None:
    made = call()
    words = tone(20_000.0, 200.0)
    late = np.random.default_rng(4).uniform(0.0, 0.100, 1_000)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for n in range(1_000):
        data = made.far.packet(ulaw_encode(words[n * FRAME : (n + 1) * FRAME]))
        loop.call_at(begun + 0.020 * n + float(late[n]), made.far.arrive, data)
    await asyncio.sleep(20.3)
    figures = made.leg.figures
    assert figures.lost == 0
    assert figures.late <= 20, "while it learns"
    assert len(made.taker.audio) == pytest.approx(1_015, abs=8)
    made.leg.close()


async def test_sequence_and_timestamp_may_wrap() -> None:
    made = call()
    made.far.sequence, made.far.timestamp = 65_530, (1 << 32) - 10 * FRAME
    await speak(made.far, tone(600.0), drop={15})
    assert made.leg.figures.lost == 1
    assert made.leg.figures.concealed_ms == 20.0
    made.leg.close()


@pytest.mark.parametrize("secured", [False, True])
async def test_another_stream_of_the_far_end_takes_over(secured: bool) -> None:
    """With a key it is the same one: what the stream before counted is no business of the new one."""
    made = call(key=KEY if secured else None)
    await speak(made.far, tone(500.0))
    again = FarEnd(made.wire, key=KEY if secured else None, ssrc=0x9999)
    again.timestamp = 3_000_000_000
    await speak(again, tone(500.0, 700.0))
    heard = made.taker.heard[-15 * FRAME :].astype(float)
    spectrum = np.abs(np.fft.rfft(heard))
    assert abs(np.argmax(spectrum) * 8_000 / len(heard) - 700.0) < 10.0
    assert made.leg.figures.lost == 0
    assert made.leg.figures.packets_received == 50
    assert len(made.taker.audio) == pytest.approx(50, abs=2)
    made.leg.close()


async def test_two_streams_at_once_are_not_mixed() -> None:
    made = call()
    other = FarEnd(made.wire, ssrc=0x9999)
    for _ in range(50):
        made.far.arrive(made.far.packet(ulaw_encode(tone(20.0))))
        await asyncio.sleep(0.010)
        other.arrive(other.packet(ulaw_encode(tone(20.0))))
        await asyncio.sleep(0.010)
    assert made.leg.figures.packets_received == 50
    assert len(made.taker.audio) == pytest.approx(50, abs=2)
    made.leg.close()


async def test_our_own_packets_reflected_are_not_heard() -> None:
    made = call()
    await asyncio.sleep(0.2)
    for each in list(made.wire.sent):
        made.wire.deliver(each.data, FAR, False)
    assert made.leg.figures.packets_received == 0
    assert made.leg.figures.foreign == 10 or made.leg.figures.foreign == 11
    made.leg.close()


async def test_a_closed_leg_is_silent_and_its_ports_are_free() -> None:
    made = call()
    await speak(made.far, tone(100.0))
    made.leg.close()
    made.leg.close()
    sent, heard = len(made.wire.sent), len(made.taker.audio)
    assert made.wire.closed
    made.far.arrive(made.far.packet(b"\xff" * FRAME))
    made.leg.on_info_key("5")
    await asyncio.sleep(5.0)
    assert (len(made.wire.sent), len(made.taker.audio), made.taker.keys) == (sent, heard, [])


async def test_a_leg_may_be_closed_by_what_it_says() -> None:
    made = call()

    class Leaver(Taker):
        def on_audio(self, pcm: bytes) -> None:
            super().on_audio(pcm)
            made.leg.close()

    leaver = Leaver()
    made.leg.attach(leaver)
    await asyncio.sleep(1.0)
    assert len(leaver.audio) == 1
