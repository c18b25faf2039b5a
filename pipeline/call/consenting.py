"""Asks for the consent to record, in front of any receptionist: the notice after the greeting, the first question last.

Urgent words and the wish for a person come before it; what else a caller says meanwhile is answered once the
consent is settled. The rules are the consent's, the words the flow's; knows no recorder.
"""

from __future__ import annotations

import copy
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from models.ports import ChatMessage, Keyed, ReplyEvent, ReplyRequest, Spoken, TextDelta
from pipeline.call.asides import Aside, hear_aside
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.flow import Flow
from pipeline.call.taping import Taping
from pipeline.call.think import Reopening
from pipeline.call.urgent import hear
from pipeline.call.words import Words, words
from pipeline.call.yes_no import hear_yes_no
from pipeline.recording.consent import (
    OPT_OUT_KEY,
    Consent,
    Happening,
    Heard,
    KeyPressed,
    Overtaken,
    SilencePassed,
)
from pipeline.turn.events import Asked

SLOT: Final = "recording"
PERSON_KEY: Final = "0"
_REFUSAL_WORDS: Final = 10
"""A longer refusal may hold something else that wants an answer."""
_REMEMBERED: Final = 8
_TOKEN = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True, repr=False)
class _Plan:
    """What a turn would do to the consent, and what is said then."""

    happening: Happening | None
    say: str
    asks: bool = False
    """The first question, or the one that was pending, follows in `say`."""
    beyond: ReplyRequest | None = None
    """What the receptionist behind answers, after `say`."""
    kept: str = ""
    """Words that wait until the consent is settled."""


class ConsentingReceptionist:
    """One call's; implements `pipeline.call.desk.Receptionist`."""

    def __init__(self, inner: Receptionist, flow: Flow, taping: Taping, desk: Desk) -> None:
        """Everything that is not about the recording goes to `inner`."""
        self._inner = inner
        self._flow = flow
        self._taping = taping
        self._desk = desk
        self._plans: dict[str, _Plan] = {}
        self._early: set[str] = set()
        self._applied: tuple[str, _Plan] | None = None
        self._again: _Plan | None = None
        """The reply to a turn that was not over yet: its words come again, with more behind."""
        self._waiting = ""
        self._asked_first = False
        self.not_reached = inner.not_reached
        self.filler = inner.filler
        self.apology = inner.apology

    # --- outside a turn --------------------------------------------------------------------------

    def greeting(self) -> str:
        """What every caller must hear, and then the notice, before any question."""
        self._taping.consent.begin()
        self._desk.asked(Asked(SLOT))
        return f"{self.opening()} {self._flow.say(self._flow.lines.recording_notice)}"

    def opening(self) -> str:
        """The greeting alone."""
        return self._inner.opening()

    def ask(self) -> str:
        """The notice while it waits for its answer, else the pending question."""
        if self._consent.pending:
            return self._notice()
        self._asked_first = True
        return self._inner.ask()

    def reprompt(self, attempt: int, heard_something: bool) -> str:
        """Silence is no consent: asked once more, then the call goes on without a recording."""
        if self._consent.pending:
            self._taping.on(SilencePassed())
            if self._consent.pending:
                return self._notice()
        if self._taping.untold:
            return f"{self._tell()} {self.ask()}"
        return self._inner.reprompt(attempt, heard_something)

    def take_over(self) -> str:
        """A person comes first."""
        self._taping.on(Overtaken())
        self._taping.untold = ""
        return self._inner.take_over()

    def keyed(self, keys: Keyed) -> str | None:
        """1 agrees, 2 and * do not; 0 leads to a person as ever."""
        pressed = keys.digits[-1:]
        if self._consent.pending:
            if pressed == PERSON_KEY:
                self._taping.on(Overtaken())
                self._taping.untold = ""
                return self._inner.keyed(keys)
            self._taping.on(KeyPressed(pressed))
            if self._consent.pending:
                return self._notice()
        if self._taping.untold:
            return f"{self._tell()} {self.ask()}"
        return None if pressed == OPT_OUT_KEY else self._inner.keyed(keys)

    def confided(self, reply_id: str, heard: Spoken, alternatives: tuple[Spoken, ...]) -> str:
        """Vault speech belongs to the receptionist behind, a refusal in it to us."""
        if not self._taping.untold:
            return self._inner.confided(reply_id, heard, alternatives)
        spoken = words(heard.text)
        told = self._tell()
        if self._consent.opted_out(spoken) and len(spoken) <= _REFUSAL_WORDS:
            return f"{told} {self._inner.reprompt(1, False)}"
        return f"{told} {self._inner.confided(reply_id, heard, alternatives)}"

    # --- turns -----------------------------------------------------------------------------------

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream what the plan says; nothing changes until `confirm`."""
        plan = self._plan(request)
        early = request.reply_id in self._early
        self._early.discard(request.reply_id)
        if plan is None:
            if early:
                self._inner.confirm(request.reply_id)
            async for event in self._inner.reply(request):
                yield event
            return
        self._plans[request.reply_id] = plan
        while len(self._plans) > _REMEMBERED:
            del self._plans[next(iter(self._plans))]
        if early:
            self.confirm(request.reply_id)
        for token in _TOKEN.findall(f"{plan.say} " if plan.beyond else plan.say):
            yield TextDelta(token)
        if plan.beyond is not None:
            async for event in self._inner.reply(plan.beyond):
                yield event

    def confirm(self, reply_id: str) -> None:
        """Make the turn behind this reply real."""
        plan = self._plans.pop(reply_id, None)
        if plan is None:
            if self._applied is not None and self._applied[0] == reply_id:
                return
            if self._consent.pending or self._taping.untold or self._again is not None:
                self._early.add(reply_id)
            else:
                self._inner.confirm(reply_id)
            return
        self._plans.clear()
        self._early.clear()
        self._applied, self._again = (reply_id, plan), None
        self._waiting = plan.kept
        if plan.happening is not None:
            self._taping.on(plan.happening)
        if not self._consent.pending:
            self._taping.untold = ""
        if plan.beyond is not None:
            self._asked_first = True
            self._inner.confirm(reply_id)
        elif plan.asks:
            self.ask()

    def reopen(self, reply_id: str) -> None:
        """The caller went on: the same words come again, and more."""
        if self._applied is not None and self._applied[0] == reply_id:
            self._again = self._applied[1]
            self._applied = None
            if self._again.beyond is None:
                return
        if isinstance(self._inner, Reopening):
            self._inner.reopen(reply_id)

    # --- what a turn means -----------------------------------------------------------------------

    @property
    def _consent(self) -> Consent:
        return self._taping.consent

    def _plan(self, request: ReplyRequest) -> _Plan | None:
        """None: it is not about the recording."""
        said = [message.content for message in request.messages if message.role == "user"]
        text = said[-1] if said else ""
        spoken = words(text)
        again = self._again
        if self._consent.pending:
            return self._pending(request, text, spoken)
        if again is not None and again.happening is not None:
            if hear_yes_no(spoken) == "no" and self._consent.may_record:
                return self._settled(request, KeyPressed(OPT_OUT_KEY), spoken, "")
            return self._told_again(again, request, text, spoken)
        if not self._taping.untold:
            return None
        kept = "" if self._only_refuses(spoken) else f"{self._waiting} {text}".strip()
        return self._settled(request, None, spoken, kept)

    def _pending(self, request: ReplyRequest, text: str, spoken: Words) -> _Plan:
        readings = (text, *(spoken.text for spoken in request.alternatives))
        urgent = hear(readings, self._flow.urgent.phrases) is not None
        if urgent or hear_aside(spoken) is Aside.PERSON:
            return _Plan(Overtaken(), "", beyond=request)
        answer = hear_yes_no(spoken)
        counts = answer == "no" or self._taping.answer_counts
        happening = Heard(spoken, None if answer is None or not counts else answer == "yes")
        kept = self._waiting
        if answer is None or (answer == "no" and not self._only_refuses(spoken)):
            kept = f"{self._waiting} {text}".strip()
        return self._settled(request, happening, spoken, kept)

    def _settled(
        self, request: ReplyRequest, happening: Happening | None, spoken: Words, kept: str
    ) -> _Plan:
        """What is said once the consent has heard this: its line, then what still waits for an answer."""
        consent = copy.copy(self._consent)
        if happening is not None:
            consent.on(happening)
        if consent.pending:
            return _Plan(happening, self._notice(), kept=kept)
        line = self._line(consent)
        if kept:
            return _Plan(happening, line, beyond=_with_words(request, kept))
        return _Plan(happening, f"{line} {self._question()}", asks=not self._asked_first)

    def _told_again(self, again: _Plan, request: ReplyRequest, text: str, spoken: Words) -> _Plan:
        """The same answer; what came behind it is answered too."""
        line = self._line(self._consent)
        if hear_yes_no(spoken) is not None or self._only_refuses(spoken):
            return _Plan(None, f"{line} {self._question()}", asks=again.asks)
        return _Plan(None, line, beyond=_with_words(request, text))

    def _only_refuses(self, spoken: Words) -> bool:
        refuses = self._consent.opted_out(spoken) or hear_yes_no(spoken) == "no"
        return refuses and len(spoken) <= _REFUSAL_WORDS

    # --- words -----------------------------------------------------------------------------------

    def _notice(self) -> str:
        """Whole until it was heard whole."""
        lines = self._flow.lines
        line = lines.recording_again if self._taping.heard_whole else lines.recording_notice
        return self._flow.say(line)

    def _question(self) -> str:
        """The pending question; told to nobody."""
        return self._inner.reprompt(1, False)

    def _tell(self) -> str:
        line = self._line(self._consent)
        self._taping.untold = ""
        return line

    def _line(self, consent: Consent) -> str:
        lines = self._flow.lines
        match consent.state:
            case "given":
                return self._flow.say(lines.recording_given)
            case "withdrawn":
                return self._flow.say(lines.recording_stopped)
            case _:
                return self._flow.say(lines.recording_refused)


def _with_words(request: ReplyRequest, text: str) -> ReplyRequest:
    """The same request, answering these words."""
    messages = list(request.messages)
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].role == "user":
            if messages[at].content != text:
                messages[at] = replace(messages[at], content=text)
                return replace(request, messages=tuple(messages), alternatives=())
            return request
    return replace(request, messages=(*messages, ChatMessage("user", text)))
