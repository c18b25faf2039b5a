"""Scenario files: what is shipped can be read, and every fault of a bad one is told at once."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from bench.errors import ScenarioInvalid
from bench.load.scenario import Weather, read, shipped
from models.timed.times import INSTANT

NAMES = [each.name.removesuffix(".toml") for each in (files("bench") / "scenarios").iterdir()]


@pytest.mark.parametrize("name", NAMES)
def test_each_that_is_shipped_can_be_read(name: str) -> None:
    scenario = shipped(name)
    assert scenario.name == name
    assert scenario.what.endswith((".", ")."))
    assert scenario.engines.instant == (scenario.engines.source == INSTANT)


def test_a_file_of_ones_own_is_taken_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('what = "Mine."\nturns = 2\n[weather]\nloss = 0.03\nburst = 2\n')
    scenario = shipped(str(file))
    assert (scenario.name, scenario.turns) == ("mine", 2)
    assert scenario.weather == Weather(loss=0.03, burst=2)
    assert not scenario.weather.calm
    assert scenario.engines.source == INSTANT


def test_stage_times_need_a_source_and_instant_is_none() -> None:
    head = 'what = "Mine."\n[engines]\n'
    with pytest.raises(ScenarioInvalid, match=r"engines\.source"):
        read("mine", head + "stt_final_ms = 50\n")
    with pytest.raises(ScenarioInvalid, match="takes no time"):
        read("mine", head + 'source = "instant"\nstt_final_ms = 50\n')
    told = read("mine", head + 'source = "a card, measured"\nstt_final_ms = 50\n')
    assert told.engines.source == "a card, measured"
    only_words = read("mine", head + 'reply = "{tag} is it."\n')
    assert only_words.engines.source == INSTANT


def test_every_fault_is_told_at_once() -> None:
    text = """
what = ""
turns = 0
seed = "one"
think_ms = [900, 100]
cut_after_ms = 5
interrupted = 0.7
coughs = 0.7
band = "narrow"
colour = 1
[echo]
level_db = 3
[weather]
loss = 2
rain = 1
[engines]
llm_token_ms = -1
"""
    with pytest.raises(ScenarioInvalid) as raised:
        read("bad", text)
    for key in (
        "colour", "what", "turns", "seed", "think_ms", "cut_after_ms", "interrupted and coughs", "band",
        "echo.level_db", "weather.loss", "weather.rain", "engines.llm_token_ms",
    ):  # fmt: skip
        assert f"{key}: " in str(raised.value), key


@pytest.mark.parametrize(
    "text", ["[", "what = ", "weather = 3\nwhat = 'x'", "engines = 3\nwhat = 'x'"]
)
def test_what_is_no_scenario_is_refused(text: str) -> None:
    with pytest.raises(ScenarioInvalid):
        read("bad", text)


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(ScenarioInvalid, match=r"conversation.*quick"):
        shipped("nothing")
    with pytest.raises(ScenarioInvalid, match="cannot be read"):
        shipped("/absent/nothing.toml")
