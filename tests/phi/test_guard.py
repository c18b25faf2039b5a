"""The guard on the way out: no identifier in a request, none in the voice, and what must be said is said."""

from __future__ import annotations

from dataclasses import astuple
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phi.forms import Said
from phi.guard import (
    CANNOT_REPEAT,
    WITHHELD,
    ResultShape,
    SpokenGuard,
    for_model,
    messages_for_model,
)
from pipeline.call import verbalise
from pipeline.call.flow_file import load_flow
from tests.phi.spoken import FORMS

BORN, SSN, PHONE = "1953-07-19", "4417", "2125550143"
SECRETS = (("birth_date", BORN), ("ssn_last4", SSN), ("phone", PHONE))
FLOW = load_flow()


def voice() -> SpokenGuard:
    return SpokenGuard([FLOW.practice.phone], 2026)


def say(guard: SpokenGuard, *clauses: str) -> list[str]:
    return [guard.clause(clause, SECRETS) for clause in clauses]


def test_row_p7_the_fixed_sentence_word_for_word() -> None:
    assert say(voice(), f"Your number is {PHONE}.") == [
        "For security purposes, I cannot repeat that information."
    ]


@pytest.mark.parametrize("form", sorted(FORMS))
def test_row_p5_no_form_of_a_number_is_said(form: str) -> None:
    assert say(voice(), f"It is {FORMS[form](PHONE)} okay.") == [CANNOT_REPEAT]


@pytest.mark.parametrize(
    "text",
    [
        "You were born on July nineteenth, nineteen fifty three.", "Nació el diecinueve de julio de 1953.",
        "Your social ends in four four one seven.", "The code is NDQxNw== for you.", "It is {{patient.ssn_last4}}.",
    ],
)  # fmt: skip
def test_row_p5_no_stored_identifier_is_said(text: str) -> None:
    assert say(voice(), text) == [CANNOT_REPEAT]


@pytest.mark.parametrize(
    "text",
    [
        "Your social security number is 123-45-6789.", "It is one two three, four five, six seven eight nine.",
        "She was born March 3rd, 1950.", "Born on the third of March nineteen fifty.", "Born 1950-03-03.",
        "Medical record number A B 1 2 3 4 5.", "Your MRN is 55 01 23.", "Call her at 646 555 0199.",
    ],
)  # fmt: skip
def test_row_p5_what_looks_like_an_identifier_is_not_said_though_nobody_stored_it(
    text: str,
) -> None:
    assert voice().clause(text, ()) == CANNOT_REPEAT


def test_an_identifier_over_several_clauses_is_not_finished() -> None:
    assert say(
        voice(), "Your number is two one two", "five five five oh one four three.", "Yes?"
    ) == [
        "Your number is two one two",
        CANNOT_REPEAT,
        "Yes?",
    ]
    parts = say(voice(), "It is two one.", "Two five five.", "Five oh one.", "Four three.")
    assert parts[2:] == [CANNOT_REPEAT, ""]


def test_the_next_reply_says_the_fixed_sentence_again_rather_than_nothing() -> None:
    guard = voice()
    assert say(guard, f"It is {PHONE}.", f"It is {PHONE}.") == [CANNOT_REPEAT, ""]
    guard.begin()
    assert say(guard, f"It is {PHONE}.") == [CANNOT_REPEAT]


def test_the_rest_of_a_withheld_sentence_is_not_said_either() -> None:
    assert say(voice(), f"It is {PHONE},", "and that is your own number.", "Anything else?") == [
        CANNOT_REPEAT,
        "",
        "Anything else?",
    ]


def test_only_the_sentence_that_says_it_is_replaced() -> None:
    said = voice().clause(f"Thank you. Your number is {PHONE}. Which day would you like?", SECRETS)
    assert said == f"Thank you. {CANNOT_REPEAT} Which day would you like?"


@pytest.mark.parametrize("cut", range(1, 46))
def test_wherever_the_clauses_are_cut_the_whole_number_is_never_said(cut: int) -> None:
    text = "it is two one two five five five oh one four three"
    said = " ".join(say(voice(), text[:cut], text[cut:]))
    assert not Said(said).find(PHONE)


def everything_the_script_says() -> list[str]:
    values = {
        "reason": "a blood test",
        "read_back": verbalise.read_back(
            "a blood test", date(2026, 3, 3), "10:30", "Daniel", PHONE
        ),
        "count": "seven",
        "day": "Saturday, November twenty first",
        "ending": "a birth year that ends in five three",
    }
    lines = [*astuple(FLOW.lines), FLOW.greeting.text()]
    lines += [text for prompt in FLOW.prompts.values() for text in astuple(prompt)]
    return [FLOW.say(line, **values) for line in lines]


def test_rows_p5_p6_everything_the_script_says_passes_the_guard() -> None:
    guard = voice()
    for line in everything_the_script_says():
        assert guard.clause(line, SECRETS) == line
    assert guard.withheld == 0


@pytest.mark.parametrize(
    "text",
    [
        "We have nine, ten thirty, eleven fifteen, two or three in the afternoon.",
        "We are open from 7:00 to 19:00, and 9:30, 10:30 and 11:15 are free.",
        "On Tuesday, March third, twenty twenty six, at nine.", "You are number twelve of twenty five.",
        "It is at 12 Maple Street, suite 400, New York 10001.", "In an emergency dial nine one one.",
        "Please arrive fifteen minutes early.", "The office is at two one two, five five five, oh one hundred.",
        "A birth year that ends in five three.", "A number that ends in four three.",
    ],
)  # fmt: skip
def test_times_prices_days_and_the_practices_own_number_are_said(text: str) -> None:
    assert say(voice(), text) == [text]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_clauses_are_judged(clauses: list[str]) -> None:
    guard = voice()
    for clause in clauses:
        guard.clause(clause, SECRETS)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_row_p1_every_form_of_a_value_is_its_handle_in_a_request(form: str) -> None:
    text = f"my number is {FORMS[form](PHONE)} okay"
    cleaned = for_model(text, SECRETS, volunteered=False, this_year=2026)
    assert "{{patient.phone}}" in cleaned.text
    assert cleaned.taken >= 1
    assert not Said(cleaned.text).find(PHONE)
    assert cleaned.text.startswith("my number is ")


def test_row_p1_a_value_said_in_two_messages_is_taken_out_of_both() -> None:
    texts, taken = messages_for_model(
        ["it is two one two five five five", "oh one four three please"],
        SECRETS,
        volunteered=False,
        this_year=2026,
    )
    assert texts == ["it is {{patient.phone}}", "{{patient.phone}} please"]
    assert taken == 2


def test_row_p10_what_was_volunteered_reaches_no_model() -> None:
    text = "my insurance is 123 45 6789 and i was born march third nineteen fifty"
    cleaned = for_model(text, (), volunteered=True, this_year=2026)
    assert cleaned.text == f"my insurance is {WITHHELD} and i was born {WITHHELD}"


VOLUNTEERED = [
    ("i was born 3/4/61", "3/4/61"),
    ("born march fourth sixty one", "march fourth sixty one"),
    ("i was born on march fourth", "march fourth"),
    ("march fourth is my birthday", "march fourth"),
    ("march fourth sixty one", "march fourth sixty one"),
    ("nací el cuatro de marzo del sesenta y uno", "cuatro de marzo del sesenta y uno"),
    ("i was born on 3/4", "3/4"),
    ("dob 0304", "0304"),
    ("fecha de nacimiento cuatro tres sesenta y uno", "cuatro tres sesenta y uno"),
    ("i live on quail crossing in dayton", "quail crossing"),
    ("my social ends in four eight two one", "four eight two one"),
    ("my m r n is q x four four eight one two", "q x four four eight one two"),
    ("my mrn is QX44812", "44812"),
    ("write to jane dot doe at gmail dot com", "jane dot doe at gmail dot com"),
    ("i am maria gomez at twelve maple street in springfield", "gomez"),
    ("i am maria gomez at twelve maple street in springfield", "twelve maple street"),
    ("i am maria gomez at twelve maple street in springfield", "springfield"),
]


@pytest.mark.parametrize(("text", "identifier"), VOLUNTEERED)
def test_row_p10_no_form_of_a_volunteered_identifier_reaches_a_model(
    text: str, identifier: str
) -> None:
    cleaned = for_model(text, (), volunteered=True, this_year=2026)
    assert identifier not in cleaned.text
    assert WITHHELD in cleaned.text


def test_row_p10_an_identifier_in_two_turns_reaches_no_model() -> None:
    texts, _ = messages_for_model(
        ["my m r n is q x four", "four eight one two"], (), volunteered=True, this_year=2026
    )
    assert "eight one two" not in str(texts)


def test_row_p10_a_message_that_cannot_be_judged_is_withheld_whole() -> None:
    text = "i would like an appointment " * 400
    assert for_model(text, (), volunteered=True, this_year=2026).text == WITHHELD


@pytest.mark.parametrize(
    "text",
    [
        "on march fourth at ten forty five", "ten forty five", "el martes cuatro de marzo a las diez",
        "next tuesday at ten thirty please", "3/4 at ten", "can we do 3/4/26 at ten", "it's daniel",
        "can i see doctor patel about my blood pressure pills", "the fourth of march twenty twenty six",
        "the third one", "what are my choices", "do you take medicare",
        "can i come at 10:45 on 11/23",
    ],
)  # fmt: skip
def test_row_p10_what_an_appointment_needs_still_reaches_the_model(text: str) -> None:
    assert for_model(text, (), volunteered=True, this_year=2026).text == text


@pytest.mark.parametrize(
    "text",
    [
        "Your M R N is Q X four four eight one two.", "Your record is MRN QX44812.", "Born 03/04/61.", "Born 7/19.", "Your date of birth is 04 03 61.",
        "You have a M R N Q X four four eight.", "You were born on the nineteenth of July.", "I see July 19th here.", "It is the nineteenth of July.",
        "Born March fourth sixty one.", "Nació el cuatro de marzo del sesenta y uno.",
        "7/19 is when you were born.", "I see 19/7 here.", "It is 07-19.", "Es el diecinueve del siete.", "It says seven slash nineteen.",
        "It is the nineteenth of the seventh.",
        "The first digit is four, the second digit four, the third one, the fourth seven.", "El primer dígito es cuatro, el segundo cuatro, el tercero uno, el cuarto siete.",
        "First digit four, second digit four, third one, fourth one is seven.", "The first two are forty four, and the last two digits are seventeen.",
    ],
)  # fmt: skip
def test_row_p5_neither_a_spelled_code_nor_part_of_a_birth_date_is_said(text: str) -> None:
    assert say(voice(), text) == [CANNOT_REPEAT]


@pytest.mark.parametrize(
    "text",
    [
        "On Sunday, July nineteenth, at ten.", "We can do 3/4/26 or 12/5/27.", "On the third of March at ten forty five.",
        "On March ten at three forty five.", "Our social worker is in on Monday at ten.",
        "May I ask your first name?", "On Sunday 7/19 at ten.", "We have seven nineteen or eight twenty.", "Between 7 and 19 minutes.", "On 8/19 or 7/20.",
        "First, press four. Second, wait. Third, say yes.",
    ],
)  # fmt: skip
def test_a_day_that_is_wished_for_is_said_though_it_is_a_birthday(text: str) -> None:
    assert say(voice(), text) == [text]


def test_ordinary_words_are_left_alone() -> None:
    text = "a flu shot on tuesday the third at half past ten for two people please"
    assert for_model(text, SECRETS, volunteered=True, this_year=2026).text == text


def test_row_p9_only_declared_scalars_of_a_result_pass() -> None:
    shape = ResultShape({"status": str, "minutes_early": int, "free": bool})
    result = {
        "status": "booked", "minutes_early": True, "free": False, "provider": "Dr. Who",
        "patient": {"birth_date": BORN}, "slots": ["9:00"],
    }  # fmt: skip
    assert shape.clean(result) == ({"status": "booked", "free": False}, 4)
    assert shape.clean([BORN]) == ({}, 1)
    assert shape.clean(BORN) == ({}, 1)


def test_row_p2_a_verification_says_no_more_than_that_it_worked() -> None:
    shape = ResultShape({"verified": bool})
    assert shape.clean({"verified": True, "name": "Daniel", "birth_date": BORN}) == (
        {"verified": True},
        2,
    )
