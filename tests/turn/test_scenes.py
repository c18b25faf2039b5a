"""What real detectors make of real sound: who takes the floor, and how fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from pipeline.turn.events import (
    CommitInterrupt,
    Duck,
    EndTurn,
    Interrupt,
    ResumeReply,
    SpeechStarted,
    Unduck,
    VoicePossible,
)
from pipeline.turn.settings import GateSettings
from tests import scenes
from tests.scenes import (
    Sound,
    at_level,
    breath,
    broken_off,
    click,
    cough,
    hum,
    mm_hmm,
    noise,
    shaped,
    speech,
    tone,
)
from tests.turn.heard_scene import HeardScene

ONSET_MS = 600.0


@dataclass(frozen=True)
class Case:
    """A sound beside our own speech: what it must do to us, and the words in it."""

    name: str
    sound: Callable[[], Sound]
    ducked: bool
    interrupted: bool
    words: str = ""


def chord(*frequencies_hz: float, duration_ms: float = 1_200, level_dbfs: float = -22.0) -> Sound:
    tones = [tone(frequency_hz, duration_ms) for frequency_hz in frequencies_hz]
    return at_level(np.sum(tones, axis=0).astype(np.float32), level_dbfs)


def rustle() -> Sound:
    parts = [shaped(noise(60, 1_500, 7_500, seed), 5, 20) for seed in range(12)]
    return at_level(np.concatenate(parts), -28)


def sneeze() -> Sound:
    parts = (shaped(noise(150, 500, 6_000), 100, 50), shaped(noise(300, 800, 7_500), 5, 90))
    return at_level(np.concatenate(parts), -15)


NOISE = [
    # Sounds that open the pre-gate: we lower our voice and go on speaking.
    Case("a cough", cough, True, False),
    Case("a loud cough", lambda: cough(1, -10), True, False),
    Case("two coughs", lambda: cough(2), True, False),
    Case("three coughs", lambda: cough(3, -15, 7), True, False),
    Case("a cleared throat", scenes.throat, True, False),
    Case("a loudly cleared throat", lambda: scenes.throat(-14), True, False),
    Case("breath", breath, True, False),
    Case("loud breath", lambda: breath(900, -28), True, False),
    Case("breath into the microphone", lambda: breath(900, -22), True, False),
    Case("a gasp", lambda: breath(250, -30), True, False),
    Case("mains hum", lambda: hum(2_000, -22, 60), True, False),
    Case("a transformer", lambda: hum(2_000, -25, 100), True, True),
    Case("a beep", lambda: tone(1_000, 800), True, False),
    Case("another telephone", scenes.ring, True, False),
    Case("a keypad tone", lambda: chord(770, 1_336, duration_ms=200, level_dbfs=-18), True, False),
    Case("a hair dryer", lambda: at_level(noise(1_500, 100, 7_000), -20), True, False),
    Case("a slammed door", lambda: at_level(shaped(noise(400, 40, 400), 3, 80), -12), True, False),
    Case("a sneeze", sneeze, True, False),
    Case("paper", rustle, True, False),
    Case("wind", lambda: at_level(noise(1_500, 20, 250), -18), True, False),
    Case("music", lambda: chord(262, 330, 392, 523), True, False),
    Case("80 ms of a word", lambda: broken_off("wait", "slt", 80), True, False),
    Case("110 ms of a word", lambda: broken_off("wait", "slt", 110), True, False),
    Case("110 ms of another voice", lambda: broken_off("no", "rms", 110), True, False),
    Case("120 ms of a word", lambda: broken_off("actually", "rms", 120), True, False),
    # Voices that interrupt and turn out to say nothing: the reply goes on.
    Case("mm-hmm", mm_hmm, True, True),
    Case("a loud mm-hmm", lambda: mm_hmm(-16), True, True),
    Case("mm-hmm, spoken", lambda: speech("mm hmm", "slt"), True, True, "mm-hmm"),
    Case("uh-huh", lambda: speech("uh huh", "rms"), True, True, "uh-huh"),
    Case("okay", lambda: speech("okay", "slt"), True, True, "okay"),
    Case("yeah", lambda: speech("yeah", "rms"), True, True, "yeah"),
    Case("right", lambda: speech("right", "kal16"), True, True, "right"),
    Case("200 ms of a word", lambda: broken_off("actually", "rms", 200), True, True),
    Case("250 ms of a word", lambda: broken_off("wait a minute", "slt", 250), True, True),
    Case("somebody in the next room", lambda: speech("dinner is ready", "awb", -44), True, True),
]

SILENT = [
    Case("nothing", lambda: scenes.silence(1_000), False, False),
    *[
        Case(f"a click at {level} dBFS", partial(click, 1, 0, level), False, False)
        for level in (-6.0, -12.0, -20.0, -30.0)
    ],
    *[Case(f"{count} clicks", partial(click, count, 120), False, False) for count in (2, 4, 8)],
    *[
        Case(f"breath at {level} dBFS", partial(breath, 700, level), False, False)
        for level in (-64.0, -60.0)
    ],
    *[
        Case(f"hum at {level} dBFS", partial(hum, 2_000, level), False, False)
        for level in (-66.0, -62.0)
    ],
    *[
        Case(
            f"a voice at {level} dBFS",
            partial(speech, "hello there", "rms", level),
            False,
            False,
        )
        for level in (-66.0, -62.0)
    ],
    *[
        Case(f"{ms} ms of a word", partial(broken_off, "wait", "slt", ms), False, False)
        for ms in (15.0, 25.0, 35.0)
    ],
    *[
        Case(f"a cough at {level} dBFS", partial(cough, 1, level), False, False)
        for level in (-66.0, -62.0)
    ],
    Case("a tick", lambda: tone(2_000, 15), False, False),
    Case("a knock", lambda: shaped(noise(40, 60, 300), 1, 8) * 0.2, False, False),
]

WORDS = [
    Case("no", lambda: speech("no", "rms"), True, True, "no"),
    Case("stop", lambda: speech("stop", "kal16"), True, True, "stop"),
    Case("wait", lambda: speech("wait a minute please", "slt"), True, True, "wait a minute please"),
    Case("quietly", lambda: speech("no not that day", "rms", -38), True, True, "no not that day"),
    Case("in noise", lambda: speech("that is wrong", "awb", -18), True, True, "that is wrong"),
]


def played(case: Case, settings: GateSettings | None = None) -> HeardScene:
    sound = case.sound()
    length_ms = len(sound) / 16
    microphone = scenes.placed(sound, ONSET_MS, ONSET_MS + length_ms + 1_200)
    words = [(ONSET_MS + length_ms, case.words)] if case.words else []
    return HeardScene(microphone, words, speaking=True, settings=settings).play()


def test_target_b3_has_scenes_enough() -> None:
    assert sum(case.ducked or case.interrupted for case in NOISE) >= 20
    assert sum(not case.interrupted for case in NOISE) >= 20
    assert len(SILENT) >= 20


@pytest.mark.parametrize("case", NOISE, ids=lambda case: case.name)
def test_target_b3_noise_fires_the_detector_and_loses_no_reply(case: Case) -> None:
    scene = played(case)
    assert (scene.count(Duck) > 0, scene.count(Interrupt) > 0) == (case.ducked, case.interrupted)
    assert scene.count(Duck) == scene.count(Unduck)
    assert scene.count(CommitInterrupt) == 0, "the reply is lost"
    assert scene.count(Interrupt) == scene.count(ResumeReply) <= 1
    end_ms = ONSET_MS + len(case.sound()) / 16
    for at_ms in scene.at(ResumeReply):
        assert at_ms - end_ms <= 400, "the reply goes on within 400 ms of the noise's end"


@pytest.mark.parametrize("case", SILENT, ids=lambda case: case.name)
def test_target_b3_what_is_no_voice_does_not_even_duck(case: Case) -> None:
    scene = played(case)
    assert scene.log == []


@pytest.mark.parametrize("case", WORDS, ids=lambda case: case.name)
def test_words_take_the_floor(case: Case) -> None:
    scene = played(case)
    assert scene.count(Interrupt) == scene.count(CommitInterrupt) == scene.count(EndTurn) == 1


def test_row_t4_breath_and_noise_do_not_interrupt_and_the_threshold_decides() -> None:
    quiet = [case for case in NOISE if not case.interrupted]
    for name in ("a slammed door", "wind"):
        case = next(case for case in quiet if case.name == name)
        assert played(case).count(Interrupt) == 0
        assert played(case, GateSettings(threshold=0.3)).count(Interrupt) == 1
    humming = next(case for case in NOISE if case.name == "a transformer")
    assert played(humming).count(Interrupt) == 1
    assert played(humming, GateSettings(threshold=0.9)).count(Interrupt) == 0


INTERRUPTIONS = (
    "no wait please",
    "can I come on friday",
    "my number is five five five one two",
    "I need an appointment on tuesday",
    "yes please do",
    "actually I have a question",
    "hello are you there",
    "that is not what I said",
    "let me talk to a person",
    "one moment please",
    "I would like a refill",
    "what time is it",
    "no no the other one",
    "could you say that again",
)


def test_target_b2_the_decision_takes_165_ms_of_audio_and_180_in_19_of_20() -> None:
    decided: list[float] = []
    ducked: list[float] = []
    rng = np.random.default_rng(7)
    for voice in ("slt", "rms", "awb"):
        for text in INTERRUPTIONS:
            onset_ms = 600.0 + float(rng.uniform(0, 20))
            sound = speech(text, voice)
            microphone = scenes.placed(sound, onset_ms, 1_400, room_dbfs=-65)
            scene = HeardScene(microphone, speaking=True).play()
            started = [event for event in scene.events if isinstance(event, SpeechStarted)]
            possible = [event for event in scene.events if isinstance(event, VoicePossible)]
            assert started, (voice, text)
            decided.append(started[0].at_ms - onset_ms)
            ducked.append(possible[0].at_ms - onset_ms)
    assert len(decided) >= 40
    print(  # shown with -s; the bench reports the same at the wire
        f"decision p50 {np.percentile(decided, 50):.0f} p95 {np.percentile(decided, 95):.0f},"
        f" duck p50 {np.percentile(ducked, 50):.0f} p95 {np.percentile(ducked, 95):.0f} ms of audio"
    )
    assert np.percentile(decided, 50) <= 165
    assert np.percentile(decided, 95) <= 180
    assert np.percentile(ducked, 95) <= 120
