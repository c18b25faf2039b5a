"""A call flow file is right, or every fault in it is named at once with what to write."""

from __future__ import annotations

import copy
import csv
import tomllib
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from pipeline.call.dialogue import respond
from pipeline.call.flow_file import flow_text, load_flow, parse_flow
from pipeline.call.flow_trial import unheard
from pipeline.call.request import Request
from pipeline.call.steps import Heard, State
from pipeline.call.urgent import hear
from pipeline.errors import ConfigError

TODAY = date(2026, 1, 7)
DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Settings:
    name: str = "Elm Clinic"
    phone: str = "555 0100"
    emergency_number: str = "112"
    flow_file: str = ""


def shipped() -> dict[str, Any]:
    text = resources.files("pipeline.call").joinpath("flows/clinic.toml").read_text("utf-8")
    return tomllib.loads(text)


def faults(table: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_flow(table)
    return caught.value.faults


def test_the_shipped_flow_is_valid_and_names_who_approved_its_urgent_phrases() -> None:
    flow = load_flow()
    assert flow.urgent.approved_by
    assert flow.urgent.version
    assert "x ray" in flow.vocabulary().reasons
    assert "chest pain" in flow.vocabulary().urgent_phrases


def test_the_settings_say_who_answers() -> None:
    flow = load_flow(Settings())
    assert flow.practice_name == "Elm Clinic"
    assert "one one two" in flow.say(flow.greeting.text())


def test_every_fault_is_named_at_once() -> None:
    table = copy.deepcopy(shipped())
    table["practice"]["phone"] = "12"
    table["lines"]["urgent"] = "Please wait."
    table["lines"]["filler"] = "Hold on {name}."
    table["lines"]["goodbye"] = "Bye {phone"
    table["reasons"][1]["key"] = table["reasons"][0]["key"]
    table["reasons"][2]["spoken"] = []
    table["urgent"]["phrases"] = {}
    table["colour"] = "blue"
    del table["prompts"]["day"]["ask"]
    keys = {fault.split(":")[0] for fault in faults(table)}
    assert keys >= {
        "practice.phone", "lines.urgent", "lines.filler", "lines.goodbye", "reasons[1].key",
        "reasons[2].spoken", "urgent.phrases", "?", "prompts.day.ask",
    }  # fmt: skip


def test_a_greeting_without_its_parts_or_too_long_is_refused() -> None:
    table = copy.deepcopy(shipped())
    table["greeting"]["automated"] = "Hello there"
    table["greeting"]["person"] = "word " * 60
    assert {fault.split(":")[0] for fault in faults(table)} >= {
        "greeting", "greeting.automated", "greeting.person",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("person", "A person reads this."),
        ("person", "Say person at any time."),
        ("person", "Press zero to reach a person."),
        ("emergency", "{emergency_number}"),
        ("emergency", "In an emergency, wait for {emergency_number}."),
    ],
)
def test_a_greeting_that_does_not_say_what_to_do_is_refused_with_what_to_write(
    key: str, text: str
) -> None:
    table = copy.deepcopy(shipped())
    table["greeting"][key] = text
    (fault,) = faults(table)
    assert fault.startswith(f"greeting.{key}: must say")
    assert str(shipped()["greeting"][key]) in fault


@pytest.mark.parametrize("section", sorted(shipped()))
@pytest.mark.parametrize("value", [None, 7, "text", [], {}, [{}], [7]])
def test_a_section_of_the_wrong_shape_is_a_fault_and_never_a_crash(
    section: str, value: object
) -> None:
    table = copy.deepcopy(shipped())
    if value is None:
        del table[section]
    else:
        table[section] = value
    empty_list_or_absent = section in ("first_names", "words") and value in (None, [])
    defaults = section in ("hours", "request") and value in (None, {})
    if empty_list_or_absent or defaults or (section == "version" and value == "text"):
        parse_flow(table)
    else:
        assert faults(table)


def test_identifiers_are_asked_only_where_the_flow_names_them_after_the_number() -> None:
    assert load_flow().identify == ()
    assert load_flow().slots == ("reason", "name", "phone", "day", "time")
    table = shipped() | {"identify": ["birth_date"], "birth_date_order": "dmy"}
    table["prompts"]["birth_date"] = {"ask": "Born when? Key {key_order}."}
    flow = parse_flow(table)
    assert flow.slots == ("reason", "name", "phone", "birth_date", "day", "time")
    asked = flow.say(flow.prompts["birth_date"].ask)
    assert asked.startswith("Born when? Key two digits for the day, two digits for the month")
    assert "ssn_last4" not in flow.prompts


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"identify": ["mother"]}, "identify"),
        ({"identify": ["birth_date", "birth_date"]}, "identify"),
        ({"identify": "birth_date"}, "identify"),
        ({"identify": [["birth_date"]]}, "identify"),
        ({"birth_date_order": "dym"}, "birth_date_order"),
        ({"birth_date_order": 7}, "birth_date_order"),
    ],
)
def test_a_wrong_identifier_or_order_is_named(changed: dict[str, Any], key: str) -> None:
    assert [fault.split(":")[0] for fault in faults(shipped() | changed)] == [key]


def test_a_prompt_for_a_birth_date_must_say_the_order_of_its_keys() -> None:
    table = shipped()
    table["prompts"]["birth_date"] = {"ask": "When were you born?", "colour": "blue"}
    keys = {fault.split(":")[0] for fault in faults(table)}
    assert keys == {"prompts.birth_date.ask", "prompts.birth_date.?"}
    table["prompts"]["birth_date"] = "text"
    assert "prompts.birth_date" in {fault.split(":")[0] for fault in faults(table)}


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_flow(Settings(flow_file=str(tmp_path / "nowhere.toml")))
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff = ")
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        load_flow(Settings(flow_file=str(broken)))


def test_a_reason_an_operator_adds_is_heard_and_in_the_vocabulary() -> None:
    table = copy.deepcopy(shipped())
    forms = [
        "m r i", "mri scan", "nurse visit", "case manager visit", "staff physical",
        "human resources form", "agent orange exam", "cancel", "morning sickness",
    ]  # fmt: skip
    table["reasons"].append({"key": "own", "label": "own reason", "spoken": forms})
    flow = parse_flow(table)
    for form in forms:
        assert form in flow.vocabulary().reasons
        for said in (form, f"i need a {form}", f"{form} please", f"yes hello i'd like a {form}"):
            request = respond(flow, State(), Heard(said), TODAY).state.request
            assert request == Request(reason="own"), said
    assert unheard(flow) == []


def test_a_reason_that_no_caller_could_say_is_named(tmp_path: Path) -> None:
    text = flow_text(None)
    own = shipped()["practice"]
    file = tmp_path / "flow.toml"
    forms = '["chest pain", "operator", "a nurse please", "mammogram"]'
    reason = f'[[reasons]]\nkey = "own"\nlabel = "own reason"\nspoken = {forms}\n\n'
    file.write_text(text.replace("[[reasons]]", f"{reason}[[reasons]]", 1))
    with pytest.raises(ConfigError) as caught:
        load_flow(Settings(own["name"], own["phone"], own["emergency_number"], str(file)))
    assert [fault.split(";")[0] for fault in caught.value.faults] == [
        'reasons[0].spoken: "chest pain" is taken for an emergency',
        'reasons[0].spoken: "operator" is taken for the wish to speak to a person',
        'reasons[0].spoken: "a nurse please" is taken for the wish to speak to a person',
    ]


def test_every_form_of_the_shipped_flow_is_heard() -> None:
    assert unheard(load_flow()) == []


def test_the_shipped_phrases_keep_all_urgent_sentences_and_add_no_false_alarm() -> None:
    phrases = load_flow().urgent.phrases
    with (DATA / "urgent_phrases.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    missed = [r["id"] for r in rows if r["expect"] == "urgent" and not hear((r["text"],), phrases)]
    alarms = [r["id"] for r in rows if r["expect"] != "urgent" and hear((r["text"],), phrases)]
    assert missed == []
    assert len(alarms) <= 5


def test_a_flow_file_and_settings_that_name_two_practices_are_refused(tmp_path: Path) -> None:
    """An urgent caller must hear the number that the page shows."""
    file = tmp_path / "flow.toml"
    file.write_text(
        resources.files("pipeline.call").joinpath("flows/clinic.toml").read_text("utf-8")
    )
    own = shipped()["practice"]
    with pytest.raises(ConfigError) as caught:
        load_flow(Settings(flow_file=str(file)))
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "practice.name",
        "practice.phone",
        "practice.emergency_number",
    ]
    same = Settings(own["name"], own["phone"], own["emergency_number"], str(file))
    assert load_flow(same).practice_name == own["name"]
