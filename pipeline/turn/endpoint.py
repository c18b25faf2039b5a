"""How long a silence must last before the caller's turn is over.

Knows numbers only: the words' worth (`Evidence`), the pending question and an acoustic guess. Refuses
to know words, audio, clocks and who is speaking. One table holds every wait (rows T1 to T3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from pipeline.turn.events import Asked, Completeness, Evidence, Profile


@dataclass(frozen=True, slots=True)
class Waits:
    """One profile's silences, each counted from the caller's last voiced sample."""

    end_ms: float
    """After words that can end here: the profile's name-giving figure."""
    bare_ms: float
    """After the answer alone: "Tuesday, please" has 180 ms of silence in it, "Sorry, can you..." 260 (flite)."""
    unanswered_ms: float
    """After words that could end here but do not answer the question: people think aloud first."""
    ceiling_ms: float
    """After words that end in mid-phrase, or when no transcript came: nobody waits longer."""
    digits_ms: float
    """Inside a number: pauses between groups are longer than pauses between phrases."""
    no_input_ms: float
    """Silence after our question before it is asked again (row T29)."""


WAITS = MappingProxyType(
    {
        # The ceilings stand above 1.2 s, the longest mid-turn pause of target E1, but for `fast`,
        # whose purpose is to stop somebody who volunteers more than was asked.
        Profile.FAST: Waits(150.0, 250.0, 400.0, 900.0, 1_500.0, 7_000.0),
        Profile.NORMAL: Waits(200.0, 400.0, 600.0, 1_500.0, 2_000.0, 7_000.0),
        Profile.PATIENT: Waits(250.0, 450.0, 900.0, 2_500.0, 3_000.0, 12_000.0),
    }
)

ACOUSTIC_LIMIT_MS = 150.0
"""smart-turn was near chance on synthetic speech: it may lengthen a wait by this much, never end a turn."""

ACOUSTIC_DOUBT = 0.5
"""Below this probability of completeness the wait grows, in proportion."""

NOISE_MS = 300.0
"""Silence after a sound without words before it is dropped: a second burst belongs to the first (row T6)."""

OPEN_SLOTS = frozenset({"open", "reason"})
"""Questions that any sentence answers: text alone cannot say more than "could end here"."""


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What an operator may choose; it holds for every question."""

    profile: Profile = Profile.NORMAL
    """A question's own profile is counted from here: one that is `patient` among `normal` ones stays a step slower."""
    silence_ms: float = WAITS[Profile.NORMAL].end_ms
    """`end_ms` of `normal` (row T1); that of the others keeps its proportion to it."""
    no_input_ms: float | None = None
    """In place of every profile's own."""


_STEPS = (Profile.FAST, Profile.NORMAL, Profile.PATIENT)


def waits(asked: Asked | None, settings: EndpointSettings) -> Waits:
    """The row that holds now: the question's profile (row T2), moved by what the operator chose."""
    return _row(asked.profile if asked is not None else Profile.NORMAL, settings)


@lru_cache(maxsize=64)  # asked for on each event, of few kinds
def _row(profile: Profile, settings: EndpointSettings) -> Waits:
    step = _STEPS.index(profile) + _STEPS.index(settings.profile) - _STEPS.index(Profile.NORMAL)
    row = WAITS[_STEPS[min(max(step, 0), len(_STEPS) - 1)]]
    end_ms = row.end_ms * settings.silence_ms / WAITS[Profile.NORMAL].end_ms
    return replace(
        row,
        end_ms=end_ms,
        bare_ms=max(end_ms, row.bare_ms),
        unanswered_ms=max(end_ms, row.unanswered_ms),
        ceiling_ms=max(end_ms, row.ceiling_ms),
        digits_ms=max(end_ms, row.digits_ms),
        no_input_ms=row.no_input_ms if settings.no_input_ms is None else settings.no_input_ms,
    )


def wait_ms(
    evidence: Evidence | None,
    asked: Asked | None,
    completion: float | None,
    settings: EndpointSettings,
) -> float:
    """Silence after the last voiced sample at which the turn ends, on what is known now.

    `evidence` is None or unsettled while no transcript covers the pause: then only the ceiling ends it.
    """
    row = waits(asked, settings)
    if evidence is None or not evidence.settled:
        return row.ceiling_ms
    if asked is not None and asked.digits and evidence.digits:
        return row.end_ms if evidence.digits >= asked.digits else row.digits_ms
    match evidence.completeness:
        case Completeness.NONE:
            return max(row.end_ms, NOISE_MS)
        case Completeness.OPEN:
            return row.digits_ms if asked is not None and asked.digits else row.ceiling_ms
        case Completeness.ANSWERED:
            return row.end_ms
        case Completeness.BARE:
            return row.bare_ms
        case Completeness.PLAUSIBLE:
            specific = asked is not None and asked.slot not in OPEN_SLOTS
            return (row.unanswered_ms if specific else row.end_ms) + _doubt_ms(completion)


def heeds_sound(evidence: Evidence, asked: Asked | None) -> bool:
    """Whether an acoustic guess can change the wait after these words."""
    if asked is not None and asked.digits and evidence.digits:
        return False
    return evidence.completeness is Completeness.PLAUSIBLE


def _doubt_ms(completion: float | None) -> float:
    """What the acoustic guess adds: nothing from 0.5 upwards, all of its limit at 0."""
    if completion is None:
        return 0.0
    lack = (ACOUSTIC_DOUBT - completion) / ACOUSTIC_DOUBT
    return ACOUSTIC_LIMIT_MS * min(1.0, max(0.0, lack))
