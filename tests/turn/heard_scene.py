"""One call in audio time: a microphone, the real detectors, the floor, and an ideal recogniser."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from models.silero import SileroVoice
from pipeline.turn.completeness import evidence
from pipeline.turn.events import (
    Action,
    Asked,
    DropUtterance,
    EndTurn,
    Event,
    Evidence,
    ReplyDrained,
    ReplyStarted,
    TakeEager,
    TimerDue,
    WithdrawEager,
    WordsHeard,
)
from pipeline.turn.floor import Floor
from pipeline.turn.settings import FloorSettings, GateSettings
from pipeline.turn.speech_gate import FRAME_MS, SpeechGate
from tests import scenes
from tests.scenes import Sound

SETTLE_MS = 90.0
"""The embedded recogniser's time from the end of audio to its last word (p95, with a margin)."""


@cache
def detector() -> SileroVoice:
    """One model for the whole session, as in the server."""
    return SileroVoice()


@dataclass
class HeardScene:
    """Plays a microphone's sound; `words` says which words have been spoken by when."""

    microphone: Sound
    words: list[tuple[float, str]] = field(default_factory=list)
    """(end of the words in ms, words)"""
    asked: Asked | None = None
    speaking: bool = False
    """We speak from the first frame on and never end."""
    sent: Sound | None = None
    settings: GateSettings | None = None
    profile: FloorSettings | None = None
    events: list[Event] = field(default_factory=list)
    log: list[tuple[float, Action]] = field(default_factory=list)

    def play(self) -> HeardScene:
        gate = SpeechGate(detector().open(), detector().window_samples, self.settings)
        floor = Floor(self.profile)
        settle_ms: float | None = None
        self._tell(floor, ReplyStarted(0.0, 1))
        if not self.speaking:
            self._tell(floor, ReplyDrained(0.0, 1, self.asked))
        sent = scenes.frames(self.sent) if self.sent is not None else []
        for index, frame in enumerate(scenes.frames(self.microphone)):
            now_ms = FRAME_MS * (index + 1)
            if index < len(sent):
                gate.note_sent(sent[index], now_ms)
            told: list[Event] = list(gate.push(frame, now_ms))
            if settle_ms is not None and now_ms >= settle_ms:
                settle_ms = None
                told.append(WordsHeard(now_ms, self._evidence(now_ms)))
            if floor.next_due_ms is not None and floor.next_due_ms <= now_ms:
                told.append(TimerDue(now_ms))
            for event in told:
                for action in self._tell(floor, event):
                    if isinstance(action, TakeEager):
                        settle_ms = now_ms + SETTLE_MS
                    elif isinstance(action, WithdrawEager | EndTurn | DropUtterance):
                        settle_ms = None
                    if isinstance(action, EndTurn | DropUtterance):
                        gate.release()
        return self

    def _evidence(self, now_ms: float) -> Evidence:
        said = " ".join(words for ended_ms, words in self.words if ended_ms <= now_ms)
        return evidence(said, self.asked, settled=True)

    def _tell(self, floor: Floor, event: Event) -> tuple[Action, ...]:
        self.events.append(event)
        actions = floor.on(event)
        self.log.extend((event.at_ms, action) for action in actions)
        return actions

    def count(self, kind: type[Action]) -> int:
        return sum(isinstance(action, kind) for _, action in self.log)

    def at(self, kind: type[Action]) -> list[float]:
        return [at_ms for at_ms, action in self.log if isinstance(action, kind)]
