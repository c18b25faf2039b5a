"""Whether this call may be recorded: what was said to the caller, what came back, what follows.

    off                             nothing is asked, nothing is ever recorded (the default)
    to_say ──said whole──► asked ──yes, key 1──► given ──opt-out──► withdrawn
       │                     └──silence, unclear twice, an emergency──► unanswered
       └──────── no, opt-out, key 2 or * ────────► refused

Only `given` records. Silence is not consent; a yes before the last word of the notice is none either; a no
counts at any time, and for the rest of the call. A calculation: it knows no clock, no sound, no dialogue.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Final, Literal, assert_never

State = Literal["off", "to_say", "asked", "given", "refused", "withdrawn", "unanswered"]
Answer = Literal["given", "refused", "withdrawn", "none"]

ASKED_MAX: Final = 2
"""A caller who answers neither yes nor no twice wants an appointment, not a third notice."""
YES_KEY: Final = "1"
NO_KEY: Final = "2"
OPT_OUT_KEY: Final = "*"
"""Part of no number, so that it means the same at any time of a call."""


@dataclass(frozen=True, slots=True)
class NoticeSaid:
    """The last sample of the notice was sent."""


@dataclass(frozen=True, slots=True)
class NoticeCut:
    """The caller spoke over the notice: it was not said."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Words of the caller; `yes` as the dialogue reads them, None when it is neither."""

    words: tuple[str, ...]
    yes: bool | None = None


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of the caller's, outside a number that is being typed; there only `*` is given here."""

    key: str


@dataclass(frozen=True, slots=True)
class SilencePassed:
    """The caller said nothing for as long as the dialogue waits."""


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The line broke and came back: it is the same call."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Something urgent, or a person, comes first: the caller is not asked again."""


Happening = NoticeSaid | NoticeCut | Heard | KeyPressed | SilencePassed | Reconnected | Overtaken


@dataclass(frozen=True, slots=True)
class SayNotice:
    """Say the notice, whole, and tell `NoticeSaid` or `NoticeCut`."""


@dataclass(frozen=True, slots=True)
class StartRecording:
    """The caller agreed."""


@dataclass(frozen=True, slots=True)
class DestroyRecording:
    """The caller withdrew: stop at once and destroy what there is."""


@dataclass(frozen=True, slots=True)
class NoteConsent:
    """Put the answer on record."""

    answer: Answer


Action = SayNotice | StartRecording | DestroyRecording | NoteConsent


class OptOut:
    """Finds a refusal to be recorded in words said at any time."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """Match these phrases, word for word."""
        self._phrases = tuple(filter(None, (plain_words(phrase) for phrase in phrases)))

    @classmethod
    def shipped(cls, further: Iterable[str] = ()) -> OptOut:
        """The phrases of `opt_out.toml`, and a practice's own."""
        return cls([*(phrase for each in _lists().values() for phrase in each), *further])

    def said(self, words: Iterable[str]) -> bool:
        """Whether one of them is in these words."""
        heard = plain_words(" ".join(words))
        return any(
            heard[at : at + len(phrase)] == phrase
            for phrase in self._phrases
            for at in range(len(heard) - len(phrase) + 1)
        )


class Consent:
    """One call's consent; it outlives the call's connections, not the call."""

    def __init__(self, *, ask: bool, opt_out: OptOut) -> None:
        """`ask` is False where the practice records nothing."""
        self.state: State = "to_say" if ask else "off"
        self._opt_out = opt_out
        self._asked = 0

    @property
    def may_record(self) -> bool:
        """True after a plain yes to the whole notice, until it is withdrawn."""
        return self.state == "given"

    @property
    def pending(self) -> bool:
        """Whether the notice must be said, or is waiting for its answer."""
        return self.state in {"to_say", "asked"}

    def opted_out(self, words: Iterable[str]) -> bool:
        """Whether these words hold a refusal that counts at any time."""
        return self._opt_out.said(words)

    def begin(self) -> list[Action]:
        """After the greeting, before the first question."""
        return [SayNotice()] if self.state == "to_say" else []

    def on(self, happening: Happening) -> list[Action]:
        """What follows."""
        if self.state in {"off", "refused", "withdrawn"}:
            return []
        match happening:
            case NoticeSaid():
                return self._said()
            case NoticeCut():
                return self._again() if self.pending else []
            case Heard(words, yes):
                if self._opt_out.said(words) or (yes is False and self.pending):
                    return self._refuse()
                return self._answered(yes is True)
            case KeyPressed(key):
                if key == OPT_OUT_KEY or (key == NO_KEY and self.pending):
                    return self._refuse()
                return self._answered(key == YES_KEY)
            case SilencePassed():
                return self._answered(False)
            case Reconnected():
                return [SayNotice()] if self._back_to_notice() else []
            case Overtaken():
                return self._unanswered() if self.pending else []
            case _:
                assert_never(happening)

    def _said(self) -> list[Action]:
        if self.state == "to_say":
            self.state = "asked"
            self._asked += 1
        return []

    def _answered(self, yes: bool) -> list[Action]:
        if self.state != "asked":
            return []
        if yes:
            self.state = "given"
            return [NoteConsent("given"), StartRecording()]
        return self._again()

    def _again(self) -> list[Action]:
        if self.state == "to_say":
            self._asked += 1  # cut short is asked too, or two people talk over each other for ever
        if self._asked >= ASKED_MAX:
            return self._unanswered()
        self.state = "to_say"
        return [SayNotice()]

    def _unanswered(self) -> list[Action]:
        self.state = "unanswered"
        return [NoteConsent("none")]

    def _back_to_notice(self) -> bool:
        if self.pending:
            self.state = "to_say"
        return self.pending

    def _refuse(self) -> list[Action]:
        if self.state == "given":
            self.state = "withdrawn"
            return [DestroyRecording(), NoteConsent("withdrawn")]
        self.state = "refused"
        return [NoteConsent("refused")]


def phrases_to_hear(language: str, further: Iterable[str] = ()) -> tuple[str, ...]:
    """What a recogniser should expect to hear: the phrases of one language, and a practice's own."""
    return (*_lists().get(language, ()), *further)


def _lists() -> dict[str, list[str]]:
    text = resources.files("pipeline.recording").joinpath("opt_out.toml").read_text("utf-8")
    return tomllib.loads(text)


_WORD = re.compile(r"[^\W_]+")


def plain_words(text: str) -> tuple[str, ...]:
    """Lower case, no punctuation, no apostrophes: who types leaves them out."""
    return tuple(_WORD.findall(text.lower().replace("\u2019", "").replace("'", "")))
