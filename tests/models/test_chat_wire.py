"""A request as its body and a stream as reply events: stable beginnings, whole tool calls, nothing believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.chat_wire import ReplyReader, Wording, body
from models.errors import EngineFailed
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta, ToolCall, ToolSpec
from tests.fakes.chat_server import FINISH, called, delta

PLAN: dict[str, object] = {"type": "object", "properties": {"day": {"type": "string"}}}
TOOL = ToolSpec("book", "Book a visit.", PLAN)
TALK = (ChatMessage("system", "Rules."), ChatMessage("user", "Monday, señor ☼"))


def written(request: ReplyRequest, **wording: Any) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(body(Wording("tiny", **wording), request))
    return out


def read(*pieces: bytes) -> list[ReplyEvent]:
    reader = ReplyReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def test_vllm_is_told_to_hurry_to_keep_practices_apart_and_not_to_think() -> None:
    asked = written(ReplyRequest("r", TALK), cache_salt="5a17")
    assert asked["chat_template_kwargs"] == {"enable_thinking": False}
    assert asked["cache_salt"] == "5a17"
    assert "priority" not in asked
    assert (asked["temperature"], asked["max_tokens"], asked["stream"]) == (0.3, 300, True)
    assert written(ReplyRequest("r", TALK, speculative=True))["priority"] == 1


def test_another_server_is_told_nothing_it_may_refuse() -> None:
    asked = written(ReplyRequest("r", TALK, speculative=True), dialect="plain", cache_salt="5a17")
    assert set(asked) == {"model", "messages", "stream", "temperature", "max_tokens"}


def test_tools_and_answers_are_strict_and_stay_in_the_prompt_where_they_may_not_be_used() -> None:
    request = ReplyRequest("r", TALK, (TOOL,), answer_schema=PLAN, tool_choice="none")
    asked = written(request)
    assert asked["tools"][0]["function"]["strict"] is True
    assert asked["tools"][0]["function"]["parameters"] == PLAN
    assert asked["tool_choice"] == "none"
    assert asked["response_format"]["json_schema"] == {
        "name": "answer", "strict": True, "schema": PLAN
    }  # fmt: skip


def test_a_longer_conversation_begins_with_the_same_bytes() -> None:
    later = (*TALK, ChatMessage("assistant", "Which time?"), ChatMessage("user", "Nine."))
    first, second = (body(Wording("tiny"), ReplyRequest("r", talk)) for talk in (TALK, later))
    shared = first[: first.index(b'],"stream"')]
    assert second.startswith(shared)


def test_a_call_and_its_result_are_a_valid_conversation() -> None:
    call = ToolCall("c1", "book", '{"day":"monday"}')
    talk = (
        *TALK,
        ChatMessage("assistant", "", tool_calls=(call,)),
        ChatMessage("tool", '{"ok":true}', tool_call_id="c1"),
    )
    messages = written(ReplyRequest("r", talk))["messages"]
    assert messages[2]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "book", "arguments": '{"day":"monday"}'}}
    ]  # fmt: skip
    assert messages[3] == {"role": "tool", "content": '{"ok":true}', "tool_call_id": "c1"}


def test_a_lone_surrogate_in_a_text_is_no_fault() -> None:
    assert written(ReplyRequest("r", (ChatMessage("user", "a\ud800b"),)))["messages"]


def test_texts_that_come_in_one_read_are_one_event() -> None:
    assert read(delta(content="We ") + delta(content="open ") + delta(content="at nine.")) == [
        TextDelta("We open at nine.")
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_pieces_of_any_size_give_the_same_reply(size: int) -> None:
    whole = (
        b": ping\r\n\r\n"
        + delta(role="assistant", content="")
        + delta(content="A ☼")
        + delta(tool_calls=[called(0, name="book", call_id="c1"), called(1, name="look")])
        + delta(tool_calls=[called(1, arguments='{"b":'), called(0, arguments='{"a":1}')])
        + delta(tool_calls=[called(1, arguments="2}")])
        + FINISH
    )
    events = read(*(whole[at : at + size] for at in range(0, len(whole), size)))
    texts = "".join(event.text for event in events if isinstance(event, TextDelta))
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert texts == "A ☼"
    assert [(call.name, call.arguments_json) for call in calls] == [
        ("book", '{"a":1}'), ("look", '{"b":2}')
    ]  # fmt: skip
    assert calls[0].call_id == "c1"
    assert calls[1].call_id.startswith("call-")


@pytest.mark.parametrize("call_id", ["", "c1", "a b", "x" * 65, "id\n", "ид"])
def test_an_id_that_is_none_or_comes_twice_is_minted(call_id: str) -> None:
    pieces = [called(0, name="book", call_id="c1"), called(1, name="book", call_id=call_id)]
    first, second = read(delta(tool_calls=pieces) + FINISH)
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert second.call_id.startswith("call-")
    assert first.call_id == "c1"


@pytest.mark.parametrize(
    "sent",
    [
        b"data: " + b"[" * 100_000 + b"\n",
        b'data: {"choices": [{"delta": {"content": ["Zebulon"]}}]}\n',
        b'data: {"choices": {"delta": 1}}\n',
        b'data: {"choices": [[]]}\n',
        delta(tool_calls=[{"index": True, "function": {"name": "a"}}]),
        delta(tool_calls=[called(0, name="Zebulon Quark")]) + FINISH,
        delta(tool_calls=[called(0)]) + FINISH,
        delta(tool_calls=[{"index": 0, "function": {"arguments": {"a": 1}}}]),
        delta(tool_calls=[called(at, name="book") for at in range(17)]),
        delta(content="Zebulon " * 3_000),
        delta(content="so I think </think> Zebulon"),
    ],
)
def test_what_is_no_reply_is_a_failure_that_quotes_nothing(sent: bytes) -> None:
    with pytest.raises(EngineFailed) as caught:
        read(sent)
    assert "Zebulon" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_thought_is_never_said_and_reasoning_beside_the_text_neither() -> None:
    whole = (
        delta(reasoning_content="secret")
        + delta(content="<thi")
        + delta(content="nk>secret</think>We open")
        + delta(content=" at nine.")
        + FINISH
    )
    for size in (1, 13, 10_000):
        events = read(*(whole[at : at + size] for at in range(0, len(whole), size)))
        assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "We open at nine."


def test_what_follows_the_end_is_not_read() -> None:
    assert read(delta(content="Yes.") + FINISH + delta(content="No.")) == [TextDelta("Yes.")]
