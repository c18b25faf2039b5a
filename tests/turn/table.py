"""Plays a table of events to a floor, waking it exactly when it asked to be woken."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.turn.events import (
    Action,
    Asked,
    Completeness,
    Event,
    Evidence,
    ReplyDrained,
    ReplyStarted,
    SpeechPaused,
    SpeechStarted,
    TimerDue,
    WordsHeard,
)
from pipeline.turn.floor import Floor
from pipeline.turn.settings import FloorSettings


class Played:
    """What a floor answered, with the instant of each answer."""

    def __init__(self, settings: FloorSettings | None = None) -> None:
        self.floor = Floor(settings)
        self.log: list[tuple[float, Action]] = []

    def tell(self, *events: Event) -> Played:
        for event in events:
            self.wait_until(event.at_ms, before=True)
            self._on(event)
        return self

    def wait_until(self, at_ms: float, *, before: bool = False) -> Played:
        while (due := self.floor.next_due_ms) is not None:
            if due > at_ms or (before and due == at_ms):
                break
            self._on(TimerDue(due))
            again = self.floor.next_due_ms
            assert again is None or again > due, "the floor asked for an instant that has passed"
        return self

    def _on(self, event: Event) -> None:
        self.log.extend((event.at_ms, action) for action in self.floor.on(event))

    @property
    def names(self) -> list[str]:
        return [type(action).__name__ for _, action in self.log]

    def count(self, kind: type[Action]) -> int:
        return sum(isinstance(action, kind) for _, action in self.log)

    def at(self, kind: type[Action]) -> list[float]:
        return [at_ms for at_ms, action in self.log if isinstance(action, kind)]

    def actions(self, kind: type[Action]) -> list[Action]:
        return [action for _, action in self.log if isinstance(action, kind)]


def heard(
    at_ms: float,
    words: int,
    completeness: Completeness = Completeness.PLAUSIBLE,
    *,
    digits: int = 0,
    backchannel: bool = False,
    settled: bool = True,
    urgent: bool = False,
) -> WordsHeard:
    if words == 0:
        completeness = Completeness.NONE
    return WordsHeard(at_ms, Evidence(words, completeness, digits, backchannel, settled, urgent))


def spoken(
    start_ms: float, end_ms: float, *, detected_ms: float = 160.0, paused_ms: float = 80.0
) -> Iterable[Event]:
    """A stretch of voice as the gate reports it."""
    yield SpeechStarted(start_ms + detected_ms, start_ms)
    yield SpeechPaused(end_ms + paused_ms, end_ms)


def asked(played: Played, question: Asked | None, at_ms: float = 0.0, epoch: int = 1) -> Played:
    """A reply was spoken and left this question."""
    return played.tell(ReplyStarted(at_ms, epoch), ReplyDrained(at_ms, epoch, question))
