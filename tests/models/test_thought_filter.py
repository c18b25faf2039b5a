"""A thought is never said, however it is cut into pieces; whatever else looks like a tag is text."""

from __future__ import annotations

import pytest

from models.thought_filter import ThinksAloud, ThoughtFilter


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("We open at nine.", "We open at nine."),
        ("<think>hm</think>Yes.", "Yes."),
        ("<think></think>\n\nYes.", "\n\nYes."),
        ("A<THINKING>x < y</Thinking>B<reasoning>z</reasoning>C", "ABC"),
        ("< think >hm</ think >Yes.", "Yes."),
        ("Yes.<think>and on and on", "Yes."),
        ("<think>" + "x" * 500 + "</think>Yes.", "Yes."),
        ("5 < 6 and <b>bold</b> and <", "5 < 6 and <b>bold</b> and <"),
        ("<think>a<think>b</think>Yes.", "Yes."),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_only_what_is_no_thought_is_said(text: str, said: str, size: int) -> None:
    thoughts = ThoughtFilter()
    out = [thoughts.push(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join([*out, thoughts.flush()]) == said


def test_a_thought_that_began_in_the_prompt_is_noticed_when_it_ends() -> None:
    thoughts = ThoughtFilter()
    with pytest.raises(ThinksAloud):
        thoughts.push("so the caller wants</think>Yes.")


def test_what_waits_is_never_more_than_a_tag() -> None:
    thoughts = ThoughtFilter()
    said = "".join(thoughts.push(letter) for letter in "<" + "x" * 1_000)
    assert len(said) > 950
