"""Keys become an answer when enough of them were pressed, and half of one never becomes part of another."""

from __future__ import annotations

import pytest

from models.ports import Keyed
from pipeline.call.by_hand import NO_DIGITS, TELEPHONE, ByHand, Wanted


def answers(keys: str, wanted: Wanted) -> list[str]:
    hand, taken = ByHand(), []
    for key in keys:
        if hand.press(key, wanted):
            answer = hand.take()
            assert isinstance(answer, Keyed)
            taken.append(answer.digits)
    return taken


@pytest.mark.parametrize(
    ("keys", "wanted", "taken"),
    [
        ("2125550140", TELEPHONE, ["2125550140"]),
        ("12125550140", TELEPHONE, ["12125550140"]),
        ("1212555014", TELEPHONE, []),
        ("0", TELEPHONE, ["0"]),
        ("212*2125550140", TELEPHONE, ["2125550140"]),
        ("212#", TELEPHONE, ["212"]),
        ("7319", Wanted(4), ["7319"]),
        ("1319", Wanted(4), ["1319"]),
        ("52", NO_DIGITS, ["5", "2"]),
        ("#*", TELEPHONE, []),
    ],
)
def test_keys_are_an_answer_when_so_many_were_wanted(
    keys: str, wanted: Wanted, taken: list[str]
) -> None:
    assert answers(keys, wanted) == taken


def test_half_an_answer_is_given_once_and_is_no_part_of_the_next() -> None:
    hand = ByHand()
    assert hand.half() is None
    assert not any(hand.press(key, TELEPHONE) for key in "2125")
    half = hand.half()
    assert half is not None
    assert half.digits == "2125"
    assert hand.half() is None
    assert [hand.press(key, TELEPHONE) for key in "2125550140"].count(True) == 1
