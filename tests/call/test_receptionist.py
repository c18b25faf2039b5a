"""The receptionist as a model: asked twice it changes nothing, confirmed once it acts once."""

from __future__ import annotations

from datetime import date

import pytest

from models.ports import ChatMessage, Keyed, ReplyRequest, Spoken, TextDelta
from pipeline.call.asking import no_number_line, piece_line, question
from pipeline.call.desk import Receptionist
from pipeline.call.dialogue import respond
from pipeline.call.flow_file import load_flow
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.steps import Heard, Phase, State
from pipeline.call.verbalise import written_clock
from pipeline.turn.events import Asked
from tests.fakes.desk import FakeDesk

FLOW = load_flow()
TODAY = date(2026, 3, 4)


class Call:
    """A receptionist at a fake desk, driven by text."""

    def __init__(self) -> None:
        self.desk = FakeDesk()
        self.receptionist = ScriptedReceptionist(FLOW, self.desk, lambda: TODAY)
        self.greeting = self.receptionist.greeting()
        self._turns = 0

    async def think(self, text: str, reply_id: str, *alternatives: str) -> str:
        request = ReplyRequest(
            reply_id,
            (ChatMessage("user", text),),
            alternatives=tuple(Spoken(other) for other in alternatives),
        )
        words = []
        async for event in self.receptionist.reply(request):
            assert isinstance(event, TextDelta)
            words.append(event.text)
        return "".join(words)

    async def say(self, text: str, *alternatives: str) -> str:
        self._turns += 1
        said = await self.think(text, f"turn-{self._turns}", *alternatives)
        self.receptionist.confirm(f"turn-{self._turns}")
        return said

    async def until(self, slot: str) -> Call:
        answers = {
            "reason": "a flu shot",
            "name": "my name is daniel",
            "phone": "two one two five five five oh one four three",
            "day": "tuesday",
            "time": "half past three",
        }
        while (asked := self.receptionist.state.asked) != slot:
            await self.say(answers[asked])
        return self


def test_the_greeting_says_emergency_then_automated_then_person_and_is_short() -> None:
    greeting = Call().greeting
    places = [
        greeting.index(part) for part in ("nine one one", "automated assistant", "Say person")
    ]
    assert places == sorted(places)
    assert len(FLOW.say(FLOW.greeting.text()).split()) <= 34


async def test_a_reply_that_is_not_confirmed_changes_nothing() -> None:
    call = Call()
    before, told = call.receptionist.state, list(call.desk.told)
    first = await call.think("a flu shot please", "a")
    second = await call.think("a flu shot please", "b")
    assert first == second
    assert call.receptionist.state is before
    assert call.desk.told == told


async def test_confirming_twice_acts_once() -> None:
    call = Call()
    await call.think("a flu shot", "a")
    call.receptionist.confirm("a")
    told = list(call.desk.told)
    call.receptionist.confirm("a")
    assert call.desk.told == told
    assert call.desk.fields == {"reason": "vaccination"}


async def test_a_confirmation_that_comes_before_the_words_counts_once() -> None:
    call = Call()
    call.receptionist.confirm("a")
    assert call.desk.fields == {}
    await call.think("a flu shot", "a")
    assert call.desk.fields == {"reason": "vaccination"}
    assert call.desk.names().count("field") == 1


async def test_a_reopened_turn_takes_its_answer_back() -> None:
    call = Call()
    await call.say("a flu shot")
    call.receptionist.reopen("turn-1")
    assert call.desk.fields == {}
    assert call.desk.pending is not None
    assert call.desk.pending.slot == "reason"


async def test_a_reopened_turn_never_lowers_urgency() -> None:
    call = Call()
    await call.say("i have chest pain")
    call.receptionist.reopen("turn-1")
    assert call.receptionist.state.phase is Phase.URGENT


async def test_a_page_shows_the_day_and_the_time_as_one_writes_them() -> None:
    call = await Call().until("confirm")
    shown = {told[1]: told[2] for told in call.desk.told if told[0] == "field"}
    assert shown["day"] == "Tuesday, March 10"
    assert shown["time"] == "3:30 pm"
    assert shown["phone"] == "ends in 43"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("morning", "in the morning"),
        ("00:05", "12:05 am"),
        ("09:45", "9:45 am"),
        ("12:00", "12:00 noon"),
        ("12:30", "12:30 pm"),
        ("18:00", "6:00 pm"),
    ],
)
def test_a_time_is_written_with_its_half_of_the_day(value: str, shown: str) -> None:
    assert written_clock(value) == shown


async def test_a_booking_reads_back_day_time_name_and_two_digits_only() -> None:
    call = await Call().until("confirm")
    said = call.receptionist.state.said
    assert "Tuesday, March tenth" in said
    assert "three thirty in the afternoon" in said
    assert "Daniel" in said
    assert "ends in four three" in said
    assert "two one two" not in said
    assert "one four three" not in said
    goodbye = await call.say("yes")
    assert "automated assistant" in goodbye
    assert call.desk.names()[-3:] == ["complete", "asked", "end"]
    request = call.receptionist.request
    assert call.desk.fields == {name: request.value(name) for name in request.filled()}


async def test_a_plain_no_at_the_read_back_never_books() -> None:
    call = await Call().until("confirm")
    assert "change" in await call.say("no")
    assert "Wednesday" in await call.say("wednesday")
    assert "complete" not in call.desk.names()


async def test_the_read_back_names_the_reason_and_another_reason_there_corrects_it() -> None:
    call = await Call().until("confirm")
    assert "I have: a vaccination, on Tuesday" in call.receptionist.reprompt(2, False)
    said = await call.say("it is a blood test")
    assert "I have: a blood test, on Tuesday" in said
    assert call.receptionist.request.reason == "blood_test"
    assert not call.receptionist.request.missing()
    await call.say("the reason is wrong")
    assert call.receptionist.state.asked == "reason"
    said = await call.say("an x ray")
    assert "I have: an x-ray, on Tuesday" in said
    assert "complete" not in call.desk.names()


async def test_an_urgent_phrase_of_the_practice_is_told_by_the_kind_of_its_file() -> None:
    call = await Call().until("day")
    await call.say("there is drain cleaner all over")
    assert [told[1] for told in call.desk.told if told[0] == "urgent"] == ["overdose"]


async def test_a_refused_number_is_asked_again_and_not_read_back() -> None:
    call = await Call().until("confirm")
    await call.say("no the number is wrong")
    assert call.receptionist.state.asked == "phone"
    assert "once more" in await call.say("two one two five five five oh one four four")
    assert "last time" in await call.say("two one two five five five oh one four four")
    said = await call.say("two one two five five five oh one four four")
    assert "ends in four four" in said


async def test_two_different_numbers_lead_to_the_keypad() -> None:
    call = await Call().until("phone")
    await call.say("two one two five five five oh one four four")
    said = await call.say("two one two five five five oh one four nine")
    assert "keypad" in said
    said = await call.say("two one two five five five oh one four four")
    assert "keypad" in said
    assert "phone" not in call.desk.fields
    assert call.receptionist.keyed(Keyed("2125550144")) == FLOW.say(FLOW.prompts["day"].ask)


async def test_key_one_says_yes_to_the_read_back() -> None:
    call = await Call().until("confirm")
    assert call.receptionist.keyed(Keyed("3")) == question(
        FLOW, call.receptionist.state, again=True
    )
    assert call.receptionist.keyed(Keyed("2")) == FLOW.say(FLOW.lines.what_is_wrong)
    await call.say("it is all right yes")
    said = call.receptionist.keyed(Keyed("1"))
    assert said is not None
    assert "automated assistant" in said
    assert "complete" in call.desk.names()


@pytest.mark.parametrize(
    "said", ["i need to cancel", "i want to reschedule my appointment to tuesday", "cancel"]
)
async def test_who_wants_to_cancel_is_told_who_can(said: str) -> None:
    call = Call()
    answer = await call.say(said)
    assert FLOW.practice.spoken_phone in answer
    assert FLOW.prompts["reason"].ask in answer
    assert call.desk.fields == {}
    assert call.receptionist.state.no_matches == 0


async def test_who_asks_for_help_is_told_what_this_is() -> None:
    call = Call()
    assert "person" in await call.say("can you help me")
    assert call.receptionist.state.no_matches == 0


async def test_a_gun_is_urgent() -> None:
    call = Call()
    await call.say("there's a gun")
    assert call.receptionist.state.phase is Phase.URGENT


@pytest.mark.parametrize(
    "said", ["cool", "asap", "hospital", "dunno", "banana", "my name is banana"]
)
async def test_a_name_nobody_listed_is_believed_when_it_comes_twice(said: str) -> None:
    call = await Call().until("name")
    assert "once more" in await call.say(said)
    assert "first_name" not in call.desk.fields
    await call.say("daniel")
    assert call.desk.fields["first_name"] == "Daniel"
    again = await Call().until("name")
    await again.say("zerlinda")
    await again.say("zerlinda")
    assert again.desk.fields["first_name"] == "Zerlinda"
    spelled = await Call().until("name")
    await spelled.say("z e r l i n d a")
    assert spelled.desk.fields["first_name"] == "Zerlinda"


@pytest.mark.parametrize(
    ("typed", "name"),
    [("Jean-Luc", "Jean-Luc"), ("it's jean-luc", "Jean-Luc"), ("Jean Luc", "Jean"), ("Zerlinda", "Zerlinda")],
)  # fmt: skip
def test_a_typed_name_is_taken_as_it_is_written(typed: str, name: str) -> None:
    step = respond(FLOW, State(asked="name"), Heard(typed, typed=True), TODAY)
    assert step.state.request.first_name == name


@pytest.mark.parametrize("said", ["will", "april", "june", "my name is will", "it's april", "may"])
async def test_a_month_or_a_small_word_is_a_name_where_a_name_was_asked(said: str) -> None:
    call = await Call().until("name")
    await call.say(said)
    assert call.desk.fields["first_name"].lower() == said.split()[-1]
    assert "day" not in call.desk.fields


@pytest.mark.parametrize("slot", ["reason", "name", "phone", "day", "time", "confirm"])
async def test_urgent_words_in_any_state_lead_to_the_practices_sentence(slot: str) -> None:
    call = await Call().until(slot)
    said = await call.say("my chest feels really tight")
    assert said == FLOW.say(FLOW.lines.urgent)
    assert FLOW.practice.spoken_phone in said
    assert "urgent" in call.desk.names()
    assert "end" not in call.desk.names()
    assert await call.say("okay a flu shot on tuesday") == said
    assert "complete" not in call.desk.names()


async def test_an_urgent_alternative_raises_though_the_best_guess_is_harmless() -> None:
    call = Call()
    await call.say("i have a test plan", "i have chest pain")
    assert call.receptionist.state.phase is Phase.URGENT


@pytest.mark.parametrize("slot", ["reason", "name", "phone", "day", "time", "confirm"])
async def test_a_person_can_be_had_in_any_state(slot: str) -> None:
    call = await Call().until(slot)
    assert FLOW.practice.spoken_phone in await call.say("i want to talk to a person")
    assert ("person", "asked") in call.desk.told


@pytest.mark.parametrize("slot", ["reason", "name", "phone", "day", "time", "confirm"])
async def test_two_answers_nobody_understood_lead_to_a_person(slot: str) -> None:
    call = await Call().until(slot)
    await call.say("the dog ate my umbrella again")
    assert call.receptionist.state.phase is Phase.ASKING
    await call.say("green with ducks")
    assert ("person", "no_match") in call.desk.told


async def test_say_that_again_repeats_the_last_words() -> None:
    call = Call()
    said = await call.say("a flu shot")
    assert await call.say("what did you say") == said


async def test_keys_fill_the_number_and_are_shown_by_two_digits_only() -> None:
    call = await Call().until("phone")
    said = call.receptionist.keyed(Keyed("2125550143"))
    assert said == FLOW.say(FLOW.prompts["day"].ask)
    assert call.desk.fields["phone"] == "2125550143"
    assert ("field", "phone", "ends in 43") in call.desk.told


@pytest.mark.parametrize("before", ["two one two five", "keys"])
async def test_keys_are_a_whole_number_or_none_whatever_came_before(before: str) -> None:
    call = await Call().until("phone")
    if before == "keys":
        call.receptionist.keyed(Keyed("2125"))
    else:
        assert await call.say(before) == piece_line(FLOW, "2125")
        assert call.receptionist.reprompt(1, heard_something=False) == piece_line(FLOW, "2125")
    for rest in ("550143", "212555"):  # the rest of it, and its beginning once more
        said = call.receptionist.keyed(Keyed(rest))
        assert said == no_number_line(FLOW, call.receptionist.state)
    assert call.desk.pending == Asked("phone", digits=10)
    assert "phone" not in call.desk.fields
    call.receptionist.keyed(Keyed("12125550143"))
    assert call.desk.fields["phone"] == "2125550143"


async def test_a_typed_number_is_a_whole_one_or_none() -> None:
    call = await Call().until("phone")
    await call.say("two one two")
    for typed in ("5550143", "212555"):
        step = respond(FLOW, call.receptionist.state, Heard(typed, typed=True), TODAY)
        assert step.state.request.phone is None
        assert step.state.piece == ""
        assert step.say == no_number_line(FLOW, step.state)


async def test_an_impossible_keyed_number_is_refused_with_words() -> None:
    call = await Call().until("phone")
    said = call.receptionist.keyed(Keyed("0125550143"))
    assert said is not None
    assert "phone" not in call.desk.fields


@pytest.mark.parametrize("asked", ["reason", "name", "day", "time", "confirm"])
async def test_a_key_that_answers_nothing_is_met_with_the_question_again(asked: str) -> None:
    call = await Call().until(asked)
    for _ in range(2):
        said = call.receptionist.keyed(Keyed("5"))
        assert said == question(FLOW, call.receptionist.state, again=True)
        assert call.receptionist.state.asked == asked
    for _ in range(8):
        said = call.receptionist.keyed(Keyed("5"))
    assert ("person", "stuck") in call.desk.told  # and not for ever


async def test_zero_leads_to_a_person_also_behind_a_spoken_piece_and_over_the_goodbye() -> None:
    call = await Call().until("phone")
    await call.say("two one two")
    assert call.receptionist.keyed(Keyed("0")) == FLOW.say(FLOW.lines.person)
    assert ("person", "key") in call.desk.told
    booked = await Call().until("confirm")
    await booked.say("yes")
    assert booked.receptionist.keyed(Keyed("0")) == FLOW.say(FLOW.lines.person)
    assert "go_on" in booked.desk.names()
    assert ("person", "key") in booked.desk.told


@pytest.mark.parametrize("said", ["oh wait my name is daniel", "2125550143"])
async def test_who_has_more_to_say_over_the_goodbye_of_nothing_goes_on(said: str) -> None:
    call = await Call().until("phone" if said.isdigit() else "name")
    assert FLOW.lines.nothing_booked in await call.say("bye")
    assert call.desk.told[-1] == ("end", "goodbye")
    before = call.receptionist.state.asked
    if said.isdigit():
        call.receptionist.keyed(Keyed(said))
    else:
        await call.say(said)
    names = call.desk.names()
    assert "go_on" in names[len(names) - names[::-1].index("end") :]
    assert call.receptionist.state.asked not in ("", before)


async def test_a_farewell_that_goes_on_as_an_answer_does_not_end_the_call() -> None:
    call = await Call().until("day")
    await call.say("bye")
    call.receptionist.reopen(f"turn-{call._turns}")
    assert "go_on" in call.desk.names()
    assert call.desk.pending is not None
    assert call.desk.pending.slot == "day"


async def test_key_two_over_the_goodbye_takes_the_yes_back_and_others_do_not() -> None:
    call = await Call().until("confirm")
    await call.say("yes")
    assert call.receptionist.keyed(Keyed("7")) == FLOW.say(FLOW.lines.goodbye)
    assert "go_on" not in call.desk.names()
    assert call.receptionist.keyed(Keyed("2")) == FLOW.say(FLOW.lines.what_is_wrong)
    assert "go_on" in call.desk.names()
    assert call.receptionist.state.phase is Phase.ASKING


@pytest.mark.parametrize("said", ["no wait wednesday", "but the number is wrong"])
async def test_what_was_taken_back_over_the_goodbye_is_told_before_the_caller_can_hang_up(
    said: str,
) -> None:
    call = await Call().until("confirm")
    await call.say("yes")
    assert call.desk.names()[-3] == "complete"
    await call.say(said)
    names = call.desk.names()
    assert names.index("complete") < names.index("taken_back")
    assert "complete" not in names[names.index("taken_back") :]


def test_key_zero_leads_to_a_person() -> None:
    call = Call()
    said = call.receptionist.keyed(Keyed("0"))
    assert said == FLOW.say(FLOW.lines.person)
    assert ("person", "key") in call.desk.told


def test_taking_over_gives_the_number_and_the_second_time_ends_the_call() -> None:
    call = Call()
    assert FLOW.practice.spoken_phone in call.receptionist.take_over()
    assert "end" not in call.desk.names()
    call.receptionist.take_over()
    assert call.desk.told[-1] == ("end", "person")


def test_it_keeps_the_promise_of_the_port() -> None:
    receptionist: Receptionist = Call().receptionist
    assert receptionist.filler()
    assert FLOW.practice.spoken_phone in receptionist.apology()
    assert receptionist.reprompt(1, heard_something=False)
    assert receptionist.reprompt(2, heard_something=True)


async def test_a_callback_number_may_hold_an_emergency_number() -> None:
    call = await Call().until("phone")
    for _ in range(3):
        await call.say("four one three five nine one one eight oh eight")
    assert call.desk.fields["phone"] == "4135911808"
    assert "urgent" not in call.desk.names()


async def test_an_emergency_number_alone_is_urgent_even_where_digits_are_asked() -> None:
    call = await Call().until("phone")
    await call.say("nine one one")
    assert "urgent" in call.desk.names()
