"""Which words of a reply the caller heard: the only writer of assistant text in the context.

A word counts when at least half of its samples were sent. Nothing here knows a clock, audio or a framework:
words with sample positions and the spans that were sent go in, text comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Span = tuple[int, int]
"""Samples of a reply, from and up to."""

Message = dict[str, Any]

INTERRUPTED = "interrupted"
"""Key of an assistant message whose reply was cut: the model is told, the text stays as played."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of a reply and where it lies in the reply's audio."""

    text: str = field(repr=False)
    start_sample: int
    end_sample: int


def heard(words: Sequence[SpokenWord], sent: Sequence[Span]) -> list[SpokenWord]:
    """Return the words of which at least half was sent."""
    return [word for word in words if _is_heard(word, sent)]


def _is_heard(word: SpokenWord, sent: Sequence[Span]) -> bool:
    length = word.end_sample - word.start_sample
    if length <= 0:
        return any(start <= word.start_sample < end for start, end in sent)
    played = sum(
        max(0, min(word.end_sample, end) - max(word.start_sample, start)) for start, end in sent
    )
    return 2 * played >= length


_DIGITS = frozenset(
    [
        "zero",
        "oh",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "double",
        "triple",
        "cero",
        "uno",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "seis",
        "siete",
        "ocho",
        "nueve",
    ]
)


def guarded(words: Sequence[SpokenWord]) -> list[bool]:
    """Mark the words inside a span that may not be re-entered: numbers read back (rows T19, T28)."""
    return [_is_digits(word.text) for word in words]


def _is_digits(text: str) -> bool:
    bare = text.strip(".,;:!?()\"'").lower()
    return bare in _DIGITS or any(letter.isdigit() for letter in bare)


LONGEST_OF_A_CALLER = 2
"""No more digits of a caller's are ever spoken in a row (row P6): a longer run is the practice's own number."""


def resume_sample(words: Sequence[SpokenWord], cut_sample: int) -> int:
    """Return where a reply cut at this sample goes on: the start of the cut word.

    A cut inside the practice's or the emergency number goes back to that number's start: half of it helps
    nobody. What is a caller's and was partly played is skipped, so that it is neither repeated nor spoken
    in part (rows T19, T28).
    """
    cut = next((i for i, word in enumerate(words) if word.end_sample > cut_sample), None)
    if cut is None:
        return cut_sample
    first, behind = _span(guarded(words), cut)
    if behind - first > LONGEST_OF_A_CALLER:
        return min(words[first].start_sample, cut_sample)
    if first < cut < behind:
        return words[behind].start_sample if behind < len(words) else words[-1].end_sample
    return min(words[cut].start_sample, cut_sample)


def _span(guard: Sequence[bool], at: int) -> tuple[int, int]:
    """The guarded span around a word: its first word and the one behind it; empty where none is."""
    if not guard[at]:
        return at, at
    first = behind = at
    while first > 0 and guard[first - 1]:
        first -= 1
    while behind < len(guard) and guard[behind]:
        behind += 1
    return first, behind


class LedgerEntry:
    """The assistant message of one reply, in the context from the reply's start on."""

    def __init__(self, message: Message, remove: Callable[[Message], None]) -> None:
        """Hold the placeholder; an empty one is removed when the reply is over."""
        self._message = message
        self._remove = remove
        self._open = True

    def close(
        self, words: Sequence[SpokenWord], sent: Sequence[Span], *, interrupted: bool
    ) -> list[SpokenWord]:
        """Write the words that were heard, or take the message out when there are none; once."""
        kept = heard(words, sent)
        if not self._open:
            return kept
        self._open = False
        if not kept:
            self._remove(self._message)
            return kept
        self._message["content"] = " ".join(word.text for word in kept)
        if interrupted:
            self._message[INTERRUPTED] = True
        return kept


class Ledger:
    """Writes assistant messages into a list of messages; nobody else may."""

    def __init__(self, messages: list[Message]) -> None:
        """Write into this very list."""
        self._messages = messages

    def open(self) -> LedgerEntry:
        """Put a placeholder where the reply begins, so that tool calls made in it come after it."""
        message: Message = {"role": "assistant", "content": ""}
        self._messages.append(message)
        return LedgerEntry(message, self._take_out)

    def _take_out(self, message: Message) -> None:
        for index, other in enumerate(self._messages):
            if other is message:
                del self._messages[index]
                return
