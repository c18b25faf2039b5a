"""What a number's own form says: a clock, a range of hours, a count, a list of values, a release, a year.

Whoever asks knows the cues around it; this file knows none, and says only what a figure looks like.
"""

from __future__ import annotations

import itertools
import re

from phi import cues, cues_es
from phi.lexicon import (
    COMMON,
    DIGITS,
    ENGLISH,
    MIXED,
    MONTH,
    PLACE_CUE,
    PUNCTUATION,
    SAFE,
    STOP,
    TABLE,
)
from phi.tokens import Line, Run

YEAR_FIRST, YEAR_LAST = 1936, 2039
OLDEST_YEAR = 1890
EXEMPT_DIGITS_MAX = 7
"""A count with a unit after it is no longer than this: ten million steps."""


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


def unit_after(line: Line, last: int) -> bool:
    """Whether what follows a number is a unit."""
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
    if word in ("s", "h") and line.flags[last] & DIGITS:
        return True
    return word in UNITS_ALL


UNITS_ALL = (cues.UNITS | cues_es.UNITS_ES) - {"x", "l", "us", "am", "pm", "foot"}


def clock(line: Line, run: Run) -> bool:
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
        if after in cues.TIME_AFTER or (
            after in ("in", "a", "p", "de", "del") and before not in ("", "is")
        ):
            return True
        if before in OFFERED and len(p) == 2 and int(p[0]) <= 12 and p[1] in QUARTERS:
            return True
        return (
            before in ("at", "around", "until", "till", "by", "las", "la", "from", "between")
            and len(run.digits) <= 4
            and int(p[0]) <= 12
        )
    return False


OFFERED = cues.words("offer have do take make about for to say like want prefer works work or and")
QUARTERS = frozenset(["15", "30", "45", "20", "40", "50", "10", "00"])

LIST_ITEM = re.compile(r"[0-9]{1,3}(?:[./:][0-9]{1,3}){0,2}%?")


COUNTED_MAX = 6
"""A longer row of single digits is taken for an identifier even where it counts."""


def counted_out(run: Run) -> bool:
    """Whether somebody counts: "one two three four five", "ten nine eight", "5 10 15 20", "64 128 256 512"."""
    values = [int(part) for part in run.parts]
    if len(values) < 4 or run.letters or (len(values) > COUNTED_MAX and max(values) < 10):
        return False
    steps = {b - a for a, b in itertools.pairwise(values)}
    if steps in ({1}, {-1}):
        return True
    doubled = all(b == 2 * a for a, b in itertools.pairwise(values))
    return max(values) >= 10 and 0 not in steps and (len(steps) == 1 or doubled)


HOURS = re.compile(r"(?:[01]?[0-9]|2[0-4]):[0-5][0-9] ?- ?(?:[01]?[0-9]|2[0-4]):[0-5][0-9]")
"""Of an office: "8:30-17:00"."""
SLASHED = re.compile(r"[0-9]{1,4}\.[0-9]{1,3}(?:/[0-9]{1,4}\.[0-9]{1,3}){1,3}")
"""Least, mean and most: "0.1/0.2/0.5"."""
SHARE = re.compile(r"[0-9]{1,3}\.[0-9]{1,3} ?\([0-9]{1,6}")
"""Before "of": "0.51 (300 of 588)"."""
ANYWHERE = ("[::1]:", "[::]:")
"""Before a port of this machine."""


def measured_list(line: Line, run: Run) -> bool:
    """Whether the run is a list of decimals, fractions or times: "120/80 130/85", "0.12 0.11", "8:00-17:00"."""
    if not run.written:
        return False
    text = line.shadow[line.starts[run.first] : line.ends[run.last]]
    if HOURS.fullmatch(text) or SLASHED.fullmatch(text):
        return True
    if SHARE.fullmatch(text):
        return run.last + 1 < line.count and line.words[run.last + 1] == "of"
    items = text.replace(",", " ").split()
    return (
        len(items) > 1
        and all(LIST_ITEM.fullmatch(item) for item in items)
        and all(not item.isdigit() for item in items)
    )


TECHNICAL_NUMBERS = frozenset(["22050", "24000", "44100", "48000", "96000", "1024", "2048", "4096", "8192", "16384", "32768", "65535", "65536", "1280", "1500", "1440"])  # fmt: skip


def decimal_said(run: Run, tokens: list[str]) -> bool:
    """Find "seven point two to six point eight"."""
    points = tokens.count("point") + tokens.count("punto") + tokens.count("coma")
    return 0 < points <= 2 and len(run.digits) <= EXEMPT_DIGITS_MAX and not run.written


def round_number(run: Run) -> bool:
    """A written number of thousands, or one that only a machine uses."""
    if not run.written or len(run.parts) != 1:
        return False
    digits = run.parts[0]
    return digits in TECHNICAL_NUMBERS or (len(digits) <= 6 and digits.endswith("000"))


def release(line: Line, run: Run, tokens: list[str]) -> bool:
    """A release of a program: "3.11.7"."""
    return (
        run.written
        and len(tokens) == 2 * len(run.parts) - 1 >= 5
        and all(word == "." for word in tokens[1::2])
        and all(line.joined(k) for k in range(run.first + 1, run.last + 1))
        and len(run.digits) <= 6
        and all(len(part) <= 2 for part in run.parts[:-1])
    )


def counts_things(line: Line, run: Run) -> bool:
    """A written number before a plural: "2231 objects"."""
    j = run.last + 1
    if not run.written or len(run.parts) != 1 or len(run.digits) > 5 or j >= line.count:
        return False
    word, flag = line.words[j], line.flags[j]
    return (
        len(word) > 4
        and word.endswith("s")
        and not word.endswith("ss")
        and bool(flag & (ENGLISH | COMMON))
        and not flag & (STOP | MONTH | PLACE_CUE)
    )


def part_of_count(line: Line, run: Run) -> bool:
    """Find the whole of a share, "1204 of 1295", and a port of this machine, "[::1]:8443"."""
    if (
        not run.written
        or len(run.parts) != 1
        or len(run.digits) > EXEMPT_DIGITS_MAX
        or not run.first
    ):
        return False
    if line.words[run.first - 1] == "of":
        return run.first > 1 and bool(line.flags[run.first - 2] & DIGITS)
    return line.shadow.endswith(ANYWHERE, 0, line.starts[run.first])


def model_name(line: Line, run: Run) -> bool:
    """Find "llama-3.1-8b": short numbers hung on a word by a hyphen."""
    first = run.first
    return (
        first > 1
        and run.written
        and line.words[first - 1] == "-"
        and line.joined(first)
        and line.joined(first - 1)
        and bool(line.flags[first - 2] & (ENGLISH | COMMON))
        and len(run.digits) <= 3
        and len(run.letters) <= 1
    )


MEASURE = re.compile(r"[0-9]{1,6}(?:ms|us|ns|s|m|h|kb|mb|gb|hz|khz|mhz|db|x|mg|ml|kg|cm|mm|g|l|k)")


def version(line: Line, run: Run) -> bool:
    """Find "python3.11", "1.2ms": a word of ours with short numbers joined to it, or a measure."""
    tokens = range(run.first, run.last + 1)
    first = line.words[run.first].rstrip("0123456789")
    return (
        bool(line.flags[run.first] & MIXED)
        and len(run.digits) <= 4
        and all(line.joined(k) for k in tokens[1:])
        and bool(TABLE.get(first, 0) & SAFE)
    ) or (
        len(tokens) == 3
        and line.words[run.first + 1] == "."
        and all(line.joined(k) for k in tokens[1:])
        and bool(MEASURE.fullmatch(line.words[run.last]))
    )


def code_of_medicine(line: Line, run: Run) -> bool:
    """Find "vitamin D 1000 IU", "37.4 C" and "L4, L5"."""
    if len(run.letters) == 1 and unit_after(line, run.last):
        return True
    tokens = range(run.first, run.last + 1)
    if run.letters in ("c", "f", "tc", "tf") and line.words[run.last] in ("c", "f"):
        return any(line.words[k] == "." for k in tokens)
    return all(
        (line.flags[k] & (MIXED | PUNCTUATION) and len(line.words[k]) <= 3) or line.words[k] == "x"
        for k in tokens
    )
