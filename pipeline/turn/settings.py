"""The figures of turn-taking, each with its reason beside it; `chosen` fills those that an operator may choose."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.turn.endpoint import EndpointSettings


@dataclass(frozen=True, slots=True)
class GateSettings:
    """When somebody speaks. The threshold is the operator's; the rest was measured together with it."""

    threshold: float = 0.5
    """Silero's probability from which a window is speech (row T4: at 0.3 breathing interrupts)."""
    aggressiveness: int = 1
    """webrtcvad's own scale, 0 to 3. At 2 and 3 it closes inside words, at 1 it still never decides alone."""
    possible_frames: int = 3
    """Voiced frames before we duck: 55/63 ms after onset (p50/p95)."""
    confirm_frames: int = 8
    """Voiced frames before speech is believed: 150 ms and the rest of the frame it ends in (row T5)."""
    confirm_windows: int = 2
    """Agreeing Silero windows inside that span."""
    pause_windows: int = 1
    """Silent Silero windows before a pause is reported: it is itself 60 to 120 ms late."""
    pause_ms: float = 60.0
    """And so long nothing as loud as the voice: a closed consonant is shorter."""
    resume_ms: float = 300.0
    """After a pause this long the next voice must prove itself from the beginning."""
    doubt_ms: float = 600.0
    """A sound that keeps the pre-gate open this long without Silero's agreement is hum: stop ducking."""
    floor_dbfs: float = -58.0
    """Nothing below this level is a voice near a microphone."""


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """The floor's times. How long a pause must be is the `endpoint` table's affair."""

    gate: GateSettings = field(default_factory=GateSettings)
    """Of the detector that tells the floor of speech."""
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
    longest_turn_ms: float = 45_000.0
    """A caller who talks on for so long is answered all the same: of one utterance a recogniser hears a minute
    at most, and a radio never ends its turn."""
    urgent_turn_ms: float = 5_000.0
    """The same, since words that sound urgent: as long as a sentence that takes them back ("but that was years ago")."""
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
