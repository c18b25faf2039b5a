"""Reads a telephone number, a piece of one, or a repaired ending out of spoken words.

Never completes what was not said: anything but ten digits of a possible number is not a number, and neither are
digits with other words among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from pipeline.call.request import valid_phone
from pipeline.call.words import TEENS, TENS, UNITS, Words, find, has_any, words

_REPEATS = {"double": 2, "triple": 3}
_BRIDGES = frozenset(
    [
        "um",
        "uh",
        "er",
        "and",
        "then",
        "dash",
        "hyphen",
        "area",
        "code",
        "is",
        "the",
        "it's",
        "that's",
        "code's",
    ]
)
_REPAIRS = frozenset(["no", "wait", "sorry", "actually", "correction", "scratch", "nope"])
_EMERGENCY_DIGITS = 3
"""So few digits may be the emergency number itself."""
_SHORTEST_GARBLED = 5
"""So many digits that do not make a number were meant to be one."""
_SHORTEST_UNASKED = 7
"""Fewer digits in passing are a time or a date, not a number."""


@dataclass(frozen=True, slots=True, repr=False)
class _Run:
    digits: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, repr=False)
class PhoneHeard:
    """What was said of a number."""

    number: str | None = None
    """Ten digits."""
    piece: str = ""
    """Part of a number, in answer to the question."""
    tail: str = ""
    """"...one six seven at the end": replaces as many digits of the number already known."""
    garbled: bool = False
    """It was to be a number, and none can be made of it without guessing."""
    used: frozenset[int] = frozenset()
    """Positions of the words that were digits."""


def hear_phone(spoken: Words, *, asked: bool) -> PhoneHeard:
    """Find a number; `asked` allows pieces."""
    spoken = _without_prefix_talk(spoken)
    runs = _runs(spoken)
    if not runs:
        return PhoneHeard()
    used = frozenset(index for run in runs for index in range(run.start, run.end))
    tail = _tail(spoken, runs)
    if tail:
        return PhoneHeard(tail=tail, used=used)
    total = sum(len(run.digits) for run in runs)
    if not asked and total < _SHORTEST_UNASKED:
        return PhoneHeard()
    joined = _join(spoken, runs)
    number = None if joined is None else whole(joined)
    if number is not None:
        return PhoneHeard(number=number, used=used)
    alone = [run for run in runs if whole(run.digits) is not None]
    if len(alone) == 1 and not _taken_back(spoken, runs):  # "half past three, and my number is..."
        (run,) = alone
        return PhoneHeard(number=whole(run.digits), used=frozenset(range(run.start, run.end)))
    if asked and joined is not None and 3 <= len(joined) < 10:
        return PhoneHeard(piece=joined, used=used)
    garbled = asked and total >= _SHORTEST_GARBLED
    return PhoneHeard(
        garbled=garbled, used=used if asked or total >= _SHORTEST_UNASKED else frozenset()
    )


def whole(digits: str) -> str | None:
    """Ten digits (or eleven with the leading one) as a number, if such a number can exist."""
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    return digits if len(digits) == 10 and valid_phone(digits) else None


def can_be_assigned(number: str) -> bool:
    """True unless the numbering plan keeps its area code or exchange for something else (N11, area codes N9X)."""
    area, exchange = number[:3], number[3:6]
    return not (area[1] == "9" or area[1:] == "11" or exchange[1:] == "11")


def replace_tail(number: str, tail: str) -> str | None:
    """The number with its last digits replaced."""
    return whole(number[: -len(tail)] + tail) if 0 < len(tail) <= 4 else None


def without_number(text: str, *, asked: bool) -> str:
    """The text without the digits of a number: a callback number may hold an emergency number."""
    spoken = words(text)
    heard = hear_phone(spoken, asked=asked)
    if heard.number is None and len(heard.piece) <= _EMERGENCY_DIGITS and not heard.garbled:
        return text
    return " ".join(word for index, word in enumerate(spoken) if index not in heard.used)


def _without_prefix_talk(spoken: Words) -> Words:
    at = find(("the", "one", "in", "front"), spoken)
    return spoken[:at] + ("uh",) * 4 + spoken[at + 4 :] if at >= 0 else spoken


def _runs(spoken: Words) -> list[_Run]:
    runs: list[_Run] = []
    index = 0
    while index < len(spoken):
        digits, size = _digits_at(spoken, index)
        if not size:
            index += 1
            continue
        if runs and all(word in _BRIDGES for word in spoken[runs[-1].end : index]):
            last = runs.pop()
            code = find(("area",), spoken[last.end : index]) >= 0 and len(last.digits) == 7
            joined = digits + last.digits if code else last.digits + digits
            runs.append(_Run(joined, last.start, index + size))
        else:
            runs.append(_Run(digits, index, index + size))
        index += size
    return _keep_area_code_order(spoken, runs)


def _keep_area_code_order(spoken: Words, runs: list[_Run]) -> list[_Run]:
    """For example: "Five five five oh one four four, and the area code is five one two"."""
    at = find(("area",), spoken)
    if at < 0 or len(runs) != 1 or not runs[0].start < at < runs[0].end:
        return runs
    before = "".join(_digit_words(spoken, runs[0].start, at))
    after = "".join(_digit_words(spoken, at, runs[0].end))
    if len(before) == 7 and len(after) == 3:
        return [_Run(after + before, runs[0].start, runs[0].end)]
    return runs


def _digit_words(spoken: Words, start: int, end: int) -> list[str]:
    out, index = [], start
    while index < end:
        digits, size = _digits_at(spoken, index)
        out.append(digits)
        index += size or 1
    return out


def _digits_at(spoken: Words, at: int) -> tuple[str, int]:
    word = spoken[at]
    following = spoken[at + 1] if at + 1 < len(spoken) else ""
    if word.isascii() and word.isdigit():
        return word, 1
    if word in _REPEATS and following in UNITS:
        return str(UNITS[following]) * _REPEATS[word], 2
    if word in UNITS:
        if following == "hundred":
            return f"{UNITS[word]}00", 2
        return str(UNITS[word]), 1
    if word in TEENS:
        return str(TEENS[word]), 1
    if word in TENS:
        unit = UNITS.get(following, 0)
        if unit:
            return str(TENS[word] + unit), 2
        return str(TENS[word]), 1
    return "", 0


def _tail(spoken: Words, runs: list[_Run]) -> str:
    talks_of_end = has_any(
        spoken, ("at the end", "last two", "last three", "last four", "ends in", "ends with")
    )
    if not talks_of_end:
        return ""
    counted = {
        index + 1
        for index, word in enumerate(spoken)
        if word == "last" and index + 1 < len(spoken) and spoken[index + 1] in UNITS
    }
    for run in runs:
        start = run.start
        digits = run.digits
        if start in counted:
            digits, start = digits[1:], start + 1
        before = spoken[max(0, start - 2) : start]
        if digits and "not" not in before and len(digits) <= 4:
            return digits
    return ""


def _taken_back(spoken: Words, runs: list[_Run]) -> bool:
    return any(
        word == "not" or word in _REPAIRS
        for earlier, run in pairwise(runs)
        for word in spoken[earlier.end : run.start]
    )


def _join(spoken: Words, runs: list[_Run]) -> str | None:
    """All digits in order; a repair replaces what it repeats, or makes the number unreadable.

    Other words among the digits make it unreadable too: a recogniser that writes "five they chose seven" lost digits.
    """
    joined = runs[0].digits
    for earlier, run in pairwise(runs):
        between = spoken[earlier.end : run.start]
        if "not" in between:
            return None
        if not any(word in _REPAIRS for word in between) and not has_any(between, ("i mean",)):
            return None
        if whole(run.digits) is not None:
            joined = run.digits
        elif len(run.digits) == 7 and 3 <= len(joined) < 10:
            joined = joined[:3] + run.digits
        elif whole(joined) is not None and len(run.digits) <= 4:
            joined = joined[: -len(run.digits)] + run.digits
        else:
            return None
    return joined
