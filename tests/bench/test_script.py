from __future__ import annotations

import pytest

from bench.errors import ScriptInvalid
from bench.recordings import file_name
from bench.script import Part, parse, shipped

BOOKING = shipped("booking")
SHOWN = {
    "reason": "Follow-up",
    "first_name": "David",
    "phone": "••• ••• ••43",
    "day": "Tuesday, November 24",
    "time": "afternoon",
}


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("Hello. This is an automated assistant. How can I help you today?", "reason"),
        ("What is the reason for your visit?", "reason"),
        ("Thank you. And what is your first name?", "first_name"),
        ("What number can we call you back on?", "phone"),
        ("Please say your phone number, or key it in.", "phone"),
        ("Which day would you like to come in?", "day"),
        ("Tuesday. And what time of day, morning or afternoon?", "time"),
        ("Would morning, afternoon or evening be better?", "time"),
        ("Tuesday in the afternoon, for David, with a number that ends in four three. Is that right?", "confirm"),
        ("Thank you for calling. Goodbye.", None),
        ("", None),
    ],
)  # fmt: skip
def test_question_is_recognised_by_the_words_of_the_last_sentence(
    words: str, asked: str | None
) -> None:
    assert BOOKING.asked(words) == asked


def test_request_equals_what_was_said_only_when_every_field_does() -> None:
    assert BOOKING.met(SHOWN)
    for name, wrong in [
        ("day", "Thursday, November 26"),
        ("phone", "••• ••• ••34"),
        ("first_name", "Davidna"),
        ("time", "morning"),
        ("reason", "Vaccination"),
    ]:
        assert BOOKING.wrong({**SHOWN, name: wrong}) == [name]
    assert BOOKING.missing({"day": "Tuesday"}) == ["reason", "first_name", "phone", "time"]


def test_wrong_read_back_is_corrected_and_a_right_one_confirmed() -> None:
    part = Part(BOOKING)
    read_back = "A follow up on Thursday afternoon for David. Is that right?"
    assert part.next_line(read_back, {**SHOWN, "day": "Thursday"}) == "No, Tuesday."
    assert part.next_line(read_back, SHOWN) == "Yes, that's right."


def test_repeated_question_is_answered_in_other_words() -> None:
    part = Part(BOOKING)
    said = [part.next_line("What is your first name?", {}) for _ in range(3)]
    assert said == ["My name is David.", "David.", "David."]
    assert part.most_asked() == 3


def test_words_that_ask_nothing_known_are_met_with_what_is_still_missing() -> None:
    part = Part(BOOKING)
    assert part.next_line("Mm-hmm.", {}) == BOOKING.lost
    shown = {name: SHOWN[name] for name in ("reason", "first_name", "phone")}
    assert part.next_line("Mm-hmm.", shown) == "Tuesday, please."


def test_script_can_stay_silent() -> None:
    text = (
        'interrupt = "again"\nlost = "hello"\n[expect]\nday = ["monday"]\n'
        '[ask.day]\nwhen = ["day"]\nsay = ["[silence]", "Monday."]\n'
    )
    script = parse("quiet", text)
    part = Part(script)
    assert [part.next_line("Which day?", {}) for _ in range(2)] == ["[silence]", "Monday."]
    assert script.lines() == ["Monday.", "again", "hello"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("interrupt = ", "script broken"),
        ('interrupt = "x"\nlost = "x"\n[expect]\n', "ask"),
        ('interrupt = "x"\nlost = "x"\n[expect]\nday = []\n[ask.day]\nwhen = ["d"]\nsay = ["x"]', "day"),
        ('interrupt = "x"\nlost = "x"\n[expect]\nday = ["x"]\n[ask]\n', "ask.day"),
        ('interrupt = "x"\nlost = "x"\n[expect]\n[ask.day]\nwhen = ["d"]', "say"),
    ],
)  # fmt: skip
def test_broken_script_is_refused_by_the_name_of_its_fault(text: str, names: str) -> None:
    with pytest.raises(ScriptInvalid, match=names):
        parse("broken", text)


def test_unknown_script_names_those_that_exist() -> None:
    with pytest.raises(ScriptInvalid, match="booking"):
        shipped("cooking")


def test_every_line_of_the_shipped_script_has_a_recording_and_all_stay_under_a_megabyte() -> None:
    from importlib.resources import files

    folder = files("bench") / "recordings" / "booking"
    present = {item.name: len(item.read_bytes()) for item in folder.iterdir()}
    assert set(present) == {file_name(line) for line in BOOKING.lines()}
    assert sum(present.values()) <= 1_000_000
