"""When nothing is heard on a call: on hold, gone, led away, a pause, comfort noise; and a fax machine instead of a voice."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from pipeline.media.g711 import ulaw_encode
from tests.sip.far_end import FRAME, call, is_speech, now_ms, sdp, speak, tone


async def test_on_hold_nobody_speaks_and_nobody_listens() -> None:
    made = call()
    made.leg.play(tone(1_000.0).tobytes())
    made.leg.mark("said", ends_reply=True)
    await asyncio.sleep(0.5)
    made.leg.answer(sdp("a=sendonly", key=None))
    assert made.taker.holds == [True]
    sent, heard = len(made.packets), len(made.taker.audio)
    await speak(made.far, tone(2_000.0))  # music
    assert len(made.packets) == sent
    assert made.taker.played == []
    silence = made.taker.audio[heard:]
    assert len(silence) == pytest.approx(100, abs=1)
    assert not any(is_speech(pcm, 300) for _, pcm in silence)
    made.leg.answer(sdp("a=sendrecv", key=None))
    assert made.taker.holds == [True, False]
    await asyncio.sleep(0.6)
    assert [name for _, name in made.taker.played] == ["said"]
    speech = sum(is_speech(made.said([packet])) for packet in made.packets)
    assert speech == 50
    first = made.packets[sent][1]
    gap = (first.timestamp - made.packets[sent - 1][1].timestamp) % (1 << 32)
    assert first.marker == 1
    assert gap == pytest.approx(2_000 * 8, abs=2 * FRAME)
    await speak(made.far, tone(200.0))
    assert any(is_speech(pcm) for _, pcm in made.taker.audio[-5:])
    made.leg.close()


@pytest.mark.parametrize("line", ["a=sendonly", "a=inactive", "c=IN IP4 0.0.0.0"])
async def test_who_comes_to_a_call_that_is_on_hold_already_is_told(line: str) -> None:
    made = call(line, attach=False)
    made.leg.attach(made.taker)
    made.leg.play(tone(100.0).tobytes())
    made.leg.mark("said", ends_reply=True)
    assert made.taker.holds == [True]
    await asyncio.sleep(2.0)
    assert (made.packets, made.taker.played) == ([], [])
    made.leg.answer(sdp(key=None))
    assert made.taker.holds == [True, False]
    await asyncio.sleep(0.3)
    assert [name for _, name in made.taker.played] == ["said"]
    made.leg.close()


async def test_thirty_seconds_without_a_packet_are_told_once() -> None:
    made = call()
    await asyncio.sleep(29.0)
    await speak(made.far, tone(20.0))
    await asyncio.sleep(29.9)
    assert made.taker.silences == 0
    await asyncio.sleep(10.0)
    assert made.taker.silences == 1
    assert len(made.taker.audio) == pytest.approx(50 * 68.9, rel=0.01)
    made.leg.close()


async def test_on_hold_nobody_is_missed_and_afterwards_the_time_begins_anew() -> None:
    made = call(silence_ms=3_000.0)
    await speak(made.far, tone(20.0))
    made.leg.answer(sdp("a=inactive", key=None))
    await asyncio.sleep(20.0)
    made.leg.answer(sdp(key=None))
    await asyncio.sleep(2.9)
    assert made.taker.silences == 0
    await asyncio.sleep(0.2)
    assert made.taker.silences == 1
    made.leg.close()


async def test_while_the_caller_is_led_away_nobody_is_missed_and_afterwards_the_time_begins_anew() -> (
    None
):
    made = call(silence_ms=3_000.0)
    await speak(made.far, tone(20.0))
    made.leg.excuse_silence(True)
    await asyncio.sleep(60.0)
    assert made.taker.silences == 0
    made.leg.excuse_silence(False)
    await asyncio.sleep(2.9)
    assert made.taker.silences == 0
    await asyncio.sleep(0.2)
    assert made.taker.silences == 1
    made.leg.close()


async def test_a_fax_machine_is_known_within_five_seconds_of_its_tone() -> None:
    made = call()
    quiet = np.zeros(8_000 * 3, dtype=np.int16)
    cng = np.concatenate(
        [tone(500.0, 1_100.0, 4_000.0), quiet, tone(500.0, 1_100.0, 4_000.0), quiet]
    )
    begun = now_ms()
    for number in range(len(cng) // FRAME):
        made.far.arrive(made.far.packet(ulaw_encode(cng[number * FRAME : (number + 1) * FRAME])))
        await asyncio.sleep(0.020)
        if made.taker.faxes:
            break
    assert made.taker.faxes == 1
    assert now_ms() - begun < 5_000.0
    made.leg.close()


async def test_a_pause_of_the_sender_is_silence_and_no_loss() -> None:
    made = call()
    for _ in range(5):
        await speak(made.far, tone(500.0, 200.0))
        made.far.timestamp += 50 * FRAME
        await asyncio.sleep(1.0)
    figures = made.leg.figures
    assert (figures.lost, figures.late) == (0, 0)
    assert figures.concealed_ms <= 900.0, "only the pause that has not ended is unknown"
    made.leg.close()


async def test_comfort_noise_packets_are_silence_and_no_loss() -> None:
    made = call()
    for _ in range(5):
        await speak(made.far, tone(500.0, 200.0))
        made.far.arrive(made.far.packet(b"\x40", payload_type=13, ticks=25 * FRAME))
        await asyncio.sleep(0.5)
        made.far.arrive(made.far.packet(b"\x40", payload_type=13, ticks=25 * FRAME))
        await asyncio.sleep(0.5)
    figures = made.leg.figures
    assert (figures.lost, figures.late, figures.concealed_ms) == (0, 0, 0.0)
    quiet = [is_speech(pcm, 200) for _, pcm in made.taker.audio].count(False)
    assert quiet == pytest.approx(250, abs=6)
    made.leg.close()
