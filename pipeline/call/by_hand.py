"""What a caller answers by hand: keypad digits, collected until they are an answer, and typed lines.

Digits stay `Keyed` and never become words. Knows no floor, page or desk.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.ports import Keyed, Spoken

KEYS = "0123456789*#"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many keys make an answer; where no digits are asked for, each does."""

    digits: int = 0
    code: str = ""
    """An answer that begins with these digits is longer by them."""

    def met_by(self, keyed: str) -> bool:
        """True when so much was keyed."""
        longer = len(self.code) if self.code and keyed.startswith(self.code) else 0
        return len(keyed) >= max(1, self.digits + longer)


NO_DIGITS = Wanted()
TELEPHONE = Wanted(10, code="1")
"""A telephone number (North American plan), with or without its country code."""


class ByHand:
    """Keys and lines of one call; each answer is taken once."""

    def __init__(self) -> None:
        """Nothing was pressed or typed yet."""
        self._digits = ""
        self._keyed: Keyed | None = None
        self._typed: Spoken | None = None

    def press(self, key: str, wanted: Wanted) -> bool:
        """Take one key while such digits are asked for; True when that makes an answer.

        `*` begins again and `#` ends a number early; where no digits are asked for, a key is an answer, and a
        first 0 always is: no number begins with it (North American plan), and it stands for a person.
        """
        if key == "0" and not self._digits:
            wanted = NO_DIGITS
        if key == "*":
            self._digits = ""
        elif key != "#":
            self._digits += key
        complete = bool(self._digits) and (key == "#" or wanted.met_by(self._digits))
        if complete:
            self._keyed, self._digits = Keyed(self._digits), ""
        return complete

    def give(self, keyed: Keyed) -> None:
        """An entry that was collected elsewhere is complete."""
        self._keyed = keyed

    def type(self, text: Spoken) -> None:
        """Take a typed line: the latest counts."""
        self._typed = text

    def begin_again(self) -> None:
        """Another question was asked: half a number answered the one before."""
        self._digits = ""

    def half(self) -> Keyed | None:
        """Return what was keyed of an answer that nobody finished, once: the next key begins a new one."""
        digits, self._digits = self._digits, ""
        return Keyed(digits) if digits else None

    def take(self) -> Keyed | Spoken | None:
        """Return the answer that waits, a typed one first."""
        typed, self._typed = self._typed, None
        keyed, self._keyed = self._keyed, None
        return typed if typed is not None else keyed
