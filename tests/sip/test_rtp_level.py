"""The level of our voice on a telephone line: -20 dBov while it speaks, 3 dB up or down."""

from __future__ import annotations

import numpy as np
import pytest

from models.espeak import SAMPLE_RATE_HZ, EspeakVoice
from models.voice_level import speech_level_dbov
from pipeline.media.resample import Resampler
from pipeline.media.voice_codec import CODECS
from pipeline.sip.rtp_queue import PlayQueue

pytestmark = pytest.mark.wire

SENTENCE = "We have you down for Tuesday the fourteenth at half past nine, with Doctor Smith."


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722"])
async def test_the_embedded_voice_is_sent_at_minus_20_dbov(name: str) -> None:
    voice = EspeakVoice()
    await voice.start()
    try:
        spoken = b"".join([chunk.pcm async for chunk in voice.synthesize(SENTENCE, "en")])
    finally:
        await voice.stop()
    codec = CODECS[name]
    resampler = Resampler(SAMPLE_RATE_HZ, codec.sample_rate_hz)
    queue = PlayQueue(codec.sample_rate_hz)
    queue.push(resampler.feed(spoken) + resampler.finish())
    encoder, decoder = codec.encoder(), codec.decoder()
    heard = []
    while len(queue):
        frame = np.frombuffer(queue.take(bytes(codec.sample_rate_hz // 25)), dtype="<i2")
        heard.append(decoder.decode(encoder.encode(frame)))
    level = speech_level_dbov(
        np.concatenate(heard).astype(np.float32) / np.float32(32_768.0), codec.sample_rate_hz
    )
    assert level == pytest.approx(-20.0, abs=3.0)
