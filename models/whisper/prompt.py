"""Which words of the practice the model is given before it listens: a calculation on token counts.

The words stand where Whisper expects the text before this window; it spells what it hears the same way. A hint about the
answer that was asked for moves its group to the front; what does not fit is left out, the least important first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, zip_longest

from models.whisper.settings import WhisperVocabulary

TOKEN_CAP = 223
"""Half of Whisper's 448 positions less one for the mark before them: the library cuts here without a word."""
_PLAIN = frozenset({"yes_no", "confirm", "digits", "phone", "day", "time", "date_of_birth"})
"""Answers made of common words: a list of drugs before them would only put drugs into them."""
_FIRST = {"name": ("names", "providers"), "provider": ("providers", "names")}
_ORDER = ("drugs", "providers", "urgent", "reasons", "names")
"""Drugs first: they are what the model spells worst. Urgent phrases are of common words and mostly heard unaided."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is said to the model beforehand."""

    entries: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()


def entries_for(vocabulary: WhisperVocabulary, asked: str | None) -> tuple[str, ...]:
    """All entries, each once: the groups take turns, so that a long one does not fill the prompt alone."""
    if asked in _PLAIN:
        return ()
    first = _FIRST.get(asked or "", ())
    order = [*first, *(name for name in _ORDER if name not in first)]
    groups: list[tuple[str, ...]] = [getattr(vocabulary, name) for name in order]
    found: dict[str, str] = {}
    for entry in chain.from_iterable(zip_longest(*groups, fillvalue="")):
        plain = " ".join(entry.split())
        if plain:
            found.setdefault(plain.lower(), plain)
    return tuple(found.values())


def fit(
    entries: tuple[str, ...], encode: Callable[[str], list[int]], cap: int = TOKEN_CAP
) -> Prompt:
    """As many entries as the cap allows, in order; one that is too long is passed over."""
    taken: list[str] = []
    tokens: list[int] = []
    for entry in entries:
        more = encode(f", {entry}" if taken else f" {entry}")
        if len(tokens) + len(more) <= cap:
            taken.append(entry)
            tokens += more
    return Prompt(tuple(taken), tuple(tokens))
