"""A call's media on a virtual clock: what is sent, what is heard, and what is ignored."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import numpy as np
import pytest

from pipeline.media.g711 import ulaw_encode
from pipeline.sip.ports import MediaRefused
from tests.sip.far_end import (
    FAR,
    FRAME,
    HOST,
    KEY,
    OTHER_KEY,
    FarEnd,
    Taker,
    call,
    is_speech,
    key_of,
    now_ms,
    sdp,
    speak,
    tone,
)

STRANGER = ("198.51.100.66", 11_000)


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


async def test_a_flush_leaves_no_stale_packet() -> None:
    made = call()
    made.leg.play(tone(5_000.0).tobytes())
    made.leg.mark("half")
    made.leg.play(tone(5_000.0).tobytes())
    made.leg.mark("end")
    await asyncio.sleep(1.0)
    at_ms = now_ms()
    assert made.leg.flush() == ["half", "end"]
    await asyncio.sleep(1.0)
    after = [packet for packet in made.packets if packet[0] > at_ms]
    assert len(after) >= 49
    assert not is_speech(made.said(after), above=300)
    assert made.taker.played == []
    made.leg.play(tone(40.0).tobytes())
    made.leg.mark("next")
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
    made.leg.mark("nothing before")
    assert made.taker.played == [], "never from inside mark"
    await asyncio.sleep(0.5)
    begun_ms = now_ms()
    made.leg.play(tone(110.0).tobytes())
    made.leg.mark("a")
    made.leg.play(tone(100.0).tobytes())
    made.leg.mark("b")
    made.leg.mark("c")
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


# --- who may be heard ----------------------------------------------------------------------------


async def test_a_stranger_is_neither_heard_nor_answered() -> None:
    made = call()
    await speak(made.far, tone(200.0))
    stranger = FarEnd(made.wire, ssrc=0x6666)
    stranger.address = STRANGER
    await speak(stranger, tone(500.0))
    assert made.leg.figures.packets_received == 10
    assert made.leg.figures.foreign == 25
    assert made.taker.foreign == 1  # told once
    assert {each.to for each in made.wire.sent if not each.rtcp} == {FAR}
    made.leg.close()


async def test_only_listed_networks_are_heard_when_there_is_a_list() -> None:
    made = call(allowed_sources=("203.0.113.0/24",))
    await speak(made.far, tone(200.0))
    assert made.leg.figures.packets_received == 0
    assert made.wire.sent == [], "the address of the SDP is not one of theirs"
    made.far.address = ("203.0.113.9", 4_444)
    await speak(made.far, tone(200.0))
    assert made.leg.figures.packets_received == 10
    assert {each.to for each in made.wire.sent if not each.rtcp} == {("203.0.113.9", 4_444)}
    made.leg.close()


async def test_plain_sound_stays_with_the_port_that_spoke_first() -> None:
    made = call()
    await speak(made.far, tone(200.0))
    second = FarEnd(made.wire, ssrc=0x7777)
    second.address = (HOST, 22_222)
    second.arrive(second.packet(b"\xff" * FRAME))
    assert made.leg.figures.foreign == 1
    await asyncio.sleep(1.5)
    await speak(second, tone(200.0))
    assert made.leg.figures.packets_received == 20
    assert made.wire.sent[-1].to == second.address
    made.leg.close()


async def test_srtp_is_proven_before_anybody_is_believed() -> None:
    made = call(key=KEY)
    plain, wrong = FarEnd(made.wire), FarEnd(made.wire, key=OTHER_KEY)
    for each in (plain, wrong):
        each.address = STRANGER
        await speak(each, tone(200.0))
    assert made.leg.figures.packets_received == 0
    assert made.leg.figures.refused == 20
    assert {each.to for each in made.wire.sent if not each.rtcp} == {FAR}
    made.far.address = ("198.51.100.4", 5_000)
    await speak(made.far, tone(200.0))
    assert made.leg.figures.packets_received == 10
    assert made.wire.sent[-1].to == made.far.address
    made.leg.close()


async def test_a_replayed_packet_is_refused_and_moves_nothing() -> None:
    made = call(key=KEY)
    kept = [made.far.packet(ulaw_encode(tone(20.0))) for _ in range(20)]
    for data in kept:
        made.far.arrive(data)
        await asyncio.sleep(0.020)
    for data in kept:
        made.far.arrive(data, STRANGER)
    assert made.leg.figures.refused == 20
    await asyncio.sleep(0.1)
    assert made.wire.sent[-1].to == FAR
    made.leg.close()


async def test_what_we_send_is_protected() -> None:
    made = call(key=KEY)
    made.leg.play(tone(100.0).tobytes())
    await asyncio.sleep(0.2)
    assert len(made.packets) == pytest.approx(10, abs=1)
    assert all(len(each.data) == 12 + FRAME + 10 for each in made.wire.sent if not each.rtcp)
    made.leg.close()


async def test_a_new_key_in_a_later_offer_is_used_both_ways_without_a_gap() -> None:
    made = call(key=KEY)
    await speak(made.far, tone(400.0))
    old, first_key = made.far, made.our_key
    answer = made.leg.answer(sdp(key=OTHER_KEY))
    made.our_key = key_of(answer)
    assert made.our_key != first_key
    await speak(old, tone(60.0))  # still in flight
    made.wire.sent.clear()
    new = FarEnd(made.wire, key=OTHER_KEY)
    new.sequence, new.timestamp = old.sequence, old.timestamp
    await speak(new, tone(400.0))
    figures = made.leg.figures
    assert (figures.refused, figures.lost, figures.packets_received) == (0, 0, 43)
    assert len(made.packets) == pytest.approx(20, abs=1), "sent under the new key"
    await asyncio.sleep(2.1)
    old.sequence, old.timestamp = new.sequence, new.timestamp
    old.arrive(old.packet(b"\xff" * FRAME))
    new.arrive(new.packet(b"\xff" * FRAME))
    assert made.leg.figures.refused == 1, "the old key is void"
    made.leg.close()


async def test_a_key_is_good_for_its_lifetime_only() -> None:
    made = call(key=KEY)
    key = b64encode(OTHER_KEY)
    made.leg.answer(sdp(key=OTHER_KEY).replace(key, key + b"|2^4"))
    far = FarEnd(made.wire, key=OTHER_KEY)
    await speak(far, tone(600.0))
    assert made.leg.figures.packets_received == 16
    assert made.leg.figures.refused == 14
    made.leg.close()


async def test_a_new_address_in_a_later_offer_is_where_we_send() -> None:
    made = call()
    await speak(made.far, tone(100.0))
    made.leg.answer(sdp(key=None, address="192.0.2.200", port=30_000))
    made.wire.sent.clear()
    await asyncio.sleep(0.1)
    assert {each.to for each in made.wire.sent if not each.rtcp} == {("192.0.2.200", 30_000)}
    made.far.address = ("192.0.2.200", 30_000)
    await speak(made.far, tone(100.0))
    assert made.leg.figures.packets_received == 10
    made.leg.close()


async def test_a_refused_offer_changes_nothing() -> None:
    made = call(key=KEY)
    with pytest.raises(MediaRefused):
        made.leg.answer(sdp(key=None))
    await speak(made.far, tone(100.0))
    assert made.leg.figures.packets_received == 5
    made.leg.close()


# --- hold, silence, fax --------------------------------------------------------------------------


async def test_on_hold_nobody_speaks_and_nobody_listens() -> None:
    made = call()
    made.leg.play(tone(1_000.0).tobytes())
    made.leg.mark("said")
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


async def test_a_flood_is_not_decoded() -> None:
    made = call()
    for _ in range(2_000):
        made.far.arrive(made.far.packet(b"\xff" * FRAME))
    assert made.leg.figures.packets_received <= 151
    made.leg.close()
