"""Which language a call is in, found out once: a calculation on probabilities."""

from __future__ import annotations

from collections.abc import Mapping

from models.ports import Language

_CLEAR = 0.8
"""A share this large of the two settles it."""
_LOOKS = 3
"""After so many utterances the likelier one is taken."""


class CallLanguage:
    """Kept for the whole call: a name said in the other language does not switch it."""

    def __init__(self, given: Language | None) -> None:
        """Given, nothing is found out."""
        self.known = given
        self._sums: dict[Language, float] = {}
        self._looks = 0

    def take(self, probabilities: Mapping[Language, float]) -> None:
        """What the model makes of one utterance."""
        total = sum(probabilities.values())
        if self.known is not None or total <= 0.0:
            return
        self._looks += 1
        for language, probability in probabilities.items():
            self._sums[language] = self._sums.get(language, 0.0) + probability / total
        best = max(self._sums, key=self._sums.__getitem__)
        if self._sums[best] / self._looks >= _CLEAR or self._looks >= _LOOKS:
            self.known = best
