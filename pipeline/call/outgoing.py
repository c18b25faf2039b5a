"""The guard of one call: what goes to a model, to the voice and back from a tool passes here, and is counted.

The judging is `phi.guard`'s, how much of a conversation fits `recent`'s; this knows the call's compartment and says how
often something was taken out, never what.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

from models.ports import ReplyRequest, ToolCall
from phi.guard import ModelGuard, ResultShape, SpokenGuard, for_model
from phi.vault import Compartment
from pipeline.call.events import ValuesWithheld
from pipeline.call.identifiers import IDENTIFIERS
from pipeline.call.recent import left_out
from pipeline.telemetry.events import Token, emit

GUARDED = frozenset([*IDENTIFIERS, "phone"])
"""Fields whose values reach somebody or say who it is: no form of them is in any request.

A first name, a reason and a day are what a receptionist talks about and stay (docs/threat-model.md).
"""

Scalars = dict[str, str | int | float | bool]


class Outgoing:
    """One call's guard."""

    def __init__(
        self,
        call_id: str,
        compartment: Compartment,
        sayable: tuple[str, ...],
        today: Callable[[], date],
    ) -> None:
        """Keep what this compartment holds; `sayable` are the practice's own numbers."""
        self._call_id = call_id
        self._compartment = compartment
        self._today = today
        self._reply = ""
        self._model = ModelGuard(today().year)
        self._voice = SpokenGuard([number for number in sayable if number], today().year)

    def forget(self) -> None:
        """The call is over: nothing that was said in it is kept here."""
        self._model.forget()

    def request(self, request: ReplyRequest) -> ReplyRequest:
        """A request as a model may see it: no stored value, no other hypotheses, and of a long call the newest turns."""
        gone = left_out(request.messages)
        said = [message.content for message in request.messages if message.role == "user"]
        before = sum(request.messages[at].role == "user" for at in gone)
        theirs = iter(self._model.messages(said, self._secrets(), since=before))
        taken, messages = 0, []
        for at, message in enumerate(request.messages):
            if at in gone:
                continue
            safe = (
                next(theirs)
                if message.role == "user"
                else self._model.text(message.content, self._secrets(), volunteered=False)
            )
            taken += safe.taken
            calls = tuple(map(self._call, message.tool_calls))
            messages.append(replace(message, content=safe.text, tool_calls=calls))
        self._tell("request", taken)
        return replace(request, messages=tuple(messages), alternatives=())

    def _call(self, call: ToolCall) -> ToolCall:
        """A call that the model made, as it may be shown to it again: what is no JSON is nothing."""
        try:
            arguments = json.loads(call.arguments_json or "{}")
        except (ValueError, RecursionError):
            return replace(call, arguments_json="{}")
        return replace(call, arguments_json=json.dumps(self._clean(arguments), ensure_ascii=False))

    def _clean(self, value: object) -> object:
        match value:
            case dict():
                return {str(key): self._clean(each) for key, each in value.items()}
            case list():
                return [self._clean(each) for each in value]
            case None | bool():
                return value
            case _:
                safe = self._model.text(str(value), self._secrets(), volunteered=True)
                self._tell("request", safe.taken)
                return safe.text if safe.taken else value

    def speech(self, clause: str, reply: str) -> str:
        """A clause of this reply as it may be said; empty when nothing is left of it."""
        if reply != self._reply:
            self._reply = reply
            self._voice.begin()
        before = self._voice.withheld
        said = self._voice.clause(clause, self._secrets())
        self._tell("speech", self._voice.withheld - before)
        return said

    def result(self, shape: ResultShape, result: object) -> Scalars:
        """A tool's result as a model may see it: declared fields, and no stored value in them."""
        kept, dropped = shape.clean(result)
        year = self._today().year
        for name, value in kept.items():
            safe = for_model(str(value), self._secrets(), volunteered=True, this_year=year)
            if safe.taken:
                dropped += safe.taken
                kept[name] = safe.text
        self._tell("result", dropped)
        return kept

    def _secrets(self) -> Iterator[tuple[str, str]]:
        return (pair for pair in self._compartment.secrets() if pair[0] in GUARDED)

    def _tell(self, where: str, count: int) -> None:
        if count:
            emit(ValuesWithheld(Token(self._call_id), Token(where), count))
