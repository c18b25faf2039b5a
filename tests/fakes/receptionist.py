"""A receptionist that answers from a function and decides nothing by itself."""

from __future__ import annotations

from models.ports import Keyed, Spoken
from pipeline.call.desk import Desk
from tests.fakes.language_model import Answer, FakeLanguageModel


class FakeReceptionist(FakeLanguageModel):
    """Keeps the desk at hand for the test, and what it was told."""

    def __init__(self, answer: Answer | str, *, token_ms: float = 0.0) -> None:
        super().__init__(answer, token_ms=token_ms)
        self.desk: Desk | None = None
        self.keys: list[Keyed] = []
        self.confidences: list[tuple[str, Spoken]] = []
        self.reopened: list[str] = []
        self.greets = "Hello there."
        self.end_after: str | None = None

    def at(self, desk: Desk) -> FakeReceptionist:
        self.desk = desk
        return self

    def confirm(self, reply_id: str) -> None:
        super().confirm(reply_id)
        if self.end_after is not None and self.desk is not None:
            self.desk.end(self.end_after)

    def reopen(self, reply_id: str) -> None:
        self.reopened.append(reply_id)

    def greeting(self) -> str:
        return self.greets

    def opening(self) -> str:
        return self.greets

    def ask(self) -> str:
        return "What is it?"

    def reprompt(self, attempt: int, heard_something: bool) -> str:
        return "Pardon me?" if heard_something else "Are you there?"

    def keyed(self, keys: Keyed) -> str | None:
        self.keys.append(keys)
        return f"Ending in {keys.last_two}."

    def confided(self, reply_id: str, heard: Spoken, alternatives: tuple[Spoken, ...]) -> str:
        self.confidences.append((reply_id, heard))
        return "Thank you."

    def take_over(self) -> str:
        return "A person takes over."

    def not_reached(self) -> str:
        return "Nobody was there."

    def filler(self) -> str:
        return "One moment, please."

    def apology(self) -> str:
        return "I am sorry about that."
