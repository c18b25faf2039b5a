from __future__ import annotations

import numpy as np
import pytest

from pipeline.media.g711 import (
    ALAW_SILENCE,
    ULAW_SILENCE,
    alaw_decode,
    alaw_encode,
    ulaw_decode,
    ulaw_encode,
)

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32_768, 32_768).astype(np.int16)

ULAW_DECISIONS = (
    8159,
    7903,
    4319,
    4063,
    2143,
    2015,
    1055,
    991,
    511,
    479,
    239,
    223,
    103,
    95,
    35,
    31,
    3,
    1,
)
"""G.711 table 2a, column 5, 14 bits: where segments begin, and the interval above each."""
ULAW_OUTPUTS = {
    0x80: 8031,
    0x8F: 4191,
    0x9F: 2079,
    0xAF: 1023,
    0xBF: 495,
    0xCF: 231,
    0xDF: 99,
    0xEF: 33,
    0xFE: 2,
    0xFF: 0,
}
"""The same table, columns 6 and 7 of positive values."""
ALAW_OUTPUTS = {
    0xAA: 4032,
    0xA5: 2112,
    0xB5: 1056,
    0x85: 528,
    0x95: 264,
    0xE5: 132,
    0xF5: 66,
    0xD5: 1,
}
"""G.711 table 1a, 13 bits, codes as sent (even bits inverted)."""


def positive(code: int) -> int:
    return int(ulaw_decode(bytes([code]))[0])


@pytest.mark.parametrize(("code", "value"), ULAW_OUTPUTS.items())
def test_ulaw_stands_for_the_recommendations_values(code: int, value: int) -> None:
    assert positive(code) == 4 * value
    assert positive(code & 0x7F) == -4 * value


@pytest.mark.parametrize(("code", "value"), ALAW_OUTPUTS.items())
def test_alaw_stands_for_the_recommendations_values(code: int, value: int) -> None:
    assert alaw_decode(bytes([code, code & 0x7F])).tolist() == [8 * value, -8 * value]


@pytest.mark.parametrize("edge", [4 * value for value in ULAW_DECISIONS if value < 8159])
def test_ulaw_changes_its_code_exactly_at_the_recommendations_decision_values(edge: int) -> None:
    below, at = ulaw_encode(np.array([edge - 1, edge], dtype=np.int16))
    assert below == at + 1
    inner, outer = ulaw_encode(np.array([-edge, -edge - 1], dtype=np.int16))
    assert inner == outer + 1


def test_every_code_comes_back_as_itself() -> None:
    assert alaw_encode(alaw_decode(EVERY_CODE)) == EVERY_CODE
    back = bytearray(ulaw_encode(ulaw_decode(EVERY_CODE)))
    assert back.pop(0x7F) == 0xFF, "minus nothing is nothing"
    assert back == bytes(code for code in EVERY_CODE if code != 0x7F)


@pytest.mark.parametrize(
    ("encode", "decode", "clip"),
    [(ulaw_encode, ulaw_decode, 32_124), (alaw_encode, alaw_decode, 32_256)],
)
def test_every_sample_becomes_its_nearest_value(encode, decode, clip) -> None:  # type: ignore[no-untyped-def]  # a table of functions
    values = np.sort(decode(EVERY_CODE).astype(np.int32))
    samples = EVERY_SAMPLE.astype(np.int32)
    sent = decode(encode(EVERY_SAMPLE)).astype(np.int32)
    at = np.clip(np.searchsorted(values, samples), 1, len(values) - 1)
    best = np.minimum(np.abs(samples - values[at]), np.abs(samples - values[at - 1]))
    # At the first step of a segment the Recommendation's edge lies off the middle by a quarter of the larger step.
    inside = np.abs(samples) <= clip
    assert np.all((np.abs(samples - sent) <= best + np.abs(samples) / 60 + 2)[inside])
    assert np.all(np.diff(sent) >= 0)
    assert abs(int(sent[0])) == abs(int(sent[-1])) == clip


def test_silence_is_the_smallest_positive_code() -> None:
    nothing = np.zeros(1, dtype=np.int16)
    assert ulaw_encode(nothing) == bytes([ULAW_SILENCE])
    assert alaw_encode(nothing) == bytes([ALAW_SILENCE])


@pytest.mark.parametrize(
    ("encode", "decode"), [(ulaw_encode, ulaw_decode), (alaw_encode, alaw_decode)]
)
def test_a_tone_survives_with_more_than_thirty_decibels(encode, decode) -> None:  # type: ignore[no-untyped-def]  # a table of functions
    tone = np.rint(8_000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 8_000)).astype(np.int16)
    noise = decode(encode(tone)).astype(float) - tone
    assert 10 * np.log10(np.mean(tone.astype(float) ** 2) / np.mean(noise**2)) > 30.0


def test_no_bytes_are_no_samples() -> None:
    assert ulaw_decode(b"").tolist() == alaw_decode(b"").tolist() == []
    assert ulaw_encode(np.zeros(0, dtype=np.int16)) == b""
