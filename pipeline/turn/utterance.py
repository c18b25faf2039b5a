"""What is known of the caller's utterance in hand: its instants and what its words are worth.

Data and questions about them; decides nothing, and knows neither our reply nor time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.turn.events import Asked, Evidence


@dataclass(slots=True)
class Utterance:
    """One stretch of listening, from `BeginUtterance` to `EndTurn` or `DropUtterance`."""

    onset_ms: float
    """When the voice began."""
    since_ms: float = 0.0
    """In a pause: the last voiced sample."""
    settling_ms: float = 0.0
    """When the transcript up to the pause was asked for."""
    eager: bool = False
    """That transcript is out, and not withdrawn."""
    interrupting: bool = False
    """It stopped our reply: nothing about it is decided in haste."""
    evidence: Evidence | None = None
    urgent_ms: float | None = None
    """Since when its words have sounded urgent."""
    completion: float | None = None
    """The acoustic guess of the present pause."""

    @property
    def settled(self) -> bool:
        """The words are all words up to the pause."""
        return self.evidence is not None and self.evidence.settled

    @property
    def words(self) -> int:
        """Words heard so far."""
        return 0 if self.evidence is None else self.evidence.words

    @property
    def sound_ms(self) -> float:
        """How long the caller's sound lasted."""
        return self.since_ms - self.onset_ms

    def counts(self, asked: Asked | None) -> bool:
        """Somebody means these words: "mm-hmm" only answers a pending question (row T27)."""
        backchannel = self.evidence is not None and self.evidence.backchannel
        return self.words > 0 and not (backchannel and asked is None)

    def hear(self, evidence: Evidence, at_ms: float) -> None:
        """These are its words now."""
        self.evidence = evidence
        if evidence.settled:
            return  # of a pause, which is short or the end: urgency is the talking's affair
        if not evidence.urgent:
            self.urgent_ms = None
        elif self.urgent_ms is None:
            self.urgent_ms = at_ms

    def goes_on(self) -> None:
        """The caller speaks again: what was settled is passing."""
        self.completion = None
        if self.evidence is not None:
            self.evidence = replace(self.evidence, settled=False)

    def shift(self, lost_ms: float) -> None:
        """Time without a line did not pass."""
        self.onset_ms += lost_ms
        self.since_ms += lost_ms
        self.settling_ms += lost_ms
        if self.urgent_ms is not None:
            self.urgent_ms += lost_ms
