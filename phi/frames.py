"""What stands around a run of digits or letters: the cue that makes it an identifier, the unit that makes it a dose.

Knows the runs of phi.numbers; says which of them go.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from phi import cues, cues_es
from phi.figures import (
    EXEMPT_DIGITS_MAX,
    YEAR_FIRST,
    clock,
    code_of_medicine,
    counted_out,
    counts_things,
    decimal_said,
    measured_list,
    model_name,
    part_of_count,
    release,
    round_number,
    unit_after,
    version,
    year_of,
)
from phi.kinds import Kind, Layer, Span
from phi.lexicon import (
    DIGITS,
    ID_CUE,
    MIXED,
    PUNCTUATION,
    STOP,
    UNIT,
    WORD,
)
from phi.numbers import runs
from phi.said_digits import TRIGGER
from phi.tokens import Line, Run

CUE_REACH_TOKENS = 9
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


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


STRONG = (
    cues.STRONG_ID_CUES
    | cues_es.STRONG_ID_CUES_ES
    | {
        "number",
        "numero",
        "reach",
        "call",
        "dial",
        "text",
        "security",
        "confirmation",
        "mobile",
        "movil",
    }
)
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


def harmless(line: Line, run: Run, cue: str | None) -> bool:
    """Whether a unit, a clock, a pressure or a bare year explains the digits."""
    if run.letters or last_four(line, run):
        return False
    before = line.words[run.first - 1] if run.first else ""
    tokens = line.words[run.first : run.last + 1]
    if _no_identifier(line, run, tokens, cue):
        return True
    if (
        len(run.digits) <= EXEMPT_DIGITS_MAX
        and unit_after(line, run.last)
        and (run.scaled or len(run.parts) <= 3)
    ):
        return True
    if clock(line, run):
        return True
    if "/" in tokens and len(run.parts) == 2 and len(run.digits) <= 6 and cue is None:
        return True
    if (
        run.written
        and len(run.parts) <= 2
        and "." in tokens
        and tokens.count(".") == 1
        and cue is None
    ):
        return len(tokens) == 3 and len(run.digits) <= 9 and before != "."
    if (
        run.written
        and "," in tokens
        and all(len(x) == 3 for x in run.parts[1:])
        and len(run.parts[0]) <= 3
    ):
        return cue is None and line.joined(run.last) and len(run.digits) <= EXEMPT_DIGITS_MAX
    if cue is None or cue in (
        "medical",
        "record",
        "card",
        "insurance",
        "order",
        "case",
        "call",
        "contact",
        "number",
        "visa",
        "id",
        "no",
    ):
        year = year_of(run)
        if year is not None and year >= YEAR_FIRST:
            return (
                before not in ("four", "cuatro", "digits", "number", "es", "cifras")
                or before == "since"
            )
    if (
        cue is None
        and run.scaled
        and len(run.digits) - run.digits.count("0") <= 3
        and run.single <= 2
    ):
        return True
    return before in ("$", "€", "£")


def last_four(line: Line, run: Run) -> bool:
    """Whether somebody says how a number ends: four digits are no year then, nor a size of a machine's."""
    if len(run.digits) != ENDING_DIGITS or run.first < 2:
        return False
    before = line.words[max(0, run.first - CUE_REACH_TOKENS) : run.first]
    if before[-1] in ENDING_IN:
        cue = cue_before(line, run.first, strong=True)
        named = cue is not None and cue not in VERBAL
        return before[-2] in ENDS and (named or year_of(run) is None)
    said = itertools.pairwise(before)
    return before[-1] in ENDING_IS and any(one in LAST and two in FOUR for one, two in said)


ENDING_DIGITS = 4
LAST = cues.words("last final ultimos ultimas")
FOUR = cues.words("four 4 cuatro digits digitos")
ENDING_IS = FOUR | cues.words("is are es son : =")
ENDS = cues.words("ends ending end termina terminan terminado terminada acaba acaban")
ENDING_IN = cues.words("in with en con")
EMERGENCY = frozenset(["911", "988"])
"""Numbers that everybody has."""


VERBAL = cues.words("call reach dial text contact callback")
"""Cues that also name what a log counts: a short number behind them is none."""
MEASURES = cues.words(
    "temps temp temperature readings reading sugars sugar glucose weights weight shape hr bp pulse pressure pressures loss scale options option frames scores values vitals levels counts sizes latencies histogram buckets bins turns doses steps batches dims ratios percentiles quantiles intervals delays durations timings offsets indices widths heights reps laps rfc iso section chapter azucar presion glucosa peso"
)


def _no_identifier(line: Line, run: Run, tokens: list[str], cue: str | None) -> bool:
    """Whether the number's own form says it identifies nobody: emergency, decimal, round, a release, a count."""
    if run.digits in EMERGENCY or tokens == ["fifty", "fifty"]:
        return True
    year = year_of(run) if run.written else None
    before = line.words[run.first - 1] if run.first else ""
    if year is not None and year >= YEAR_FIRST and before in ("in", "since", "until", "desde"):
        return True
    return (cue not in STRONG or cue in VERBAL) and (
        counted_out(run)
        or measured_list(line, run)
        or not MEASURES.isdisjoint(line.words[max(0, run.first - 2) : run.first])
        or decimal_said(run, tokens)
        or round_number(run)
        or release(line, run, tokens)
        or counts_things(line, run)
        or part_of_count(line, run)
    )


def number_spans(line: Line, least_digits: int = 4, least_letters: int = 3) -> list[Span]:
    """What the automaton takes out; a waiting slot lowers what it asks for."""
    if not line.seen & TRIGGER:
        return []
    skip = (
        [m.span() for m in UUID.finditer(line.shadow)]
        if line.seen & MIXED and "-" in line.shadow
        else []
    )
    spans: list[Span] = []
    spelled: set[str] = set()
    for run in runs(line):
        if skip and any(a <= line.starts[run.first] < b for a, b in skip):
            continue
        kind = judge(line, run, least_digits, least_letters)
        if kind is not None:
            first, last = _widened(line, run)
            spans.append(Span(line.starts[first], line.ends[last], kind, Layer.NUMBERS))
            if len(run.letters) >= SPELLED_MIN and not run.digits:
                spelled.update((run.letters, run.letters.replace("w", "uu")))
    if spelled:
        spans.extend(_said_whole(line, spelled))
    return spans


SPELLED_MIN = 3
"""Fewer letters are initials."""
SOUNDS_LIKE_DIGITS = frozenset(["to", "too", "for", "ate", "won", "oh", "o"])


def _widened(line: Line, run: Run) -> tuple[int, int]:
    """A run's first and last token with words beside it that sound like digits, when it is short of some."""
    first, last = run.first, run.last
    if first > 1 and _letters_of_id(line, first - 1):
        return first - 1, last
    prefix = _prefix_of_id(line, first)
    if prefix < first:
        return prefix, last
    if run.single < 3 or run.letters:
        return first, last
    while first > 0 and line.words[first - 1] in SOUNDS_LIKE_DIGITS:
        first -= 1
    if run.first - first < 2:
        first = run.first
    while last + 1 < line.count and line.words[last + 1] in SOUNDS_LIKE_DIGITS:
        last += 1
    if last - run.last < 2 and last != line.count - 1:
        last = run.last
    return first, last


def _letters_of_id(line: Line, k: int) -> bool:
    """Whether letters that were heard as one word belong to the number: "plate abc one two three", "policy number is a five ..."."""
    flag, word = line.flags[k], line.words[k]
    if len(word) == 1 and word.isalpha() and line.words[k - 1] in SAYS:
        return cue_before(line, k, strong=True) is not None
    if not flag & WORD or flag & (STOP | UNIT | ID_CUE) or not 2 <= len(word) <= 3:
        return False
    cue = (
        line.words[k - 1] if line.words[k - 1] not in ("is", "number", "es") else line.words[k - 2]
    )
    return cue in STRONG and cue not in ("number", "numero", "call", "reach", "text", "dial")


SAYS = cues.words("is es number numero = :")
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def _prefix_of_id(line: Line, first: int) -> int:
    """The first token of capitals before a number that a cue announced: "order PO-118273", "tag RTX 4471"."""
    k = first - 1
    if k > 0 and line.words[k] == "-" and line.joined(first) and line.joined(k):
        k -= 1
    if k < 0 or not line.flags[k] & WORD or len(line.words[k]) > PREFIX_LETTERS_MAX:
        return first
    source = line.source(k)
    hung = k < first - 1
    if not source.isupper() or (not hung and line.flags[k] & (STOP | UNIT)):
        return first
    if hung and line.flags[first] & DIGITS and len(line.words[first]) > 3:
        return k
    return k if cue_before(line, k) is not None else first


PREFIX_LETTERS_MAX = 4


def judge(line: Line, run: Run, least_digits: int, least_letters: int) -> Kind | None:
    """What a run is, or None when it may stay."""
    nd, nl = len(run.digits), len(run.letters)
    if run.elements == 1 and line.flags[run.first] & MIXED:
        return None  # one written token of letters and digits is judged by the patterns
    strong = cue_before(line, run.first, strong=True)
    cue = strong or cue_before(line, run.first)
    if nl and nd <= 1 and not run.spelled_pairs:
        if not nd and _no_spelling(line, run):
            return None
        if nl + nd >= least_letters or (cue and nl + nd >= 2 and nd):
            return kind_of(cue if nd else None, run)
        return None
    if run.spelled_pairs:
        return kind_of(cue if nd else None, run)
    if (
        nl
        and not cue
        and all(
            line.flags[k] & (MIXED | PUNCTUATION) and len(line.words[k]) <= 3
            for k in range(run.first, run.last + 1)
        )
    ):
        return None  # vertebrae and vitamins: "L4, L5"
    if not cue and (
        model_name(line, run) or version(line, run) or (nl and code_of_medicine(line, run))
    ):
        return None
    if nl and (nd >= 3 or (nl >= 2 and nd >= 2) or (cue and nd >= 1)):
        return kind_of(cue, run)
    if nd >= least_digits or (nd >= 2 and _announced(run, strong, cue)):
        if least_digits > 1 and harmless(line, run, cue):
            return None
        if run.scaled and strong is None and nd < 5 and least_digits > 1:
            return None
        return kind_of(cue, run)
    return None


def _announced(run: Run, strong: str | None, cue: str | None) -> bool:
    """Whether a cue makes an identifier of fewer digits."""
    if strong in VERBAL:
        return not run.written and run.single >= 3
    return strong is not None or (cue is not None and len(run.digits) >= 3)


def _no_spelling(line: Line, run: Run) -> bool:
    """Whether letters are the alphabet, or an abbreviation nobody said to be spelled."""
    known = run.letters in cues.ACRONYMS or (len(run.letters) > 2 and run.letters in ALPHABET)
    return known and not _spelling(line, run.first)


def _spelling(line: Line, first: int) -> bool:
    """Whether somebody just said that letters follow."""
    return not SPELL_CUES.isdisjoint(line.words[max(0, first - 4) : first])


SPELL_CUES = frozenset(
    [
        "spelled",
        "spell",
        "spelling",
        "spells",
        "name",
        "letters",
        "initials",
        "deletreo",
        "deletrea",
        "apellido",
        "nombre",
        "initials",
    ]
)


def _said_whole(line: Line, spelled: set[str]) -> Iterator[Span]:
    """A word that was spelled is a name too, wherever it stands in the record: one walk for all of them."""
    for k, word in enumerate(line.words):
        if len(word) >= SPELLED_MIN and line.flags[k] & WORD and word in spelled:
            yield Span(line.starts[k], line.ends[k], Kind.NAME, Layer.NUMBERS)
