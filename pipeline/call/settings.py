"""The numbers of one call, each with its unit and reason; `pipeline.config` fills them from the file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Limits and deadlines of a call; the turn-taking times are the floor's own."""

    practice_phone: str = ""
    """Shown with an urgent sentence."""
    max_call_ms: float = 15 * 60_000.0
    """A booking takes two to four minutes; a forgotten line must not hold a recogniser for ever."""
    limit_sentence: str = "I am sorry, this call has reached its time limit. Please call us again."
    reconnect_ms: float = 15_000.0
    """A caller whose connection was lost is waited for so long."""
    goodbye_grace_ms: float = 12_000.0
    """A goodbye that never drains must not keep the line open."""
    preroll_ms: float = 400.0
    """The detector confirms about 160 ms after the onset; soft first consonants lie before that."""
    hypothesis_every_ms: float = 200.0
    hypothesis_deadline_ms: float = 600.0
    """A late hypothesis is worthless: the next one is due."""
    settle_deadline_ms: float = 1_500.0
    """After this the last hypothesis is taken for the words."""
    rehear_deadline_ms: float = 6_000.0
    """The same where a spare recogniser hears the utterance again: it takes half as long as the utterance, and the caller
    has been told to wait."""
    first_token_ms: float = 1_500.0
    """A pause longer than this sounds like a dropped line: a few words bridge it."""
    give_up_ms: float = 4_000.0
    """After the bridging words: the scripted fallback."""
    stall_ms: float = 2_500.0
    """Between two tokens, once words have been spoken."""
    voice_lead_ms: float = 10_000.0
    """Audio made ahead of what was sent: 1 MB per 10 s at 48 kHz, and void after a barge-in."""
    voice_deadline_ms: float = 4_000.0
    """A voice that gives no next chunk for so long has failed."""
    duck_db: float = -15.0
