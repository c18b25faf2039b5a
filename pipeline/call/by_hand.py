"""What a caller answers by hand: keypad digits, collected until they are an answer, and typed lines.

Digits stay `Keyed` and never become words. Knows no floor, page or desk.
"""

from __future__ import annotations

from models.ports import Keyed, Spoken

KEYS = "0123456789*#"


class ByHand:
    """Keys and lines of one call; each answer is taken once."""

    def __init__(self) -> None:
        """Nothing was pressed or typed yet."""
        self._digits = ""
        self._keyed: Keyed | None = None
        self._typed: Spoken | None = None

    def press(self, key: str, wanted: int) -> bool:
        """Take one key while so many digits are asked for; True when that makes an answer.

        `*` begins again and `#` ends a number early; where no digits are asked for, a key is an answer, and a
        first 0 always is: no number begins with it (North American plan), and it stands for a person.
        """
        if key == "0" and not self._digits:
            wanted = 0
        if key == "*":
            self._digits = ""
        elif key != "#":
            self._digits += key
        complete = bool(self._digits) and (key == "#" or len(self._digits) >= max(1, wanted))
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

    def take(self) -> Keyed | Spoken | None:
        """Return the answer that waits, a typed one first."""
        typed, self._typed = self._typed, None
        keyed, self._keyed = self._keyed, None
        return typed if typed is not None else keyed
