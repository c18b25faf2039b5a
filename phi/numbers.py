"""The spoken-number automaton: runs of digits and letters, said or written, and what frames make them harmless.

A run is built token by token: units, teens, tens, hundreds, "oh", double and triple, letters, NATO words,
"x as in y", with connectors, fillers and repairs between; words that only sound like digits ("to", "ate")
count only inside a run. It knows nothing of names or dates.
"""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues, cues_es
from phi.lexicon import (
    DIGIT_WORDS,
    DIGITS,
    HOMOPHONES,
    HUNDRED_WORDS,
    LETTER_SOUNDS,
    LETTER_WORDS,
    MIXED,
    NATO,
    NUMBER,
    ORDINAL,
    PLACEHOLDER,
    REPEAT_WORDS,
    TEN_WORDS,
    THOUSAND_WORDS,
)
from phi.said_digits import TRIGGER, element, letter
from phi.tokens import Line, Run

BRIDGES = frozenset("-.,()/+#:_") | {"dash", "hyphen", "minus", "guion", "slash", "dot", "point", "punto", "extension", "ext", "underscore", "comma", "coma", "diagonal"}  # fmt: skip
FILLERS = cues.FILLERS | cues_es.FILLERS_ES
LOOSE_FILLERS = frozenset(
    [
        "and",
        "so",
        "then",
        "like",
        "is",
        "it's",
        "that's",
        "i",
        "mean",
        "no",
        "yes",
        "right",
        "again",
        "next",
        "followed",
        "by",
        "son",
        "es",
        "pues",
        "no",
        "me",
        "let",
        "see",
        "got",
        "there",
        "give",
    ]
)
"""Words that join two digits only when somebody is plainly dictating, one digit or letter at a time."""
GAP_TOKENS_MAX = 5
"""Between two digits a hesitating caller says at most this many other words ("uh no wait sorry it's")."""


def runs(line: Line) -> list[Run]:
    """Every run of the record, from left to right, without overlap; read once, whoever asks."""
    if line.runs is None:
        line.runs = list(_runs(line)) if line.seen & TRIGGER else []
    return line.runs


def _runs(line: Line) -> Iterator[Run]:
    i = 0
    flags = line.flags
    while i < line.count:
        if not flags[i] & TRIGGER and not (i and line.words[i - 1] in SPELL_STARTS):
            i += 1
            continue
        run = run_at(line, i)
        if run is None:
            i += 1
            continue
        yield run
        i = run.last + 1


def _step(line: Line, i: int, run: Run | None) -> tuple[int, str, str, int] | None:
    found = element(line, i)
    if found is not None:
        return (*found, 0)
    if run is None and i and line.words[i] in UNIT_LETTERS and line.flags[i - 1] & DIGITS:
        return None
    inside = run is not None or (i > 0 and line.words[i - 1] in SPELL_STARTS)
    spelled = letter(line, i, inside=inside)
    if spelled is not None:
        return spelled[0], "", spelled[1], spelled[2]
    return None


def run_at(line: Line, i: int) -> Run | None:
    """The run that begins at token i."""
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
        if (
            word in HOMOPHONES
            and run.single
            and len(run.parts[-1]) == 1
            and gap == 0
            and _one_digit_at(line, j + 1)
            and (word not in ("to", "for", "too", "y", "una", "un") or run.single >= 2)
        ):
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


def _letter_after(line: Line, j: int) -> bool:
    return (
        j < line.count
        and len(line.words[j]) == 1
        and line.words[j].isalpha()
        and not line.joined(j)
    )


def _bridged(line: Line, j: int) -> bool:
    """Whether a full stop or comma joins two parts of one identifier and does not end a sentence."""
    if j + 1 >= line.count:
        return False
    if line.joined(j + 1):
        return True
    if line.words[j] == "," and _letter_after(line, j + 1) and line.flags[j - 1] & DIGITS:
        return False  # a list of values: "Na 138, K 4.1"
    before, after = line.words[j - 1], line.words[j + 1]
    return bool(
        line.words[j] == ","
        or (
            (before in DIGIT_WORDS or len(before) == 1)
            and (after in DIGIT_WORDS or len(after) == 1)
        )
    )


def _digit_at(line: Line, j: int) -> bool:
    while j < line.count and line.words[j] in ("-", ",", "dash"):
        j += 1
    return j < line.count and element(line, j) is not None


def _one_digit_at(line: Line, j: int) -> bool:
    """Whether one digit follows, past other words that sound like digits."""
    last = min(j + 3, line.count - 1)
    while j < last and line.words[j] in HOMOPHONES:
        j += 1
    if j >= line.count:
        return False
    word = line.words[j]
    return (
        word in DIGIT_WORDS
        or word in REPEAT_WORDS
        or (word in TEN_WORDS and line.words[j - 1] not in ("to", "for"))
        or bool(line.flags[j] & DIGITS and len(word) != 2)
    )


def _letter_fits(line: Line, run: Run, j: int, end: int, pairs: int, fillers: int) -> bool:
    """Whether a word that can be a letter is one here: "a", "i" and sound-alikes need letters beside them."""
    word = line.words[j]
    if pairs:
        return not (
            word in UNIT_LETTERS and line.words[j + 1] == "in" and _measured(line, run, j + 1)
        )
    if word in UNIT_LETTERS and _measured(line, run, end):
        return False
    if len(word) == 1 and word not in "aiyoxeu":
        return fillers <= 2
    after = line.words[end] if end < line.count else ""
    strong_after = (
        (len(after) == 1 and after.isalnum()) or after in DIGIT_WORDS or after in LETTER_WORDS
    )
    if word in SPANISH_LETTERS and not SPELL_NEAR.isdisjoint(
        line.words[max(0, run.first - 3) : run.first]
    ):
        return fillers == 0
    if len(word) > 1 and word in LETTER_SOUNDS:
        return fillers == 0 and bool(run.letters) and strong_after and len(after) == 1
    if len(word) == 1:
        if fillers:
            return strong_after and len(run.letters) >= 1
        return (
            bool(run.letters)
            or strong_after
            or (bool(run.digits) and word == "o" and _digit_at(line, end))
        )
    return True


SPELL_STARTS = frozenset(["escribe", "deletreo", "deletrea", "spelled", "spelling", "spells", "letras", "letters"])  # fmt: skip
SPANISH_LETTERS = frozenset(["be", "ce", "ge", "pe", "te", "cu", "ka", "ye", "che", "elle"])
SPELL_NEAR = SPELL_STARTS | {"afiliado", "poliza", "placa", "placas", "licencia", "codigo", "numero", "miembro", "letra"}  # fmt: skip
UNIT_LETTERS = frozenset("smhgkvwdbcfl")


def _measured(line: Line, run: Run, end: int) -> bool:
    """Whether a letter is the unit of the written number before it: "14.0 s"."""
    if run.letters or not line.flags[run.last] & DIGITS:
        return False
    after = line.words[end] if end < line.count else ""
    if after and (line.flags[end] & (DIGITS | NUMBER) or (len(after) == 1 and after.isalnum())):
        return False
    return len(run.digits) <= 6 and ("." in line.words[run.first : run.last] or len(run.parts) == 1)


def _trim(line: Line, run: Run) -> None:
    """Give back an article or a pronoun at the edge of a spelled run."""
    if (
        run.elements > 1
        and line.words[run.first] in ("a", "i", "y", "o", "e", "en", "ese", "ex")
        and not run.spelled_pairs
    ):
        nxt = line.words[run.first + 1]
        if len(nxt) != 1 and nxt not in LETTER_WORDS and not line.flags[run.first + 1] & NATO:
            run.first += 1
            run.letters = run.letters[1:]
            run.elements -= 1
