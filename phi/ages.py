"""Ages of ninety and over, in every written and spoken form, English and Spanish. Younger ages stay; it knows no date.

A number from 90 to 125 is an age by what follows it ("years old", "yo", "F"), by what precedes it ("aged",
"turned", "cumplio"), or as what a sentence says of a person ("my mother is ninety two").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phi import cues
from phi.kinds import Kind, Layer, Span
from phi.lexicon import (
    DIGIT_WORDS,
    DIGITS,
    MIXED,
    NUMBER,
    RELATION,
    TEEN_WORDS,
    TEN_WORDS,
    TITLE,
    UNIT,
    WORD,
)
from phi.tokens import Line

OLD_AGE, OLDEST_AGE = 90, 125
HUNDREDS = cues.words("hundred cien ciento")
NINETY = cues.words("ninety noventa")
DECADES = cues.words(
    "nineties nonagenarian nonagenarians centenarian centenarians supercentenarian nonagenaria nonagenario centenaria centenario noventona noventon"
)
"""Words that say the age by themselves."""
GLUED = re.compile(
    r"([0-9]{2,3})(?:y|yo|yof|yom|yos|yrs?|f|m|st|nd|rd|th|years?|yearold|a)|([0-9]{2,3})'?s"
)
YEARS = cues.words("year years yr yrs ano anos yos y")
OLD = cues.words("old yo y.o yof yom young o")
PERSONS = cues.words(
    "male female man woman lady gentleman gal guy patient f m resident widow widower veteran hombre mujer paciente senora senor masculino femenina femenino"
)
LEFT_CUES = cues.words(
    "age aged ages turned turning turns turn reached reaching edad cumplio cumple cumplir cumplia cumplido cumplira cumplen cumpli going"
)
ADVERBS = cues.words(
    "almost nearly now about over only just already past well around probably maybe still barely really close to like at least years old somewhere be being is of de es was the a los en sus ya casi como unos mas que tiene am will"
)
"""What may stand between the cue or the person and the number."""
SUBJECTS = cues.words(
    "he's she's i'm im he'll she'll i'll he she i who's they're we're you're hes shes he'd she'd mom's dad's someone somebody ella usted"
)
VERBS = cues.words(
    "is was am be are being becomes became are's tiene tenia tengo tuvo tendra es era lived lives made passed died turned"
)
NOT_AFTER = cues.words(
    "percent point over out on times bpm degrees pct hundred thousand million and/or por ciento sobre minutes hours days weeks months pounds"
)
TELLING_AFTER = cues.words(
    "and so now but next this with she he i in on last la el y when who her his my living today still going if we they que pero cuando con lives has had is are was were did do does can could would should will isn't that's it's it thanks thank please okay ok right yes yeah no sir ma'am um uh you your our my esta es gracias porque y"
)


def age_spans(line: Line) -> Iterator[Span]:
    """What the rules for ages take out."""
    words, flags = line.words, line.flags
    i = 0
    while i < line.count:
        if words[i] in DECADES:
            yield _span(line, i, i + 1)
            i += 1
            continue
        found = old_age_at(line, i) if flags[i] & (NUMBER | DIGITS | MIXED) else None
        if found is None:
            i += 1
            continue
        end, telling = found
        after = _after(line, i, end)
        if telling or after is not None or _led(line, i, end):
            yield _span(line, i, max(end, after or end))
        i = end


def _span(line: Line, first: int, end: int) -> Span:
    return Span(line.starts[first], line.ends[end - 1], Kind.AGE, Layer.DATES)


def old_age_at(line: Line, i: int) -> tuple[int, bool] | None:
    """A number from 90 to 125 at token i: the token after it, and whether its own form says it is an age."""
    words, flags = line.words, line.flags
    word = words[i]
    if (
        flags[i] & (DIGITS | MIXED)
        and i
        and line.joined(i)
        and words[i - 1] in ".-/:,$#_+"
        and (words[i - 1] != "-" or (i > 1 and flags[i - 2] & (DIGITS | MIXED)))
    ):
        return None
    if flags[i] & MIXED:
        return _glued(line, i)
    if flags[i] & DIGITS:
        if len(word) in (2, 3) and OLD_AGE <= int(word) <= OLDEST_AGE:
            return i + 1, False
        if word == "9" and i + 2 < line.count and len(words[i + 1]) == 1 and words[i + 1].isdigit():
            return (i + 2, False) if words[i + 2] in YEARS else None
        return None
    return _said(line, i)


def _glued(line: Line, i: int) -> tuple[int, bool] | None:
    """Find "97yo", "92M", "93rd birthday", "90s" after "her"."""
    word = line.words[i]
    glued = GLUED.fullmatch(word)
    if glued is None or not OLD_AGE <= int(glued[1] or glued[2]) <= OLDEST_AGE:
        return None
    if glued[2]:
        return (i + 1, True) if i and line.words[i - 1] in ("her", "his", "their") else None
    if word[-2:] in ("st", "nd", "rd", "th"):
        return (i + 1, True) if _birthday(line, i + 1) else None
    return i + 1, word[-1] != "a"


def _said(line: Line, i: int) -> tuple[int, bool] | None:
    """Find "ninety three", "noventa y un", "ninety fifth birthday", "nine two years"."""
    words = line.words
    word = words[i]
    j = i + 1
    if word in NINETY:
        if j < line.count and words[j] in ("-", "y"):
            j += 1
        if j < line.count and (words[j] == "un" or DIGIT_WORDS.get(words[j], "0") != "0"):
            return j + 1, False
        if j < line.count and cues.ORDINALS.get(words[j], 10) < 10:
            return (j + 1, True) if _birthday(line, j + 1) else None
        return i + 1, False
    if word in ("ninetieth", "hundredth"):
        return (i + 1, True) if _birthday(line, i + 1) else None
    if word in ("nine", "nueve") and j + 1 < line.count and words[j] in DIGIT_WORDS:
        return (j + 1, False) if words[j + 1] in YEARS else None
    if word == "one" and j < line.count and words[j] in ("oh", "o"):
        after = j + 1
        good = after + 1 < line.count and words[after] in DIGIT_WORDS and words[after + 1] in YEARS
        return (after + 1, False) if good else None
    if word == "one" and j < line.count and words[j] == "hundred":
        return _over_hundred(line, j + 1)
    return _over_hundred(line, j) if word in HUNDREDS else None


def _over_hundred(line: Line, j: int) -> tuple[int, bool] | None:
    """What goes on after "one hundred": "and two", "eleven"."""
    words = line.words
    if j + 1 < line.count and words[j] in ("and", "y") and line.flags[j + 1] & NUMBER:
        j += 1
    if j < line.count and (words[j] in DIGIT_WORDS or words[j] in TEEN_WORDS):
        j += 1
    elif j < line.count and words[j] in TEN_WORDS:
        if TEN_WORDS[words[j]] != "2":
            return None
        j += 1
        if j < line.count and words[j] in DIGIT_WORDS:
            j += 1
    return None if j < line.count and words[j] in NOT_AFTER else (j, False)


def _birthday(line: Line, j: int) -> bool:
    return j < line.count and line.words[j] in ("birthday", "bday", "cumpleanos", "year")


def _after(line: Line, first: int, end: int) -> int | None:
    """The token after "years old", "yo", "y/o" or "F" behind a number; None where nothing says age."""
    words = line.words
    j = end
    if j < line.count and words[j] == "-":
        j += 1
    if j >= line.count:
        return None
    word = words[j]
    if word in ("yo", "y.o", "yof", "yom", "old"):
        return j + (1 if word != "old" else 0)
    two = words[j + 1] if j + 1 < line.count else ""
    three = words[j + 2] if j + 2 < line.count else ""
    if (word == "y" and two in ("/", ".", "o")) or (word == "/" and two in ("f", "m")):
        return j
    if word in YEARS and word != "y":
        if two == "-":
            two = three
        if two in ("old", "young", "olds") or (two == "of" and three == "age") or two == "de":
            return j
        if word in ("anos", "ano"):
            return j if words[first - 1 if first else 0] not in ("hace", "por", "durante") else None
        return j if _led(line, first, end) else None
    if word in PERSONS and not (line.joined(j) and words[j - 1] == "/"):
        return j if len(word) > 1 or two in ("", ",", ".", "with", "s", "c", "w", "here") else None
    return None


def _led(line: Line, first: int, end: int) -> bool:
    """Whether what stands before a number says that it is somebody's age."""
    words = line.words
    after = words[end] if end < line.count else ""
    if _counts(line, end, after):
        return False
    k = first - 1
    crossed = 0
    while k >= 0 and crossed < 4 and (words[k] in ADVERBS or words[k] in QUOTED):
        if words[k] == "," and k and words[k - 1] in LEFT_CUES:
            k -= 1
            break
        k -= 1
        crossed += 1
    if HAVING & set(words[k + 1 : first]) and (after == "" or after in TELLING_AFTER):
        return True
    if k < 0:
        return crossed == 1 and words[0] == "at" and after in ("he", "she", "i", ",")
    between = words[k + 1 : first]
    if words[k] == "on" and k and words[k - 1] == "going":
        return True
    if words[k] in LEFT_CUES:
        return _cued(words, k, between, after)
    return _of_person(line, k, between, after, end)


HAVING = frozenset(["tiene", "tenia"])
QUOTED = frozenset([":", "=", '"', "'", ","])


def _counts(line: Line, end: int, after: str) -> bool:
    """Whether a unit, a decimal or a range follows: no age."""
    if end >= line.count:
        return False
    if after in ("%", "/", "$", "°") or after in NOT_AFTER:
        return True
    if (
        after in (".", ":", "-")
        and line.joined(end)
        and end + 1 < line.count
        and line.joined(end + 1)
        and line.flags[end + 1] & (DIGITS | MIXED)
    ):
        return True
    return bool(line.flags[end] & UNIT) and after not in YEARS


def _cued(words: list[str], k: int, between: list[str], after: str) -> bool:
    if words[k] == "going":
        return "on" in between or "to" in between or after in ("on", "next")
    if words[k] in ("turn", "turning", "turned", "turns") and "to" in between:
        return False
    return not (k and words[k - 1] in ("max", "cache", "-", "_"))


def _of_person(line: Line, k: int, between: list[str], after: str, end: int) -> bool:
    words = line.words
    word = words[k]
    if word in SUBJECTS:
        return word.endswith(("'s", "'m", "'ll", "'re", "im", "es", "'d")) or _said_of(
            between, after, line, end
        )
    if word.endswith("'s") and word[:-2] in cues.RELATIONS:
        return _said_of(["is"], after, line, end)
    if line.flags[k] & RELATION or word in PERSONS or (k and line.flags[k - 1] & TITLE):
        return _said_of(between, after, line, end)
    if word in ("lived", "living"):
        return "to" in between
    if word in ("anda", "andan", "llega", "entra", "pasa"):
        return "los" in between
    return "at" in between and after in ("he", "she")


def _said_of(between: list[str], after: str, line: Line, end: int) -> bool:
    """Whether a verb stands between a person and the number, and nothing counted after it."""
    if not any(word in VERBS for word in between):
        return False
    return after == "" or not line.flags[end] & WORD or after in TELLING_AFTER | YEARS
