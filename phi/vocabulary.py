"""Whether the lists know a word: forms of it, prefixes, camel case as code writes it. It knows no rule for names.

A word nobody listed is taken for a name, so a form missed here is a word lost from a log.
"""

from __future__ import annotations

import re

from phi.lexicon import (
    COMMON,
    ENGLISH,
    PLACEHOLDER,
    SAFE,
    SPANISH,
    STOP,
    STOP_ES,
    TABLE,
)
from phi.tokens import Line

HESITATION = re.compile(r"(?:u+h+|u+m+|e+r+m*|h+m+|m+h*m*|a+h+|o+h+|e+h+|hu+h|aw+|ha(?:ha)+|s+h+)")
CLINICAL = (
    "itis", "emia", "ectomy", "ology", "ologist", "oscopy", "ostomy", "otomy", "opathy", "plasty", "algia", "uria", "osis", "penia",
    "statin", "sartan", "azole", "cillin", "mycin", "floxacin", "gliptin", "gliflozin", "prazole", "olol", "dipine", "triptan",
    "setron", "cycline", "caine", "parin", "afil", "mab", "tinib", "vir", "oxetine", "zepam", "zolam", "barbital", "profen", "thiazide",
    "semide", "tidine", "glutide", "gram", "scopy", "megaly", "rrhea", "trophy", "genic", "logia", "patia", "tomia",
)  # fmt: skip
ENDINGS = (("'s", ""), ("s'", "s"), ("n't", ""), ("'ll", ""), ("'re", ""), ("'ve", ""), ("'d", ""), ("'m", ""), ("s", ""), ("es", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ly", ""), ("er", ""), ("ers", ""), ("ness", ""), ("able", ""), ("ies", "y"), ("ied", "y"), ("less", ""), ("ful", ""))  # fmt: skip
PREFIXES = ("non", "pre", "post", "anti", "over", "under", "multi", "micro", "hyper", "hypo", "inter", "intra", "neuro", "cardio", "gastro", "un", "re", "sub", "auto", "pseudo", "mis", "dis", "max", "min", "num", "get", "set", "is", "on", "to", "has")  # fmt: skip
STEM_LEAST = 4
CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
FOREIGN_LEAST = 3
"""From so much evidence for the other language on, words of both lists stay."""
BOTH_STOPS = STOP | STOP_ES
LISTED = ENGLISH | SPANISH | COMMON


def safe_languages(line: Line, lang: str | None) -> int:
    """Which lists a record's words may come from: English unless its function words are Spanish."""
    if line.seen & PLACEHOLDER:
        return SAFE  # redacted once: the words that told the language may be gone
    english, spanish = _evidence(line)
    if spanish == 0 and english == 0 and lang == "es":
        return SPANISH | COMMON
    if lang != "es":
        if spanish == 1 and not english:
            return ENGLISH | COMMON  # one word is no evidence: it may be a name
        if spanish <= 2 and 0 < english < spanish:
            return SAFE
    if spanish > english:
        return SAFE if english >= FOREIGN_LEAST else SPANISH | COMMON
    if spanish >= FOREIGN_LEAST or lang == "es":
        return SAFE
    return ENGLISH | COMMON


INVERTED = frozenset("¿¡")
"""No other language opens a sentence with these."""


def _evidence(line: Line) -> tuple[int, int]:
    """How much a record's words speak for English and for Spanish; function words count double."""
    english = spanish = 0
    for word, flag in zip(line.words, line.flags, strict=True):
        if word in INVERTED:
            spanish += 2
            continue
        both = flag & BOTH_STOPS
        if both == STOP:
            english += 2
        elif both == STOP_ES and len(word) > 1:
            spanish += 2
        elif not both and len(word) > 1:
            of = flag & LISTED
            if of == ENGLISH:
                english += 1
            elif of == SPANISH:
                spanish += 1
    return english, spanish


def known_word(word: str, safe: int) -> bool:
    """Whether the lists know a word or a form of it."""
    if TABLE.get(word, 0) & safe:
        return True
    if HESITATION.fullmatch(word):
        return True
    for ending, instead in ENDINGS:
        if word.endswith(ending):
            stem = word[: -len(ending)] + instead
            if (len(stem) >= STEM_LEAST or "'" in ending) and TABLE.get(stem, 0) & safe:
                return True
            if (
                len(ending) > 2
                and len(stem) > STEM_LEAST
                and stem[-1] == stem[-2]
                and TABLE.get(stem[:-1], 0) & safe
            ):
                return True
    if len(word) <= CAPITALS_MAX and word not in NO_VOWEL_NAMES and VOWELS.isdisjoint(word):
        return True
    return len(word) >= 6 and word.endswith(CLINICAL)


CAPITALS_MAX = 4
VOWELS = frozenset("aeiouy")
NO_VOWEL_NAMES = frozenset(["ng", "ng's"])
"""Few names are written without a vowel; abbreviations mostly are."""
RUN_TOGETHER_LEAST = 12
"""Letters from which on a token of a path is read as words run together: "peerconnection"."""
PART_LEAST = 4


def _in_code(line: Line, i: int) -> bool:
    before = line.words[i - 1] if line.joined(i) else ""
    after = line.words[i + 1] if i + 1 < line.count and line.joined(i + 1) else ""
    return before in ("/", ".", "_", "\\") or after in ("/", ".", "_", "(")


def _run_together(word: str) -> bool:
    """Whether a token is three or four letters of an abbreviation and English words, or English words alone."""
    reach = {0}
    for end in range(PART_LEAST - 1, len(word) + 1):
        for start in tuple(reach):
            size = end - start
            least = CAPITALS_MAX - 1 if start == 0 else PART_LEAST
            if size >= least and TABLE.get(word[start:end], 0) & (ENGLISH | COMMON):
                reach.add(end)
    return len(word) in reach


def known_token(line: Line, i: int, safe: int) -> bool:
    """As known_word, and for camel case and prefixes, as code writes them."""
    word = line.words[i]
    if known_word(word, safe):
        return True
    source = line.source(i)
    if source != word and source.isascii() and not source.isupper() and not source.istitle():
        parts = CAMEL.findall(source)
        if len(parts) > 1:
            return all(
                len(p) == 1
                or p.isdigit()
                or (p.isupper() and len(p) <= CAPITALS_MAX)
                or known_word(p.lower(), safe)
                for p in parts
            )
    if len(word) >= RUN_TOGETHER_LEAST and _in_code(line, i) and _run_together(word):
        return True
    if len(word) >= 7 and source == word:
        for prefix in PREFIXES:
            if (
                word.startswith(prefix)
                and len(word) - len(prefix) >= STEM_LEAST
                and TABLE.get(word[len(prefix) :], 0) & safe
            ):
                return True
    return len(word) == 1
