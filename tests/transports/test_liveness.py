"""Five seconds, fifteen seconds, and the wake-ups between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.transports.liveness import Liveness, Presence


def fresh(now_ms: float = 0.0) -> Liveness:
    return Liveness(away_after_ms=5_000.0, gone_after_ms=15_000.0, now_ms=now_ms)


@pytest.mark.parametrize(
    ("silent_ms", "verdict"),
    [
        (0.0, Presence.HERE),
        (4_999.0, Presence.HERE),
        (5_000.0, Presence.AWAY),
        (14_999.0, Presence.AWAY),
        (15_000.0, Presence.GONE),
        (9e9, Presence.GONE),
    ],
)
def test_silence_means_away_and_then_gone(silent_ms: float, verdict: Presence) -> None:
    assert fresh(100.0).verdict(100.0 + silent_ms) is verdict


def test_a_sign_of_life_starts_the_count_afresh() -> None:
    liveness = fresh()
    liveness.heard(14_999.0)
    assert liveness.verdict(19_998.0) is Presence.HERE
    assert liveness.verdict(29_999.0) is Presence.GONE


@given(st.floats(0, 1e6), st.floats(0, 20_000))
def test_no_verdict_changes_before_the_announced_time(start_ms: float, silent_ms: float) -> None:
    liveness = fresh(start_ms)
    now_ms = start_ms + silent_ms
    change_ms = liveness.next_change_ms(now_ms)
    if liveness.verdict(now_ms) is Presence.GONE:
        return
    assert change_ms >= now_ms
    assert liveness.verdict(max(now_ms, change_ms - 1.0)) is liveness.verdict(now_ms)
    assert liveness.verdict(change_ms + 0.001) is not liveness.verdict(now_ms)
