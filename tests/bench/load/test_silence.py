"""How long a caller heard nothing, by frames."""

from __future__ import annotations

import pytest

from bench.load.door import Heard
from bench.load.silence import SENTENCE_MS, longest_silence_ms

LOUD, QUIET = -20.0, -80.0


def voice(from_ms: float, lasts_ms: float, level_dbfs: float = LOUD) -> list[Heard]:
    count = int(lasts_ms / 20)
    return [Heard(from_ms + 20.0 * n, from_ms + 20.0 * n, level_dbfs, None) for n in range(count)]


@pytest.mark.parametrize(
    ("heard", "silence_ms"),
    [
        pytest.param([], None, id="nothing came"),
        pytest.param(voice(0, 3_000, QUIET), None, id="silence is no voice"),
        pytest.param(voice(1_500, 1_000), 500.0, id="a wait for an answer"),
        pytest.param(voice(1_500, SENTENCE_MS - 20), None, id="a word is no sentence"),
        pytest.param(voice(0, 2_000), 0.0, id="a sentence that goes on"),
        pytest.param(voice(500, 900) + voice(3_000, 900), 1_600.0, id="a word, and long nothing"),
        pytest.param(voice(0, 900) + voice(1_400, 900), 400.0, id="what was before does not count"),
        pytest.param(voice(1_200, 2_000) + voice(9_000, 99), 200.0, id="nor what comes afterwards"),
    ],
)  # fmt: skip
def test_a_silence_is_the_longest_stretch_until_a_sentence_was_heard(
    heard: list[Heard], silence_ms: float | None
) -> None:
    assert longest_silence_ms(heard, 1_000.0) == silence_ms
