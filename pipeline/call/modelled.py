"""A chat model phrases what the script decided: the plain way to let an open model speak.

The script hears, fills the request and knows what must be said next; the model says it in its own words, answers what
was asked beside it and may use the tools the call offers. Words the script cannot read it reads into a form. Sentences
whose words are the practice's own (urgent, person, read-back, goodbye) are never rephrased, and a model that fails,
babbles or falls silent is replaced by the script's sentence, in the middle of a reply too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from typing import Protocol

from models.closing import closing
from models.errors import EngineError
from models.ports import (
    ChatMessage,
    Keyed,
    LanguageModel,
    ReplyEvent,
    ReplyRequest,
    Spoken,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from pipeline.call.briefing import ANSWER, RESULT, note, rules
from pipeline.call.desk import RequestGuard
from pipeline.call.flow import Flow
from pipeline.call.plain_speech import PlainSpeech
from pipeline.call.reading import ANSWER_TOKENS, ASSIGNMENT, believed, form, wanted
from pipeline.call.request import Request

READING_MS = 1_200.0
"""A form of four fields takes a few hundred; after that the script asks its question again."""


class ModelDesk(Protocol):
    """The call as a model's receptionist sees it."""

    @property
    def outgoing(self) -> RequestGuard:
        """What every request to a model must pass."""

    def stood_in(self, code: str) -> None:
        """The script's words stand in for the model's."""


class Script(Protocol):
    """The scripted receptionist as this file needs it."""

    @property
    def request(self) -> Request:
        """The request so far."""

    def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream what must be said."""

    def verbatim(self, reply_id: str) -> bool:
        """True when these words are the practice's own and may not be rephrased."""

    def understood(self, reply_id: str) -> bool:
        """True unless the caller's words led nowhere."""

    def reread(self, reply_id: str, values: Request) -> str:
        """Take these for what the caller said; what is said now, "" when it is too late for that."""

    def confirm(self, reply_id: str) -> None:
        """The turn is real."""

    def reopen(self, reply_id: str) -> None:
        """The turn was not over after all."""

    def greeting(self) -> str:
        """The first words."""

    def opening(self) -> str:
        """The greeting without the question."""

    def ask(self) -> str:
        """The pending question."""

    def reprompt(self, attempt: int, heard_something: bool) -> str:
        """The question again."""

    def keyed(self, keys: Keyed) -> str | None:
        """Digits by keypad."""

    def confided(self, reply_id: str, heard: Spoken, alternatives: tuple[Spoken, ...]) -> str:
        """The answer to words that no model may see."""

    def take_over(self) -> str:
        """The sentence that hands over to a person."""

    def not_reached(self) -> str:
        """What comes after somebody who did not answer."""

    def filler(self) -> str:
        """A few words for a pause."""

    def apology(self) -> str:
        """The sentence for an engine that failed."""


class ModelledReceptionist:
    """`pipeline.call.desk.Receptionist` over a chat model and a script."""

    def __init__(
        self,
        model: LanguageModel,
        script: Script,
        flow: Flow,
        desk: ModelDesk,
        today: Callable[[], date],
    ) -> None:
        """The model is shared by all calls; script and desk are this call's own."""
        self._model = model
        self._script = script
        self._flow = flow
        self._desk = desk
        self._today = today
        self._rules = ChatMessage("system", rules(flow))
        self._confirmed = ""
        """The reply that somebody waits for."""
        self.reopen = script.reopen
        self.greeting = script.greeting
        self.opening = script.opening
        self.ask = script.ask
        self.reprompt = script.reprompt
        self.keyed = script.keyed
        self.confided = script.confided
        self.take_over = script.take_over
        self.not_reached = script.not_reached
        self.filler = script.filler
        self.apology = script.apology

    def confirm(self, reply_id: str) -> None:
        """The turn is real: whatever is asked for it from now on goes before others' guesses."""
        self._confirmed = reply_id
        self._script.confirm(reply_id)
        self._model.confirm(reply_id)

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream the model's words for what the script wants said, or the script's own."""
        if request.messages and request.messages[-1].role != "user":
            async for event in self._after_a_tool(request):
                yield event
            return
        decided = [event async for event in self._script.reply(request)]
        say = "".join(event.text for event in decided if isinstance(event, TextDelta))
        if say and not self._script.understood(request.reply_id):
            say = await self._reread(request) or say
        if self._script.verbatim(request.reply_id) or not say:
            yield TextDelta(say)
            return
        async with aclosing(self._phrased(request, ANSWER.format(say=say), say)) as events:
            async for event in events:
                yield event

    async def _after_a_tool(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """What came of a tool in the model's words, then the script's question in its own."""
        question = self._script.reprompt(1, heard_something=False)
        called = False
        async with aclosing(self._phrased(request, RESULT, "")) as events:
            async for event in events:
                called = called or isinstance(event, ToolCall)
                yield event
        if not called:
            yield TextDelta(" " + question)

    async def _phrased(
        self, request: ReplyRequest, assignment: str, say: str
    ) -> AsyncGenerator[ReplyEvent, None]:
        """The model's words as far as they can be said, and `say` where they end badly."""
        speech, held, called, failed = PlainSpeech(), "", False, ""
        asked = self._asked(request, assignment)
        try:
            async with aclosing(closing(self._model.reply(asked))) as events:
                async for event in events:
                    if isinstance(event, ToolCall):
                        if asked.tools and asked.tool_choice == "auto":
                            called = True
                            yield event
                        continue
                    held += speech.push(event.text)
                    if held and speech.said:
                        yield TextDelta(held)
                        held = ""
                    if speech.full:
                        failed = "too_long"
                        break
        except EngineError as error:
            failed = error.code
        if failed or not (speech.said or called):
            self._desk.stood_in(failed or "nothing_said")
            bridge = f". {self._script.filler()} " if speech.said and say else ""
            if say:
                yield TextDelta(bridge + say)

    def _asked(self, request: ReplyRequest, assignment: str) -> ReplyRequest:
        """Rules first and facts last: what is between only grows, so that a server remembers most of it."""
        facts = note(self._flow, self._script.request, self._today(), assignment)
        messages = (
            self._rules,
            *request.messages,
            ChatMessage("system", facts),
        )
        guess = request.speculative and request.reply_id != self._confirmed
        return self._desk.outgoing.request(replace(request, messages=messages, speculative=guess))

    async def _reread(self, request: ReplyRequest) -> str:
        """Let the model read what the script could not; "" when nothing came of it in time."""
        if not wanted(self._script.request):
            return ""
        question = self._script.reprompt(1, heard_something=False)
        asked = replace(
            self._asked(request, ASSIGNMENT.format(question=question)),
            tool_choice="none",
            answer_schema=form(self._flow),
            max_tokens=ANSWER_TOKENS,
            temperature=0.0,
        )
        answer = ""
        try:
            async with (
                asyncio.timeout(READING_MS / 1000.0),
                aclosing(closing(self._model.reply(asked))) as events,
            ):
                async for event in events:
                    if isinstance(event, TextDelta):
                        answer += event.text
        except (EngineError, TimeoutError):
            return ""
        said = request.messages[-1].content
        values = believed(self._flow, self._script.request, said, answer, self._today())
        return self._script.reread(request.reply_id, values) if values.filled() else ""


def warming(flow: Flow, today: date, tools: Sequence[ToolSpec] = ()) -> tuple[ReplyRequest, ...]:
    """What requests of this practice begin with, for a server that is to know it beforehand: rules, form and tools.

    Tools stand near the beginning of a prompt, so a call that offers them and one that does not have little in common.
    """
    facts = note(flow, Request(), today, ASSIGNMENT.format(question="How can I help you?"))
    messages = (
        ChatMessage("system", rules(flow)),
        ChatMessage("user", "hello"),
        ChatMessage("system", facts),
    )
    bare = ReplyRequest("warm-up", messages, max_tokens=1)
    forms = replace(bare, answer_schema=form(flow))
    return (forms, replace(bare, tools=tuple(tools))) if tools else (forms,)
