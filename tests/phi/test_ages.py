"""Ages of ninety and over, as they are said and written; younger ages and other nineties stay."""

from __future__ import annotations

import pytest

from phi.carry import CallContext
from phi.redact import Redactor

REDACTOR = Redactor(budget_ms=200)


def redact(text: str, lang: str | None = None) -> str:
    return REDACTOR.redact(text, CallContext(lang, single=True)).text


GONE = [
    ("my father is ninety three years old and he fell", "ninety three"),
    ("she turned ninety four last week", "ninety four"),
    ("he is a 97 y/o male with chf", "97"),
    ("patient aged 91 lives alone", "91"),
    ("my mom she's 92 and can't drive", "92"),
    ("ninety-one-year-old woman with a hip fracture", "ninety-one"),
    ("a 94-year-old man admitted for pneumonia", "94"),
    ("Pt is 96 yo F with SOB", "96 yo"),
    ("he'll be ninety five in the spring", "ninety five"),
    ("grandma just turned one hundred", "one hundred"),
    ("she is one hundred and three", "one hundred and three"),
    ("age: 93", "93"),
    ("Age 95, female, lives with daughter", "95"),
    ('"age": 98', "98"),
    ("my husband's ninety now and his knees are bad", "ninety"),
    ("he's going to be ninety nine", "ninety nine"),
    ("mi abuela tiene noventa y dos años", "noventa y dos"),
    ("mi papá cumplió noventa y cinco en casa", "noventa y cinco"),
    ("tiene 94 años y vive sola", "94"),
    ("mi madre de noventa y un años se cayó", "noventa y un"),
    ("paciente masculino de 97 años con tos", "97"),
    ("edad 93", "93"),
    ("my dad is ninety two and still drives", "ninety two"),
    ("the caller says her aunt is ninety six years of age", "ninety six"),
    ("she is 91 y.o. with dementia", "91"),
    ("Ms. is a 99F with afib", "99F"),
    ("92M s/p fall", "92M"),
    ("pt 101yo", "101"),
    ("INFO triage age=96 sex=F", "96"),
    ("we have a ninety seven year old on hospice", "ninety seven"),
    ("at ninety three she still walks every day", "ninety three"),
    ("he lived to be ninety eight", "ninety eight"),
    ("at the age of ninety he had a stroke", "ninety"),
    ("mom's 93rd birthday", "93rd"),
    ("celebrating her ninety fifth birthday", "ninety fifth"),
    ("she was 94 when she had the surgery", "94"),
    ("over ninety years old", "ninety"),
    ("he's ninety one going on ninety two", "ninety one"),
    ("mi abuelo va a cumplir cien años", "cien"),
    ("mi suegra anda en los noventa y tres", "noventa y tres"),
    ("my mother's age is ninety four", "ninety four"),
    ("how old is he he is ninety two", "ninety two"),
    ("nonagenarian patient with fall", "nonagenarian"),
    ("in her nineties and frail", "nineties"),
    ("the lady is 9 2 years old", "9 2"),
    ("she'll be turning ninety nine soon", "ninety nine"),
    ("i am ninety years young", "ninety"),
    ('"sex":"F","age":91', "91"),
    ("edad: 99 años", "99"),
    ("the patient, aged 90, was seen", "90"),
    ("(age 92)", "92"),
    ("Age/Sex: 94/F", "94"),
    ("94 yr old F", "94"),
    ("grandpa is going to turn one hundred and one in may", "one hundred and one"),
    ("my neighbor turned a hundred", "hundred"),
]  # fmt: skip
STAYS = [
    "cache-control: max-age=95",
    "she waited 95 minutes",
    "he's 94 percent sure",
    "temp is 98",
    "weight is 95 kg",
    "my blood sugar was ninety four",
    "take ninety two units",
    "my daughter is nine",
    "she's nine two",
    "spo2 was 92 on room air",
    "he is 100 percent blocked",
    "i've been married ninety years it feels like",
    "el costo es noventa pesos",
    "tiene noventa pastillas",
    "score 98 of 100",
    "my wife is eighty nine",
    "my dad is 89 years old",
    "i have been on hold for ninety seconds",
    "he's one hundred percent better",
    "her pulse is ninety five",
]  # fmt: skip


@pytest.mark.parametrize(("text", "gone"), GONE)
def test_an_old_age_goes(text: str, gone: str) -> None:
    assert gone not in redact(text)


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_an_old_age_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "said",
    [
        "i am ninety four",
        "he will be 93",
        "i am ninety one is that okay",
        "she will be ninety nine thanks",
    ],
)
def test_an_age_that_somebody_has_or_will_have_goes(said: str) -> None:
    assert "[AGE]" in redact(said)


@pytest.mark.parametrize(
    "said",
    [
        "i am ninety percent sure",
        "he will be ninety minutes late",
        "the line will be 95 meters long",
    ],
)
def test_what_somebody_has_ninety_of_is_no_age(said: str) -> None:
    assert redact(said) == said
