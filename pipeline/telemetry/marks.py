"""One timeline per turn: when each stage was reached, in ms after the caller's last sample. Never any text."""

from __future__ import annotations

from enum import StrEnum


class Mark(StrEnum):
    """The stages of a turn in the order in which they are usually reached."""

    PAUSE_SEEN = "pause_seen"
    EAGER_TEXT = "eager_text"
    DECISION = "decision"
    FINAL_TEXT = "final_text"
    FIRST_TOKEN = "first_token"  # noqa: S105  # a stage of a turn, not a secret
    FIRST_CLAUSE = "first_clause"
    FIRST_AUDIO = "first_audio"
    FIRST_SAMPLE_OUT = "first_sample_out"


class TurnMarks:
    """The marks of one turn; the first time a stage is reached counts."""

    def __init__(self, turn: int) -> None:
        """Begin the timeline of this turn."""
        self.turn = turn
        self.speech_end_ms: float | None = None
        self._at_ms: dict[Mark, float] = {}

    def speech_ended(self, at_ms: float) -> None:
        """Note the last voiced sample; a resumed turn moves it and forgets what was made of the pause."""
        self.speech_end_ms = at_ms
        self._at_ms.clear()

    def mark(self, stage: Mark, at_ms: float) -> None:
        """Note when a stage was reached first."""
        self._at_ms.setdefault(stage, at_ms)

    def restart(self, *stages: Mark) -> None:
        """Forget stages that were reached for an answer that was withdrawn."""
        for stage in stages:
            self._at_ms.pop(stage, None)

    def since_speech_ms(self, now_ms: float) -> float | None:
        """How long ago the caller's last sample was."""
        return None if self.speech_end_ms is None else now_ms - self.speech_end_ms

    def after_speech_ms(self, stage: Mark) -> float | None:
        """Return the stage's time after the caller's last sample."""
        at_ms = self._at_ms.get(stage)
        if at_ms is None or self.speech_end_ms is None:
            return None
        return at_ms - self.speech_end_ms

    def between_ms(self, earlier: Mark, later: Mark) -> float | None:
        """Return the time from one stage to another, when both were reached."""
        if earlier not in self._at_ms or later not in self._at_ms:
            return None
        return self._at_ms[later] - self._at_ms[earlier]

    def timeline_ms(self) -> dict[str, float]:
        """Return every stage reached, in order, rounded to 0.1 ms."""
        out: dict[str, float] = {}
        for stage in Mark:
            after_ms = self.after_speech_ms(stage)
            if after_ms is not None:
                out[stage.value] = round(after_ms, 1)
        return out
