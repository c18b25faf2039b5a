"""Tells when somebody speaks: 20 ms frames in, `GateEvent`s out.

Two detectors, each for what it is good at: webrtcvad costs 2 microseconds and opens within 60 ms, but on
coughs and hum as well; Silero knows speech from noise, and runs only while the first one is or was open.
Knows nothing of turns, replies, words and clocks: time is an argument, audio is counted in samples.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from models.ports import LISTEN_RATE_HZ, VoiceStream
from pipeline.turn.echo import Echo
from pipeline.turn.events import (
    GateEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    VoicePossible,
    VoiceUnconfirmed,
)
from pipeline.turn.settings import GateSettings

FRAME_MS = 20.0
FRAME_SAMPLES = LISTEN_RATE_HZ // 50
FRAME_BYTES = 2 * FRAME_SAMPLES
_SAMPLE_MS = 1_000 / LISTEN_RATE_HZ
_FULL_SCALE = np.float32(1 / 32_768)
_SILENCE_DB = -90.0

Samples = NDArray[np.float32]


class _State(Enum):
    QUIET = "quiet"
    POSSIBLE = "possible"
    SPEAKING = "speaking"
    PAUSED = "paused"


class SpeechGate:
    """One call's gate. Push every frame; tell what was sent; `release` when a turn was closed."""

    def __init__(
        self,
        voice: VoiceStream,
        window_samples: int = 512,
        settings: GateSettings | None = None,
        *,
        sent_rate_hz: int = LISTEN_RATE_HZ,
    ) -> None:
        """`voice` and `window_samples` are the shared detector's stream and its window."""
        self._settings = settings or GateSettings()
        self._pre_gate = webrtcvad.Vad(self._settings.aggressiveness)
        self._windows = _Windows(voice, window_samples, self._settings.threshold)
        self._echo = Echo(sent_rate_hz)
        self._level = _Level()
        self._state = _State.QUIET
        self._run = 0
        """Voiced frames since the pre-gate opened; a gap as short as a closed consonant is bridged."""
        self._gap = 0
        self._run_began_ms = 0.0
        self._open_frames = 0
        """Frames for which Silero still runs."""
        self._doubted = False
        """This opening of the pre-gate was hum: it may not duck again."""
        self._possible_ms = 0.0
        self._last_voiced_ms = 0.0
        self._paused_ms = 0.0

    def note_sent(self, pcm: bytes, at_ms: float) -> None:
        """Remember what we just sent: the caller's microphone may hear it back (row T26)."""
        self._echo.sent(pcm, at_ms)

    def release(self) -> None:
        """The turn was closed: whatever voice comes next must prove itself from the beginning."""
        if self._state in (_State.SPEAKING, _State.PAUSED):
            self._state = _State.QUIET
            self._run = 0
            self._windows.forget_run()

    def push(self, frame: bytes, at_ms: float) -> tuple[GateEvent, ...]:
        """Take 20 ms of 16 kHz PCM that ended at `at_ms`."""
        if len(frame) != FRAME_BYTES:
            frame = frame[:FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
        level = level_db(self._windows.write(frame))
        settings = self._settings
        opened = level > settings.floor_dbfs and self._pre_gate.is_speech(frame, LISTEN_RATE_HZ)
        energetic = self._level.take(level, opened)
        self._echo.heard(frame, at_ms)
        if opened and self._state is not _State.SPEAKING and self._echo.explains(at_ms):
            opened = False
        self._count(opened and energetic, at_ms)
        loud = self._windows.judge(at_ms, run=self._open_frames > 0)
        if energetic and self._windows.agrees:
            self._last_voiced_ms = at_ms
        match self._state:
            case _State.QUIET | _State.POSSIBLE:
                return self._listening(at_ms, energetic)
            case _State.SPEAKING:
                return self._speaking(at_ms)
            case _State.PAUSED:
                return self._paused(at_ms, loud, energetic)

    def _count(self, opened: bool, at_ms: float) -> None:
        if opened:
            if self._run == 0:
                self._run_began_ms = at_ms - FRAME_MS
            self._run += 1
            self._gap = 0
            self._open_frames = OPEN_FRAMES
            return
        self._gap += 1
        if self._gap > BRIDGED_FRAMES:
            self._run = 0
            self._doubted = False
        if self._state is not _State.SPEAKING:
            self._open_frames = max(0, self._open_frames - 1)

    def _listening(self, at_ms: float, energetic: bool) -> tuple[GateEvent, ...]:
        settings = self._settings
        if self._run == 0:
            return self._closed(at_ms)
        if self._confirmed(at_ms, energetic):
            onset_ms = self._windows.voice_began_ms(self._run_began_ms)
            self._state = _State.SPEAKING
            self._last_voiced_ms = at_ms
            return (SpeechStarted(at_ms, onset_ms),)
        if self._state is _State.POSSIBLE:
            if at_ms - self._possible_ms < settings.doubt_ms or self._windows.agrees:
                return ()
            self._doubted = True
            return self._closed(at_ms)
        if self._run >= settings.possible_frames and not self._doubted:
            self._state = _State.POSSIBLE
            self._possible_ms = at_ms
            return (VoicePossible(at_ms),)
        return ()

    def _closed(self, at_ms: float) -> tuple[GateEvent, ...]:
        if self._state is not _State.POSSIBLE:
            return ()
        self._state = _State.QUIET
        return (VoiceUnconfirmed(at_ms),)

    def _confirmed(self, at_ms: float, energetic: bool) -> bool:
        """150 ms of voice with two agreeing windows inside, and the voice is still there.

        "Still there" because webrtcvad stays open about 100 ms after the last sound: without it 60 ms
        of cough would count as 160 ms of voice.
        """
        settings = self._settings
        believed_ms = at_ms - self._windows.voice_began_ms(self._run_began_ms)
        frames = min(self._run, round(believed_ms / FRAME_MS))
        if not energetic or frames < settings.confirm_frames:
            return False
        since_ms = at_ms - settings.confirm_frames * FRAME_MS
        return self._windows.agreeing_since(since_ms) >= settings.confirm_windows

    def _speaking(self, at_ms: float) -> tuple[GateEvent, ...]:
        settings = self._settings
        quiet_ms = at_ms - self._last_voiced_ms
        if self._windows.silent < settings.pause_windows or quiet_ms < settings.pause_ms:
            return ()
        self._state = _State.PAUSED
        self._paused_ms = at_ms
        return (SpeechPaused(at_ms, self._last_voiced_ms),)

    def _paused(self, at_ms: float, loud: bool, energetic: bool) -> tuple[GateEvent, ...]:
        if loud and energetic and self._run:
            self._state = _State.SPEAKING
            self._last_voiced_ms = at_ms
            return (SpeechResumed(at_ms),)
        if at_ms - self._paused_ms >= self._settings.resume_ms:
            self.release()
        return ()


def level_db(samples: Samples) -> float:
    """Level of samples in -1..1, in dB below full scale."""
    power = float(samples.dot(samples)) / max(1, len(samples))
    return max(_SILENCE_DB, 10.0 * math.log10(power + 1e-12))


BRIDGED_FRAMES = 3
"""Between "s" and "t" of "stop" the pre-gate closes for up to 60 ms; the gap itself is not counted."""

OPEN_FRAMES = 15
"""Silero goes on for 300 ms after the pre-gate closed: one soft syllable must not reset its state."""


class _Level:
    """Tells a frame as loud as the voice it belongs to from the pre-gate being slow to close."""

    _BELOW_PEAK_DB = 32.0
    """Vowels and weak consonants of one speaker lie within this range."""
    _ABOVE_ROOM_SHARE = 0.35
    """Of the distance between the room and the voice: closures of consonants reach down that far."""
    _ABOVE_ROOM_DB = 6.0
    """A voice stands out of the room it is in."""
    _PEAK_FALL_DB = 1.0
    """A frame: a click does not hide the voice after it."""
    _FLOOR_RISE_DB = 0.1
    """A frame: 5 dB a second, slower than any word."""

    def __init__(self) -> None:
        self._peak = -90.0
        self._floor = -60.0

    def take(self, level: float, opened: bool) -> bool:
        self._floor = min(level, self._floor + self._FLOOR_RISE_DB)
        self._floor = max(self._floor, -90.0)
        self._peak = max(level if opened else -90.0, self._peak - self._PEAK_FALL_DB)
        limit = max(
            self._peak - self._BELOW_PEAK_DB,
            self._floor + (self._peak - self._floor) * self._ABOVE_ROOM_SHARE,
            self._floor + self._ABOVE_ROOM_DB,
        )
        return opened and level >= limit


class _Windows:
    """Silero's side: cuts frames into windows, skips what the pre-gate ruled out, remembers verdicts."""

    _WARM = 3
    """Windows replayed when the pre-gate opens: the recurrent state needs what came just before."""
    _NOISY_MS = 240.0
    """A pre-gate open this long before Silero's first agreement opened on noise: the voice began later."""
    _LEAD_MS = 32.0
    """Silero's first agreement is about one window late."""

    def __init__(self, voice: VoiceStream, window_samples: int, threshold: float) -> None:
        self._voice = voice
        self._size = window_samples
        self._threshold = threshold
        self._release = max(0.01, threshold - 0.15)  # Silero's own hysteresis
        period = math.lcm(FRAME_SAMPLES, window_samples)
        needed = (self._WARM + 1) * window_samples + FRAME_SAMPLES
        self._line: Samples = np.zeros(period * math.ceil(needed / period), np.float32)
        """The last 160 ms, a ring at whose start a frame and a window begin: neither is ever cut in two."""
        self._written = 0
        self._judged = 0
        self._skipped = 0
        """Windows of the present sleep that are still in the ring, `_WARM` at most."""
        self._asleep = True
        self._agreed: deque[float] = deque(maxlen=16)
        """End of each agreeing window of the present run, in ms."""
        self._first_agreed_ms: float | None = None
        self.silent = 0
        """Silent windows in a row."""
        self.agrees = False
        """The last window was speech."""

    def write(self, frame: bytes) -> Samples:
        """Take a frame; return its samples in -1..1, which stay as they are until the ring comes round."""
        start = self._written % len(self._line)
        samples = self._line[start : start + FRAME_SAMPLES]
        np.multiply(np.frombuffer(frame, np.int16), _FULL_SCALE, out=samples)
        self._written += FRAME_SAMPLES
        return samples

    def judge(self, at_ms: float, *, run: bool) -> bool:
        """True when a window ended in the frame just written and was speech."""
        spoke = False
        while self._written - self._judged >= self._size:
            self._judged += self._size
            if run:
                spoke = self._listen(at_ms - (self._written - self._judged) * _SAMPLE_MS)
            else:
                self._sleep()
        return spoke

    def _window(self, ago: int = 0) -> Samples:
        """The window judged now, or so many before it."""
        start = (self._judged - (ago + 1) * self._size) % len(self._line)
        return self._line[start : start + self._size]

    def _sleep(self) -> None:
        self._skipped = min(self._WARM, self._skipped + 1)
        self._asleep = True
        self.silent += 1
        self.agrees = False
        self.forget_run()

    def _listen(self, ended_ms: float) -> bool:
        if self._asleep:
            self._asleep = False
            self._voice.reset()
            for ago in range(self._skipped, 0, -1):
                self._voice.probability(self._window(ago))
            self._skipped = 0
        probability = self._voice.probability(self._window())
        spoke = probability >= self._threshold
        self.agrees = spoke or (self.agrees and probability >= self._release)
        self.silent = 0 if self.agrees else self.silent + 1
        if spoke:
            self._agreed.append(ended_ms)
            if self._first_agreed_ms is None:
                self._first_agreed_ms = ended_ms
        elif not self.agrees:
            self._first_agreed_ms = None
        return spoke

    def forget_run(self) -> None:
        self._agreed.clear()
        self._first_agreed_ms = None

    def agreeing_since(self, since_ms: float) -> int:
        """Agreeing windows that ended after this instant by half a window at least."""
        return sum(
            1 for ended_ms in self._agreed if ended_ms > since_ms + self._size * _SAMPLE_MS / 2
        )

    def voice_began_ms(self, opened_ms: float) -> float:
        """When the voice began in a run that opened the pre-gate at `opened_ms`, perhaps with noise."""
        if self._first_agreed_ms is None:
            return opened_ms
        began_ms = self._first_agreed_ms - self._size * _SAMPLE_MS
        return opened_ms if began_ms - opened_ms < self._NOISY_MS else began_ms - self._LEAD_MS
