"""What the operator wrote may not identify a patient (row D21): key, line and type are said, never the content."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi.kinds import Kind, Layer
from phi.redact import Redactor
from pipeline import config
from pipeline.call.flow_file import flow_text
from pipeline.errors import ConfigError
from pipeline.settings import Settings
from pipeline.supervisor.checked import check_texts
from pipeline.supervisor.own_words import Own, Sort, Text, faults, flow_texts, identifiers

SHIPPED = flow_text(None)
REDACTOR = Redactor(layers=frozenset(Layer) - {Layer.CARRY}, budget_ms=2_000)


def said(flow: str = SHIPPED, tree: Mapping[str, object] | None = None) -> str:
    return "\n".join(faults(config.from_mapping(tree or {}), flow))


def with_line(text: str) -> str:
    """The shipped flow with another sentence in one of its lines."""
    old = next(line for line in SHIPPED.splitlines() if line.startswith("hearing = "))
    flow = SHIPPED.replace(old, f'hearing = "{text}"')
    assert tomllib.loads(flow)["lines"]["hearing"] == text
    return flow


def test_what_is_shipped_identifies_nobody() -> None:
    assert said() == ""


def test_whom_callers_are_led_to_is_the_practices_own_and_holidays_are_no_birthdays() -> None:
    targets = ["front-desk +12125550123", "nurse sip:201@pbx.clinic.example"]
    transfer = {"targets": targets, "domain": "trunk.example", "ladder": ["front-desk", "nurse"]}
    hours = '\n[answering]\ntime_zone = "America/New_York"\nholidays = ["12-25", "2026-11-26"]\n'
    hours += '[answering.hours]\nmonday = ["08:00-12:00"]\n'
    assert said(SHIPPED + hours, {"transfer": transfer}) == ""


def test_the_number_a_person_sees_calling_is_the_practices_own() -> None:
    assert said(tree={"media_stream": {"shown_number": "+12125550187"}}) == ""


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("http", "trusted_proxies", ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"]),
        ("media", "allowed_networks", ["198.51.100.0/24"]),
        ("webhook", "addresses", ["192.0.2.17/32"]),
    ],
)
def test_a_network_is_no_identifier(section: str, key: str, value: list[str]) -> None:
    assert said(tree={section: {key: value}}) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Call back John Smith about his knee.", "NAME"),
        ("If Mrs. Hernandez calls, she wants the results.", "NAME"),
        ("Say hello to maria.", "NAME"),
        ("He was born on March 15 1985.", "DATE"),
        ("His date of birth is march fifteenth.", "DATE"),
        ("The test number is 123-45-6789.", "SSN"),
        ("social security one two three four five six seven eight nine", "SSN"),
        ("Call the caller back at 212-555-0188.", "PHONE"),
        ("His chart is MRN 00412345.", "MRN"),
        ("Write to jane.doe@example.org.", "EMAIL"),
        ("She lives at 12 Willow Street.", "ADDRESS"),
        ("Dr. Patel sees you on Tuesdays.", "PROVIDER"),
    ],
)
def test_row_d21_an_identifier_in_a_prompt_is_named_by_key_line_and_type(
    text: str, kind: str
) -> None:
    flow = with_line(text)
    line = next(n for n, found in enumerate(flow.splitlines(), 1) if text in found)
    (fault,) = said(flow).splitlines()
    assert fault.startswith(f"the call flow line {line}: lines.hearing: ")
    assert kind in fault.partition("(")[2].partition(")")[0]
    for word in text.split():
        assert len(word) < 5 or word.strip(".,") not in fault, "the content is not echoed"


@pytest.mark.parametrize(
    "text",
    [
        "We are open from nine to five and closed on December 25.",
        "Press one for a visit, two for a refill.",
        "This is Maple Street Clinic, at 212-555-0100.",
        "The number is two one two five five five zero one zero zero.",
        "Please arrive 15 minutes early, on the fourteenth.",
        "Visit www.mapleclinic.example for directions.",
    ],
)
def test_what_a_practice_says_of_itself_is_no_identifier(text: str) -> None:
    assert said(with_line(text)) == ""


def test_a_provider_or_an_address_is_allowed_once_the_practice_lists_it() -> None:
    flow = with_line("Ask for Dr. Patel at 12 Willow Street.")
    assert said(flow) != ""
    assert said(flow.replace("words = [", 'words = ["Patel", "12 Willow Street", ')) == ""


def test_the_list_of_words_itself_may_hold_no_number_of_a_patient() -> None:
    flow = SHIPPED.replace("words = [", 'words = ["SSN 123-45-6789", ')
    assert "words[0]" in said(flow)
    assert "123" not in said(flow)


def test_a_comment_of_the_flow_is_read_too() -> None:
    flow = "# John Smith, born 03/15/1985, complained\n" + SHIPPED
    assert said(flow).startswith("the call flow line 1: a comment: ")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("practice", "consent", "Hello Mrs. Hernandez, this call is answered by a machine."),
        ("practice", "name", "The practice of patient 123-45-6789"),
        ("practice", "id", "john-smith"),
        ("deployment", "name", "212-555-0188"),
        ("state", "directory", "/srv/mary_jones_1950-02-03"),
        ("log", "file", "/var/log/mrn-00412345.jsonl"),
        ("store", "key_command", ["pass", "show", "jane.doe@example.org"]),
        ("practice", "id", "dob-03151985"),
        ("practice", "id", "dob-15031985"),
        ("practice", "id", "dob_03-15-85"),
        ("practice", "id", "mrn44719882"),
        ("deployment", "name", "44719882"),
        ("log", "file", "/var/log/031585.jsonl"),
        ("log", "file", "/var/log/visits-15.03.1985.jsonl"),
        ("egress", "destinations", ["carrier john.smith 203.0.113.0/30 5061/tcp"]),
    ],
)
def test_row_d21_labels_and_file_names_are_read_too(section: str, key: str, value: object) -> None:
    (fault,) = said(tree={section: {key: value}}).splitlines()
    assert fault.startswith(f"{section}.{key}: seems to identify somebody")
    assert str(value) not in fault


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("practice", "name", "Dr. Hernandez and Partners"),
        ("state", "directory", "/home/maria"),
        ("state", "directory", "/srv/wardline-2026-11-21"),
        ("log", "file", "/var/log/wardline/events.jsonl"),
        ("log", "file", "/var/log/wardline-20261121-031500.jsonl"),
        ("practice", "id", "practice-2125550100"),
        ("store", "key_command", ["kms", "--key-id=1234abcd-12ab-34cd-56ef-123456789012"]),
        ("media_stream", "account", "AC447198820144719882abcdabcdabcdab"),
        ("recording", "days", ["call 30", "minor 7300"]),
        ("recording", "opt_out", ["off the record", "do not keep this"]),
        ("engines", "llm_model", "meta-llama/Llama-3.1-8B-Instruct"),
        ("egress", "destinations", ["carrier Twilio 203.0.113.0/30 5061/tcp"]),
        ("http", "public_url", "https://voice.hernandez.example"),
    ],
)
def test_ordinary_labels_and_paths_are_left_alone(section: str, key: str, value: object) -> None:
    assert said(tree={section: {key: value}}) == ""


def test_spanish_texts_are_read_in_spanish() -> None:
    settings = replace(Settings(), practice=replace(Settings().practice, language="es"))
    flow = with_line("Por favor, dígame su nombre una vez más.")
    assert faults(settings, flow) == []
    flow = with_line("El paciente nació el quince de marzo de 1985.")
    assert "DATE" in "\n".join(faults(settings, flow))


def test_a_url_with_a_password_in_a_line_is_refused() -> None:
    fault = said(with_line("See https://ada:hush@clinic.example/x"))
    assert "no user name or password" in fault or "EMAIL" in fault
    assert "hush" not in fault


def test_a_text_too_long_to_be_judged_is_judged_in_pieces() -> None:
    assert "SSN" in said(with_line("word " * 500 + "123-45-6789"))


def test_faults_of_the_flow_come_before_its_texts(tmp_path: Path) -> None:
    broken = tmp_path / "flow.toml"
    broken.write_text("[practice]\n")
    with pytest.raises(ConfigError, match=r"practice\.name"):
        check_texts(config.from_mapping({"practice": {"flow_file": str(broken)}}))


@given(st.text(max_size=300), st.sampled_from(Sort))
def test_any_text_is_judged_and_never_raises(text: str, sort: Sort) -> None:
    own = Own(
        frozenset({"maple"}), frozenset({"2125550100"}), frozenset({"5"}), frozenset({"john"})
    )
    kinds = identifiers(REDACTOR, Text("x", sort, text), own, "en")
    assert Kind.WITHHELD not in kinds


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=60) | st.lists(st.text(max_size=20))))
def test_every_text_of_any_flow_is_listed_with_its_key(tree: dict[str, object]) -> None:
    wanted = sum(
        len(value) if isinstance(value, list) else 1
        for key, value in tree.items()
        if key != "first_names"
    )
    assert len(list(flow_texts(tree, "a = 1\n# a comment\n"))) == wanted + 1
