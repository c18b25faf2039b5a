"""A text as it is said in one language, with the operator's pronunciations: the one entry of this room."""

from __future__ import annotations

from models.ports import Language
from models.pronunciations import Pronunciations
from models.said import MAX_SPOKEN_CHARACTERS, MAX_TEXT_CHARACTERS, Said, readable
from models.speakable import english, spanish
from models.speakable.line import Line, is_phone_group

_TITLES = frozenset((
    "dr", "dra", "mr", "mrs", "ms", "st", "sr", "sra", "srta", "prof", "no", "núm", "nro", "ext", "apt", "ste", "vs",
    "e.g", "i.e", "lt", "gov", "tel", "ud", "uds", "lic", "ing", "av", "avda",
))  # fmt: skip
"""Their dot ends no sentence, whatever follows."""

_INSIDE = frozenset("'-.")
_MARKS = frozenset(map(chr, range(0x300, 0x370)))
"""Accents that are letters of their own in some texts."""


def aloud(text: str, language: Language, pronunciations: Pronunciations) -> list[Said]:
    """Every written word with what is spoken for it."""
    written = text[:MAX_TEXT_CHARACTERS].split()
    line = Line(written, [readable(word) for word in written])
    say = spanish.say if language == "es" else english.say
    out = []
    for at, word in enumerate(line.words):
        entry = pronunciations.of(word.core, language)
        sign = word.sign
        if entry is not None:
            out.append(Said(word.written, f"{entry.spoken or word.core}{sign}", entry.phonemes))
            continue
        said = say(line, at)
        if said is not None and sign == "." and word.low[:1].isalpha() and _is_no_end(line, at):
            sign = ""
        elif said and not sign and is_phone_group(line, at):
            sign = ","  # the breath between its groups
        said = _letters(word.core) if said is None else said
        said = " ".join(said[:MAX_SPOKEN_CHARACTERS].split())
        out.append(Said(word.written, f"{said}{sign}" if said else ""))
    return out


def _letters(core: str) -> str:
    """What is left of a word without the signs in it: espeak-ng would read each of them out by name."""
    return "".join(one if one.isalpha() or one in _INSIDE or one in _MARKS else " " for one in core)


def _is_no_end(line: Line, at: int) -> bool:
    """The dot behind this abbreviation ends no sentence."""
    if line.is_last(at):
        return False
    return line.words[at].low in _TITLES or not line.words[at + 1].core[:1].isupper()
