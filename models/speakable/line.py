"""A text as words with their neighbours, and the shapes of numbers in it. Knows no language."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_OPENERS = "\"'([{«“‘¿¡*—–…"
_SIGNS = ".,;:!?…—–"
_CLOSERS = "\"')]}»”’*"

INTEGER = re.compile(r"[0-9]+")
GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
DECIMAL = re.compile(r"([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)[.]([0-9]+)")
DECIMAL_COMMA = re.compile(r"([0-9]+),([0-9]{1,2})")
CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])([a-z.]*)")
ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
SLASHED = re.compile(r"([0-9]{1,4})/([0-9]{1,4})(?:/([0-9]{4}|[0-9]{2}))?")
MONEY = re.compile(r"([$€£])([0-9][0-9,]*)(?:[.]([0-9]{2}))?")
PERCENT = re.compile(r"(-?[0-9][0-9.,]*)%")
HYPHENATED = re.compile(
    r"\+?(?:\([0-9]+\)|[0-9]+)(?:[-.–/]?\([0-9]+\)|[-.–/][0-9]+|(?<=\))[0-9]+)+"
)
RANGE = re.compile(r"([0-9]{1,3})[-–]([0-9]{1,3})")
WITH_UNIT = re.compile(r"([0-9][0-9.,]*)-?([^\W\d_]+(?:/[^\W\d_]+)?|°[cf]?)")
MINUS = re.compile(r"[-−]([0-9][0-9.,]*)")

EMERGENCY_NUMBERS = frozenset(["911", "988"])
"""Said digit by digit wherever they stand."""
SHORTEST_DICTATED = 5
"""A bare number so long is a code, not a quantity: a quantity of this size is written with its commas."""
LONGEST_WORD = 40
"""What is longer is no number, date or unit that anybody wrote: it is said as letters and digits."""
_PHONE_DIGITS = (7, 10, 11)
_PHONE_GROUPS = 4


@dataclass(frozen=True, slots=True, repr=False)
class Word:
    """One written word: what stands around its letters and digits is apart from them."""

    written: str
    core: str
    sign: str
    """The punctuation mark behind it: one of . , ; : ! ? or nothing."""

    @property
    def low(self) -> str:
        """The core in small letters."""
        return self.core.lower()


class Line:
    """Words in order."""

    def __init__(self, written: Sequence[str], cleaned: Sequence[str]) -> None:
        """Each written word, and what a voice may be given of it."""
        self.words = [_word(one, clean) for one, clean in zip(written, cleaned, strict=True)]

    def low(self, at: int) -> str:
        """The core of a word in small letters; nothing outside the text."""
        return self.words[at].low if 0 <= at < len(self.words) else ""

    def goes_on(self, at: int) -> bool:
        """No punctuation parts this word from the next."""
        return 0 <= at < len(self.words) - 1 and not self.words[at].sign

    def next_low(self, at: int) -> str:
        """The next word where no punctuation stands between."""
        return self.low(at + 1) if self.goes_on(at) else ""

    def previous_low(self, at: int) -> str:
        """The word before where no punctuation stands between."""
        return self.low(at - 1) if self.goes_on(at - 1) else ""

    def is_last(self, at: int) -> bool:
        """Nothing is said behind it."""
        return not any(word.core for word in self.words[at + 1 :])


def _word(written: str, cleaned: str) -> Word:
    text = cleaned.strip().lstrip(_OPENERS)
    core = text.rstrip(_SIGNS + _CLOSERS)
    sign = next((letter for letter in text[len(core) :] if letter in _SIGNS), "")
    return Word(written, core, {"…": ",", "—": ",", "–": ","}.get(sign, sign))


def number_of(text: str) -> int | None:
    """The value of "12" or "1,200"; None for anything else."""
    if INTEGER.fullmatch(text) or GROUPED.fullmatch(text):
        return int(text.replace(",", ""))
    return None


def is_dictated(line: Line, at: int, cues: Collection[str]) -> bool:
    """Whether a run of digits is a code or part of a telephone number, to be said digit by digit."""
    core = line.low(at)
    if not INTEGER.fullmatch(core):
        return False
    if core in EMERGENCY_NUMBERS or len(core) >= SHORTEST_DICTATED:
        return True
    if len(core) > 1 and core[0] == "0":
        return True
    if {line.previous_low(at), line.low(at - 2) if line.previous_low(at) else ""} & set(cues):
        return True
    return _in_phone_number(line, at)


def is_phone_group(line: Line, at: int) -> bool:
    """Whether another group of the same telephone number follows."""
    return bool(_digits(line.low(at)) and _digits(line.next_low(at)) and _in_phone_number(line, at))


def _in_phone_number(line: Line, at: int) -> bool:
    """Whether it stands in a chain like "555 0100" or "(555) 555-0100"."""
    first = behind = at
    while at - first < _PHONE_GROUPS and line.goes_on(first - 1) and _digits(line.low(first - 1)):
        first -= 1
    while behind - at < _PHONE_GROUPS and line.goes_on(behind) and _digits(line.low(behind + 1)):
        behind += 1
    chain = [_digits(line.low(one)) for one in range(first, behind + 1)]
    total = "".join(chain)
    return len(chain) > 1 and len(total) in _PHONE_DIGITS and chain[-1][-4:] == total[-4:]


def _digits(core: str) -> str:
    """The digits of "555" or "(555)" or "555-0100"; nothing for other words."""
    if INTEGER.fullmatch(core) or HYPHENATED.fullmatch(core):
        return "".join(filter(str.isdigit, core))
    return ""


def digit_groups(core: str) -> list[str]:
    """Groups of digits as written, or as they are easiest to follow."""
    found = INTEGER.findall(core)
    if len(found) > 1 or len(core) <= 4:
        return found
    digits = found[0]
    if len(digits) in (7, 10, 11):
        head = [digits[:1]] if len(digits) == 11 else []
        rest = digits[len(digits) % 10 if len(digits) == 11 else 0 :]
        return [*head, *([rest[:3]] if len(rest) == 10 else []), rest[-7:-4], rest[-4:]]
    return [digits[start : start + 3] for start in range(0, len(digits) - len(digits) % 3, 3)] + (
        [digits[-(len(digits) % 3) :]] if len(digits) % 3 else []
    )
