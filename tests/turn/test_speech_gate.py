"""The gate with a scripted detector: exact frames in, exact events out."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.turn.events import (
    GateEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    VoicePossible,
    VoiceUnconfirmed,
)
from pipeline.turn.settings import GateSettings
from pipeline.turn.speech_gate import SpeechGate
from tests import scenes
from tests.scenes import Sound


class LevelVoice:
    """Believes every window in which something is loud: the ideal detector of a synthetic scene."""

    def __init__(self) -> None:
        self.windows = 0
        self.resets = 0

    def probability(self, window: NDArray[np.float32]) -> float:
        assert window.shape == (512,)
        self.windows += 1
        return 0.95 if float(np.abs(window).max()) > 0.02 else 0.02

    def reset(self) -> None:
        self.resets += 1


def gated(
    sound: Sound, voice: LevelVoice | None = None, settings: GateSettings | None = None
) -> list[GateEvent]:
    gate = SpeechGate(voice or LevelVoice(), 512, settings)
    return [
        event
        for index, frame in enumerate(scenes.frames(sound))
        for event in gate.push(frame, 20.0 * (index + 1))
    ]


def voiced(duration_ms: float) -> Sound:
    """A steady vowel of this length."""
    time_s = np.arange(int(duration_ms * 16)) / 16_000
    waves = [np.sin(2 * np.pi * 140 * n * time_s) / n for n in range(1, 15)]
    return scenes.at_level(np.sum(waves, axis=0).astype(np.float32), -18.0)


def kinds(events: list[GateEvent]) -> list[type[GateEvent]]:
    return [type(event) for event in events]


@pytest.mark.parametrize("at_ms", [400.0, 405.0, 411.0, 417.0])
def test_row_t5_120_ms_of_voice_never_interrupts(at_ms: float) -> None:
    events = gated(scenes.placed(voiced(120), at_ms, 1_200, room_dbfs=-75))
    assert kinds(events) == [VoicePossible, VoiceUnconfirmed]


@pytest.mark.parametrize("at_ms", [400.0, 405.0, 411.0, 417.0])
def test_row_t5_200_ms_of_voice_always_does(at_ms: float) -> None:
    events = gated(scenes.placed(voiced(200), at_ms, 1_400, room_dbfs=-75))
    assert kinds(events) == [VoicePossible, SpeechStarted, SpeechPaused]
    started = events[1]
    assert isinstance(started, SpeechStarted)
    assert started.onset_ms == pytest.approx(at_ms, abs=20)
    assert started.at_ms - at_ms <= 180


def test_row_t5_voice_in_steady_noise_must_last_150_ms_too() -> None:
    noisy = scenes.at_level(scenes.noise(3_000, 100, 4_000), -46)
    brief, enough = noisy.copy(), noisy.copy()
    brief[24_000 : 24_000 + 80 * 16] += voiced(80)
    enough[24_000 : 24_000 + 250 * 16] += voiced(250)
    assert SpeechStarted not in kinds(gated(brief))
    assert SpeechStarted in kinds(gated(enough))


def test_a_pause_names_the_last_voiced_sample_and_a_resumption_follows() -> None:
    sound = scenes.placed(voiced(400), 400, 2_000, room_dbfs=-75)
    sound[1_000 * 16 : 1_300 * 16] += voiced(300)
    events = gated(sound)
    assert kinds(events)[1:] == [SpeechStarted, SpeechPaused, SpeechResumed, SpeechPaused]
    first, last = [event for event in events if isinstance(event, SpeechPaused)]
    assert first.since_ms == pytest.approx(800, abs=25)
    assert last.since_ms == pytest.approx(1_300, abs=25)
    assert first.at_ms - first.since_ms <= 120


def test_a_released_gate_wants_the_whole_proof_again() -> None:
    gate = SpeechGate(LevelVoice())
    sound = scenes.placed(voiced(400), 400, 2_000, room_dbfs=-75)
    sound[1_000 * 16 : 1_060 * 16] += voiced(60)
    seen: list[GateEvent] = []
    for index, frame in enumerate(scenes.frames(sound)):
        found = gate.push(frame, 20.0 * (index + 1))
        seen.extend(found)
        if any(isinstance(event, SpeechPaused) for event in found):
            gate.release()
    assert SpeechResumed not in kinds(seen)
    assert kinds(seen).count(SpeechStarted) == 1


def test_the_detector_sleeps_while_the_pre_gate_is_closed() -> None:
    voice = LevelVoice()
    gated(scenes.silence(4_000), voice)
    assert voice.windows == 0
    gated(scenes.placed(voiced(300), 2_000, 4_000, room_dbfs=-80), voice)
    assert voice.resets == 1
    assert voice.windows < 40


def test_a_sound_that_never_becomes_speech_ducks_for_600_ms_at_most() -> None:
    class Deaf(LevelVoice):
        def probability(self, window: NDArray[np.float32]) -> float:
            return 0.0

    events = gated(scenes.placed(voiced(3_000), 400, 4_000), Deaf())
    assert kinds(events) == [VoicePossible, VoiceUnconfirmed]
    assert events[1].at_ms - events[0].at_ms <= 620


def test_frames_of_a_wrong_length_are_survived() -> None:
    gate = SpeechGate(LevelVoice())
    for frame in (b"", b"\1", b"\0" * 639, b"\0" * 641, b"\xff" * 5_000):
        gate.push(frame, 20.0)
        gate.note_sent(frame, 20.0)


def test_a_frame_is_cheap_beside_the_detector() -> None:
    ours = scenes.frames(scenes.noise(4_000, 200, 3_000) * 0.1)
    theirs = scenes.frames(scenes.placed(voiced(3_000), 500, 4_000))
    best_us = float("inf")
    for _ in range(5):
        gate = SpeechGate(LevelVoice())
        began_s = time.thread_time()
        for index, frame in enumerate(theirs):
            gate.note_sent(ours[index], 20.0 * (index + 1))
            gate.push(frame, 20.0 * (index + 1))
        best_us = min(best_us, (time.thread_time() - began_s) / len(theirs) * 1e6)
    print(f"{best_us:.0f} us of processor time a frame, both sides speaking")
    assert best_us <= 50, "17 on a quiet machine; thrice that is a regression anywhere"
