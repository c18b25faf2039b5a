"""One call's part as sound, written before the call: every 20 ms of it, and where each sentence begins and ends.

Nothing in it depends on what the server does: whoever is slow is measured being slow. Calculations only.
"""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from bench.audio import RATE_HZ, Samples, room_noise
from bench.load.scenario import Scenario
from bench.load.sounds import Silence, Sound, cough, resampled, said, sentences, telephone
from pipeline.line import FRAME_MS
from pipeline.media.g711 import ulaw_encode

How = Literal["speech", "interruption", "cough"]
COUGH_AFTER_MS = (900.0, 1_600.0)
"""From the end of what was said: replies have begun by then."""
_FRAME = RATE_HZ * int(FRAME_MS) // 1000
_NOISE_S = 2


def frame_of(sample: int) -> int:
    """The frame that holds this sample of 48 kHz."""
    return sample // _FRAME


@dataclass(frozen=True, slots=True)
class Cue:
    """Something the caller utters, in samples of 48 kHz from the part's beginning."""

    how: How
    said: str
    onset_sample: int
    end_sample: int
    """One past its last sample of speech."""
    pauses: tuple[Silence, ...] = ()
    """Inside it, in samples of the part as well."""

    @property
    def end_ms(self) -> float:
        """From the part's beginning to then."""
        return self.end_sample * 1000.0 / RATE_HZ

    @property
    def onset_frame(self) -> int:
        """The frame that holds its first sample."""
        return frame_of(self.onset_sample)

    @property
    def end_frame(self) -> int:
        """The frame that holds its last sample."""
        return frame_of(self.end_sample - 1)


@dataclass(frozen=True, eq=False)
class Part:
    """A whole call's worth of microphone."""

    cues: tuple[Cue, ...]
    samples: Samples
    """At `rate_hz`, whole frames."""
    rate_hz: int

    @property
    def frame_samples(self) -> int:
        """Of 20 ms."""
        return self.rate_hz * int(FRAME_MS) // 1000

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.samples.size // self.frame_samples

    @property
    def duration_ms(self) -> float:
        """From the first frame to the last."""
        return self.frames * FRAME_MS

    @cached_property
    def ulaw(self) -> list[bytes]:
        """Each frame as a telephone's packet carries it; made once, however many calls play the part."""
        coded, size = ulaw_encode(self.samples), self.frame_samples
        return [coded[at : at + size] for at in range(0, len(coded), size)]

    @cached_property
    def ulaw_text(self) -> list[str]:
        """The same as a carrier's message carries it."""
        return [b64encode(frame).decode() for frame in self.ulaw]

    def frame(self, index: int) -> Samples:
        """One of them."""
        size = self.frame_samples
        return self.samples[index * size : (index + 1) * size]


def write(scenario: Scenario, number: int, rate_hz: int) -> Part:
    """The part of the n-th caller; the same scenario, seed and number give the same samples."""
    draw = random.Random(f"{scenario.seed} part {number}")
    placed = list[tuple[Sound, How, int]]()
    at_ms = scenario.first_ms + draw.uniform(0.0, FRAME_MS)
    how: How = "speech"
    for turn in range(scenario.turns):
        sound = _drawn(scenario, number, turn, draw)
        at = int(at_ms * RATE_HZ / 1000)
        placed.append((sound, how, at))
        end_ms = (at + sound.span.end_sample) * 1000.0 / RATE_HZ
        chance = draw.random()
        cut = chance < scenario.interrupted and turn + 1 < scenario.turns
        if 0.0 <= chance - scenario.interrupted < scenario.coughs:
            noise = cough(scenario.seed * 1_000 + number * 100 + turn)
            start_ms = end_ms + draw.uniform(*COUGH_AFTER_MS)
            placed.append((noise, "cough", int(start_ms * RATE_HZ / 1000)))
        how = "interruption" if cut else "speech"
        at_ms = end_ms + draw.uniform(
            *(scenario.cut_after_ms if cut else _think_ms(scenario, turn))
        )
    return _mixed(scenario, number, rate_hz, placed)


def recited(scenario: Scenario, names: Sequence[str], rate_hz: int) -> Part:
    """Sentences by their names, at the same moments for every caller: the first word of each comes `think_ms` after the last of the one before."""
    known = {sound.name: sound for sound in sentences()}
    placed = list[tuple[Sound, How, int]]()
    at = int(scenario.first_ms * RATE_HZ / 1000)
    for name in names:
        sound = known[name]
        placed.append((sound, "speech", at))
        at += sound.span.end_sample + int(scenario.think_ms[0] * RATE_HZ / 1000)
    return _mixed(scenario, 0, rate_hz, placed)


def _think_ms(scenario: Scenario, turn: int) -> tuple[float, float]:
    said = scenario.says[turn % len(scenario.says)] if scenario.says else None
    return (said.think_ms if said is not None else None) or scenario.think_ms


def _drawn(scenario: Scenario, number: int, turn: int, draw: random.Random) -> Sound:
    """What is said in this turn: any sentence, or the one that the scenario has for it."""
    if not scenario.says:
        return draw.choice(sentences())
    way = scenario.says[turn % len(scenario.says)].way(number, turn)
    return said(way, [draw.uniform(*scenario.pause_ms) for _ in way.gaps])


def _mixed(
    scenario: Scenario, number: int, rate_hz: int, placed: list[tuple[Sound, How, int]]
) -> Part:
    last = max(at + sound.samples.size for sound, _, at in placed)
    frames = -(-(last + int(scenario.tail_ms * RATE_HZ / 1000)) // _FRAME)
    noise = room_noise(_NOISE_S, scenario.seed + number).astype(np.int32)
    mixed = np.resize(noise, frames * _FRAME)
    cues = []
    narrow = scenario.band == "telephone" or rate_hz == 8_000
    for sound, how, at in placed:
        heard = (
            telephone(sound.samples) if narrow else sound.samples
        )  # the room's noise is too low to matter
        mixed[at : at + heard.size] += heard
        onset, end = at + sound.span.first_sample, at + sound.span.end_sample
        pauses = tuple(
            replace(each, from_sample=at + each.from_sample, end_sample=at + each.end_sample)
            for each in sound.pauses
        )
        cues.append(Cue(how, sound.name, onset, end, pauses))
    samples: Samples = np.clip(mixed, -32768, 32767).astype(np.int16)
    return Part(tuple(cues), _whole(resampled(samples, rate_hz), frames, rate_hz), rate_hz)


def _whole(samples: Samples, frames: int, rate_hz: int) -> Samples:
    size = frames * rate_hz * int(FRAME_MS) // 1000
    if samples.size >= size:
        return samples[:size]
    return np.concatenate([samples, np.zeros(size - samples.size, np.int16)])
