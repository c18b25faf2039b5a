"""Row T26: the server never interrupts itself."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from pipeline.turn.echo import Echo, _Envelope
from pipeline.turn.events import GateEvent, SpeechStarted, VoicePossible
from pipeline.turn.speech_gate import SpeechGate
from tests import scenes
from tests.scenes import Sound, speech
from tests.turn.heard_scene import detector

OURS = (
    "Thank you for calling the clinic. In an emergency hang up and dial nine one one.",
    "What can I do for you today?",
    "I have Tuesday at three or Wednesday at ten in the morning, which one would you like?",
    "I will read that back. Tuesday, in the afternoon, and your number ends in two nine.",
)


def our_voice(voice: str, duration_s: float) -> Sound:
    parts = [part for text in OURS for part in (speech(text, voice), scenes.silence(300))]
    return np.resize(np.concatenate(parts), int(duration_s * scenes.RATE_HZ)).astype(np.float32)


def heard_back(
    sent: Sound,
    loss_db: float,
    delay_ms: float,
    *,
    g711: bool = False,
    caller: Sound | None = None,
    caller_ms: float = 0.0,
) -> list[GateEvent]:
    """What the gate makes of our own voice (and a caller) in a quiet room; pacing wanders by 3 ms."""
    microphone = scenes.echo(sent, loss_db, delay_ms)
    if caller is not None:
        start = int(caller_ms * 16)
        microphone[start : start + len(caller)] += caller
    microphone = microphone + scenes.room(len(sent) / 16, -65)
    if g711:
        microphone = scenes.through_g711(microphone)
    wander = np.random.default_rng(5)
    gate = SpeechGate(detector().open(), detector().window_samples)
    events: list[GateEvent] = []
    for index, (heard, played) in enumerate(
        zip(scenes.frames(microphone), scenes.frames(sent), strict=True)
    ):
        now_ms = 20.0 * (index + 1)
        gate.note_sent(played, now_ms + float(wander.uniform(-3, 3)))
        events.extend(gate.push(heard, now_ms + float(wander.uniform(0, 3))))
    return events


def started(events: list[GateEvent]) -> list[SpeechStarted]:
    return [event for event in events if isinstance(event, SpeechStarted)]


@pytest.mark.parametrize("g711", [False, True], ids=["clean", "g711"])
@pytest.mark.parametrize("delay_ms", [20, 125, 300])
@pytest.mark.parametrize("loss_db", [15, 25, 35])
def test_row_t26_our_own_echo_never_interrupts(loss_db: float, delay_ms: float, g711: bool) -> None:
    voice = "espeak" if delay_ms == 125 else "slt"
    events = heard_back(our_voice(voice, 14), loss_db, delay_ms, g711=g711)
    assert started(events) == []
    assert sum(isinstance(event, VoicePossible) for event in events) <= 4, "and hardly ever ducks"


@pytest.mark.long
@pytest.mark.parametrize("g711", [False, True], ids=["clean", "g711"])
@pytest.mark.parametrize("loss_db", [15, 25, 35])
def test_row_t26_ten_minutes_of_echo_never_interrupt(loss_db: float, g711: bool) -> None:
    seconds = 600 / 6
    for delay_ms, voice in (
        (20, "slt"),
        (60, "espeak"),
        (115, "rms"),
        (180, "espeak"),
        (240, "slt"),
        (300, "awb"),
    ):
        events = heard_back(our_voice(voice, seconds), loss_db, delay_ms, g711=g711)
        assert started(events) == [], (delay_ms, voice)


@pytest.mark.parametrize("loss_db", [15, 25, 35])
@pytest.mark.parametrize("caller_ms", [400, 3_000, 9_000])
def test_row_t26_a_caller_over_our_echo_still_interrupts(loss_db: float, caller_ms: float) -> None:
    caller = speech("no wait I would like Friday instead", "rms")
    events = heard_back(our_voice("slt", 12), loss_db, 125, caller=caller, caller_ms=caller_ms)
    found = started(events)
    assert len(found) == 1
    assert 140 <= found[0].at_ms - caller_ms <= 300


def test_without_echo_the_comparison_costs_a_caller_one_frame_at_most() -> None:
    sent = scenes.frames(our_voice("slt", 6))
    for text, voice in (("no wait I would like Friday", "rms"), ("stop please", "awb")):
        microphone = scenes.frames(scenes.placed(speech(text, voice), 3_000, 6_000))
        decided: list[float] = []
        for reference in (None, sent):
            gate = SpeechGate(detector().open())
            found: list[GateEvent] = []
            for index, frame in enumerate(microphone):
                if reference is not None:
                    gate.note_sent(reference[index], 20.0 * (index + 1))
                found.extend(gate.push(frame, 20.0 * (index + 1)))
            decided.append(started(found)[0].at_ms)
        assert decided[1] - decided[0] <= 20


def test_silence_and_old_audio_explain_nothing() -> None:
    echo = Echo()
    assert not echo.explains(0.0)
    voice = speech("hello there", "slt")
    for index, frame in enumerate(scenes.frames(voice)):
        echo.sent(frame, 20.0 * index)
    echo.sent(b"", 500.0)
    echo.sent(b"\1", 500.0)
    assert not echo.explains(60_000.0)


@pytest.mark.parametrize("line_hz", [8_000, 48_000])
def test_what_was_sent_is_compared_at_the_line_s_own_rate(line_hz: int) -> None:
    sent = our_voice("slt", 8)
    line = soxr.resample(sent, scenes.RATE_HZ, line_hz)
    pcm = (np.clip(line, -1.0, 1.0) * 32_767).astype(np.int16).tobytes()
    size = 2 * line_hz // 50
    gate = SpeechGate(detector().open(), detector().window_samples, sent_rate_hz=line_hz)
    events: list[GateEvent] = []
    microphone = scenes.echo(sent, 20, 125) + scenes.room(len(sent) / 16, -65)
    for index, frame in enumerate(scenes.frames(microphone)):
        gate.note_sent(pcm[index * size : (index + 1) * size], 20.0 * (index + 1))
        events.extend(gate.push(frame, 20.0 * (index + 1)))
    assert started(events) == []


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_levels_read_late_are_those_read_at_once(rate_hz: int) -> None:
    random = np.random.default_rng(3)
    at_once, late = _Envelope(rate_hz), _Envelope(rate_hz)
    now_ms = 0.0
    for index in range(29):
        samples = random.normal(0, 3_000 if index % 7 else 30, rate_hz // 50)
        frame = samples.astype(np.int16).tobytes()
        now_ms += 20.0 if index not in (9, 21) else 70.0
        for envelope in (at_once, late):
            envelope.take(frame, now_ms + float(random.uniform(-2, 2)))
        at_once.read()
    assert np.allclose(at_once.rows(), late.rows(), atol=0.01)
    assert at_once.end_ms == pytest.approx(late.end_ms, abs=15.0)


def test_what_nobody_asks_for_is_forgotten_and_the_rest_is_right() -> None:
    random = np.random.default_rng(4)
    asked, unasked = _Envelope(16_000), _Envelope(16_000)
    for index in range(500):
        frame = random.normal(0, 3_000, 320).astype(np.int16).tobytes()
        asked.take(frame, 20.0 * index)
        unasked.take(frame, 20.0 * index)
        asked.read()
        assert unasked.unread_hops <= 70
    assert np.allclose(asked.rows()[2:], unasked.rows()[2:], atol=0.01)
