"""What an operator may choose about turn-taking; every figure has its reason beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.turn.endpoint import EndpointSettings


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """The floor's times. How long a pause must be is the `endpoint` table's affair."""

    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    debounce_ms: float = 300.0
    """After an interruption nothing is decided sooner: "No - wait - actually yes" is one turn (row T6)."""
    verdict_ms: float = 360.0
    """After the last voiced sample of an interruption: no transcript by then means noise, for the
    reply must go on within 400 ms of it (target B3)."""
    late_words_ms: float = 2_000.0
    """How much later words still turn a resumed reply into a real interruption."""
    longest_contest_ms: float = 4_000.0
    """A sound this long without a word (music, a vacuum cleaner) does not keep us silent."""
    sure_words: int = 3
    """A passing hypothesis commits an interruption from here: recognisers hear one word in a cough."""
    voice_hold_ms: float = 200.0
    """A decision that falls due while the pre-gate is open waits this long for the detector's verdict."""
    speech_like_ms: float = 500.0
    """A sound this long was speech we did not understand (no-match); a shorter one is ignored."""
    dead_air_ms: float = 3_000.0
    """Words are pending and nobody has spoken for this long: say something."""
    key_grace_ms: float = 1_000.0
    """An entry by keys has its own clock: it speaks before the silence does."""
    waiting_sentences: int = 3
    """After so many of them a person takes over."""
    reprompts: int = 2
    """Then a person takes over (row T25)."""
