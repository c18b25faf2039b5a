"""The wire format of an OpenAI-compatible chat server: a request as its body, a stream of bytes as reply events.

A calculation: no socket, no clock, no task. All text that arrives in one read leaves as one event, since whatever
follows costs as much for a word as for a sentence. What a model sends is not trusted: sizes are bounded, names and ids
have to look like names and ids, and no exception quotes anything.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from models.errors import EngineFailed
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta, ToolCall, ToolSpec
from models.thought_filter import ThinksAloud, ThoughtFilter

LINE_BYTES_MAX = 1_000_000
REPLY_CHARACTERS_MAX = 20_000
TOOL_CALLS_MAX = 16
BROKEN = "llm_broken"
ENDLESS = "llm_endless"

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_EVENT = b"data:"
_DONE = b"[DONE]"

Dialect = Literal["vllm", "plain"]
"""What the server understands beyond the common protocol."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What every request to one server says besides the conversation."""

    model: str
    dialect: Dialect = "vllm"
    max_tokens: int = 300
    cache_salt: str = ""
    """Callers of one practice share what the server remembers of prompts, and nobody else does."""
    speculative_priority: int = 1
    """vLLM serves the lower number first; a reply that somebody waits for is 0."""


def body(wording: Wording, request: ReplyRequest) -> bytes:
    """The request as JSON: what stays the same comes first, byte for byte, so that the server remembers it."""
    out: dict[str, object] = {
        "model": wording.model,
        "messages": [_message(one) for one in request.messages],
        "stream": True,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens or wording.max_tokens,
    }
    if request.tools:
        out["tools"] = [_tool(tool) for tool in request.tools]
        out["tool_choice"] = request.tool_choice
    if request.answer_schema is not None:
        shape = {"name": "answer", "strict": True, "schema": request.answer_schema}
        out["response_format"] = {"type": "json_schema", "json_schema": shape}
    if wording.dialect == "vllm":
        out["chat_template_kwargs"] = {"enable_thinking": False}
        if request.speculative:
            out["priority"] = wording.speculative_priority
        if wording.cache_salt:
            out["cache_salt"] = wording.cache_salt
    return json.dumps(out, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _message(one: ChatMessage) -> dict[str, object]:
    out: dict[str, object] = {"role": one.role, "content": one.content}
    if one.tool_calls:
        out["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments_json},
            }
            for call in one.tool_calls
        ]
    if one.role == "tool":
        out["tool_call_id"] = one.tool_call_id
    return out


def _tool(tool: ToolSpec) -> dict[str, object]:
    """Strict: without it a server may accept any arguments (measured: `"true"` and null)."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "strict": True,
            "parameters": tool.parameters,
        },
    }


@dataclass(slots=True)
class _Call:
    """A tool call as far as it has come."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""


class ReplyReader:
    """One reply. Tool calls come whole, at the end; `over` says that the end was a proper one."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.over = False
        self.progress = 0
        """Grows with every word and every piece of a tool call; blanks, pings and thoughts are no progress."""
        self._buffer = b""
        self._calls: dict[int, _Call] = {}
        self._characters = 0
        self._finished = False
        self._thoughts = ThoughtFilter()

    def feed(self, piece: bytes) -> list[ReplyEvent]:
        """What this read completes: at most one text, and tool calls when the reply is over."""
        *lines, self._buffer = (self._buffer + piece).split(b"\n")
        if len(self._buffer) > LINE_BYTES_MAX:
            raise EngineFailed("the language model sent an endless line", code=ENDLESS)
        text: list[str] = []
        try:
            for line in lines:
                if line.startswith(_EVENT) and not self.over:
                    self._take(line[len(_EVENT) :].strip(), text)
        except (ValueError, AttributeError, TypeError, RecursionError):
            raise EngineFailed(
                "the language model sent something that is not a reply", code=BROKEN
            ) from None
        except ThinksAloud:
            raise EngineFailed("the language model thinks aloud", code="llm_thinks") from None
        if self.over:
            text.append(self._thoughts.flush())
        said = "".join(text)
        out: list[ReplyEvent] = [TextDelta(said)] if said else []
        return [*out, *self._whole_calls()] if self.over else out

    def end(self) -> list[ReplyEvent]:
        """The connection ended; raises unless the reply was over by then."""
        if self.over:
            return []
        if not self._finished:
            raise EngineFailed("the language model broke off", code=BROKEN)
        return self.feed(b"\n\ndata: [DONE]\n")

    def _take(self, data: bytes, text: list[str]) -> None:
        if data == _DONE:
            self.over = True
            return
        content = json.loads(data)
        if "error" in content:
            raise EngineFailed("the language model reported an error", code="llm_error")
        choices = content.get("choices", ())
        if not isinstance(choices, list | tuple):
            raise TypeError
        for choice in choices:
            if choice.get("finish_reason") is not None:
                self._finished = True
            delta = choice.get("delta") or {}
            for call in delta.get("tool_calls") or ():
                self._take_call(call)
            said = delta.get("content")
            if said:
                self._take_text(said, text)

    def _take_text(self, said: object, text: list[str]) -> None:
        if not isinstance(said, str):
            raise TypeError
        said.encode()  # half a character could be spoken and sent to nobody: a ValueError
        self._count(len(said))
        if said := self._thoughts.push(said):
            self.progress += not said.isspace()
            text.append(said)

    def _take_call(self, call: dict[str, Any]) -> None:
        index, function = call.get("index", 0), call.get("function") or {}
        if type(index) is not int or not isinstance(function, dict):
            raise TypeError
        known = self._calls.setdefault(index, _Call())
        if len(self._calls) > TOOL_CALLS_MAX:
            raise EngineFailed("the language model calls too many tools", code=ENDLESS)
        for piece in (call.get("id"), function.get("name"), function.get("arguments")):
            if piece is not None and not isinstance(piece, str):
                raise TypeError
        name = known.name or function.get("name") or ""
        arguments = function.get("arguments") or ""
        self.progress += name != known.name or bool(arguments.strip())
        self._count(len(arguments))
        known.call_id = known.call_id or call.get("id") or ""
        known.name = name
        known.arguments += arguments

    def _count(self, characters: int) -> None:
        self._characters += characters
        if self._characters > REPLY_CHARACTERS_MAX:
            raise EngineFailed("the language model does not stop talking", code=ENDLESS)

    def _whole_calls(self) -> list[ReplyEvent]:
        """Names that are none are refused; ids that are none, or that come twice, are minted."""
        out: list[ReplyEvent] = []
        taken: set[str] = set()
        for _, call in sorted(self._calls.items()):
            if not _NAME.match(call.name):
                raise EngineFailed(
                    "the language model sent something that is not a reply", code=BROKEN
                )
            own = call.call_id
            if not _NAME.match(own) or own in taken:
                own = f"call-{uuid.uuid4().hex[:24]}"
            taken.add(own)
            out.append(ToolCall(own, call.name, call.arguments))
        self._calls.clear()
        return out
