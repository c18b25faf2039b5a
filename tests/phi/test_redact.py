"""What the redactor takes out and what it leaves, by layer, and that it fails closed."""

from __future__ import annotations

import json
import time

import pytest

from phi.carry import CallContext
from phi.kinds import Failure, Layer, Span
from phi.redact import ALL_LAYERS, BUDGET_MS, BudgetSpent, Redactor
from phi.tokens import Line
from tests.phi.unhurried import unhurried

REDACTOR = unhurried()


def redact(text: str, lang: str | None = None, without: Layer | None = None) -> str:
    redactor = REDACTOR if without is None else Redactor(layers=ALL_LAYERS - {without})
    return redactor.redact(text, CallContext(lang, single=True)).text


GONE = {
    "my name is rose king calling about my refill": "rose king",
    "um this is siobhan okonkwo and i need a refill": "siobhan okonkwo",
    "call me at five five five oh one two three": "five five five",
    "it's j as in john o h n": "john",
    "my social is one two three uh four five no wait four six seven eight nine": "six seven",
    "the last four are one nine eight seven": "nine eight",
    "the last four are 1985": "1985",
    "los ultimos cuatro de mi seguro son 2048": "2048",
    "my social ends in 1977": "1977",
    "my policy number is y eight two two three eight one three": " y ",
    "my email is s o s k m a r a at kaveri dot org": " at ",
    "i live at one kalomi court": "one",
    "my member id is w as in whiskey one two three four": "whiskey",
    "i was born march fifteenth nineteen eighty five": "fifteenth",
    "can i come in on the twenty third": "twenty third",
    "i was born in nineteen thirty two": "thirty two",
    "she is ninety three years old": "ninety three",
    "i live at forty two maple street apartment three b": "maple",
    "my email is john dot smith at gmail dot com": "smith",
    "i work at lockheed martin": "lockheed",
    "the plate is 7ABC123": "7ABC123",
    "host candidate 203.0.113.7 port 46154 typ srflx": "203.0.113.7",
    "Spoke with Grace Park about the results": "Grace Park",
    "ValueError: no row for 'Nguyen Van Long'": "Nguyen",
    "saved /srv/recordings/okonkwo_20240315.wav": "okonkwo",
    'patient_name="Rose Mark" latency_ms=15230': "Rose Mark",
}
GONE_SPANISH = {
    "me llamo jimena arrieta y tengo tos": "jimena arrieta",
    "mi telefono es cinco cinco cinco cero uno dos tres": "cero uno",
    "necesito una cita para el quince de marzo": "quince de marzo",
    "mi correo es ana punto lopez arroba gmail punto com": "lopez",
    "vivo en la calle reforma numero ciento veinte": "reforma",
    "mi abuela tiene noventa y dos años": "noventa y dos",
    "nací el cinco de mayo de mil novecientos ochenta y cinco": "ochenta y cinco",
}
STAYS = [
    "take two tablets of metformin five hundred milligrams every day for two weeks",
    "may i ask if it will hurt i hope the mark goes away",
    "my pressure rose to one forty over ninety",
    "the patient has parkinson's disease and crohn's",
    "he is eighty nine years old and has medicare",
    "i started in two thousand nineteen at nine thirty in the morning",
    "on a scale of one to ten it is a seven",
    "BP 140/90, HR 72, SpO2 98%, temp 37.4 C",
    "listening on 127.0.0.1:8080",
    "turn 7 ended: latency_ms=15230 packets=15000 lost=3",
    "2026-03-04T09:12:44.101Z INFO call 3f2b8c1e-1111-4222-8333-944455556666 started",
    "i live in texas and i use walgreens",
    "my coverage ends in 2026",
    "the last four years were hard and 2019 was the worst",
    "there is one long road",
]
STAYS_SPANISH = [
    "tomo metformina de quinientos miligramos dos veces al dia",
    "me duele la cabeza desde hace tres semanas",
    "quiero cambiar mi cita a las tres de la tarde",
]


@pytest.mark.parametrize(("text", "gone"), GONE.items())
def test_an_identifier_does_not_survive(text: str, gone: str) -> None:
    assert gone not in redact(text)


@pytest.mark.parametrize(("text", "gone"), GONE_SPANISH.items())
def test_a_spanish_identifier_does_not_survive(text: str, gone: str) -> None:
    assert gone not in redact(text, "es")


@pytest.mark.parametrize("text", STAYS)
def test_what_identifies_nobody_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("text", STAYS_SPANISH)
def test_spanish_that_identifies_nobody_stays(text: str) -> None:
    assert redact(text, "es") == text


NEEDS = [
    (Layer.NUMBERS, "call me at five five five oh one two three", "oh one two"),
    (Layer.DATES, "can i come in on the twenty third", "twenty third"),
    (Layer.PATTERNS, "my email is john dot smith at gmail dot com", "dot"),
    (Layer.FIELDS, 'patient_name="rose mark"', "rose mark"),
    (Layer.NAMES, "my name is rose king", "rose"),
    (Layer.PLACES, "i live on maple avenue", "maple"),
    (Layer.VOCABULARY, "the chart says okonkwo", "okonkwo"),
]


@pytest.mark.parametrize(("layer", "text", "gone"), NEEDS)
def test_each_layer_is_needed(layer: Layer, text: str, gone: str) -> None:
    assert gone not in redact(text)
    assert gone in redact(text, without=layer)


def test_known_values_go_in_every_form_and_only_with_their_layer() -> None:
    texts = [
        "the form says rose",
        "ends in 2 2 3 3",
        "Um9zZSBLaW5n",
        "gniK esoR",
        "526f7365204b696e67",
    ]
    for redactor, survives in (
        (REDACTOR, False),
        (Redactor(layers=ALL_LAYERS - {Layer.KNOWN}), True),
    ):
        context = CallContext(single=True)
        context.learn("name", "Rose King")
        context.learn("phone", "+1 555 010 2233")
        out = [redactor.redact(text, context).text for text in texts]
        assert any("rose" in text for text in out) is survives
        assert survives or all("[" in text for text in out)


def test_wiping_forgets_the_call() -> None:
    context = CallContext()
    context.learn("name", "Rose King")
    context.wipe()
    assert not context.known


def test_an_answer_is_read_behind_its_question_and_only_with_the_layer() -> None:
    for redactor, survives in (
        (REDACTOR, False),
        (Redactor(layers=ALL_LAYERS - {Layer.CARRY}), True),
    ):
        context = CallContext()
        redactor.redact("and what is your name?", context)
        assert ("rose" in redactor.redact("rose", context).text) is survives


def test_the_dialogue_can_say_what_it_expects() -> None:
    context = CallContext()
    context.expect("dob")
    assert "twelve" not in REDACTOR.redact("the twelve", context).text


def test_an_identifier_cut_in_two_records_goes_in_both() -> None:
    context = CallContext()
    parts = ["my number is five five five", "oh one two", "three"]
    assert all(
        "five" not in t and "two" not in t and "three" not in t
        for t in (REDACTOR.redact(p, context).text for p in parts)
    )


def test_json_stays_valid_and_keeps_what_is_safe() -> None:
    record = {
        "patient": {"first": "Rose", "last": "Okonkwo"},
        "dob": "1985-03-15",
        "duration_ms": 12345,
        "phone": 5550123,
    }
    out = json.loads(redact(json.dumps(record)))
    assert out == {
        "patient": {"first": "[NAME]", "last": "[NAME]"},
        "dob": "[DATE]",
        "duration_ms": 12345,
        "phone": "[PHONE]",
    }


@pytest.mark.parametrize(
    ("record", "why"),
    [("a" * 9000, Failure.OVERSIZE), (b"\xff\xfe rose", Failure.UNDECODABLE)],
)
def test_what_cannot_be_judged_is_withheld_and_counted(record: str | bytes, why: Failure) -> None:
    redactor = unhurried()
    result = redactor.redact(record)
    assert result.failure is why
    assert result.text == f"[REDACTOR_FAILED len={len(record)} sha=none]"
    assert redactor.failures[why] == 1


def test_a_spent_budget_withholds_the_record() -> None:
    redactor = Redactor(budget_ms=0.0)
    assert redactor.redact("my name is rose").failure is Failure.BUDGET


@pytest.mark.parametrize("slow", ["known.spans", "carried"])
def test_time_spent_on_what_the_call_knows_counts_too(
    slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = CallContext()
    context.learn("name", "Rose King")
    owner = context.known if slow.startswith("known") else context

    def spend(*_: object) -> list[Span]:
        end_s = time.thread_time() + 2 * BUDGET_MS / 1000
        while time.thread_time() < end_s:
            pass
        return []

    monkeypatch.setattr(owner, slow.rpartition(".")[2], spend)
    assert Redactor().redact("the form is here", context).failure is Failure.BUDGET


def test_what_is_known_of_a_call_is_looked_for_no_longer_than_the_budget_lasts() -> None:
    context = CallContext(single=True)
    for number in range(120):
        context.learn(f"field_{number}", f"Okonkwo{number} Siobhan")
        context.learn(f"number_{number}", f"{number}5550123")
    line, looks = Line("okonkwe 5550 o k o " * 100), 0

    def third_look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise BudgetSpent

    with pytest.raises(BudgetSpent):
        context.known.spans(line, third_look)


def test_an_exception_in_a_layer_withholds_the_record() -> None:
    class Broken(CallContext):
        def prefix(self) -> str:
            raise LookupError("rose")

    result = REDACTOR.redact("my name is rose", Broken())
    assert result.failure is Failure.EXCEPTION
    assert "rose" not in result.text
