"""A model is shown the newest turns of a long call, and the beginning of what it is shown seldom changes."""

from __future__ import annotations

from itertools import pairwise

from models.ports import ChatMessage, ToolCall
from pipeline.call.recent import HISTORY_BYTES_MAX, MESSAGE_BYTES, STEP_BYTES, left_out

RULES = ChatMessage("system", "Rules. " * 400)
NOTE = ChatMessage("system", "Today is Monday. " * 40)


def shown(talk: list[ChatMessage]) -> list[ChatMessage]:
    messages = [RULES, *talk, NOTE]
    gone = left_out(messages)
    return [message for at, message in enumerate(messages) if at not in gone]


def size(messages: list[ChatMessage]) -> int:
    return sum(
        MESSAGE_BYTES + len(one.content.encode()) for one in messages if one.role != "system"
    )


def a_long_talk(turns: int) -> list[ChatMessage]:
    return [
        ChatMessage(role, f"{turn} señor " + "and so on " * (turn * 7 % 23))
        for turn in range(turns)
        for role in ("user", "assistant")
    ]


def test_a_short_call_is_shown_whole() -> None:
    talk = a_long_talk(8)
    assert shown(talk) == [RULES, *talk, NOTE]
    assert shown([]) == [RULES, NOTE]


def test_of_a_long_call_the_rules_the_newest_turns_and_the_note_are_shown() -> None:
    talk = a_long_talk(300)
    seen = shown(talk)
    assert (seen[0], seen[-1]) == (RULES, NOTE)
    assert seen[1].role == "user"
    assert seen[1:-1] == talk[-len(seen) + 2 :]
    assert HISTORY_BYTES_MAX - 2 * STEP_BYTES < size(seen) <= HISTORY_BYTES_MAX


def test_turns_go_many_at_once_so_that_the_prompt_begins_with_the_same_bytes() -> None:
    talk = a_long_talk(300)
    prompts = [shown(talk[:to]) for to in range(1, len(talk), 2)]
    assert all(size(prompt) <= HISTORY_BYTES_MAX for prompt in prompts)
    changes = sum(before[:2] != after[:2] for before, after in pairwise(prompts))
    assert 2 <= changes <= size(talk) / STEP_BYTES


def test_the_last_turn_is_shown_however_long_it_is() -> None:
    last = [ChatMessage("user", "and so on " * 2_000)]
    assert shown([*a_long_talk(20), *last]) == [RULES, *last, NOTE]


def test_a_tools_result_never_stands_without_its_call() -> None:
    talk: list[ChatMessage] = []
    seen = talk
    for turn in range(300):
        call = ToolCall(f"c{turn}", "book", '{"day":"monday"}')
        talk += [
            ChatMessage("user", f"{turn} book me on monday"),
            ChatMessage("assistant", "", tool_calls=(call,)),
            ChatMessage("tool", '{"ok":true}', tool_call_id=call.call_id),
        ]
        seen = shown(talk)
        made = {one.call_id for message in seen for one in message.tool_calls}
        assert made == {message.tool_call_id for message in seen if message.role == "tool"}
    assert len(seen) < len(talk)
