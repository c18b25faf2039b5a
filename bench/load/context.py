"""What a conversation holds of a reply that was cut, beside what of it was heard (target B4). Calculations only.

A scenario whose answers tell it (`models.timed.held`) makes each answer as much longer as words of the reply before it are in
the conversation that its model was shown. Both are lengths of tones here: of the reply until it was cut, and of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from bench.load.door import Heard
from bench.load.row import Limit, Measure, Row
from models.timed.held import answer, words
from models.timed.times import Times
from pipeline.line import FRAME_MS

BREAK_MS = 60.0
"""A tone that was away for longer was stopped and taken up again, or frames of it were lost: its length tells nothing."""
SURE = 0.3
"""Of a word's length: an answer that is further from every length that it may have is not understood."""


@dataclass(frozen=True, slots=True)
class InContext:
    """A reply that was cut."""

    heard_ms: float
    """How much of it."""
    held: int
    """Words of it that the conversation holds."""
    ahead: int
    """Those of them of which less than half was heard."""
    behind: int
    """Words that were heard whole and are not held."""


def tone_ms(heard: Sequence[Heard], tag: int) -> float | None:
    """How long this tone was heard in one piece, to a frame; None when it was not, or not in one."""
    at = [index for index, frame in enumerate(heard) if frame.tag == tag]
    played_ms = [heard[index].played_ms for index in at]
    if not at or any(after - before > FRAME_MS + BREAK_MS for before, after in pairwise(played_ms)):
        return None
    return (at[-1] - at[0] + 1) * FRAME_MS


def in_context(times: Times, cut: int, heard_ms: float, told: int, told_ms: float) -> InContext | None:  # fmt: skip
    """What the answer with the tag `told`, so long, tells of the reply `cut`, so much of it heard; None: not understood."""
    held = _held(times, told, told_ms)
    if held is None:
        return None
    ends_ms = list(accumulate(_word_ms(times, each) for each in words(times, cut)))
    spans_ms = list(pairwise([0.0, *ends_ms]))
    # A frame is the least that can be seen: half of a word may lie in the last one.
    half = sum(heard_ms + FRAME_MS >= (begin + end) / 2 for begin, end in spans_ms)
    whole = sum(heard_ms >= end for _, end in spans_ms)
    return InContext(heard_ms, held, max(0, held - half), max(0, whole - held))


def rows(
    cuts: Sequence[InContext], replies_cut: int, stock: Sequence[InContext] | None = None
) -> list[Row]:
    """Target B4; `replies_cut` is how many there were, those included of which nothing is known."""
    return [
        Row("heard.ahead", "B4", "words of a cut reply that the conversation holds and the caller did not hear", "words",
            Measure("ours", _each(cuts, "ahead")), _control(stock, "ahead"), Limit("value", "worst", most=0.0)),
        Row("heard.behind", "B4", "words of it that the caller heard whole and the conversation does not hold", "words",
            Measure("ours", _each(cuts, "behind")), _control(stock, "behind"), Limit("value", "worst", most=1.0)),
        Row("heard.unknown", "", "replies that were cut, and no whole answer after them tells what is held", "replies",
            Measure("ours", count=float(replies_cut - len(cuts)), of=replies_cut)),
    ]  # fmt: skip


def _each(cuts: Sequence[InContext], name: str) -> tuple[float, ...]:
    return tuple(float(getattr(each, name)) for each in cuts)


def _control(stock: Sequence[InContext] | None, name: str) -> Measure | None:
    return None if stock is None else Measure("stock, fastest settings", _each(stock, name))


def _word_ms(times: Times, word: str) -> float:
    """As the timed voice sounds it (`models.timed.speaking`)."""
    return (len(word) + 1) * times.letter_ms


def _held(times: Times, tag: int, told_ms: float) -> int | None:
    most = len(words(times, tag))
    lengths_ms = [
        sum(_word_ms(times, each) for each in answer(times, tag, held).split())
        for held in range(most + 1)
    ]
    nearest = min(range(most + 1), key=lambda held: abs(lengths_ms[held] - told_ms))
    step_ms = (lengths_ms[most] - lengths_ms[0]) / most
    return nearest if abs(lengths_ms[nearest] - told_ms) <= SURE * step_ms else None
