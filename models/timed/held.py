"""How much of its last answer a conversation holds, told by the next answer: a word of it is one word of the new one more.

So whoever listens at the wire learns what a language model is shown after an interruption, through every door alike.
Calculations on words only.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.ports import ChatMessage
from models.timed.tags import word_of
from models.timed.times import Times


def words_held(messages: Sequence[ChatMessage]) -> int:
    """Words of what was answered between the last two things the caller said; none where it was one thing only."""
    said = [index for index, message in enumerate(messages) if message.role == "user"]
    if len(said) < 2:
        return 0
    between = messages[said[-2] + 1 : said[-1]]
    return sum(len(each.content.split()) for each in between if each.role == "assistant")


def words(times: Times, tag: int) -> list[str]:
    """The words of an answer, what it tells of the one before it left out."""
    return times.reply.format(tag=word_of(tag).capitalize(), held="").split()


def answer(times: Times, tag: int, held: int) -> str:
    """The whole answer; no more is told than an answer has words of its own."""
    word = word_of(tag)
    told = " ".join([word] * min(held, len(words(times, tag))))
    sentence = f"{told.capitalize()}." if told else ""
    return times.reply.format(tag=word.capitalize(), held=sentence).strip()


def tells(times: Times) -> bool:
    """Whether answers with these times tell it."""
    return "{held}" in times.reply
