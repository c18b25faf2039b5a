from __future__ import annotations

import numpy as np
import pytest

from pipeline.media.g722 import RATE_HZ, G722Decoder, G722Encoder
from pipeline.media.voice_codec import CODECS


def test_a_wideband_tone_survives_with_more_than_thirty_decibels_after_the_filters_delay() -> None:
    at = np.arange(RATE_HZ) / RATE_HZ
    sent = np.rint(6_000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
    encoder, decoder = G722Encoder(), G722Decoder()
    codes = [encoder.encode(sent[k : k + 320]) for k in range(0, len(sent), 320)]
    assert {len(each) for each in codes} == {160}
    heard = np.concatenate([decoder.decode(each) for each in codes]).astype(float)
    delay = 22  # of the two quadrature mirror filters (G.722 section 3.1), in samples
    wanted = sent[2_000:-delay].astype(float)
    noise = heard[2_000 + delay :] - wanted
    assert 10 * np.log10(np.mean(wanted**2) / np.mean(noise**2)) > 30.0


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722"])
@pytest.mark.parametrize("span_ms", [10, 20, 30, 60])
def test_a_codec_makes_eight_bytes_a_millisecond_and_hears_any_bytes(
    name: str, span_ms: int
) -> None:
    codec = CODECS[name]
    samples = np.zeros(span_ms * codec.sample_rate_hz // 1000, dtype=np.int16)
    if span_ms % 20 == 0:
        assert len(codec.encoder().encode(samples)) == 8 * span_ms
    decoder = codec.decoder()
    for seed in range(20):
        noise = np.random.default_rng(seed).bytes(8 * span_ms)
        assert len(decoder.decode(noise)) == len(samples)
    assert len(decoder.decode(b"")) == 0
    assert len(decoder.decode(b"\x55")) == codec.samples_per_tick
