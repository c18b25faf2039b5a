"""The tones we make are those we hear."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.media.key_tone import PAUSE_MS, TONE_MS, key_tone
from pipeline.media.keypad import KEYS
from pipeline.media.tone_mute import ToneMute


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_every_key_is_heard_as_itself_and_once(rate_hz: int) -> None:
    mute = ToneMute(rate_hz)
    frame = rate_hz // 50
    pcm = np.frombuffer(b"".join(key_tone(key, rate_hz) for key in KEYS), "<i2")
    assert len(pcm) == len(KEYS) * rate_hz * (TONE_MS + PAUSE_MS) // 1_000
    heard = [mute.feed(pcm[at : at + frame]).key for at in range(0, len(pcm), frame)]
    assert [key for key in heard if key] == list(KEYS)


@pytest.mark.parametrize("key", ["", "E", "12", "a"])
def test_what_is_no_key_has_no_tone(key: str) -> None:
    assert key_tone(key, 8_000) == b""
