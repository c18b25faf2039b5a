"""The scripted receptionist as a language model: streams what `dialogue` decided, acts on `confirm` only.

Also the fallback of every other model. Keeps one call's state in memory and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import assert_never

from models.ports import Keyed, ReplyEvent, ReplyRequest, Spoken, TextDelta
from pipeline.call.asking import FIELD_OF, asked_of, piece_line, question, shown
from pipeline.call.climbing import message_ends, not_reached
from pipeline.call.desk import Desk
from pipeline.call.dialogue import (
    answer_by_key,
    leave,
    person_by_key,
    respond,
    respond_to_values,
    take_number,
    wrong_key,
)
from pipeline.call.flow import Flow
from pipeline.call.hours import CALLBACKS
from pipeline.call.identifiers import IDENTIFIERS, read_keys
from pipeline.call.identity import take_identifier
from pipeline.call.phone import whole
from pipeline.call.request import Request
from pipeline.call.steps import (
    CallBackWanted,
    Collected,
    Completed,
    Connect,
    Effect,
    Ended,
    FieldKnown,
    Heard,
    PersonWanted,
    Phase,
    Returned,
    State,
    Step,
    TakenBack,
    UrgentRaised,
)
from pipeline.clock import wall_now
from pipeline.turn.events import Asked

_REMEMBERED = 8
"""Speculative replies kept; older ones belong to turns long over."""
_TOKEN = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True, repr=False)
class _Thought:
    heard: Heard
    base: State
    step: Step


class ScriptedReceptionist:
    """One call's receptionist; implements `pipeline.call.desk.Receptionist`."""

    def __init__(
        self,
        flow: Flow,
        desk: Desk,
        today: Callable[[], date],
        now: Callable[[], datetime] = wall_now,
    ) -> None:
        """Speak this flow; tell this desk. `now` says whether the practice is open as the call begins."""
        self._now = now
        self._flow = flow
        self._desk = desk
        self._today = today
        self._state = State()
        self._thoughts: dict[str, _Thought] = {}
        self._early: set[str] = set()
        """Confirmed before their words were asked for."""
        self._undo: tuple[str, State] | None = None
        self._ends = False
        """The call ends with the latest words, unless the caller has more to say."""

    @property
    def state(self) -> State:
        """What is known so far."""
        return self._state

    @property
    def request(self) -> Request:
        """The request so far."""
        return self._state.request

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream the words one by one; nothing changes until `confirm`."""
        step = self._think(request)
        for token in _TOKEN.findall(step.say):
            yield TextDelta(token)

    def verbatim(self, reply_id: str) -> bool:
        """True when these words are the practice's own and may not be rephrased."""
        thought = self._thoughts.get(reply_id)
        return thought is None or thought.step.verbatim

    def understood(self, reply_id: str) -> bool:
        """True unless the caller's words led nowhere."""
        thought = self._thoughts.get(reply_id)
        return thought is None or thought.step.understood

    def reread(self, reply_id: str, values: Request) -> str:
        """Take these for what the caller said; "" when something else was decided meanwhile."""
        thought = self._thoughts.get(reply_id)
        if thought is None or thought.step.understood or not values.filled():
            return ""
        real = self._undo is not None and self._undo[0] == reply_id
        if self._state is not (thought.step.state if real else thought.base):
            return ""  # keys came between
        step = respond_to_values(self._flow, thought.base, values)
        self._thoughts[reply_id] = replace(thought, step=step)
        if real:
            self._apply(step)
        return step.say

    def confirm(self, reply_id: str) -> None:
        """Make the turn behind this reply real, exactly once; it may come before the words."""
        thought = self._thoughts.get(reply_id)
        if thought is None:
            self._early.add(reply_id)
            return
        if self._undo is not None and self._undo[0] == reply_id:
            return
        self._forget_others(reply_id)
        step = thought.step
        if thought.base is not self._state:  # keys came between: decide on what is true now
            step = respond(self._flow, self._state, thought.heard, self._today())
        self._undo = (reply_id, self._state)
        self._apply(step)

    def reopen(self, reply_id: str) -> None:
        """The caller went on before hearing anything: what this reply changed is taken back.

        Urgency stays: nothing lowers it.
        """
        if self._undo is None or self._undo[0] != reply_id:
            return
        before, now = self._undo[1], self._state
        self._undo = None
        self._thoughts.pop(reply_id, None)
        if now.phase is not before.phase:
            return
        self._state = before
        self._go_on()
        for name in FIELD_OF.values():
            value = before.request.value(name)
            if value != now.request.value(name):
                self._desk.field(name, value, shown(self._flow, before.request, name))
        for name in now.identified - before.identified:
            self._desk.collected(name, None)
        self._desk.asked(asked_of(before))

    def confided(self, reply_id: str, heard: Spoken, alternatives: tuple[Spoken, ...]) -> str:
        """Answer words that no model, caption or context may see; `reopen` takes it back like any reply."""
        readings = tuple(spoken.text for spoken in alternatives)
        self._look()
        self._thoughts.clear()
        self._early.clear()
        self._undo = (reply_id, self._state)
        step = respond(self._flow, self._state, Heard(heard.text, readings), self._today())
        return self._apply(step)

    def greeting(self) -> str:
        """The greeting in its order (row U15), then the first question."""
        return f"{self.opening()} {self.ask()}"

    def opening(self) -> str:
        """The greeting without the question; outside the practice's hours it says so."""
        flow = self._flow
        if flow.answering.open_at(self._now()):
            return flow.say(flow.greeting.text())
        self._state = replace(self._state, closed=True)
        if flow.answering.takes == CALLBACKS:
            self._state = replace(self._state, callback=True, asked="phone")
        return flow.say(flow.greeting.text(flow.lines.closed))

    def ask(self) -> str:
        """The pending question."""
        asking = question(self._flow, self._state)
        if self._state.callback and not self._state.climbed:  # all that is taken outside the hours
            self._desk.call_back()
            asking = f"{self._flow.say(self._flow.lines.callback)} {asking}"
        self._state = replace(self._state, said=asking)
        self._desk.asked(asked_of(self._state))
        return asking

    def reprompt(self, attempt: int, heard_something: bool) -> str:
        """The question again, in other words from the first attempt on."""
        if self._state.phase is Phase.MESSAGE:
            return self._apply(message_ends(self._flow, self._state))
        if self._state.asked == "phone" and self._state.piece:
            return piece_line(self._flow, self._state.piece)
        asking = question(self._flow, self._state, again=True)
        if attempt == 1 and not heard_something and self._state.asked != "confirm":
            asking = question(self._flow, self._state)
        return asking

    def keyed(self, keys: Keyed) -> str | None:
        """Take keys: 0 alone leads to a person, digits fill a number that was asked for, 1 and 2 are yes and no.

        A key that answers nothing is met with the question again. Keys are a whole number or none: what was said or
        keyed before may have been the beginning of the same one.
        """
        self._look()
        digits = "".join(key for key in keys.digits if key.isascii() and key.isdigit())
        state = self._state
        if digits == "0":
            return self._apply(person_by_key(self._flow, state))
        if state.phase is Phase.ASKING and state.asked in IDENTIFIERS:
            value = read_keys(state.asked, digits, self._today(), self._flow.birth_date_order)
            return self._apply(take_identifier(self._flow, state, value))
        step = answer_by_key(self._flow, state, digits, self._today())
        if step is not None:
            return self._apply(step)
        if not digits and state.phase is not Phase.MESSAGE:
            return None
        if state.asked != "phone" or state.phase is not Phase.ASKING:
            return self._apply(wrong_key(self._flow, state, digits, self._today()))
        return self._apply(take_number(self._flow, state, whole(digits)))

    def take_over(self) -> str:
        """The ladder is exhausted: the way to a person; the second time the call ends with it."""
        self._look()
        return self._apply(leave(self._flow, self._state))

    def not_reached(self) -> str:
        """The next step of the ladder, or "" when nobody's telephone rang."""
        self._look()
        step = not_reached(self._flow, self._state)
        return "" if step is None else self._apply(step)

    def filler(self) -> str:
        """Something short while a reply is late."""
        return self._flow.say(self._flow.lines.filler)

    def apology(self) -> str:
        """Something failed: say so, with the practice's number."""
        return self._flow.say(self._flow.lines.apology)

    # --- parts -------------------------------------------------------------------------------

    def _look(self) -> None:
        """Who can be reached may have changed: another consent, another line, the emergency switch."""
        if self._desk.reach != self._state.reach:
            self._state = replace(self._state, reach=self._desk.reach)

    def _think(self, request: ReplyRequest) -> Step:
        self._look()
        said = [message.content for message in request.messages if message.role == "user"]
        alternatives = tuple(spoken.text for spoken in request.alternatives)
        heard = Heard(said[-1] if said else "", alternatives, request.typed)
        step = respond(self._flow, self._state, heard, self._today())
        self._thoughts[request.reply_id] = _Thought(heard, self._state, step)
        while len(self._thoughts) > _REMEMBERED:
            del self._thoughts[next(iter(self._thoughts))]
        if request.reply_id in self._early:
            self._early.discard(request.reply_id)
            self.confirm(request.reply_id)
        return step

    def _forget_others(self, reply_id: str) -> None:
        self._thoughts = {reply_id: self._thoughts[reply_id]}
        self._early.clear()

    def _apply(self, step: Step) -> str:
        self._state = step.state
        ends = any(isinstance(effect, Ended) for effect in step.effects)
        if not ends:
            self._go_on()
        self._ends = ends
        for effect in step.effects:
            self._perform(effect)
        return step.say

    def _go_on(self) -> None:
        """The caller has more to say, or took something back: whatever goodbye was said, it is none."""
        if self._ends:
            self._desk.go_on()
        self._ends = False

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Asked():
                self._desk.asked(effect)
            case FieldKnown():
                self._desk.field(effect.name, effect.value, effect.shown)
            case Collected():
                self._desk.collected(effect.name, effect.value)
            case Completed():
                self._desk.complete()
            case UrgentRaised():
                self._desk.urgent(effect.kind, effect.sentence)
            case PersonWanted():
                self._desk.person(effect.why)
            case Ended():
                self._desk.asked(None)
                self._desk.end(effect.reason)
            case TakenBack():
                self._desk.taken_back()
            case Connect():
                self._desk.connect(effect.target)
            case Returned():
                self._desk.returned()
            case CallBackWanted():
                self._desk.call_back()
            case _:
                assert_never(effect)
