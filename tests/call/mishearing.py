"""A recogniser that mishears: every word independently of the others and of every earlier hearing.

The confusions of digits are those that PocketSphinx made on numbers spoken by three synthetic voices, clean and
through a telephone's band; those of yes and no are chosen to hurt: refusals lose their "not" and become agreement.
"""

from __future__ import annotations

import random

RATE = 0.08
"""Chance that one word is misheard."""
SUBSTITUTED = 0.7
"""Of the misheard digits; the others are lost or doubled, half and half."""

DIGITS = ("oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CONFUSED = {
    0: (4, 3), 1: (9, 8), 2: (3, 8), 3: (8, 0), 4: (5, 0), 5: (9, 0), 6: (8, 4), 7: (0, 1), 8: (3, 1), 9: (5, 1),
}  # fmt: skip
"""Digit to what it is mostly taken for, the commoner one first."""
LIKELY = (0.6, 0.3)
"""Shares of those two; the rest goes evenly to the other seven."""

SLIPS = {
    "yes": ("guess", "this", "yet"),
    "yeah": ("nah", "yet", ""),
    "yep": ("nope", "yet"),
    "no": ("oh", "know", "", "now"),
    "nope": ("yep", "hope"),
    "nah": ("yeah", "now"),
    "not": ("", "now", "that"),
    "isn't": ("is", "isn't"),
    "don't": ("", "do"),
    "wrong": ("right", "long", ""),
    "incorrect": ("correct",),
    "that's": ("", "that"),
    "is": ("", "it's"),
    "are": ("", "our"),
    "but": ("", "what"),
    "sure": ("your", "short"),
    "right": ("write", "bright"),
    "correct": ("collect", "record"),
    "what": ("", "want"),
}
"""Word to what may be heard instead, all alike; nothing: it is lost."""
_NOISE = ("uh", "the", "refill", "shot", "physical", "then")


def chance(said: int, heard: int, rate: float) -> float:
    """Probability that one digit is written as a certain other one."""
    if heard in CONFUSED[said]:
        return rate * SUBSTITUTED * LIKELY[CONFUSED[said].index(heard)]
    return rate * SUBSTITUTED * (1 - sum(LIKELY)) / 7


def digit_words(phone: str) -> str:
    return " ".join(DIGITS[int(digit)] for digit in phone)


def mishear(
    line: str, rng: random.Random, rate: float, likewise: dict[str, tuple[str, ...]] | None = None
) -> str:
    """The line as it is written; `likewise` maps further words to what they are taken for."""
    slips = SLIPS | (likewise or {})
    out: list[str] = []
    for word in line.split():
        if rng.random() >= rate:
            out.append(word)
        elif word in DIGITS:
            out += _digit(DIGITS.index(word), rng)
        elif word in slips:
            out.append(rng.choice(slips[word]))
        else:
            out.append(rng.choice(("", rng.choice(_NOISE))))
    return " ".join(word for word in out if word)


def _digit(said: int, rng: random.Random) -> list[str]:
    kind = rng.random()
    if kind >= SUBSTITUTED:
        return [] if kind < (1 + SUBSTITUTED) / 2 else [DIGITS[said]] * 2
    others = [heard for heard in range(10) if heard != said]
    return [DIGITS[rng.choices(others, [chance(said, heard, 1.0) for heard in others])[0]]]
