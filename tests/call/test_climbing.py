"""The ladder to a person as the scripted receptionist climbs it: what is said, whom the desk is told to call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.ports import Keyed
from pipeline.call.climbing import MESSAGE_PAUSES
from pipeline.call.dialogue import respond
from pipeline.call.flow_file import load_flow
from pipeline.call.reach import Reach, next_rung
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.request import Request
from pipeline.call.steps import Heard, Phase, State
from tests.call.identity_flow import PHONE, TODAY
from tests.fakes.desk import FakeDesk

FLOW = load_flow()
LINES = FLOW.lines
TWO = Reach(("front", "nurse", "callback"), ("callback",), ("nurse", "doctor"))


class Climber:
    """A receptionist at a desk from which this can be reached."""

    def __init__(self, reach: Reach, state: State | None = None) -> None:
        self.desk = FakeDesk()
        self.desk.reach = reach
        self.receptionist = ScriptedReceptionist(FLOW, self.desk, lambda: TODAY)
        self.receptionist._state = state or State()

    @property
    def state(self) -> State:
        return self.receptionist.state

    def hear(self, text: str, *, typed: bool = False) -> str:
        self.receptionist._look()
        step = respond(FLOW, self.state, Heard(text, typed=typed), TODAY)
        return self.receptionist._apply(step)

    def key(self, keys: str) -> str:
        return self.receptionist.keyed(Keyed(keys)) or ""

    def fail(self) -> str:
        return self.receptionist.not_reached()

    def called(self) -> list[str]:
        return [told[1] for told in self.desk.told if told[0] == "connect"]

    def ends(self) -> list[str]:
        return [told[1] for told in self.desk.told if told[0] == "end"]


@pytest.mark.parametrize(
    ("left", "may_record", "may_take", "step"),
    [
        (("front", "nurse"), False, True, "front"),
        (("message", "callback"), True, True, "message"),
        (("message", "callback"), False, True, "callback"),
        (("message",), False, True, "callback"),
        (("message", "callback"), True, False, ""),
        (("callback", "front"), True, False, "front"),
        ((), True, True, ""),
    ],
)
def test_the_next_step_is_one_that_can_be_taken(
    left: tuple[str, ...], may_record: bool, may_take: bool, step: str
) -> None:
    assert next_rung(Reach(may_record=may_record, may_take=may_take), left)[0] == step


@pytest.mark.parametrize("way", ["word", "key", "no match", "silence"])
def test_row_u2_every_way_to_a_person_begins_the_ladder(way: str) -> None:
    there = Climber(TWO)
    said = {
        "word": lambda: there.hear("I want to speak to a person"),
        "key": lambda: there.key("0"),
        "no match": lambda: [there.hear("mumble bumble"), there.hear("mumble bumble")][-1],
        "silence": there.receptionist.take_over,
    }[way]()
    assert said == LINES.connecting
    assert there.called() == ["front"]
    assert there.desk.names().count("person") == 1
    assert there.ends() == []


def test_row_u2_who_does_not_answer_is_followed_by_the_next_and_then_by_a_number() -> None:
    there = Climber(TWO)
    there.hear("a person please")
    assert there.fail() == f"{LINES.not_reached} {LINES.connecting_next}"
    assert there.called() == ["front", "nurse"]
    said = there.fail()
    assert said.startswith(f"{LINES.not_reached} {LINES.callback}")
    assert there.called() == ["front", "nurse"]
    assert there.state.phase is Phase.ASKING
    assert there.desk.pending is not None
    assert there.desk.pending.slot == "phone"
    assert ("returned",) in there.desk.told
    there.key(PHONE)
    assert there.desk.pending.slot == "confirm"
    assert there.key("1").startswith(LINES.callback_noted)
    assert there.desk.fields["phone"] == PHONE
    assert there.desk.names().count("call_back") == 1
    assert there.desk.names().count("complete") == 1
    assert there.ends() == ["goodbye"]


def test_a_number_that_is_known_is_only_confirmed_and_a_no_asks_for_another() -> None:
    there = Climber(
        replace(TWO, person=("front", "callback")), State(Request(phone=PHONE), asked="day")
    )
    there.hear("a person please")
    assert "ends in four three" in there.fail()
    assert "ten digits" in there.hear("no")
    assert there.desk.pending is not None
    assert there.desk.pending.slot == "phone"
    there.key("2125550188")
    assert "ends in eight eight" in there.receptionist.reprompt(1, False)
    there.hear("yes", typed=True)
    assert there.ends() == ["goodbye"]


def test_without_a_ladder_the_number_is_said_as_ever() -> None:
    there = Climber(Reach())
    assert there.hear("a person please") == FLOW.say(LINES.person)
    assert there.called() == []
    assert there.fail() == "", "nobody was being called"


def test_where_the_steps_end_the_number_is_said() -> None:
    there = Climber(Reach(person=("front",)))
    there.hear("a person please")
    assert there.fail() == f"{LINES.not_reached} {FLOW.say(LINES.person)}"
    assert there.state.phase is Phase.PERSON
    assert there.hear("a person please") == FLOW.say(LINES.person), "climbed once in a call"
    assert there.called() == ["front"]


@pytest.mark.parametrize("again", ["a person please", "hello", "is anybody there"])
def test_what_is_said_while_a_telephone_rings_changes_nothing(again: str) -> None:
    there = Climber(TWO)
    there.key("0")
    before = there.state
    assert there.hear(again) == LINES.still_connecting
    assert there.key("0") == LINES.still_connecting
    assert there.key("5") == LINES.still_connecting
    assert there.receptionist.reprompt(1, False) == LINES.still_connecting
    assert there.receptionist.take_over() == LINES.still_connecting
    assert there.called() == ["front"]
    assert replace(there.state, stalls=0) == replace(before, stalls=0)
    assert there.ends() == []


def test_a_goodbye_while_a_telephone_rings_ends_the_call() -> None:
    there = Climber(TWO)
    there.key("0")
    there.hear("bye bye")
    assert there.ends() == ["person"]


def test_a_failure_that_comes_twice_is_one() -> None:
    there = Climber(Reach(person=("front", "callback")))
    there.key("0")
    assert there.fail()
    assert there.fail() == ""
    assert there.state.callback


# --- urgent ---------------------------------------------------------------------------------------


def test_an_urgent_call_hears_its_sentence_is_led_to_people_only_and_never_to_a_message() -> None:
    there = Climber(replace(TWO, may_record=True))
    sentence = FLOW.say(LINES.urgent)
    assert there.hear("I have chest pain") == f"{sentence} {LINES.connecting}"
    assert there.called() == ["nurse"]
    assert there.fail() == LINES.connecting_next
    assert there.called() == ["nurse", "doctor"]
    assert there.fail() == sentence
    assert there.desk.names().count("urgent") == 1
    assert there.state.phase is Phase.URGENT
    for words in ("a person please", "what now", "I want an appointment"):
        assert there.hear(words) == sentence
    assert there.called() == ["nurse", "doctor"]
    assert there.ends() == []


def test_urgent_words_while_a_telephone_rings_are_an_alert_and_that_call_goes_on() -> None:
    there = Climber(TWO)
    there.key("0")
    assert there.hear("he can not breathe") == FLOW.say(LINES.urgent)
    assert there.desk.names().count("urgent") == 1
    assert there.called() == ["front"]
    there.fail()
    assert there.called() == ["front", "nurse"], "the ladder is the urgent one from here"
    there.fail()
    assert there.fail() == FLOW.say(LINES.urgent)


def test_urgent_words_after_the_ladder_begin_their_own() -> None:
    there = Climber(Reach(("front", "callback"), (), ("front",)))
    there.key("0")
    there.fail()
    assert there.state.callback
    there.hear("I have chest pain")
    assert there.called() == ["front", "front"]
    assert there.fail() == FLOW.say(LINES.urgent)


# --- the message ----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["silence", "key", "no end"])
def test_a_message_is_taken_where_the_caller_is_recorded(end: str) -> None:
    there = Climber(Reach(person=("front", "message", "callback"), may_record=True))
    there.key("0")
    assert there.fail() == f"{LINES.not_reached} {LINES.message}"
    assert there.state.phase is Phase.MESSAGE
    assert there.hear("this is about my appointment on Tuesday") == LINES.message_more
    assert there.state.request == Request(), "a message fills no request"
    if end == "silence":
        said = there.receptionist.reprompt(1, False)
    elif end == "key":
        said = there.key("#")
    else:
        said = [there.hear("and another thing") for _ in range(MESSAGE_PAUSES)][-1]
    assert said.startswith(LINES.message_noted)
    assert there.ends() == ["goodbye"]


def test_urgent_words_in_a_message_are_heard() -> None:
    there = Climber(Reach(("message",), (), ("nurse",), may_record=True))
    there.key("0")
    assert there.hear("and now I have chest pain").startswith(FLOW.say(LINES.urgent))
    assert there.called() == ["nurse"]


def test_who_is_not_recorded_gives_a_number_instead_of_a_message() -> None:
    there = Climber(Reach(person=("message",)))
    assert there.key("0").startswith(LINES.callback)
    assert there.state.callback


def test_while_calls_are_paused_neither_is_taken() -> None:
    there = Climber(Reach(("front", "message", "callback"), may_record=True, may_take=False))
    there.key("0")
    assert there.fail() == f"{LINES.not_reached} {FLOW.say(LINES.person)}"
