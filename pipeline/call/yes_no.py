"""Reads yes or no out of spoken words.

Anything mixed, hedged or long is neither: a read-back passes on a plain yes only, and on any other agreement only
when it is heard twice.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pipeline.call.words import FILLERS, Words, has_any

Answer = Literal["yes", "no"]

_NO_WORDS = frozenset(
    [
        "no",
        "nope",
        "nah",
        "negative",
        "wrong",
        "incorrect",
        "not",
        "isn't",
        "don't",
        "doesn't",
        "never",
    ]
)
_NO_PHRASES = ("no way", "try again", "heck no", "i don't think so", "that's off", "scratch that")
_HEDGES = frozenset(
    [
        "but",
        "except",
        "only",
        "however",
        "although",
        "unless",
        "almost",
        "maybe",
        "wait",
        "hold",
        "sort",
    ]
)
_YES_WORDS = frozenset(
    [
        "yes",
        "yeah",
        "yep",
        "yup",
        "yea",
        "sure",
        "correct",
        "right",
        "perfect",
        "absolutely",
        "definitely",
        "exactly",
        "fine",
        "good",
    ]
)
_YES_PHRASES = (
    "uh huh", "mm hmm", "you got it", "you betcha", "go ahead", "sounds good", "that's it",
    "it is", "that works", "that's fine", "of course", "all good", "sounds like a plan",
)  # fmt: skip
_LONGEST_YES = 12

_BESIDE_YES = frozenset(
    [
        "that's", "that", "it's", "it", "is", "this", "looks", "sounds", "all", "everything", "everything's",
        "of", "course", "thank", "you", "ma'am", "sir", "very", "quite", "totally", "completely", "great",
        "mhm", "uh", "huh", "mm", "hmm", "got", "betcha", "works", "go", "ahead", "book",
        "plan", "i", "am", "hundred", "percent", "seems", "the", "you're",
        "lovely", "wonderful", "excellent", "cool", "indeed", "confirmed", "confirm", "much", "dear", "hon", "honey", "now", "so", "then", "finally",
    ]
) | FILLERS  # fmt: skip
"""What may stand around a yes without changing it; any other word may be what is meant."""
_ASKS = frozenset(
    [
        "is", "are", "was", "were", "what", "which", "when", "who", "how", "do", "does", "did", "can", "could",
        "would", "am", "the", "a", "i", "one", "to", "be", "for", "me", "my",
    ]
)  # fmt: skip
"""First words of a question, or of something else than a yes: "is that right"."""
_INVERTED = frozenset(
    ["is", "are", "was", "were", "am", "do", "does", "did", "can", "could", "would", "will"]
)
"""Behind these a subject makes a question of it: "yes is that right"."""
_SUBJECTS = frozenset(["that", "it", "this", "you", "i", "all", "everything", "the"])


def hear_yes_no(spoken: Words) -> Answer | None:
    """For example: "yes", "no", or None when it is not plain."""
    if any(word in _NO_WORDS for word in spoken) or has_any(spoken, _NO_PHRASES):
        # "Couldn't have said it better" is no denial; "not bad" is too odd to matter.
        return "no"
    affirmed = any(word in _YES_WORDS for word in spoken) or has_any(spoken, _YES_PHRASES)
    if not affirmed or len(spoken) > _LONGEST_YES or any(word in _HEDGES for word in spoken):
        return None
    plain = all(
        word in _YES_WORDS
        or word in _BESIDE_YES
        or (word == "me" and at > 0 and spoken[at - 1] in ("for", "to"))
        or (word in ("for", "to") and spoken[at + 1 : at + 2] == ("me",))
        for at, word in enumerate(spoken)
    )
    asks = spoken[0] in _ASKS and not has_any(spoken[:3], _YES_PHRASES)
    return "yes" if plain and not asks and not _inverted(spoken) else None


def _inverted(spoken: Words) -> bool:
    """True when a question stands anywhere in it; "that is it" and "yes it is" are none."""
    return any(
        first in _INVERTED
        and second in _SUBJECTS
        and (at == 0 or spoken[at - 1] not in ("it", "that", "this", "everything", "i"))
        for at, (first, second) in enumerate(pairwise(spoken))
    )


def plain_yes(spoken: Words) -> bool:
    """True for a yes that no refusal turns into by one lost or misheard word.

    "That's right" is "that's not right" without a word, "correct" is half of "incorrect", and "yep", "yeah" and
    "uh huh" are one sound away from "nope", "nah" and "uh uh".
    """
    return "yes" in spoken and hear_yes_no(spoken) == "yes"
