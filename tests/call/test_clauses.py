"""The first clause leaves at once; numbers and abbreviations stay whole."""

from __future__ import annotations

import pytest

from pipeline.call.clauses import ClauseCutter


def streamed(text: str) -> list[str]:
    cutter = ClauseCutter()
    pieces = [piece for token in text.split(" ") for piece in cutter.push(token + " ")]
    rest = cutter.flush()
    return [*pieces, rest] if rest else pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Sure, Tuesday works. Anything else?", ["Sure,", "Tuesday works.", "Anything else?"]),
        (
            "We could offer you a visit on Tuesday morning, if you like.",
            ["We could offer you a visit", "on Tuesday morning, if you like."],
        ),
        ("Dr. Miller is in.", ["Dr. Miller is in."]),
        ("Come at 10:30 a.m. on Monday.", ["Come at 10:30 a.m. on Monday."]),
        ("It costs 3.50 or 1,000 points. Good?", ["It costs 3.50 or 1,000 points.", "Good?"]),
        ('He said "yes." Fine.', ['He said "yes."', "Fine."]),
        ("Wait... what?", ["Wait...", "what?"]),
        ("", []),
        ("no end", ["no end"]),
    ],
)
def test_text_is_cut_where_a_voice_may_begin(text: str, pieces: list[str]) -> None:
    assert streamed(text) == pieces


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_no_letter_is_lost_however_the_text_arrives(size: int) -> None:
    text = "Hello there, it is 3.5 miles. Dr. Wu, at 10:30, sees you: yes! Or no? Bye"
    cutter = ClauseCutter()
    pieces = []
    for start in range(0, len(text), size):
        pieces.extend(cutter.push(text[start : start + size]))
    pieces.append(cutter.flush())
    assert " ".join(pieces).split() == text.split()


def test_a_sentence_end_is_not_waited_for() -> None:
    cutter = ClauseCutter()
    assert cutter.push("Yes.") == ["Yes."]


def test_a_cut_reply_leaves_nothing_behind() -> None:
    cutter = ClauseCutter()
    cutter.push("half a sen")
    cutter.clear()
    assert cutter.push("New one.") == ["New one."]
