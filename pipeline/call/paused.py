"""The emergency switch in one call (row I6): in front of any receptionist, it serves nobody while calls are paused.

Urgent words and the wish for a person go to the receptionist behind as ever; whatever else is said, keyed or asked of
it is met with one line of the practice's. Knows no engine and no clock; who threw the switch is the supervisor's affair.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

from models.ports import ChatMessage, Keyed, ReplyEvent, ReplyRequest, Spoken, TextDelta
from pipeline.call.asides import Aside, hear_aside
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.think import Reopening
from pipeline.call.urgent import OwnPhrase, hear
from pipeline.call.words import words

PERSON_KEY: Final = "0"
ENDED_AS: Final = "paused"
ANSWERS_MAX: Final = 2
"""Times the line is said to a caller who talks on; then the call ends with it."""
WANTS_A_PERSON: Final = "I want to speak to a person"
"""All that the receptionist behind learns of such words: a name or a day in them is not taken."""
_REMEMBERED: Final = 8
_TOKEN = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True)
class Unserved:
    """What a call needs to be paused with."""

    line: str = "This service is temporarily unavailable. Please call the practice."
    phrases: tuple[OwnPhrase, ...] = ()
    """The practice's own urgent phrases."""


class PausableReceptionist:
    """One call's; implements `pipeline.call.desk.Receptionist`."""

    def __init__(
        self, inner: Receptionist, unserved: Unserved, desk: Desk, led: Callable[[], bool]
    ) -> None:
        """Serve as `inner` does, until `paused` is set; whoever is `led` to a person already stays so."""
        self._inner = inner
        self._unserved = unserved
        self._desk = desk
        self.paused = False
        """Set by the session; a switch, not a state: it may go back and forth."""
        self._led_already = led
        self._own: set[str] = set()
        """Replies that are the line."""
        self._passed: set[str] = set()
        """Replies that went behind although calls are paused: urgent words, the wish for a person."""
        self._answers = 0
        self.not_reached = inner.not_reached
        self.filler = inner.filler
        self.apology = inner.apology
        self.opening = inner.opening
        self.take_over = inner.take_over

    @property
    def stands(self) -> bool:
        """True while this caller is not served."""
        return self.paused and not self._led_already()

    def line(self) -> str:
        """What every caller hears, from now on the only thing."""
        self._desk.asked(None)
        self._answers = 0
        return self._unserved.line

    # --- outside a turn --------------------------------------------------------------------------

    def greeting(self) -> str:
        """What every caller must hear, and then the line."""
        return f"{self._inner.opening()} {self.line()}" if self.stands else self._inner.greeting()

    def ask(self) -> str:
        """The pending question; there is none while calls are paused."""
        return self.line() if self.stands else self._inner.ask()

    def reprompt(self, attempt: int, heard_something: bool) -> str:
        """Nobody has anything urgent to say: the call ends with the line."""
        return self._last_line() if self.stands else self._inner.reprompt(attempt, heard_something)

    def keyed(self, keys: Keyed) -> str | None:
        """0 leads to a person; no other key is taken."""
        if self.stands and not keys.digits.endswith(PERSON_KEY):
            return self._answer()
        return self._inner.keyed(keys)

    def confided(self, reply_id: str, heard: Spoken, alternatives: tuple[Spoken, ...]) -> str:
        """An identifier that was asked for before is not taken any more."""
        if self.stands:
            if self._urgent(heard.text, alternatives):
                return self._inner.confided(reply_id, heard, alternatives)
            if hear_aside(words(heard.text)) is Aside.PERSON:
                return self._inner.confided(reply_id, Spoken(WANTS_A_PERSON), ())
            return self._answer()
        return self._inner.confided(reply_id, heard, alternatives)

    # --- turns -----------------------------------------------------------------------------------

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream the line, or what is said to words that lead to a person."""
        if self.stands:
            led = self._led(request)
            if led is None:
                _remember(self._own, request.reply_id)
                for token in _TOKEN.findall(self._unserved.line):
                    yield TextDelta(token)
                return
            _remember(self._passed, request.reply_id)
            request = led
        async for event in self._inner.reply(request):
            yield event

    def confirm(self, reply_id: str) -> None:
        """Make the turn real; one that was thought of before the pause never is."""
        if reply_id in self._own:
            self._own.discard(reply_id)
            self._answer()
        elif not self.stands or reply_id in self._passed:
            self._inner.confirm(reply_id)

    def reopen(self, reply_id: str) -> None:
        """The caller went on: the same words come again, and more."""
        if isinstance(self._inner, Reopening):
            self._inner.reopen(reply_id)

    # --- parts -----------------------------------------------------------------------------------

    def _led(self, request: ReplyRequest) -> ReplyRequest | None:
        """What the receptionist behind may answer, with nothing else in it; None: these words lead to nobody."""
        said = [message.content for message in request.messages if message.role == "user"]
        text = said[-1] if said else ""
        if self._urgent(text, request.alternatives):
            return request
        if hear_aside(words(text)) is not Aside.PERSON:
            return None
        wish = (ChatMessage("user", WANTS_A_PERSON),)
        return replace(request, messages=wish, alternatives=(), tools=())

    def _urgent(self, text: str, alternatives: tuple[Spoken, ...]) -> bool:
        readings = (text, *(spoken.text for spoken in alternatives))
        return hear(readings, self._unserved.phrases) is not None

    def _answer(self) -> str:
        self._answers += 1
        return self._last_line() if self._answers >= ANSWERS_MAX else self._unserved.line

    def _last_line(self) -> str:
        self._desk.asked(None)
        self._desk.end(ENDED_AS)
        return self._unserved.line


def _remember(ids: set[str], reply_id: str) -> None:
    if len(ids) >= _REMEMBERED:
        ids.clear()
    ids.add(reply_id)
