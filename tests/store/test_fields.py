"""One closed schema for the conversation, the model and the store."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.call.flow_file import load_flow
from pipeline.call.request import FIELD_KINDS, Request
from pipeline.store.fields import KINDS, FieldRule, read_schema

CHOICES = {"reason": ("check_up", "x_ray")}

GOOD = [
    ("first_name", "O'Neil"), ("first_name", "José"), ("first_name", "Mary-Ann"), ("first_name", "D’Arcy"),
    ("first_name", "Zoë"), ("first_name", "Jose\u0301"), ("phone", "2125550143"),
    ("phone_e164", "+442071838750"), ("mrn", "AB12CD34"), ("ssn4", "0001"), ("dob", "1984-02-29"),
    ("date", "2026-12-31"), ("time_slot", "evening"), ("time_slot", "23:59"),
]  # fmt: skip
BAD = [
    ("first_name", "José\n"), ("first_name", ""), ("first_name", "José Luis"), ("first_name", "x" * 41),
    ("first_name", "R2D2"), ("first_name", "-Ann"), ("phone", "1125550143"), ("phone", "2125550143\n"),
    ("phone", "٢١٢٥٥٥٠١٤٣"), ("phone", "212555014"), ("phone_e164", "442071838750"),
    ("phone_e164", "+0123"), ("mrn", "ABCDEFGH\n"), ("mrn", "abcdefgh"), ("mrn", "ABCDEFG"),
    ("ssn4", "१२३४"), ("ssn4", "123"), ("dob", "9999-99-99"), ("dob", "1985-02-29"), ("dob", "0000-01-01"),
    ("dob", "1985-2-9"), ("dob", "1985-02-09\n"), ("dob", "19850209"), ("date", "２０２６-01-01"),
    ("time_slot", "24:00"), ("time_slot", "noon"), ("time_slot", "9:00"), ("time_slot", "09:00\n"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_row_d10_what_people_are_called_and_say_is_accepted(kind: str, value: str) -> None:
    assert FieldRule("f", KINDS[kind]).accepted(value)


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_rows_x17_x22_newlines_other_digits_and_impossible_dates_are_not(
    kind: str, value: str
) -> None:
    assert FieldRule("f", KINDS[kind]).accepted(value) is None


@pytest.mark.parametrize("value", [None, 1, ["José"], {"first_name": "José"}, b"x"])
def test_row_x19_nothing_nested_or_untyped_is_accepted(value: object) -> None:
    assert FieldRule("f", KINDS["first_name"]).accepted(value) is None


def test_an_accent_is_composed_whatever_wrote_it() -> None:
    assert FieldRule("f", KINDS["first_name"]).accepted("Jose\u0301") == "José"


@given(st.sampled_from(sorted(KINDS)), st.text(max_size=60))
def test_any_text_is_taken_or_not_and_never_raises(kind: str, text: str) -> None:
    accepted = FieldRule("f", KINDS[kind]).accepted(text)
    assert accepted is None or len(accepted) <= KINDS[kind].characters_max


@pytest.mark.parametrize(
    "kind", [k for k in KINDS.values() if k.pattern and "\\p" not in k.pattern]
)
@given(text=st.data())
def test_the_json_schema_allows_what_we_accept(kind: Any, text: st.DataObject) -> None:
    value = text.draw(
        st.from_regex(kind.pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))
    )
    if kind.accepts.__name__ != "_real_date":  # `format` says what a pattern cannot
        assert kind.takes(value.removesuffix("\n")) or len(value) > kind.characters_max
    for _, good in (pair for pair in GOOD if pair[0] == kind.name):
        assert re.fullmatch(kind.pattern[1:-1], good)


def test_row_d11_a_field_is_not_stored_unless_the_flow_says_so() -> None:
    schema, faults = read_schema({}, FIELD_KINDS, CHOICES)
    assert not faults
    assert schema.stored == frozenset()
    assert all(rule.required and not rule.lookup for rule in schema.fields)


def test_rows_d8_d9_the_json_schema_is_closed_and_its_choices_are_the_flows_reasons() -> None:
    flow = load_flow()
    schema = flow.request.json_schema()
    assert schema["additionalProperties"] is False
    assert schema["properties"]["reason"]["enum"] == [reason.key for reason in flow.reasons]
    assert sorted(schema["properties"]) == sorted(schema["required"]) == sorted(FIELD_KINDS)
    assert flow.request.stored == frozenset(FIELD_KINDS)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("REQUEST_SCHEMA", "must be tables"),  # X31: the name of a variable is no schema
        ({"diagnosis": {"store": True}}, "request.?: no such field"),
        ({"phones": {}}, "request.phones: no such field"),
        ({"phone": True}, "request.phone: must be a table"),
        ({"phone": {"store": "yes"}}, "request.phone.store: write true or false"),
        ({"phone": {"stored": True}}, "request.phone.stored: unknown key"),
        ({"phone": {"maria": True}}, "request.phone.?: unknown key"),
    ],
)
def test_row_x31_a_wrong_schema_is_refused_when_it_is_loaded(table: object, said: str) -> None:
    _, faults = read_schema(table, FIELD_KINDS, CHOICES)
    assert len(faults) == 1
    assert said in faults[0]


def test_row_x29_the_conversations_checks_and_the_stores_are_one() -> None:
    rules = load_flow().request.by_name
    for kind, value in GOOD + BAD:
        for name in (name for name, of in FIELD_KINDS.items() if of == kind and of != "date"):
            try:
                Request(**{name: value})  # type: ignore[arg-type]  # by name; "day" is left out
                taken = True
            except ValueError:
                taken = False
            if value != "Jose\u0301":  # composed on its way into the store
                assert taken == (rules[name].accepted(value) is not None)
