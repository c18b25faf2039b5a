"""Urgent words raise as text, whatever stands around them; office talk does not."""

from __future__ import annotations

import csv
import random
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.call.dialogue import respond
from pipeline.call.flow_file import load_flow
from pipeline.call.steps import Ended, Heard, Phase, State
from pipeline.call.urgent import LONGEST_CHARACTERS, Urgency, classify, hear
from tests.call.mishearing import mishear
from tools.urgent_recall import STATES

DATA = Path(__file__).resolve().parent.parent / "data" / "urgent_phrases.tsv"
MINIMISERS = (
    "but i'm fine",
    "it's probably nothing",
    "but don't worry about it",
    "and can i book a check up next week",
    "no rush",
)
FILLERS = ("um", "uh", "er", "hmm")
FLOW = load_flow()


def _texts(expect: str) -> list[str]:
    with DATA.open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return [row["text"] for row in rows if row["expect"] == expect]


URGENT = _texts("urgent")
ROUTINE = _texts("routine")


def test_the_list_is_long_enough_to_mean_something() -> None:
    assert len(URGENT) >= 80
    assert len(ROUTINE) >= 80


@pytest.mark.parametrize("text", URGENT)
def test_every_urgent_sentence_raises(text: str) -> None:
    assert classify(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "chest pain visit",
        "i need a chest pain visit",
        "can i book a chest pain visit for tomorrow",
        "i have chest pain. visit please",
        "i had chest pain visit please",
        "i need a stroke visit please",
        "trouble breathing visit",
        "overdose visit",
        "i need a chest pain checkup",
        "a chest pain walk in please",
        "i need an emergency visit",
    ],
)
def test_a_visit_that_is_wished_for_a_danger_raises(text: str) -> None:
    assert classify(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "my visit for chest pain last year",
        "i had a chest pain visit in march",
        "i had a chest pain visit",
        "my last chest pain visit was fine",
        "i have a question about the bill for my chest pain visit",
        "the results from my stroke visit",
        "i need my annual stroke checkup",
        "i want to join the stroke walk",
        "a stroke clinic",
        "it is not an emergency visit",
    ],
)
def test_a_visit_that_was_or_comes_every_year_does_not_raise(text: str) -> None:
    assert classify(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "i have chest pain can the doctor see me",
        "i have chest pain do you take walk ins",
        "i have chest pain who should i call",
        "i have chest pain how do i know if it's a heart attack",
        "i have chest pain what are the hours",
        "i'm having chest pain would you see me",
        "my chest hurts could a nurse call me",
        "he is choking what do you do for choking",
        "he's not breathing what happens if i wait",
        "can the doctor see me for chest pain",
        "emergency who do i call",
        "who do i call he won't wake up",
        "what do i do he took the whole bottle of pills",
        "i had chest pain last month can the doctor see me today",
    ],
)
def test_a_question_behind_a_complaint_does_not_make_it_a_supposition(text: str) -> None:
    assert classify(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "if i have chest pain who do i call",
        "for an emergency who do i call",
        "who do i call if he won't wake up",
        "what do you do for a seizure",
        "i have a question can chest pain be a side effect",
        "my mother had a stroke two years ago is there a class",
        "i had a heart attack last year do you take my insurance",
        "i don't have chest pain can the doctor see me",
        "i was wondering if the doctor could call me about my seizure medicine",
        "can the doctor see me for my stroke follow up",
    ],
)
def test_a_question_about_a_complaint_that_nobody_has_is_routine(text: str) -> None:
    assert classify(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "i have chest pain my father died of a heart attack",
        "i have chest pain heart disease runs in my family",
        "i have chest pain history of heart attack",
        "i have chest pain as a child i had asthma",
        "i have chest pain i was told to call in case of chest pain",
        "i'm having chest pain are there side effects of this drug",
        "i've had chest pain since last month",
        "i can't breathe in the fall air",
        "chest pain my father died of a heart attack",
        "he is choking i need first aid",
        "i have chest pain what causes that",
        "i have chest pain could this medicine cause it",
        "i have chest pain i need a follow up for diabetes too",
        "i have chest pain is the clinic open",
        "when i was walking i got chest pain",
        "my chest started hurting when i was at work",
        "when he was eating he started choking",
        "i have signs of a stroke",
        "my mom is showing the signs of a heart attack",
        "can this be a heart attack",
    ],
)
def test_what_was_long_ago_takes_nothing_of_a_complaint_of_now(text: str) -> None:
    assert classify(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "i need a chest pain doctor",
        "my breathing is getting worse doctor",
        "i have chest pain book me an appointment",
        "he's not breathing contact someone",
        "i have chest pain test me please",
        "i have chest pain center of my chest",
        "chest pain doctor",
        "he is not breathing doctor",
        "my chest hurts doctor",
        "i'm having a heart attack doctor",
        "my chest hurts my doctor told me to call",
        "he's unconscious the doctor said call",
        "i have chest pain your clinic said to call",
        "she had a seizure check on her",
        "from the fall i have bleeding check it",
        "i had a stroke visit please",
        "since this morning a chest pain visit",
        "my chest pain medicine is not working",
    ],
)
def test_somebody_who_is_called_for_a_danger_makes_it_no_noun_of_the_office(text: str) -> None:
    assert classify(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "my chest pain doctor retired",
        "the seizure doctor called me",
        "do you have a stroke doctor",
        "i saw my stroke specialist and need the records",
        "i need a referral to a stroke specialist",
        "chest pain follow up",
        "follow up for my chest pain last year",
        "a follow up appointment for chest pain",
        "i am a heart attack survivor",
        "i need a stroke survivors group",
    ],
)
def test_a_doctor_one_has_and_a_follow_up_are_of_the_office(text: str) -> None:
    assert classify(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "i need a follow up for chest pain it's getting worse",
        "chest pain follow up it hurts right now",
        "i had a chest pain visit yesterday and now it hurts again",
        "i had chest pain last month and it won't go away",
        "i had chest pain last year and it is back",
        "my bleeding started back in march and won't stop",
        "i took my chest pain medicine and it still hurts",
    ],
)
def test_what_was_seen_to_and_is_worse_raises(text: str) -> None:
    assert classify(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "i had a stroke last year and it's back to normal",
        "my dad had a stroke last year and it hurts to talk about",
        "no chest pain but my knee is getting worse",
        "i had a stroke last year and my knee hurts",
        "i had a seizure when i was 25",
        "when i was in college i passed out",
        "what are the signs of a stroke",
    ],
)
def test_what_is_well_again_and_another_complaint_raise_nothing_of_long_ago(text: str) -> None:
    assert classify(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "he is bleeding",
        "my husband is bleeding a lot",
        "my baby is bleeding from his head",
        "my incision is bleeding",
        "she is fainting",
    ],
)
def test_somebody_who_is_bleeding_is_no_general_question(text: str) -> None:
    assert classify(text) is not None
    assert classify("is bleeding after that normal") is None


def test_at_most_one_routine_sentence_in_twenty_raises() -> None:
    raised = [text for text in ROUTINE if classify(text)]
    assert len(raised) <= 0.05 * len(ROUTINE), raised


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("i'm going into labor", "pregnancy"),
        ("my wife went in to labour", "pregnancy"),
        ("i started getting labor pains", "pregnancy"),
        ("sudden blindness", "stroke"),
        ("he woke up with loss of vision in one eye", "stroke"),
        ("all of a sudden my mother is blind", "stroke"),
        ("my blood sugar is 30", "severe"),
        ("his sugar dropped to 41", "severe"),
        ("her glucose reading is 512", "severe"),
        ("my sugar is thirty", "severe"),
        ("my sugar is one thirty and i am shaking", "severe"),
    ],
)
def test_labor_lost_sight_and_a_meters_figure_raise(text: str, kind: str) -> None:
    assert classify(text) == Urgency(kind)


@pytest.mark.parametrize(
    "text",
    [
        "are you open on labor day",
        "going into labor day weekend i need a visit",
        "i'm not going into labor",
        "i have not had sudden blindness",
        "i need a test for color blindness",
        "blindness runs in my family",
        "my blood sugar is 130",
        "my blood sugar is one thirty",
        "my sugar is one hundred and forty",
        "my blood sugar is not 30",
        "can i come at 3 30 for my blood sugar",
        "a blood sugar visit in 30 days",
    ],
)
def test_what_only_sounds_like_labor_lost_sight_or_low_sugar_is_routine(text: str) -> None:
    assert classify(text) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("he's turning purple", "breathing"),
        ("the baby turned purple", "breathing"),
        ("my son keeps turning purple", "breathing"),
        ("my mom od'd", "overdose"),
        ("my brother o d'd on something", "overdose"),
        ("blood pressure is 220 over 130", "severe"),
        ("my bp is 210/120", "severe"),
        ("her blood pressure reads two twenty over one thirty", "severe"),
        ("it was poison", "overdose"),
        ("i think i was poisoned", "overdose"),
        ("there's a fire", "injury"),
        ("there is a fire in my kitchen", "injury"),
        ("my kitchen caught fire", "injury"),
    ],
)
def test_purple_an_overdose_a_crisis_of_pressure_poison_and_fire_raise(
    text: str, kind: str
) -> None:
    assert classify(text) == Urgency(kind)


@pytest.mark.parametrize(
    "text",
    [
        "the bruise is turning purple",
        "my rash turned purple",
        "purple is my favorite color",
        "he has not od'd",
        "that is odd",
        "my blood pressure is 120 over 80",
        "my bp is 140/90",
        "my blood pressure was 220 over 130 last year",
        "my blood pressure is not 220 over 130",
        "i need a blood pressure check on 10/20",
        "i have a rash from poison ivy",
        "is it poison oak or poison sumac",
        "no poison",
        "there is no fire",
        "there's a fire drill at work that day",
        "there's a fire station next to my house",
        "we sit by the fireplace",
        "i got fired and need a new insurance form",
    ],
)
def test_what_only_sounds_like_purple_an_overdose_pressure_poison_or_fire_is_routine(
    text: str,
) -> None:
    assert classify(text) is None


@pytest.mark.parametrize("added", MINIMISERS)
def test_a_clause_that_makes_light_of_it_never_lowers(added: str) -> None:
    lowered = [text for text in URGENT if not classify(f"{text} {added}")]
    lowered += [text for text in URGENT if not classify(f"{added}, {text}")]
    assert lowered == []


def test_capitals_and_a_missing_stop_change_nothing() -> None:
    for text in URGENT + ROUTINE:
        told = classify(text)
        assert classify(text.upper()) == told
        assert classify(f"{text.capitalize()}.") == told


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(URGENT + ROUTINE), st.data())
def test_a_filler_anywhere_changes_nothing(text: str, data: st.DataObject) -> None:
    words = text.split()
    at = data.draw(st.integers(0, len(words)))
    words.insert(at, data.draw(st.sampled_from(FILLERS)))
    assert classify(" ".join(words)) == classify(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400), st.lists(st.text(max_size=30), max_size=3))
def test_any_text_and_any_practice_phrase_is_read_without_a_crash(
    text: str, phrases: list[str]
) -> None:
    told = classify(text, [("own", phrase) for phrase in phrases])
    assert told is None or told.kind.isidentifier()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([w for text in URGENT + ROUTINE for w in text.split()]), max_size=40)
)
def test_shuffled_words_of_the_list_are_read_without_a_crash(words: list[str]) -> None:
    told = classify(" ".join(words))
    assert told is None or told.kind.isidentifier()


@pytest.mark.parametrize(
    "piece",
    ["no chest pain ", "not bleeding ", "i had a stroke last year ", "can not ", "a", "no hit head ",
     "who do i call if ", "is there a class for choking ",
     "it hurts ", ". it hurts ", "my chest doctor ", "can the doctor ", "i have chest pain history of ", "' . ", "é"],
)  # fmt: skip
def test_the_worst_text_costs_what_its_length_costs_and_no_square_of_it(piece: str) -> None:
    longest = (piece * LONGEST_CHARACTERS)[:LONGEST_CHARACTERS]
    short = longest[: LONGEST_CHARACTERS // 4]
    costs_s = {longest: float("inf"), short: float("inf")}
    for _ in range(7):
        for text in costs_s:
            started_s = time.thread_time()
            classify(text, [("chest_pain", "chest pain"), ("own", "no")])
            costs_s[text] = min(costs_s[text], time.thread_time() - started_s)
    assert costs_s[longest] < 8 * costs_s[short]  # four times the length
    assert costs_s[longest] < 0.25


def test_a_practices_phrases_are_read_once_and_not_again_in_each_hypothesis() -> None:
    """They are looked for five times a second while a caller talks."""

    def cost_ns(first: int) -> int:
        phrases = [
            ("own", f"my ward{number} is not w{number}") for number in range(first, first + 300)
        ]
        began_ns = time.thread_time_ns()
        assert hear(["i would like to come in on tuesday"], phrases) is None
        return time.thread_time_ns() - began_ns

    new_ns = min(cost_ns(300 * number) for number in range(1, 4))
    known_ns = min(cost_ns(900) for _ in range(5))
    assert known_ns < new_ns / 3


def test_the_end_of_a_very_long_speech_is_still_heard() -> None:
    assert classify("we went to the shop " * 2_000 + "and i have chest pain") is not None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("i have chest pain", "chest_pain"),
        ("my mother has chest pain", "chest_pain"),
        ("he is not breathing", "breathing"),
        ("she won't wake up", "unresponsive"),
        ("no it isn't my stomach it's my chest", "chest_pain"),
        ("i don't have a fever but i can't breathe", "breathing"),
        ("me duele el pecho", "chest_pain"),
        ("no puedo respirar", "breathing"),
        ("mi esposo no respira", "breathing"),
        ("es una emergencia", "emergency"),
    ],
)
def test_the_kind_says_what_was_meant(text: str, kind: str) -> None:
    assert classify(text) == Urgency(kind)


@pytest.mark.parametrize(
    "text",
    ["i have chest pane", "i can not breath", "she is having a sees your", "he past out",
     "i think it's a heart a tack"],
)  # fmt: skip
def test_what_a_recogniser_writes_for_a_key_phrase_raises(text: str) -> None:
    assert classify(text) is not None


@pytest.mark.parametrize(
    "text",
    ["would you see me today i have chest pain", "what do i do if my chest hurts",
     "i need an appointment for chest pain", "i had a stroke last year and now my arm is numb",
     "refill my seizure medicine he is having a seizure"],
)  # fmt: skip
def test_office_talk_around_an_acute_symptom_still_raises(text: str) -> None:
    assert classify(text) is not None


@pytest.mark.parametrize(
    "text",
    ["can you block out two hours", "is the clinic open in an emergency",
     "i had a stroke last year can i see the same doctor", "i need a chest x-ray appointment", "the stroke clinic called me", "seizure medicine refill",
     "i had a heart attack in 2019", "who do i call if it is an emergency",
     "no tengo dolor de pecho", "", "   ", "..."],
)  # fmt: skip
def test_office_talk_history_and_supposition_do_not_raise(text: str) -> None:
    assert classify(text) is None


def test_the_practices_own_phrase_raises_unless_it_is_denied() -> None:
    phrases = [("pump", "pump alarm")]
    assert classify("my pump has an alarm on", phrases) == Urgency("pump")
    assert classify("My PUMP alarm went off", phrases) == Urgency("pump")
    assert classify("there is no pump alarm", phrases) is None
    assert classify("my pump alarm", [("pump", ""), ("pump", " ")]) is None


def test_each_phrase_of_the_practice_raises_under_the_kind_of_its_file() -> None:
    phrases = [("pump", "pump alarm"), ("transplant", "rejection fever")]
    assert hear(["my pump alarm is on"], phrases) == Urgency("pump")
    assert hear(["a refill", "i have a rejection fever"], phrases) == Urgency("transplant")


def test_a_kind_the_practice_shares_with_a_rule_does_not_make_the_rule_harmless() -> None:
    best, other = "no trouble breathing today", "i have chest pain"
    readings = [best, other, "book a visit", "book of visit"]
    assert hear(readings) == Urgency("chest_pain")
    assert hear(readings, [("chest_pain", "elephant sitting on me")]) == Urgency("chest_pain")


def test_an_alternative_reading_raises_what_the_best_one_missed() -> None:
    assert hear(["i have jazz bane", "i have chest pain"]) == Urgency("chest_pain")
    assert hear(["i need a check up", "i need a check of"]) is None
    assert hear([]) is None


def test_a_single_reading_that_lost_a_denial_does_not_raise_but_most_of_them_do() -> None:
    denied, lost = "i don't have chest pain", "i have chest pain"
    assert hear([denied, denied, denied, lost]) is None
    assert hear([denied, lost, lost, denied]) is not None


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{state.asked}-{state.agreed}")
def test_an_urgent_sentence_that_is_misheard_never_ends_or_books_a_call(state: State) -> None:
    rng = random.Random(state.asked)
    missed = 0
    for text in URGENT[:: 2 if state.asked == "confirm" else 4]:
        step = respond(FLOW, state, Heard(mishear(text, rng, 0.3)), date(2026, 1, 7))
        assert not any(isinstance(effect, Ended) for effect in step.effects), text
        missed += step.state.phase is Phase.ASKING
    assert missed > 3
