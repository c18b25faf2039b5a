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
    secret: bool = False
    """What the caller says may go to the receptionist's own reader only: from the moment an identifier is asked
    for until another question was heard to its end."""
    utterance_secret: bool = False
    """The latest utterance began at such a time: it stays secret however long its words take."""
    typed: bool = False
    """The latest answer was typed, and nothing was said since."""
    answering_secret: bool = False
    """The words being answered are such words."""

    @property
    def hidden(self) -> bool:
        """True while words may go to the receptionist's own reader only."""
        return self.secret or self.utterance_secret

    def begin_utterance(self) -> None:
        """The caller begins to say something."""
        self.typed = False
        self.utterance_secret = self.secret

    def ask(self, asked: Asked | None) -> None:
        """This question comes next."""
        self.asked = asked
        if asked is not None and asked.secret:
            self.secret = True

    def heard(self) -> None:
        """What we said was heard to its end, and with it the question that is pending."""
        self.secret = self.asked is not None and self.asked.secret

    def answer(self, text: Spoken, reply_id: str = "") -> None:
        """These words are answered from now on."""
        self.reply_id = reply_id
        self.answering = text
        self.answering_secret = self.hidden

    def take_back(self) -> Spoken | None:
        """Return the words of the reopened turn, once."""
        answering, self.answering = self.answering, None
        return answering
