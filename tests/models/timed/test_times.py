"""A file of times: its distributions, and every fault of it at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.timed.times import INSTANT, Stage, TimesInvalid, load, parse

GOOD = """
source = "written for a test"
seed = 3
stt_final_ms = 80
llm_first_token_ms = [300, 100, 200]
llm_token_ms = {p0 = 4, p50 = 10, p100 = 40}
tts_first_audio_ms = {p50 = 60, p99.9 = 90}
""".replace("p99.9", '"p99.9"')


def test_instant_takes_no_time_at_all() -> None:
    times = load(INSTANT)
    assert times.source == INSTANT
    assert all(stage.instant for stage in times.stages().values())


def test_a_stage_is_a_number_measured_times_or_percentiles(tmp_path: Path) -> None:
    file = tmp_path / "times.toml"
    file.write_text(GOOD)
    times = load(str(file))
    assert times.stt_final_ms == Stage((0.0,), (80.0,))
    assert [times.llm_first_token_ms.at(share) for share in (0.0, 0.25, 0.5, 1.0)] == [
        100,
        150,
        200,
        300,
    ]
    assert [times.llm_token_ms.at(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)] == [
        4,
        7,
        10,
        25,
        40,
    ]
    assert [times.tts_first_audio_ms.at(share) for share in (0.0, 0.5, 1.0)] == [60, 60, 90]
    assert not times.stt_final_ms.instant


def test_the_same_seed_draws_the_same_times_for_each_engine_whatever_the_others_draw() -> None:
    times = parse({"source": "x", "seed": 5, "stt_final_ms": [1, 50, 100]})
    ear, mind = times.chance("ear 0"), times.chance("mind")
    first = [times.stt_final_ms.draw(ear) for _ in range(4)]
    [mind.random() for _ in range(9)]
    again = times.chance("ear 0")
    assert [times.stt_final_ms.draw(again) for _ in range(4)] == first
    assert times.stt_final_ms.draw(times.chance("ear 1")) != first[0]


def test_json_is_read_by_its_ending(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    file.write_text(json.dumps({"source": "x", "heard": ["One more time please"], "letter_ms": 20}))
    assert load(str(file)).heard == ("One more time please",)


def test_every_fault_is_told_at_once_and_none_quotes_a_value() -> None:
    with pytest.raises(TimesInvalid) as raised:
        parse(
            {
                "stt_final_ms": -1,
                "llm_first_token_ms": [],
                "llm_token_ms": {"p50": 9, "p95": 3, "mean": 5},
                "tts_first_audio_ms": {"p50": True},
                "reply": "nothing to fill in",
                "heard": "one",
                "seed": 1.5,
                "letter_ms": 0,
                "smart_turn": "yes",
                "colour": "red",
            }
        )
    keys = [fault.split(":")[0] for fault in raised.value.faults]
    assert keys == [
        "colour", "stt_final_ms", "llm_first_token_ms", "llm_token_ms.mean", "llm_token_ms",
        "tts_first_audio_ms.p50", "source", "reply", "heard", "seed", "letter_ms", "smart_turn",
    ]  # fmt: skip
    assert not any("red" in fault or "nothing to fill" in fault for fault in raised.value.faults)


@pytest.mark.parametrize("text", ["", "{tag", "{tag} and {other}", "{0}"])
def test_a_reply_that_cannot_be_filled_in_is_a_fault(text: str) -> None:
    with pytest.raises(TimesInvalid, match="reply"):
        parse({"source": "x", "reply": text})


@pytest.mark.parametrize("text", ["[", "1", "\0", "[[[["])
def test_what_is_no_document_is_refused(text: str, tmp_path: Path) -> None:
    for name in ("times.toml", "times.json"):
        file = tmp_path / name
        file.write_text(text)
        with pytest.raises(TimesInvalid):
            load(str(file))
    with pytest.raises(TimesInvalid, match="cannot be read"):
        load(str(tmp_path / "absent.toml"))
