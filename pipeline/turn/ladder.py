"""What is said when nobody says anything: reprompts, waiting sentences, and in the end a person (row T25).

Counts attempts and knows nothing else; when to climb a step is the floor's decision.
"""

from __future__ import annotations

from pipeline.turn.events import BreakSilence, OfferPerson, Reprompt
from pipeline.turn.settings import FloorSettings


class Ladder:
    """Silence, speech that was not understood and dead air are counted apart; an answer resets all."""

    def __init__(self, settings: FloorSettings) -> None:
        """At the foot."""
        self._settings = settings
        self._no_input = 0
        self._no_match = 0
        self._waited = 0

    def answered(self) -> None:
        """The caller had a turn."""
        self._no_input = self._no_match = self._waited = 0

    def key_pressed(self) -> None:
        """The caller is there, though not finished."""
        self._no_input = 0

    def we_spoke(self) -> None:
        """What was owed has come: dead air is counted anew."""
        self._waited = 0

    def nothing_said(self) -> Reprompt | OfferPerson:
        """The question met silence."""
        self._no_input += 1
        return self._ask_again(self._no_input, heard_something=False)

    def not_understood(self) -> Reprompt | OfferPerson:
        """The question met speech without words."""
        self._no_match += 1
        return self._ask_again(self._no_match, heard_something=True)

    def dead_air(self) -> BreakSilence | OfferPerson | None:
        """We owe words and are late again; None once a person has been offered."""
        self._waited += 1
        if self._waited <= self._settings.waiting_sentences:
            return BreakSilence()
        return OfferPerson() if self._waited == self._settings.waiting_sentences + 1 else None

    def _ask_again(self, attempt: int, *, heard_something: bool) -> Reprompt | OfferPerson:
        if attempt > self._settings.reprompts:
            return OfferPerson()
        return Reprompt(attempt=attempt, heard_something=heard_something)
