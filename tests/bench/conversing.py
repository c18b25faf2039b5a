"""A receptionist of tones for the fake server, and a voice that the receptionist understands."""

from __future__ import annotations

import numpy as np

from bench.audio import RATE_HZ, Samples
from bench.script import Script
from tests.fakes.protocol_server import Reply, tone

QUESTIONS = {
    "reason": "What is the reason for your visit?",
    "first_name": "What is your first name?",
    "phone": "What number can we call you back on?",
    "day": "Which day would suit you?",
    "time": "What time of day, morning or afternoon?",
}
RIGHT = {
    "reason": "Follow-up visit",
    "first_name": "David",
    "phone": "ends in 43",
    "day": "Tuesday, November 24",
    "time": "afternoon",
}


class ToneVoice:
    """Says each line of a script as a tone of its own pitch."""

    warning = ""

    def __init__(self, script: Script, duration_ms: float = 400.0) -> None:
        self._lines = script.lines()
        self._duration_ms = duration_ms

    async def speak(self, text: str) -> Samples:
        quiet = np.zeros(RATE_HZ // 25, np.int16)
        return np.concatenate([quiet, tone(self._lines.index(text), self._duration_ms), quiet])


class ToneReceptionist:
    """Asks in a given order, mishears what it is told to mishear once, takes corrections, confirms."""

    def __init__(
        self,
        script: Script,
        order: list[str],
        misheard: dict[str, str],
        reply_ms: float = 700.0,
    ) -> None:
        self.fields: dict[str, str] = {}
        self.heard: list[str] = []
        self._script = script
        self._lines = script.lines()
        self._open = list(order)
        self._misheard = dict(misheard)
        self._reply_ms = reply_ms
        self._last = Reply(QUESTIONS[order[0]])

    def __call__(self, pitch: int) -> Reply:
        line = self._lines[pitch] if 0 <= pitch < len(self._lines) else "?"
        self.heard.append(line)
        if line == self._script.interrupt:
            return self._again(line)
        name = next(
            (q.name for q in self._script.questions.values() if line in (*q.say, q.correct)), None
        )
        if name == "confirm":
            return Reply(
                "Thank you. Goodbye.", line, dict(self.fields), complete=True, bye="goodbye"
            )
        if name is not None:
            self.fields[name] = self._misheard.pop(name, RIGHT[name])
            self._open = [field for field in self._open if field != name]
        if self._open:
            self._last = Reply(f"Thank you. {QUESTIONS[self._open[0]]}", line, dict(self.fields))
        else:
            shown = ", ".join(self.fields.values())
            self._last = Reply(f"I have {shown}. Is that right?", line, dict(self.fields))
        return self._again(line)

    def _again(self, line: str) -> Reply:
        return Reply(self._last.text, line, self._last.fields, duration_ms=self._reply_ms)
