"""A tone for each reply, so that whoever listens at the wire knows which reply a packet belongs to.

The mind puts a reply's word into each of its sentences, the voice sounds that word's tone. Tones lie 100 Hz apart:
twenty milliseconds tell them apart after G.711 and Opus. Knows no call, no engine and no clock.
"""

from __future__ import annotations

import re
from typing import Final

WORDS: Final = (
    "apple", "bread", "cloud", "dance", "earth", "flame", "grass", "horse",
    "iron", "juice", "knife", "lemon", "metal", "north", "ocean", "paper",
)  # fmt: skip
"""The reply to a conversation's n-th turn carries the n-th of them; after sixteen they come again."""
UNTAGGED: Final = 0
"""The tag of what is no answer: a greeting, a filler, a question that is asked again."""
LOWEST_HZ: Final = 400
STEP_HZ: Final = 100
_WORD = re.compile(r"[a-z]+")


def tag_of_turn(turn: int) -> int:
    """The tag of the reply to this turn of a conversation, the first being 1."""
    return (turn - 1) % len(WORDS) + 1


def word_of(tag: int) -> str:
    """What a sentence of that reply carries."""
    return WORDS[tag - 1]


def tag_in(text: str) -> int:
    """The tag of a sentence."""
    return next(
        (WORDS.index(word) + 1 for word in _WORD.findall(text.lower()) if word in WORDS), UNTAGGED
    )


def tone_hz(tag: int) -> int:
    """How a sentence with this tag sounds."""
    return LOWEST_HZ + STEP_HZ * tag


def tag_at(frequency_hz: float) -> int | None:
    """Which tag sounds so; None when it lies between two of them, or outside."""
    tag = round((frequency_hz - LOWEST_HZ) / STEP_HZ)
    if not UNTAGGED <= tag <= len(WORDS):
        return None
    return tag if abs(frequency_hz - tone_hz(tag)) <= STEP_HZ / 2 - 1 else None
