"""A caller's part as data: what to say to which question, and which request must come of it.

Calculations only. A line is chosen by what the agent asks, so the same script works whatever the order
of the questions; a read-back that is wrong is corrected, never confirmed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from bench.errors import ScriptInvalid

SILENCE = "[silence]"
CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing the agent may ask for."""

    name: str
    """A field of the request, or "confirm"."""
    when: tuple[str, ...]
    """Phrases that betray it, in lower case."""
    say: tuple[str, ...]
    correct: str = ""
    """What to say when the agent shows another value than ours."""


@dataclass(frozen=True, slots=True)
class Script:
    """The caller's part."""

    name: str
    questions: Mapping[str, Question]
    expect: Mapping[str, tuple[str, ...]]
    """Field to the wordings any of which the shown value must hold."""
    interrupt: str
    lost: str
    """What to say when the agent's words hold no question we know."""

    def lines(self) -> list[str]:
        """Every line that may be spoken, once."""
        said = [line for question in self.questions.values() for line in question.say]
        said += [question.correct for question in self.questions.values()]
        said += [self.interrupt, self.lost]
        return [line for line in dict.fromkeys(said) if line and line != SILENCE]

    def asked(self, words: str) -> str | None:
        """Which question the agent's last words put; the last sentence counts before the ones before it."""
        for sentence in reversed(re.split(r"(?<=[.?!])\s+", words.strip().lower())):
            found = [
                (place, len(phrase), question.name)
                for question in self.questions.values()
                for phrase in question.when
                if (place := _end_of(phrase, sentence)) is not None
            ]
            if found:
                return max(found)[2]
        return None

    def wrong(self, shown: Mapping[str, str]) -> list[str]:
        """Fields whose shown value is not what we said."""
        return [name for name in self.expect if name in shown and not self._matches(name, shown)]

    def missing(self, shown: Mapping[str, str]) -> list[str]:
        """Fields that show nothing yet."""
        return [name for name in self.expect if name not in shown]

    def met(self, shown: Mapping[str, str]) -> bool:
        """The request equals what was said."""
        return not self.wrong(shown) and not self.missing(shown)

    def _matches(self, name: str, shown: Mapping[str, str]) -> bool:
        value = f" {_plain(shown[name])} "
        digits = re.sub(r"\D", "", shown[name])
        return any(
            digits.endswith(wanted) if wanted.isdigit() else f" {_plain(wanted)} " in value
            for wanted in self.expect[name]
        )


@dataclass(slots=True)
class Part:
    """A script being played: remembers how often each question came."""

    script: Script
    times_asked: dict[str, int] = field(default_factory=dict)

    def next_line(self, agent_words: str, shown: Mapping[str, str]) -> str:
        """What to say now; `SILENCE` to say nothing."""
        asked = self.script.asked(agent_words)
        wrong = self.script.wrong(shown)
        if asked == CONFIRM and wrong:
            correction = self.script.questions[wrong[0]].correct
            return correction or self._say(wrong[0])
        if asked is None:
            missing = [name for name in self.script.missing(shown) if name in self.script.questions]
            if shown and not missing and CONFIRM in self.script.questions:
                return self._say(CONFIRM)  # everything is right: what else can it have asked
            return self._say(missing[0]) if shown and missing else self._at_a_loss()
        return self._say(asked)

    def most_asked(self) -> int:
        """How often the most stubborn question came."""
        return max(self.times_asked.values(), default=0)

    def _at_a_loss(self) -> str:
        self.times_asked["?"] = self.times_asked.get("?", 0) + 1
        return self.script.lost

    def _say(self, name: str) -> str:
        count = self.times_asked.get(name, 0)
        self.times_asked[name] = count + 1
        lines = self.script.questions[name].say
        return lines[min(count, len(lines) - 1)]


def shipped(name: str) -> Script:
    """Load a script of the package; raises ScriptInvalid naming those that exist."""
    folder = files("bench") / "scripts"
    names = sorted(item.name.removesuffix(".toml") for item in folder.iterdir())
    if name not in names:
        raise ScriptInvalid(f"there is no script {name!r}; there are: {', '.join(names)}")
    return parse(name, (folder / f"{name}.toml").read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Script:
    """Read a script; raises ScriptInvalid naming the key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScriptInvalid(f"script {name}: {error}") from None
    try:
        questions = {key: _question(key, body) for key, body in document["ask"].items()}
        expect = {key: _strings(key, value) for key, value in document["expect"].items()}
        script = Script(name, questions, expect, str(document["interrupt"]), str(document["lost"]))
    except (KeyError, AttributeError) as error:
        raise ScriptInvalid(f"script {name}: {error} is missing") from None
    unasked = [key for key in expect if key not in questions]
    if unasked:
        raise ScriptInvalid(f"script {name}: [expect] {unasked[0]} has no [ask.{unasked[0]}]")
    return script


def _question(key: str, body: Mapping[str, Any]) -> Question:
    when = tuple(phrase.lower() for phrase in _strings(f"ask.{key}.when", body["when"]))
    return Question(
        key, when, _strings(f"ask.{key}.say", body["say"]), str(body.get("correct", ""))
    )


def _strings(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ScriptInvalid(f"{key} must be a list of texts with at least one")
    return tuple(value)


def _end_of(phrase: str, sentence: str) -> int | None:
    """Where a phrase ends the last time it stands there in whole words: "day" is not in "today"."""
    places = [found.end() for found in re.finditer(rf"(?<!\w){re.escape(phrase)}(?!\w)", sentence)]
    return places[-1] if places else None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
