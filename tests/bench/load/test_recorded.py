"""Stage times of a server's own turns: what each engine took, and what is too little to tell."""

from __future__ import annotations

import json

import pytest

from bench.errors import BenchError
from bench.load.recorded import TURNS_LEAST, times_of


def event(**more: object) -> bytes:
    record: dict[str, object] = {
        "at": "2026-11-20T10:00:00.000Z", "event": "turn_ended", "call_id": "c", "turn": 1, "interrupted": False,
        "pause_seen_ms": 100.0, "eager_text_ms": 170.0, "decision_ms": 200.0, "final_text_ms": 210.0,
        "first_token_ms": 230.0, "first_clause_ms": 290.0, "first_audio_ms": 335.0, "first_sample_ms": 340.0,
    }  # fmt: skip
    return json.dumps(record | more).encode()


def test_each_stage_is_what_its_engine_took() -> None:
    lines = [event() for _ in range(TURNS_LEAST)]
    lines.append(event(at="2026-11-22T10:00:00.000Z", eager_text_ms=None))
    times = times_of(lines, "the practice's box")
    assert (
        times.source == f"{TURNS_LEAST + 1} turns of the practice's box, 2026-11-20 to 2026-11-22"
    )
    assert (times.stt_final_ms.at(0.5), times.stt_final_ms.at(1.0)) == (70.0, 110.0)
    assert (times.llm_first_token_ms.at(0.5), times.llm_token_ms.at(0.5)) == (60.0, 10.0)
    assert times.tts_first_audio_ms.at(0.5) == 45.0
    assert not times.instant


def test_what_was_cut_or_cannot_be_read_is_left_out() -> None:
    bad = [event(interrupted=True), event(first_sample_ms=None), b'{"turn_ended"', b'"turn_ended"']
    times = times_of([*bad, *[event()] * TURNS_LEAST], "x")
    assert times.source.startswith(f"{TURNS_LEAST} turns")


@pytest.mark.parametrize("lines", [[], [event()] * 3, [event(first_token_ms=None)] * 30])
def test_too_little_is_refused_with_a_sentence(lines: list[bytes]) -> None:
    with pytest.raises(BenchError, match="are needed"):
        times_of(lines, "x")
