"""What is judged of the tone that came back: the way it took, not how busy the machine was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.commands.doctor_sip import TONE_SHARE_MIN
from pipeline.media.g711 import ulaw_decode, ulaw_encode
from pipeline.sip.self_call import HEARD_MS, TONE_HZ, _share_of_tone
from tests.sip.far_end import Pcm, tone

RATE_HZ = 8_000
FRAME = 160


def cut(sound: Pcm) -> Pcm:
    """A frame in each fifth but the last did not come in time."""
    spoilt = sound.copy()
    for window in np.array_split(spoilt, 5)[:4]:
        window[FRAME : 2 * FRAME] = 0
    return spoilt


def wrong_law(sound: Pcm) -> Pcm:
    """One end takes the other's bytes for what they are not."""
    return ulaw_decode(bytes(byte ^ 0x55 for byte in ulaw_encode(sound)))


@pytest.mark.parametrize(
    ("makes", "whole"),
    [(np.copy, True), (cut, True), (wrong_law, False), (np.zeros_like, False)],
    ids=["as it was", "late frames", "another code", "silence"],
)
def test_only_what_spoils_all_of_it_counts(makes: Callable[[Pcm], Pcm], whole: bool) -> None:
    heard = makes(tone(HEARD_MS, TONE_HZ)).astype(np.float64)
    assert (_share_of_tone(heard, RATE_HZ) >= TONE_SHARE_MIN) is whole
