"""How a name sounds, roughly, in English and Spanish: two spellings a recogniser may confuse share a key. It knows no name."""

from __future__ import annotations

import re

STEPS = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"^ngu?y?", "w"),
        (r"^(?:kn|gn|pn|mn)", "n"),
        (r"^wr", "r"),
        (r"^ps", "s"),
        (r"^(?:x|z)", "s"),
        (r"^hu(?=[aeiy])", "w"),
        (r"gu(?=[aeiy])", "w"),
        (r"wh", "w"),
        (r"ph|v", "f"),
        (r"(?:tch|sch|sh|ch|tsch)", "x"),
        (r"(?:ck|q|c(?![eiy]))", "k"),
        (r"c", "s"),
        (r"z", "s"),
        (r"g(?=[eiy])|dg", "j"),
        (r"ght|gh", "t"),
        (r"ll", "l"),
        (r"ñ", "n"),
        (r"(?<=.)h", ""),
        (r"(?<=.)[aeiouyw]+", ""),
        (r"(.)\1+", r"\1"),
    )
)
LETTERS_MAX = 40


def sound_of(word: str) -> str:
    """The key of a word in small letters without accents."""
    key = "".join(c for c in word[:LETTERS_MAX] if c.isalpha())
    for pattern, instead in STEPS:
        key = pattern.sub(instead, key)
    return re.sub(r"^[aeiouy]+", "a", key)
