"""What one word or written token says: digits, a letter, a number below ten thousand. It knows no run of them."""

from __future__ import annotations

from phi import cues, cues_es
from phi.lexicon import (
    DIGIT_WORDS,
    DIGITS,
    HUNDRED_WORDS,
    LETTER,
    LETTER_SOUNDS,
    LETTER_WORDS,
    MIXED,
    NATO,
    NUMBER,
    ORDINAL,
    REPEAT_WORDS,
    TEEN_WORDS,
    TEN_WORDS,
    WORD,
)
from phi.tokens import Line

TRIGGER = NUMBER | DIGITS | MIXED | LETTER | NATO


def element(line: Line, i: int) -> tuple[int, str, str] | None:
    """The run element at token i: next token, digits, letters; None when there is none."""
    word, flag = line.words[i], line.flags[i]
    if flag & DIGITS:
        return i + 1, word, ""
    if not flag & TRIGGER:
        return None
    if flag & MIXED:
        if i + 1 < line.count and line.words[i + 1] == "=" and line.joined(i + 1):
            return None  # a key of a log
        digits = "".join(c for c in word if c.isdigit())
        letters = "".join(c for c in word if c.isalpha())
        return (i + 1, digits, letters) if digits and len(word) <= 24 else None
    if word in DIGIT_WORDS:
        return i + 1, DIGIT_WORDS[word], ""
    if word in TEEN_WORDS:
        return i + 1, TEEN_WORDS[word], ""
    if word in TEN_WORDS:
        return _tens(line, i)
    if word in HUNDRED_WORDS:
        return i + 1, HUNDRED_WORDS[word], ""
    if word == "mil":
        return i + 1, "1000", ""
    return _repeated(line, i) if word in REPEAT_WORDS and i + 1 < line.count else None


def _repeated(line: Line, i: int) -> tuple[int, str, str] | None:
    """Find "double five", "triple a", "double u"."""
    after = line.words[i + 1]
    times = REPEAT_WORDS[line.words[i]]
    if after in DIGIT_WORDS or after == "o" or (len(after) == 1 and after.isdigit()):
        return i + 2, DIGIT_WORDS.get(after, after if after.isdigit() else "0") * times, ""
    if len(after) == 1 and after.isalpha():
        return i + 2, "", "w" if after == "u" and times == 2 else after * times
    if after in ("you", "u"):
        return i + 2, "", "w"
    return None


def _tens(line: Line, i: int) -> tuple[int, str, str]:
    tens = TEN_WORDS[line.words[i]]
    j = i + 1
    if j < line.count and line.words[j] in ("-", "y"):
        j += 1
    if j < line.count and line.words[j] in DIGIT_WORDS and DIGIT_WORDS[line.words[j]] != "0":
        return j + 1, tens + DIGIT_WORDS[line.words[j]], ""
    return i + 1, tens + "0", ""


def letter(line: Line, i: int, inside: bool) -> tuple[int, str, int] | None:
    """The spelled letter at token i: next token, letter, and 1 where "as in" explains it."""
    word, flag = line.words[i], line.flags[i]
    if (word == "ye" and not inside) or not flag & WORD:
        return None
    if len(word) == 1 and not inside and _option(line, i):
        return None
    if word == "x" and i + 1 < line.count and line.flags[i + 1] & (DIGITS | MIXED) and not inside:
        return None  # "x 7d", "x 3 days"
    if len(word) == 1 and i + 1 < line.count and line.words[i + 1] == "_" and line.joined(i + 1):
        return None
    if (
        word == "x"
        and i + 2 < line.count
        and line.words[i + 1] == "-"
        and line.words[i + 2] == "ray"
    ):
        return i + 3, "x", 0
    if len(word) == 1:
        said = word
    elif word in LETTER_WORDS or (flag & NATO) or (inside and word in LETTER_SOUNDS):
        said = word[0]
    elif word == "i" + "griega":
        said = "y"
    else:
        return None
    explained = _explained(line, i, said[0])
    if explained is not None:
        return explained, said[0], 1
    if flag & NATO and not inside and len(word) > 1:
        return (i + 1, said[0], 0) if _nato_follows(line, i + 1) else None
    return i + 1, said[0], 0


def _option(line: Line, i: int) -> bool:
    """Whether a letter is a command's option, with its value behind it: " -n 4"."""
    return (
        i > 1
        and line.words[i - 1] == "-"
        and line.joined(i)
        and not line.joined(i - 1)
        and i + 1 < line.count
        and not line.joined(i + 1)
    )


def _explained(line: Line, i: int, said: str) -> int | None:
    """The token after "as in john", "b for boy", "m de maria", when token i is explained so."""
    j = i + 1
    if j < line.count and line.words[j] in (",", "-", "."):
        j += 1
    if j + 1 >= line.count or not line.flags[j + 1] & WORD:
        return None
    one, two = line.words[j], line.words[j + 1]
    if one not in ("as", "like", "for", "is", "de", "como", "in"):
        return None
    k = j + 2 if two in ("in", "en", "for", "de", "the") else j + 1
    if k >= line.count or not line.flags[k] & WORD or len(line.words[k]) < 2:
        return None
    if one in ("as", "como") and two in ("in", "en"):
        return k + 1
    # The word must begin with the letter, or "r for refill" would be "four refills".
    begins = line.words[k][0] == said and (one != "is" or two in ("for", "as"))
    return k + 1 if begins else None


def _nato_follows(line: Line, j: int) -> bool:
    while j < line.count and line.words[j] in (",", "-", "."):
        j += 1
    return j < line.count and bool(line.flags[j] & (NATO | DIGITS) or line.words[j] in DIGIT_WORDS)


def small_number(line: Line, i: int) -> tuple[int, int] | None:
    """The number below 10,000 that begins at token i, as in a date: value and next token."""
    if i >= line.count:
        return None
    if line.flags[i] & ORDINAL:
        value = cues.ORDINALS.get(line.words[i]) or cues_es.ORDINALS_ES.get(line.words[i])
        return (value, i + 1) if value else None
    found = element(line, i)
    if found is None:
        return None
    end, digits, letters = found
    if line.words[i] in TEN_WORDS and end == i + 1:
        j = end + 1 if end < line.count and line.words[end] == "-" else end
        if j < line.count and line.flags[j] & ORDINAL and cues.ORDINALS.get(line.words[j], 99) < 10:
            return int(digits) + cues.ORDINALS[line.words[j]], j + 1
    if letters and letters not in ("st", "nd", "rd", "th", "o", "a", "er"):
        return None
    if not digits or len(digits) > 4:
        return None
    return int(digits), end
