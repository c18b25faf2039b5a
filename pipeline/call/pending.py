"""What both sides of a call must agree on: the question that is open, and the words being answered.

Holds no engine and decides nothing; the caller's side and ours both read and write it.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.ports import Spoken
from pipeline.turn.events import Asked


@dataclass(slots=True, repr=False)
class Pending:
    """One call's open question and unheard answer."""

    asked: Asked | None = None
    answering: Spoken | None = None
    """The words whose reply nobody has heard anything of yet: a reopened turn takes them up again."""
    reply_id: str = ""
    """The reply to them, once it was confirmed."""

    def answer(self, text: Spoken) -> None:
        """These words are answered from now on."""
        self.reply_id = ""
        self.answering = text

    def take_back(self) -> Spoken | None:
        """Return the words of the reopened turn, once."""
        answering, self.answering = self.answering, None
        return answering
