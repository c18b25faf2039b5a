"""The spoken-number automaton: runs of digits and letters, said or written, and what frames make them harmless.

A run is built token by token: units, teens, tens, hundreds, "oh", double and triple, letters, NATO words,
"x as in y", with connectors, fillers and repairs between; words that only sound like digits ("to", "ate")
count only inside a run. It knows nothing of names or dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from phi import cues, cues_es
from phi.kinds import Kind, Layer, Span
from phi.lexicon import (
    DIGIT_WORDS,
    DIGITS,
    HOMOPHONES,
    HUNDRED_WORDS,
    ID_CUE,
    LETTER,
    LETTER_SOUNDS,
    LETTER_WORDS,
    MIXED,
    NATO,
    NUMBER,
    ORDINAL,
    PLACEHOLDER,
    PUNCTUATION,
    REPEAT_WORDS,
    TEEN_WORDS,
    TEN_WORDS,
    THOUSAND_WORDS,
    WORD,
)
from phi.tokens import Line

TRIGGER = NUMBER | DIGITS | MIXED | LETTER | NATO
BRIDGES = frozenset("-.,()/+#:_") | {"dash", "hyphen", "minus", "guion", "slash", "dot", "point", "punto", "extension", "ext", "underscore", "comma", "coma", "diagonal"}  # fmt: skip
FILLERS = cues.FILLERS | cues_es.FILLERS_ES
LOOSE_FILLERS = frozenset("and so then like is it's that's i mean no yes right again next followed by son es pues no".split())
"""Words that join two digits only when somebody is plainly dictating, one digit or letter at a time."""
GAP_TOKENS_MAX = 5
"""Between two digits a hesitating caller says at most this many other words ("uh no wait sorry it's")."""
CUE_REACH_TOKENS = 9
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
YEAR_FIRST, YEAR_LAST = 1936, 2039
OLDEST_YEAR = 1890
EXEMPT_DIGITS_MAX = 7
"""A count with a unit after it is no longer than this: ten million steps."""


@dataclass(slots=True)
class Run:
    """Digits and letters said one after the other; `first` and `last` are token numbers."""

    first: int
    last: int
    digits: str = ""
    letters: str = ""
    elements: int = 0
    spelled_pairs: int = 0
    single: int = 0
    """Elements that were one digit each."""
    parts: list[str] = field(default_factory=list)
    scaled: bool = False
    """Said with hundred or thousand."""
    written: bool = False
    repaired: bool = False


def element(line: Line, i: int) -> tuple[int, str, str] | None:
    """The run element at token i: next token, digits, letters; None when there is none."""
    word, flag = line.words[i], line.flags[i]
    if flag & DIGITS:
        return i + 1, word, ""
    if not flag & TRIGGER:
        return None
    if flag & MIXED:
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
    if word in REPEAT_WORDS and i + 1 < line.count:
        after = line.words[i + 1]
        times = REPEAT_WORDS[word]
        if after in DIGIT_WORDS or after == "o" or (len(after) == 1 and after.isdigit()):
            return i + 2, DIGIT_WORDS.get(after, after if after.isdigit() else "0") * times, ""
        if len(after) == 1 and after.isalpha():
            return i + 2, "", "w" if after == "u" and times == 2 else after * times
        if after in ("you", "u"):
            return i + 2, "", "w"
        return None
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
    if word == "ye" or not flag & WORD:
        return None
    if word == "x" and i + 2 < line.count and line.words[i + 1] == "-" and line.words[i + 2] == "ray":
        return i + 3, "x", 0
    if len(word) == 1:
        said = word
    elif word in LETTER_WORDS or (flag & NATO) or (inside and word in LETTER_SOUNDS):
        said = word[0]
    elif word == "i" + "griega":
        said = "y"
    else:
        return None
    j = i + 1
    while j < line.count and line.words[j] in (",", "-", ".") and j < i + 2:
        j += 1
    if j + 1 < line.count:
        one, two = line.words[j], line.words[j + 1]
        if one in ("as", "like", "for", "is", "de", "como", "in") and line.flags[j + 1] & WORD:
            k = j + 1
            if two in ("in", "en", "for", "de", "the"):
                k += 1
            # "x as in y", "b for boy", "m de maria": the word must begin with the letter.
            if k < line.count and line.flags[k] & WORD and len(line.words[k]) > 1:
                explained = line.words[k]
                if explained[0] == said[0] and (one != "is" or two in ("for", "as")):
                    if len(word) == 1 or one in ("as", "for", "like", "de", "como"):
                        return k + 1, said[0], 1
                if one in ("as", "como") and two in ("in", "en"):
                    return k + 1, said[0], 1
    if flag & NATO and not inside and len(word) > 1:
        return (i + 1, said[0], 0) if _nato_follows(line, i + 1) else None
    return i + 1, said[0], 0


def _nato_follows(line: Line, j: int) -> bool:
    while j < line.count and line.words[j] in (",", "-", "."):
        j += 1
    return j < line.count and bool(line.flags[j] & (NATO | DIGITS) or line.words[j] in DIGIT_WORDS)


def runs(line: Line) -> Iterator[Run]:
    """Every run of the record, from left to right, without overlap."""
    i = 0
    while i < line.count:
        if not line.flags[i] & TRIGGER:
            i += 1
            continue
        run = _run_at(line, i)
        if run is None:
            i += 1
            continue
        yield run
        i = run.last + 1


def _step(line: Line, i: int, run: Run | None) -> tuple[int, str, str, int] | None:
    found = element(line, i)
    if found is not None:
        return (*found, 0)
    spelled = letter(line, i, inside=run is not None)
    if spelled is not None:
        return spelled[0], "", spelled[1], spelled[2]
    return None


def _run_at(line: Line, i: int) -> Run | None:
    step = _step(line, i, None)
    if step is None:
        return None
    run = Run(i, i)
    _add(run, line, i, step)
    while True:
        found = _next(line, run)
        if found is None:
            break
        j, step = found
        _add(run, line, j, step)
    _trim(line, run)
    return run if run.digits or run.letters else None


def _add(run: Run, line: Line, j: int, step: tuple[int, str, str, int]) -> None:
    end, digits, letters, pairs = step
    run.elements += 1
    run.spelled_pairs += pairs
    if digits:
        run.parts.append(digits)
        if len(digits) == 1:
            run.single += 1
    if line.words[j] in HUNDRED_WORDS or line.words[j] == "mil":
        run.scaled = True
    if line.flags[j] & (DIGITS | MIXED):
        run.written = True
    run.digits += digits
    run.letters += letters
    run.last = end - 1


def _next(line: Line, run: Run) -> tuple[int, tuple[int, str, str, int]] | None:
    j = run.last + 1
    gap = 0
    n = line.count
    words, flags = line.words, line.flags
    fillers = 0
    while j < n and gap <= GAP_TOKENS_MAX:
        if flags[j] & PLACEHOLDER:
            return None
        word = words[j]
        if word in THOUSAND_WORDS and run.digits and not run.scaled:
            run.scaled = True
            run.last = j
            run.parts.append("000")
            run.digits += "000"
            j += 1
            gap = 0
            continue
        step = element(line, j)
        if step is not None:
            if fillers and flags[j] & ORDINAL:
                return None
            return j, (*step, 0)
        spelled = letter(line, j, inside=True)
        if spelled is not None and _letter_fits(line, run, j, spelled[0], spelled[2], fillers):
            return j, (spelled[0], "", spelled[1], spelled[2])
        if word in HOMOPHONES and run.digits and _digit_at(line, j + 1) and gap == 0:
            return j, (j + 1, HOMOPHONES[word], "", 0)
        if word in BRIDGES:
            if word in (".", ",", ":") and not _bridged(line, j):
                return None
            gap += 1
        elif word in FILLERS:
            if word in LOOSE_FILLERS and run.single < 2 and len(run.letters) < 2:
                return None
            gap += 1
            fillers += 1
            run.repaired = run.repaired or word in ("wait", "sorry", "actually", "perdon", "digo")
        else:
            return None
        j += 1
    return None


def _bridged(line: Line, j: int) -> bool:
    """Whether a full stop or comma joins two parts of one identifier and does not end a sentence."""
    if j + 1 >= line.count:
        return False
    if line.joined(j + 1):
        return True
    before, after = line.words[j - 1], line.words[j + 1]
    return bool(
        line.words[j] == ","
        or ((before in DIGIT_WORDS or len(before) == 1) and (after in DIGIT_WORDS or len(after) == 1))
    )


def _digit_at(line: Line, j: int) -> bool:
    while j < line.count and line.words[j] in ("-", ",", "dash"):
        j += 1
    return j < line.count and element(line, j) is not None


def _letter_fits(line: Line, run: Run, j: int, end: int, pairs: int, fillers: int) -> bool:
    """Whether a word that can be a letter is one here: "a", "i" and sound-alikes need letters beside them."""
    word = line.words[j]
    if pairs:
        return True
    if len(word) == 1 and word not in "aiyoxeu":
        return fillers <= 2
    after = line.words[end] if end < line.count else ""
    strong_after = (len(after) == 1 and after.isalnum()) or after in DIGIT_WORDS or after in LETTER_WORDS
    if word in LETTER_SOUNDS:
        return fillers == 0 and bool(run.letters) and strong_after and len(after) == 1
    if len(word) == 1:
        if fillers:
            return strong_after and len(run.letters) >= 1
        return bool(run.letters) or strong_after or (bool(run.digits) and word == "o" and _digit_at(line, end))
    return True


def _trim(line: Line, run: Run) -> None:
    """Give back an article or a pronoun at the edge of a spelled run."""
    if run.elements > 1 and line.words[run.first] in ("a", "i", "y", "o", "e") and not run.spelled_pairs:
        nxt = line.words[run.first + 1]
        if len(nxt) != 1 or len(run.letters) + len(run.digits) <= 3 or not line.flags[run.first + 1] & LETTER:
            if not (nxt in ("-", ".") and line.joined(run.first + 1)) and len(run.letters) < 4:
                run.first += 1
                run.letters = run.letters[1:]
                run.elements -= 1


def cardinal(run: Run) -> bool:
    """Whether the run is one number said with hundred or thousand, or one written number."""
    return run.scaled or run.elements == 1


def cue_before(line: Line, first: int, strong: bool = False) -> str | None:
    """The identifier cue to the left that a run answers, if any."""
    wanted = STRONG if strong else WEAK
    low = max(0, first - CUE_REACH_TOKENS)
    for k in range(first - 1, low - 1, -1):
        word = line.words[k]
        if word == "." and not line.joined(k + 1) and k < first - 1 and not strong:
            return None
        if line.flags[k] & ID_CUE and word in wanted:
            if word in ("code", "number", "no", "social", "call", "text") and k > 0:
                before = line.words[k - 1]
                if before in ("status", "error", "exit", "return", "the") and word == "code":
                    return None
                if word == "number" and k + 1 < line.count and line.words[k + 1] == "of":
                    return None
            return word
    return None


STRONG = cues.STRONG_ID_CUES | cues_es.STRONG_ID_CUES_ES | {"number", "numero", "reach", "call", "dial", "text", "security", "confirmation", "mobile", "movil"}
WEAK = cues.ID_CUES | cues_es.ID_CUES_ES


def kind_of(cue: str | None, run: Run) -> Kind:
    """The likeliest kind: by the cue, else by length."""
    if cue is not None:
        named = cues.KIND_BY_CUE.get(cue) or cues_es.KIND_BY_CUE_ES.get(cue)
        if named:
            return Kind(named)
    if run.letters and not run.digits:
        return Kind.NAME
    if not run.letters and len(run.digits) in (7, 10, 11):
        return Kind.PHONE
    if not run.letters and len(run.digits) == 9:
        return Kind.SSN
    return Kind.OTHERID


def year_of(run: Run) -> int | None:
    """The year a run says, if it says nothing else."""
    if run.letters:
        return None
    p = run.parts
    if len(p) == 1 and len(p[0]) == 4:
        value = int(p[0])
    elif len(p) == 2 and len(p[0]) == 2 and len(p[1]) in (1, 2) and not run.scaled:
        value = int(p[0]) * 100 + int(p[1])
    elif len(p) == 3 and p[0] in ("19", "20") and p[1] == "0" and len(p[2]) == 1:
        value = int(p[0]) * 100 + int(p[2])
    elif p[:2] == ["2", "000"] and len(p) <= 3 and len(run.digits) <= 6:
        value = 2000 + (int(p[2]) if len(p) == 3 else 0)
    elif p[:2] == ["1000", "900"] and len(p) <= 3:
        value = 1900 + (int(p[-1]) if len(p[-1]) <= 2 else 0)
    elif p[:3] == ["19", "00"]:
        value = 1900 + (int(p[2]) if len(p) == 3 else 0)
    else:
        return None
    return value if OLDEST_YEAR <= value <= YEAR_LAST else None


def _unit_after(line: Line, last: int) -> bool:
    j = last + 1
    if j < line.count and line.words[j] == "-":
        j += 1
    if j < line.count and line.words[j] in ("de", "more", "mas", "of", "full", "extra"):
        j += 1
    if j >= line.count:
        return False
    word = line.words[j]
    if word == "%" or word == "°" or word == "/":
        return word != "/" or not line.joined(j)
    return word in UNITS_ALL


UNITS_ALL = (cues.UNITS | cues_es.UNITS_ES) - {"x", "l", "us", "am", "pm", "foot"}


def _clock(line: Line, run: Run) -> bool:
    """Whether the run is a time of day."""
    p = run.parts
    if run.letters or not 1 <= len(p) <= 3 or len(run.digits) > 6:
        return False
    if not 0 <= int(p[0]) <= 24 or any(int(x) > 59 for x in p[1:]):
        return False
    before = line.words[run.first - 1] if run.first else ""
    after = line.words[run.last + 1] if run.last + 1 < line.count else ""
    if ":" in line.words[run.first : run.last + 1]:
        return all(len(x) <= 2 for x in p)
    if len(p) == 2 or (len(p) == 3 and p[1] == "0"):
        if after in cues.TIME_AFTER or (after in ("in", "a", "p", "de", "del") and before not in ("", "is")):
            return True
        return before in ("at", "around", "until", "till", "by", "las", "la", "from", "between") and len(run.digits) <= 4 and int(p[0]) <= 12
    return False


def harmless(line: Line, run: Run, cue: str | None) -> bool:
    """Whether a unit, a clock, a pressure or a bare year explains the digits."""
    if run.letters:
        return False
    before = line.words[run.first - 1] if run.first else ""
    tokens = line.words[run.first : run.last + 1]
    if len(run.digits) <= EXEMPT_DIGITS_MAX and _unit_after(line, run.last) and (run.scaled or len(run.parts) <= 3):
        return True
    if _clock(line, run):
        return True
    if "/" in tokens and len(run.parts) == 2 and len(run.digits) <= 6 and cue is None:
        return True
    if run.written and len(run.parts) <= 2 and "." in tokens and tokens.count(".") == 1 and cue is None:
        return len(tokens) == 3 and len(run.digits) <= 9 and before != "."
    if run.written and "," in tokens and all(len(x) == 3 for x in run.parts[1:]) and len(run.parts[0]) <= 3:
        return cue is None and line.joined(run.last) and len(run.digits) <= EXEMPT_DIGITS_MAX
    if cue is None or cue in ("medical", "record", "card", "insurance", "order", "case", "call", "contact", "number", "visa", "id", "no"):
        year = year_of(run)
        if year is not None and year >= YEAR_FIRST:
            return before not in ("four", "cuatro", "digits", "number", "es", "cifras") or before == "since"
    if cue is None and run.scaled and len(run.digits) - run.digits.count("0") <= 3 and run.single <= 2:
        return True
    return before in ("$", "€", "£")


def number_spans(line: Line, least_digits: int = 4, least_letters: int = 3) -> list[Span]:
    """What the automaton takes out; a waiting slot lowers what it asks for."""
    if not line.seen & TRIGGER:
        return []
    skip = [m.span() for m in UUID.finditer(line.shadow)] if line.seen & MIXED and "-" in line.shadow else []
    spans: list[Span] = []
    for run in runs(line):
        if skip and any(a <= line.starts[run.first] < b for a, b in skip):
            continue
        kind = judge(line, run, least_digits, least_letters)
        if kind is not None:
            spans.append(Span(line.starts[run.first], line.ends[run.last], kind, Layer.NUMBERS))
            if len(run.letters) >= 3 and not run.digits:
                spans.extend(_said_before(line, run))
    return spans


def judge(line: Line, run: Run, least_digits: int, least_letters: int) -> Kind | None:
    """What a run is, or None when it may stay."""
    nd, nl = len(run.digits), len(run.letters)
    if run.elements == 1 and line.flags[run.first] & MIXED:
        return None  # one written token of letters and digits is judged by the patterns
    strong = cue_before(line, run.first, strong=True)
    cue = strong or cue_before(line, run.first)
    if nl and nd <= 1 and not run.spelled_pairs:
        if run.letters in cues.ACRONYMS and not nd:
            return None
        if nl + nd >= least_letters or (cue and nl + nd >= 2 and nd):
            return kind_of(cue if nd else None, run)
        return None
    if run.spelled_pairs:
        return kind_of(cue if nd else None, run)
    if nl and not cue and all(line.flags[k] & (MIXED | PUNCTUATION) and len(line.words[k]) <= 3 for k in range(run.first, run.last + 1)):
        return None  # vertebrae and vitamins: "L4, L5"
    if nl and (nd >= 3 or (nl >= 2 and nd >= 2) or (cue and nd >= 1)):
        return kind_of(cue, run)
    if nl and nd >= 2 and line.words[run.last].isalpha() and cue:
        return kind_of(cue, run)
    if nd >= least_digits or (strong and nd >= 2) or (cue and nd >= 3):
        if least_digits > 1 and harmless(line, run, cue):
            return None
        if run.scaled and strong is None and nd < 5 and least_digits > 1:
            return None
        return kind_of(cue, run)
    return None


def _said_before(line: Line, run: Run) -> Iterator[Span]:
    """The word that was spelled is a name too, wherever it stands in the record."""
    for k, word in enumerate(line.words):
        if len(word) >= 3 and line.flags[k] & WORD and (word == run.letters or word == run.letters.replace("w", "uu")):
            yield Span(line.starts[k], line.ends[k], Kind.NAME, Layer.NUMBERS)


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


__all__ = ["PUNCTUATION", "Run", "cue_before", "element", "number_spans", "runs", "small_number", "year_of"]
