"""Spoken words become values, or nothing: one table for each kind of answer."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.call.asides import Aside, hear_aside
from pipeline.call.day import NoDay, hear_day
from pipeline.call.dialogue import respond
from pipeline.call.first_name import hear_first_name
from pipeline.call.flow import Flow
from pipeline.call.flow_file import load_flow
from pipeline.call.phone import hear_phone, replace_tail
from pipeline.call.reason import hear_reason
from pipeline.call.request import Request, valid_first_name, valid_phone, valid_time
from pipeline.call.slots import understand
from pipeline.call.steps import Heard, Phase, State
from pipeline.call.time_of_day import hear_time
from pipeline.call.words import words
from pipeline.call.yes_no import hear_yes_no, plain_yes
from tests.call.identity_flow import asking

TODAY = date(2026, 3, 4)  # a Wednesday
FLOW: Flow = load_flow()


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("two one two five five five oh one four three", "2125550143"),
        ("my number is six one seven five five five oh one two eight", "6175550128"),
        ("six one four triple five oh one double two", "6145550122"),
        ("four oh four five double five zero one three eight", "4045550138"),
        ("area code is four oh four and then five double five zero one three eight", "4045550138"),
        ("five five five oh one four four and the area code's five one two", "5125550144"),
        ("three two one five five five and then oh one double nine", "3215550199"),
        ("nine five two five five five oh one double oh", "9525550100"),
        ("nine five two five five five oh one hundred", "9525550100"),
        ("um two one five triple five zero one um five seven", "2155550157"),
        ("one six one nine five five five zero one seven five with the one in front", "6195550175"),
        ("one two one two five five five oh one four three", "2125550143"),
        ("(212) 555-0143", "2125550143"),
        ("two one two five five five oh one four three no wait four four", "2125550144"),
        ("five five five oh one four three", None),
        ("one one two five five five oh one four three", None),
        ("two one two five five five oh one four three nine", None),
        ("call the one on my chart", None),
    ],
)
def test_a_number_is_ten_digits_or_nothing(said: str, number: str | None) -> None:
    assert hear_phone(words(said), asked=True).number == number


def test_a_piece_of_a_number_and_its_repaired_ending_are_told_apart() -> None:
    assert hear_phone(words("it's six oh two five five five"), asked=True).piece == "602555"
    ending = hear_phone(
        words("the number's wrong it's one six seven at the end not one seven six"), asked=False
    )
    assert ending.tail == "167"
    assert replace_tail("3035550176", ending.tail) == "3035550167"
    assert hear_phone(words("five seven at the end"), asked=False).tail == "57"
    assert hear_phone(words("no the last two digits are one six"), asked=False).tail == "16"


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("monday please", date(2026, 3, 9)),
        ("today if you can", TODAY),
        ("then tomorrow", date(2026, 3, 5)),
        ("the day after tomorrow", date(2026, 3, 6)),
        ("wednesday", date(2026, 3, 11)),
        ("next tuesday", date(2026, 3, 10)),
        ("next friday", date(2026, 3, 13)),
        ("this friday", date(2026, 3, 6)),
        ("a week from this friday", date(2026, 3, 13)),
        ("the fourteenth", date(2026, 3, 14)),
        ("the third", date(2026, 4, 3)),
        ("the thirty first", date(2026, 3, 31)),
        ("october twenty second", date(2026, 10, 22)),
        ("on the twenty second of october", date(2026, 10, 22)),
        ("june the fifteenth", date(2026, 6, 15)),
        ("3/14", date(2026, 3, 14)),
        ("january fifth", date(2026, 1, 5)),
        ("no wait tuesday", date(2026, 3, 10)),
        ("tuesday no sorry i work tuesday make it wednesday", date(2026, 3, 11)),
        ("no not monday wednesday", date(2026, 3, 11)),
        ("tuesday or thursday", None),
        ("no no not friday", None),
        ("february thirtieth", None),
        ("yesterday", None),
        ("tuesday march third", None),
        ("one second please", None),
    ],
)
def test_a_day_is_a_date_to_come_or_nothing(said: str, day: date | None) -> None:
    heard = hear_day(words(said), TODAY)
    if said == "january fifth":  # two months gone: a slip, asked again
        assert heard.fault is NoDay.PAST
        assert heard.day is None
        return
    assert heard.day == day


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("in the afternoon", "afternoon"),
        ("any evening's good", "evening"),
        ("whenever in the morning", "morning"),
        ("nine a m", "09:00"),
        ("ten thirty in the morning", "10:30"),
        ("two thirty in the afternoon", "14:30"),
        ("three forty five p m", "15:45"),
        ("3:45 p.m.", "15:45"),
        ("half past three", "15:30"),
        ("quarter to ten in the morning", "09:45"),
        ("eleven fifteen", "11:15"),
        ("one o'clock", "13:00"),
        ("first thing eight o'clock", "08:00"),
        ("i said i can't do evenings i meant morning", "morning"),
        ("somewhere between one and two", None),
        ("after ten twenty", None),
        ("good morning", None),
        ("i have two kids", None),
    ],
)
def test_a_time_is_a_part_of_the_day_a_clock_time_or_nothing(said: str, time: str | None) -> None:
    assert hear_time(words(said), FLOW.hours, asked=True).time == time


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("my name is daniel", "Daniel"),
        ("it's maria", "Maria"),
        ("sorry rosa", "Rosa"),
        ("priya p r i y a", "Priya"),
        ("p as in peter r i y a", "Priya"),
        ("sean here s e a n", "Sean"),
        ("no it's for my wife her name's nadia", "Nadia"),
        ("no my name isn't sharon it's karen", "Karen"),
        ("it's marcus not marco everybody does that", "Marcus"),
        ("you might have me as elizabeth but i go by betty", "Betty"),
        ("o'neil", "O'Neil"),
        ("josé", "José"),
        ("oludare", "Oludare"),
        ("turn that tv down i'm on the phone", None),
        ("well i only talk to brenda or linda", None),
        ("what", None),
        ("yes please", None),
        ("thursday", None),
        ("a m", None),
    ],
)
def test_a_first_name_is_said_introduced_or_spelled(said: str, name: str | None) -> None:
    heard = hear_first_name(words(said), FLOW.names, FLOW.answer_words, asked=True)
    assert heard == name


@pytest.mark.parametrize(
    ("said", "known", "reason"),
    [
        ("yeah i need my yearly physical", None, "check_up"),
        ("oh sorry for a flu shot", None, "vaccination"),
        ("x ray of my wrist", None, "x_ray"),
        ("x-ray", None, "x_ray"),
        ("no it's an x ray not a refill", "prescription_refill", "x_ray"),
        (
            "no actually i want a follow up they can do the refill then",
            "prescription_refill",
            "follow_up",
        ),
        ("oh i didn't say a referral to physical therapy", None, "referral"),
        ("i guess something else", None, "something_else"),
        ("the dog ate my appointment card", None, None),
        ("a refill or a vaccine", None, None),
    ],
)
def test_a_reason_is_one_of_the_list_or_nothing(
    said: str, known: str | None, reason: str | None
) -> None:
    assert hear_reason(words(said), FLOW.reasons, known=known, asked=True) == reason


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("yes that's right", "yes"),
        ("yep", "yes"),
        ("uh huh you got it", "yes"),
        ("yes dear", "yes"),
        ("it is", "yes"),
        ("that works for me", "yes"),
        ("sounds good to me thanks", "yes"),
        ("is that the right day", None),
        ("is that right", None),
        ("what was the right time again", None),
        ("go ahead and say that again please", None),
        ("correct the day", None),
        ("right what was the number", None),
        ("are you sure", None),
        ("good grief", None),
        ("nope try again", "no"),
        ("no that's wrong", "no"),
        ("that's not right", "no"),
        ("i don't think so", "no"),
        ("yes but the day", None),
        ("tuesday", None),
    ],
)
def test_only_a_plain_yes_is_a_yes(said: str, answer: str | None) -> None:
    assert hear_yes_no(words(said)) == answer


@pytest.mark.parametrize(
    ("said", "aside"),
    [
        ("i want to talk to a person", Aside.PERSON),
        ("operator please", Aside.PERSON),
        ("get me a human being", Aside.PERSON),
        ("is this a robot", Aside.ROBOT),
        ("what did you say", Aside.REPEAT),
        ("can you say that again", Aside.REPEAT),
        ("what day is it today", Aside.TODAY),
        ("what are my choices", Aside.CHOICES),
        ("why do you need it", Aside.WHY),
        ("can you hear me", Aside.HEARING),
        ("the kid's name or mine", Aside.FOR_WHOM),
        ("um", Aside.HESITATION),
        ("goodbye", Aside.GOODBYE),
        ("monday then", None),
        ("give me a nurse", Aside.PERSON),
    ],
)
def test_what_is_not_an_answer_is_recognised(said: str, aside: Aside | None) -> None:
    assert hear_aside(words(said)) == aside


@given(st.text(max_size=300))
def test_any_text_yields_valid_values_or_none(text: str) -> None:
    spoken = words(text)
    heard = hear_phone(spoken, asked=True)
    assert heard.number is None or valid_phone(heard.number)
    day = hear_day(spoken, TODAY).day
    assert day is None or day >= TODAY
    time = hear_time(spoken, FLOW.hours, asked=True).time
    assert time is None or valid_time(time)
    name = hear_first_name(spoken, FLOW.names, FLOW.answer_words, asked=True)
    assert name is None or valid_first_name(name)
    hear_aside(spoken)
    hear_yes_no(spoken)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("a week from tomorrow", None),
        ("two weeks from tuesday", None),
        ("friday week", None),
        ("december 1st 2099", None),
        ("december first twenty ninety nine", None),
        ("december 1st 2026", date(2026, 12, 1)),
        ("the first of december twenty twenty six", date(2026, 12, 1)),
        ("december 1st 2026 at noon", date(2026, 12, 1)),
        ("a week from tuesday", date(2026, 12, 1)),
        ("tuesday next week", date(2026, 11, 24)),
        ("next week on tuesday", date(2026, 11, 24)),
        ("friday this week", date(2026, 11, 27)),
    ],
)
def test_a_day_that_is_moved_by_other_words_is_read_whole_or_asked_again(
    said: str, day: date | None
) -> None:
    assert hear_day(words(said), date(2026, 11, 21)).day == day


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("february thirtieth", NoDay.NO_SUCH),
        ("2/30", NoDay.NO_SUCH),
        ("the thirty first of april", NoDay.NO_SUCH),
        ("friday february thirtieth", NoDay.NO_SUCH),
        ("february twenty ninth", NoDay.NO_SUCH),
        ("tuesday the fourteenth", NoDay.OTHER_WEEKDAY),
        ("thursday march fourteenth", NoDay.OTHER_WEEKDAY),
        ("tuesday march third", NoDay.PAST),
        ("yesterday", NoDay.PAST),
        ("march 1st 2026", NoDay.PAST),
        ("november 31st 2026", NoDay.NO_SUCH),
        ("november thirty first twenty twenty six", NoDay.NO_SUCH),
        ("the thirty first of november 2026", NoDay.NO_SUCH),
        ("11/31/2026", NoDay.NO_SUCH),
        ("february twenty ninth 2027", NoDay.NO_SUCH),
        ("february thirtieth 2099", NoDay.NO_SUCH),
        ("tuesday the fourteenth of march 2026", NoDay.OTHER_WEEKDAY),
        ("december 1st 2099", None),
        ("saturday the fourteenth", None),
        ("february twenty ninth no the fourteenth", None),
        ("whenever you like", None),
    ],
)
def test_why_a_day_cannot_be_meant_is_told(said: str, fault: NoDay | None) -> None:
    heard = hear_day(words(said), TODAY)
    assert heard.fault is fault
    assert (heard.named == date(2026, 3, 14)) == (fault is NoDay.OTHER_WEEKDAY)


def test_the_29th_of_february_is_a_day_where_next_year_has_it() -> None:
    assert hear_day(words("february twenty ninth"), date(2027, 5, 1)).day == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2:05 pm", "14:05"),
        ("10:05 am", "10:05"),
        ("14:05", "14:05"),
        ("10:00", "10:00"),
        ("nine to five", None),
        ("two to three pm", None),
        ("quarter to ten", "09:45"),
        ("five to nine", "08:55"),
    ],
)
def test_minutes_below_ten_are_read_and_a_range_is_no_time(said: str, time: str | None) -> None:
    assert hear_time(words(said), FLOW.hours, asked=True).time == time


@pytest.mark.parametrize(
    ("said", "asked", "time"),
    [
        ("covid nineteen shot", "reason", None),
        ("covid 19 vaccine", "reason", None),
        ("i saw the doctor at three last time", "reason", None),
        ("+44 20 7946 0958", "phone", None),
        ("a flu shot at three", "reason", "15:00"),
        ("a flu shot at 14:30", "reason", "14:30"),
        ("tuesday 15:30", "day", "15:30"),
        ("fifteen thirty", "time", "15:30"),
        ("nineteen", "time", "19:00"),
        ("half past three", "phone", "15:30"),
    ],
)
def test_a_number_that_means_something_else_is_no_time(
    said: str, asked: str, time: str | None
) -> None:
    assert understand(FLOW, said, asked, Request(), "", TODAY).values.time == time


@pytest.mark.parametrize(
    ("typed", "asked", "field", "value"),
    [
        ("Tue", "day", "day", "2026-03-10"),
        ("Tues.", "day", "day", "2026-03-10"),
        ("next thurs", "day", "day", "2026-03-12"),
        ("Mar 10", "day", "day", "2026-03-10"),
        ("10 March", "day", "day", "2026-03-10"),
        ("10 Mar 2027", "day", "day", "2027-03-10"),
        ("10th of Dec", "day", "day", "2026-12-10"),
        ("10th", "day", "day", "2026-03-10"),
        ("um fourteenth please", "day", "day", "2026-03-14"),
        ("10th grade", "day", "day", None),
        ("10th", "reason", "day", None),
        ("10 May", "day", "day", "2026-05-10"),
        ("10th May at ten", "day", "day", "2026-05-10"),
        ("twenty second", "day", "day", "2026-03-22"),
        ("we sat in the sun", "day", "day", None),
        ("he sat down", "reason", "day", None),
        ("Jan", "name", "first_name", "Jan"),
        ("1530", "time", "time", "15:30"),
        ("930", "time", "time", "09:30"),
        ("0815", "time", "time", "08:15"),
        ("1575", "time", "time", None),
        ("555 0143", "time", "time", None),
        ("555 1430", "reason", "time", None),
        ("1530", "phone", "time", None),
    ],
)
def test_answers_as_people_type_them(typed: str, asked: str, field: str, value: str | None) -> None:
    values = understand(FLOW, typed, asked, Request(), "", TODAY).values
    assert values.value(field) == value


@pytest.mark.parametrize(
    ("said", "asked", "day", "time"),
    [
        ("the fourteenth may work", "day", "2026-03-14", None),
        ("the fourteenth may be better", "confirm", "2026-03-14", None),
        ("at 2 may be better", "time", None, "14:00"),
        ("at 2 may be better", "confirm", None, "14:00"),
        ("Tuesday at 3 may work", "day", "2026-03-10", "15:00"),
        ("Tuesday the tenth may suit me", "day", "2026-03-10", None),
    ],
)
def test_what_may_work_is_not_in_may(
    said: str, asked: str, day: str | None, time: str | None
) -> None:
    values = understand(FLOW, said, asked, Request(), "", TODAY).values
    assert (values.value("day"), values.value("time")) == (day, time)


@pytest.mark.parametrize("said", ["second", "um second", "second please", "first", "oh first"])
@pytest.mark.parametrize("asked", ["day", "confirm", "open"])
def test_what_is_left_of_one_second_please_is_no_day(said: str, asked: str) -> None:
    assert understand(FLOW, said, asked, Request(), "", TODAY).values.day is None


@pytest.mark.parametrize("said", ["0", "zero", "press 0", "um zero please", "i press zero"])
@pytest.mark.parametrize("asked", ["reason", "name", "day", "time", "confirm", "open"])
def test_a_zero_where_no_digits_are_asked_is_the_way_to_a_person(said: str, asked: str) -> None:
    assert understand(FLOW, said, asked, Request(), "", TODAY).aside is Aside.PERSON


def test_a_zero_where_digits_are_asked_is_a_digit() -> None:
    assert understand(FLOW, "zero", "phone", Request(), "", TODAY).aside is None
    assert understand(FLOW, "press zero", "phone", Request(), "", TODAY).aside is Aside.PERSON
    step = respond(asking("birth_date"), State(asked="birth_date"), Heard("zero"), TODAY)
    assert step.state.phase is Phase.ASKING


@pytest.mark.parametrize("asked", ["day", "time"])
@pytest.mark.parametrize("said", ["any day", "any time", "it doesn't matter", "whenever"])
def test_who_has_no_wish_is_told_what_can_be_said(said: str, asked: str) -> None:
    step = respond(FLOW, State(asked=asked), Heard(said), TODAY)
    assert step.say == FLOW.say(FLOW.prompts[asked].choices)


@pytest.mark.parametrize(
    ("said", "person"),
    [
        ("my doctor's nurse said i need a refill", False),
        ("the nurse told me to get a flu shot", False),
        ("the staff at the front said to ask for a referral please", False),
        ("i want to talk to the nurse about my refill", True),
        ("can i get the nurse for a refill", True),
        ("a refill or give me a person", True),
        ("no refill operator", True),
        ("is there a nurse i can talk to about my refill", True),
    ],
)
def test_who_is_only_spoken_of_beside_a_reason_is_not_asked_for(said: str, person: bool) -> None:
    understood = understand(FLOW, said, "reason", Request(), "", TODAY)
    assert (understood.aside is Aside.PERSON) is person
    assert (understood.values.reason is None) is person


_PIECES = st.sampled_from(
    [
        "at",
        "around",
        "9",
        "9:75",
        "9:60",
        "10:99",
        "25:00",
        "0:00",
        "00:61",
        "12:5",
        "pm",
        "a.m.",
        "half",
        "past",
        "three",
        "quarter",
        "to",
        "monday",
        "the",
        "31st",
        "february",
        "30",
        "2/30",
        "13/1",
        "2026-01-13",
        "no",
        "yes",
        "wait",
        "not",
        "but",
        "any",
        "or",
        "next",
        "after",
        "2125550143",
        "555",
        "zero",
        "oh",
        "one",
        "morning",
        "cancel",
        "person",
        "daniel",
        "flu",
        "shot",
    ]
)


@given(
    text=st.one_of(st.lists(_PIECES, max_size=8).map(" ".join), st.text(max_size=120)),
    asked=st.sampled_from(["reason", "name", "phone", "day", "time", "confirm", "open"]),
    booked=st.booleans(),
    typed=st.booleans(),
)
@example(text="at 9:75", asked="time", booked=False, typed=True)
def test_no_text_makes_the_dialogue_raise(text: str, asked: str, booked: bool, typed: bool) -> None:
    known = Request("vaccination", "Daniel", "2125550143", date(2026, 3, 10), "morning")
    phase = Phase.BOOKED if booked else Phase.ASKING
    step = respond(FLOW, State(known, asked=asked, phase=phase), Heard(text, typed=typed), TODAY)
    assert step.say


@pytest.mark.parametrize(
    "said",
    [
        "yes is that right",
        "yes is that all",
        "yes for the friend",
        "yes all for my friend",
        "yes so would that be all for the way",
    ],
)
def test_a_yes_beside_something_else_books_nothing_the_first_time(said: str) -> None:
    assert not plain_yes(words(said))


def test_a_plain_yes_is_enough() -> None:
    assert plain_yes(words("yes that's right"))
    assert plain_yes(words("yes please"))


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-04-13", date(2026, 4, 13)),
        ("2027-01-13", date(2027, 1, 13)),
        ("01/13/2027", date(2027, 1, 13)),
        ("2026-13-01", None),
        ("13/1", None),
        ("any day but tuesday", None),
        ("anything but tuesday", None),
        ("monday after next", None),
        ("second tuesday of february", None),
        ("the second tuesday of february", None),
    ],
)
def test_a_day_in_another_shape_is_read_or_asked_again_and_never_a_time(
    said: str, day: date | None
) -> None:
    heard = hear_day(words(said), TODAY)
    assert heard.day == day
    time = hear_time(words(said), FLOW.hours, asked=True, taken=heard.used)
    assert time.time is None


def test_anything_but_a_part_of_the_day_is_not_that_part() -> None:
    heard = hear_time(words("anything but morning"), FLOW.hours, asked=True)
    assert heard.time is None
    assert heard.refused == {"morning"}
