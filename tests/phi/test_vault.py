"""The compartment gives a value to the reader it was collected for, and to nobody else."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi import forms
from phi.vault import HANDLE, Compartment, NotYours, UnknownHandle, VaultError, handle

BORN = "07191953"
FOR_LOOKUP = frozenset({"find_patient", "store"})
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True)


def filled() -> Compartment:
    compartment = Compartment()
    compartment.put("birth_date", BORN, FOR_LOOKUP)
    compartment.put("ssn_last4", "2267", frozenset({"find_patient"}))
    return compartment


def test_a_value_travels_as_its_handle() -> None:
    assert Compartment().put("birth_date", BORN, FOR_LOOKUP) == "{{patient.birth_date}}"


def test_the_reader_it_was_collected_for_gets_the_value() -> None:
    assert filled().resolve("birth_date", "find_patient") == BORN
    assert filled().resolve("birth_date", "store") == BORN


def test_data_of_one_tool_cannot_be_resolved_by_another() -> None:
    with pytest.raises(NotYours) as raised:
        filled().resolve("ssn_last4", "store")
    assert "2267" not in str(raised.value)


def test_an_unknown_name_is_refused_without_a_hint() -> None:
    with pytest.raises(UnknownHandle):
        filled().resolve("member_id", "find_patient")


def test_handles_in_arguments_are_replaced_at_any_depth() -> None:
    arguments = {
        "who": {"born": "{{patient.birth_date}}", "last4": ["{{patient.ssn_last4}}"]},
        "count": 3,
        "note": "born {{patient.birth_date}}.",
    }
    assert filled().fill_arguments(arguments, "find_patient") == {
        "who": {"born": BORN, "last4": ["2267"]},
        "count": 3,
        "note": f"born {BORN}.",
    }


def test_one_foreign_handle_among_the_arguments_refuses_them_all() -> None:
    with pytest.raises(NotYours):
        filled().fill_arguments({"a": "{{patient.birth_date}} {{patient.ssn_last4}}"}, "store")


def test_neither_repr_nor_str_shows_a_value() -> None:
    shown = repr(filled()) + str(filled()) + repr(vars(filled()))
    assert BORN not in shown
    assert "2267" not in shown


def test_hanging_up_overwrites_every_buffer() -> None:
    compartment = filled()
    buffers = [cell.value for cell in compartment._cells.values()]
    compartment.wipe()
    assert [bytes(buffer) for buffer in buffers] == [bytes(8), bytes(4)]
    assert compartment.names() == ()


def test_no_buffer_with_the_value_is_left_after_the_call() -> None:
    compartment = filled()
    held = _buffers(compartment)
    assert BORN.encode() in held
    compartment.put("birth_date", "01021960", FOR_LOOKUP)  # replaced: the older one goes at once
    assert BORN.encode() not in held
    held += _buffers(compartment)
    compartment.wipe()
    assert len(held) == 4
    assert not any(any(buffer) for buffer in held)


def _buffers(compartment: Compartment) -> list[bytearray]:
    """The bytes themselves, held past their end: the collector's list of objects names no byte array."""
    return [cell.value for cell in compartment._cells.values()]


def test_after_the_call_nothing_is_given_or_taken() -> None:
    compartment = filled()
    compartment.wipe()
    with pytest.raises(UnknownHandle):
        compartment.resolve("birth_date", "find_patient")
    with pytest.raises(UnknownHandle):
        compartment.put("birth_date", BORN, FOR_LOOKUP)


@pytest.mark.parametrize("name", ["", "Birth", "a" * 41, "a b", "{{x}}", "né"])
def test_a_name_that_is_no_field_is_refused(name: str) -> None:
    with pytest.raises(VaultError):
        Compartment().put(name, BORN, FOR_LOOKUP)


@given(NAMES)
def test_every_handle_is_found_again_in_a_text(name: str) -> None:
    found = HANDLE.search(f"say {handle(name)} now")
    assert found is not None
    assert found[1] == name


@given(st.dictionaries(NAMES, st.text(string.digits, min_size=1), max_size=5), st.text())
def test_a_text_without_handles_is_untouched(values: dict[str, str], text: str) -> None:
    compartment = Compartment()
    for name, value in values.items():
        compartment.put(name, value, FOR_LOOKUP)
    if not HANDLE.search(text):
        assert compartment.fill(text, "store") == text


def test_hanging_up_drops_what_was_made_of_a_value_to_look_for_it() -> None:
    compartment = filled()
    for _, value in compartment.secrets():
        forms.Said("nothing of it is said here").find(value)
    kept = (forms._targets, forms._encodings)
    assert all(each.cache_info().currsize for each in kept)
    compartment.wipe()
    assert not any(each.cache_info().currsize for each in kept)
