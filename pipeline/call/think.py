"""Thinks of a reply: adapts a `LanguageModel` to Pipecat's `LLMService`.

The speculation gate of the base class decides what leaves; `confirm` is called at the moment it lets a
reply through, once. A model that is slow or fails is bridged with sentences of ours: never silence, and
never a word of what was said in an exception or a log.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pipecat.adapters.llm.base_llm_adapter import BaseLLMAdapter
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    EagerEndOfTurnCancelFrame,
    Frame,
    FunctionCallFromLLM,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.ai_service import AIService
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings
from pipecat.utils.types import is_given

from models.closing import closing
from models.errors import EngineError
from models.ports import (
    ChatMessage,
    LanguageModel,
    ReplyEvent,
    ReplyRequest,
    Spoken,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from pipeline.call.ledger import INTERRUPTED
from pipeline.call.settings import CallSettings
from pipeline.call.tool_arguments import UNREADABLE

REPLY_ID = "reply_id"
"""Key in a start frame's metadata: which reply begins."""

MORE_TO_COME = "more_to_come"
"""Key in an end frame's metadata: a tool runs, its result will be spoken of."""

NOTHING_TO_SAY = "nothing_to_say"

TOOL_ROUNDS_MAX = 3
"""Results a model may ask for before it must answer: a model that goes round in circles is led out."""


@runtime_checkable
class Reopening(Protocol):
    """A model that keeps state may take back its last `confirm`: the caller went on, the words come again."""

    def reopen(self, reply_id: str) -> None:
        """Undo what confirming this reply changed."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Our own sentences for a model that is slow or fails."""

    filler: Callable[[], str]
    apology: Callable[[], str]


class ThinkHooks(Protocol):
    """What the call wants to know while a reply is thought of."""

    def alternatives(self) -> tuple[Spoken, ...]:
        """Return the other hypotheses of the last utterance."""

    def typed(self) -> bool:
        """Return true when the words to be answered were typed."""

    def first_token(self) -> None:
        """The model's first word is here."""

    def confirmed(self, reply_id: str) -> None:
        """The gate let this reply through."""

    def failed(self, stage: str, code: str) -> None:
        """A sentence of ours stands in for the model's."""


@dataclass(frozen=True, slots=True)
class _Over:
    """The stream ended; `code` names what went wrong, if anything did."""

    code: str | None = None


GATHER_MS = 30.0
"""Words in the middle of a clause wait so long for the next: the voice begins with clauses, not with words."""

_ENDS_A_CLAUSE = re.compile(r"[.,;:!?—]")


class _Waiting:
    """What the stream has brought and the reply has not taken yet; words that wait together are one event.

    A frame of the graph costs as much for a clause as for a word. The first words pass at once, and so does whatever
    may end a clause; words between them wait a little for company.
    """

    def __init__(self) -> None:
        self._events: deque[ReplyEvent | _Over] = deque()
        self._pressing = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._begun = False

    def __bool__(self) -> bool:
        return self._pressing.is_set()

    def put(self, event: ReplyEvent | _Over) -> None:
        last = self._events[-1] if self._events else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            self._events[-1] = TextDelta(last.text + event.text)
        else:
            self._events.append(event)
        if not isinstance(event, TextDelta) or not self._begun or _ENDS_A_CLAUSE.search(event.text):
            self._begun = (
                self._begun or not isinstance(event, TextDelta) or bool(event.text.strip())
            )
            self._pressing.set()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(GATHER_MS / 1000.0, self._pressing.set)

    async def get(self) -> ReplyEvent | _Over:
        await self._pressing.wait()
        event = self._events.popleft()
        if not self._events:
            self.close()
            self._pressing.clear()
        return event

    def close(self) -> None:
        """Nothing waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _PortAdapter(BaseLLMAdapter[dict[str, Any]]):  # type: ignore[no-untyped-call]  # pipecat's hook is untyped
    """Pipecat asks every service for an adapter; its default one imports a cloud SDK in mid-call."""

    @property
    def id_for_llm_specific_messages(self) -> str:
        """Name messages that only this service could read: there are none."""
        return "port"

    async def get_llm_invocation_params(self, context: LLMContext, **_: object) -> dict[str, Any]:
        """Translate a context into what the port takes."""
        return {"messages": chat_messages(context.messages), "tools": tool_specs(context)}

    def to_provider_tools_format(self, tools_schema: ToolsSchema) -> list[Any]:
        """Translate tools into what the port takes."""
        return [tool_spec(tool) for tool in tools_schema.standard_tools]

    def get_messages_for_logging(self, context: LLMContext) -> list[dict[str, Any]]:
        """Give away the roles only: nothing of a conversation is logged."""
        return [{"role": message.role} for message in chat_messages(context.messages)]


class Thinker(LLMService[Any]):
    """The reply stage of the graph."""

    adapter_class = _PortAdapter

    def __init__(
        self, model: LanguageModel, lines: Lines, hooks: ThinkHooks, settings: CallSettings
    ) -> None:
        """Think with this model, bridge with these lines."""
        super().__init__(
            settings=LLMSettings(
                model="port",
                system_instruction=None,
                temperature=None,
                max_tokens=None,
                top_p=None,
                top_k=None,
                frequency_penalty=None,
                presence_penalty=None,
                seed=None,
                filter_incomplete_user_turns=False,
                user_turn_completion_config=None,
            )
        )
        self._model = model
        self._lines = lines
        self._hooks = hooks
        self._call = settings
        self._limit: asyncio.Timeout | None = None
        self._conversation = uuid.uuid4().hex

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer a context; everything else passes."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self._answer(frame.context)
        else:
            await self.push_frame(frame, direction)

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Push what the gate lets through; a reply's start passing it is the confirmation."""
        for emitted, towards in self._speculation_gate.process(frame, direction):
            if isinstance(emitted, LLMFullResponseStartFrame) and REPLY_ID in emitted.metadata:
                self._confirm(emitted.metadata[REPLY_ID])
            await AIService.push_frame(self, emitted, towards)

    def _confirm(self, reply_id: str) -> None:
        self._model.confirm(reply_id)
        self._hooks.confirmed(reply_id)
        if self._limit is not None and self._limit.when() is None:
            now_s = asyncio.get_running_loop().time()
            self._limit.reschedule(now_s + self._call.first_token_ms / 1000.0)

    async def _answer(self, context: LLMContext) -> None:
        messages = tuple(chat_messages(context.messages))
        request = ReplyRequest(
            reply_id=uuid.uuid4().hex,
            messages=messages,
            tools=tuple(tool_specs(context)),
            alternatives=self._hooks.alternatives(),
            typed=self._hooks.typed(),
            conversation=self._conversation,
            tool_choice="auto" if _rounds(messages) < TOOL_ROUNDS_MAX else "none",
            speculative=self._speculation_gate.is_speculating,
        )
        start, end = LLMFullResponseStartFrame(), LLMFullResponseEndFrame()
        start.metadata[REPLY_ID] = request.reply_id
        await self.push_frame(start)
        try:
            calls = await self._speak(request)
            if calls:
                end.metadata[MORE_TO_COME] = True
                await self.run_function_calls(
                    [
                        FunctionCallFromLLM(
                            function_name=call.name,
                            tool_call_id=call.call_id,
                            arguments=_arguments(call),
                            context=context,
                        )
                        for call in calls
                    ]
                )
        finally:
            await self.push_frame(end)

    async def _speak(self, request: ReplyRequest) -> list[ToolCall]:
        """Push the reply's text; return the tools it asks for."""
        events = _Waiting()
        async with asyncio.TaskGroup() as tasks:
            stream = tasks.create_task(self._stream(request, events), name="reply-stream")
            try:
                calls = await self._follow(events)
            finally:
                events.close()
            stream.cancel()
        return await self._allowed(request, calls)

    async def _allowed(self, request: ReplyRequest, calls: list[ToolCall]) -> list[ToolCall]:
        """The calls of tools that were offered; others were made up, and when nothing else came are a failure."""
        offered = {tool.name for tool in request.tools} if request.tool_choice == "auto" else set()
        good = [call for call in calls if call.name in offered]
        if len(good) < len(calls):
            if good:
                self._hooks.failed("tool", "not_offered")
            else:
                await self._fall_back("not_offered", "tool")
        return good

    async def _stream(self, request: ReplyRequest, events: _Waiting) -> None:
        try:
            async with aclosing(closing(self._model.reply(request))) as reply:
                async for event in reply:
                    events.put(event)
            events.put(_Over())
        except EngineError as error:
            events.put(_Over(error.code))
        except Exception:  # noqa: BLE001  # edge of a reply: its text may quote speech, so only a code goes on
            events.put(_Over("model_raised"))

    async def _follow(self, events: _Waiting) -> list[ToolCall]:
        """Pass events on until the stream is over or too late."""
        calls: list[ToolCall] = []
        spoken = bridged = False
        while True:
            event = await self._next_event(events, spoken=spoken, bridged=bridged)
            match event:
                case TextDelta():
                    if not spoken:
                        self._hooks.first_token()
                    spoken = spoken or bool(event.text.strip())
                    await self._push_llm_text(event.text)
                case ToolCall():
                    calls.append(event)
                case _Over(code=None) if spoken or calls:
                    return calls
                case _Over():
                    await self._fall_back(event.code or NOTHING_TO_SAY, "stream")
                    return []
                case None if not spoken and not bridged and not calls:
                    bridged = True
                    self._hooks.failed("first_token", "late")
                    await self._push_llm_text(self._lines.filler() + " ")
                case None:
                    await self._fall_back("timeout", "stall" if spoken else "first_token")
                    return calls

    async def _next_event(
        self, events: _Waiting, *, spoken: bool, bridged: bool
    ) -> ReplyEvent | _Over | None:
        """Wait for the next event as long as this stage may last; None when it came too late."""
        if events:
            return await events.get()
        if spoken:
            wait_ms = self._call.stall_ms
        else:
            wait_ms = self._call.give_up_ms if bridged else self._call.first_token_ms
        # Nobody waits for a reply to a turn that is not over: its deadline starts with `confirm`.
        limit = asyncio.timeout(None if self._speculation_gate.is_speculating else wait_ms / 1000.0)
        try:
            async with limit:
                self._limit = limit
                return await events.get()
        except TimeoutError:
            return None
        finally:
            self._limit = None

    async def _fall_back(self, code: str, stage: str) -> None:
        self._hooks.failed(stage, code)
        if self._speculation_gate.is_speculating:
            # The turn is still open: the final transcript asks the model again.
            await self.broadcast_frame(EagerEndOfTurnCancelFrame)
        else:
            await self._push_llm_text(" " + self._lines.apology())


def chat_messages(messages: Sequence[Any]) -> list[ChatMessage]:
    """Translate the context; placeholders of replies nobody has heard yet are left out.

    A result whose call is not there (or a call without a result) is left out too: a server refuses the whole
    conversation for it.
    """
    answered = {one.get("tool_call_id") for one in messages if one.get("role") == "tool"}
    out: list[ChatMessage] = []
    asked: set[str] = set()
    for message in messages:
        role = message.get("role")
        content = message.get("content")
        text = content if isinstance(content, str) else ""
        calls = _tool_calls(message.get("tool_calls") or (), answered)
        asked.update(call.call_id for call in calls)
        if message.get(INTERRUPTED) and text:
            text += "—"
        if role == "developer":
            role = "system"
        if role == "tool":
            own = str(message.get("tool_call_id"))
            if own in asked:
                out.append(ChatMessage("tool", text, tool_call_id=own))
        elif role in ("system", "user", "assistant") and (text or calls):
            out.append(ChatMessage(role, text, tool_calls=calls))
    return out


def _tool_calls(calls: Sequence[Any], answered: Collection[object]) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(str(call["id"]), call["function"]["name"], call["function"]["arguments"])
        for call in calls
        if call["id"] in answered
    )


def _rounds(messages: Sequence[ChatMessage]) -> int:
    """How many results a model has got since the caller spoke last."""
    rounds = 0
    for message in reversed(messages):
        if message.role == "user":
            break
        rounds += message.role == "tool"
    return rounds


def tool_specs(context: LLMContext) -> list[ToolSpec]:
    """Translate the tools that the context offers."""
    tools = context.tools
    return [tool_spec(tool) for tool in tools.standard_tools] if is_given(tools) else []


def tool_spec(tool: FunctionSchema) -> ToolSpec:
    """Translate one tool."""
    parameters: dict[str, object] = {
        "type": "object",
        "properties": tool.properties,
        "required": tool.required,
        "additionalProperties": False,
    }
    return ToolSpec(tool.name, tool.description, parameters)


def _arguments(call: ToolCall) -> dict[str, Any]:
    """Parse a tool's arguments; what is not a JSON object is one that every tool refuses."""
    try:
        arguments = json.loads(call.arguments_json or "{}")
    except (ValueError, RecursionError):
        return {UNREADABLE: True}
    return arguments if isinstance(arguments, dict) else {UNREADABLE: True}
