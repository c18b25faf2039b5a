"""A guard that remembers what it judged says what one says that reads everything again, and reads it once."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest

from phi import guard
from phi.forms import Span
from phi.guard import WITHHELD, ModelGuard, messages_for_model

YEAR = 2026
PHONE, BORN = ("phone", "2125550143"), ("birth_date", "1953-07-19")
LINES = (
    "i would like to come in on tuesday at ten thirty please",
    "it is two one two five five five",
    "oh one four three",
    "2 1 2",
    "five five five",
    "0143",
    "i was born on july nineteenth",
    "nineteen fifty three",
    "my m r n is q x four",
    "four eight one two",
    "yes",
    "write to jane dot doe at gmail dot com",
    "march fourth",
    "is my birthday",
    "",
)


def cleaned(
    known: ModelGuard, texts: list[str], *secrets: tuple[str, str], since: int = 0
) -> list[str]:
    return [one.text for one in known.messages(texts, secrets, since=since)]


def anew(texts: list[str], *secrets: tuple[str, str]) -> list[str]:
    return messages_for_model(texts, secrets, volunteered=True, this_year=YEAR)[0]


@pytest.mark.parametrize("seed", range(12))
def test_a_talk_that_is_judged_as_it_grows_reads_as_one_that_is_judged_as_a_whole(
    seed: int,
) -> None:
    """With words that are guessed first, turns that are taken back and values that are stored and dropped meanwhile."""
    dice = random.Random(seed)
    growing, talk, stored = ModelGuard(YEAR), [dice.choice(LINES)], [PHONE]
    for _ in range(10):
        match dice.randrange(4):
            case 0:
                talk[-1] = dice.choice(LINES)
            case 1 if len(talk) > 1:
                talk.pop()
            case 2:
                stored = dice.choice(([], [PHONE], [PHONE, BORN]))
            case _:
                talk.append(dice.choice(LINES))
        assert cleaned(growing, talk, *stored) == anew(talk, *stored)


def test_row_p1_a_value_stored_later_is_taken_out_of_what_was_judged_before() -> None:
    talk = ["0143 are the last ones", "yes please"]
    growing = ModelGuard(YEAR)
    assert cleaned(growing, talk)[0] == talk[0]
    assert cleaned(growing, talk, ("phone", "0143"))[0] == "{{patient.phone}} are the last ones"
    assert cleaned(growing, talk, ("phone", "0144"))[0] == talk[0]
    assert growing.text("0143", [("phone", "0144")], volunteered=False).text == "0143"
    assert growing.text("0143", [("phone", "0143")], volunteered=False).text == "{{patient.phone}}"


def test_row_p1_the_second_half_of_a_value_stays_out_when_the_first_is_not_sent_any_more() -> None:
    talk = ["it is two one two five five five", "oh one four three please"]
    assert cleaned(ModelGuard(YEAR), talk, PHONE, since=1) == ["{{patient.phone}} please"]
    growing = ModelGuard(YEAR)
    cleaned(growing, talk)
    assert cleaned(growing, talk, PHONE, since=1) == ["{{patient.phone}} please"]
    assert cleaned(growing, talk, PHONE, since=0)[0] == "it is {{patient.phone}}"


def test_row_p10_a_number_said_digit_by_digit_in_turns_of_their_own_is_one() -> None:
    growing, talk = ModelGuard(YEAR), list[str]()
    for digit in ("two", "one", "two", "five", "five", "five", "oh", "one", "four", "three"):
        talk.append(f"the next one is {digit}")
        cleaned(growing, talk, PHONE)
    assert cleaned(growing, talk, PHONE) == anew(talk, PHONE)


class Counting:
    """Counts the characters that are read for what nobody stored."""

    def __init__(self) -> None:
        self.read = 0

    def spans(self, texts: Iterable[str]) -> Iterator[Span]:
        self.read += sum(map(len, texts))
        return iter(())


def test_what_was_judged_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting()
    monkeypatch.setattr(guard, "_VOLUNTEERED", counting)
    growing, talk = ModelGuard(YEAR), list[str]()
    for at in range(40):
        talk.append(f"{at:03}" + " a@b.c" * 80)
        cleaned(growing, talk, PHONE)
        cleaned(growing, talk, PHONE, ("email", f"a{at}@b.c"))  # a reading, and then the reply
    once = sum(map(len, talk))
    assert once <= counting.read <= 2 * once  # each with the one before it


def test_a_text_that_cannot_be_judged_is_withheld_whole_and_the_others_are_not() -> None:
    growing = ModelGuard(YEAR)
    talk = ["hello", "i would like an appointment " * 400, "on tuesday"]
    assert cleaned(growing, talk) == ["hello", WITHHELD, "on tuesday"]


def test_nothing_is_kept_of_a_call_that_is_over() -> None:
    growing = ModelGuard(YEAR)
    cleaned(growing, ["my name is zebulon"], PHONE)
    growing.text("zebulon", [PHONE], volunteered=True)
    growing.forget()
    assert "zebulon" not in str(vars(growing))
    assert cleaned(growing, ["hello"], PHONE) == ["hello"]
