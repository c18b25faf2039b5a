"""A desk that writes down what it is told."""

from __future__ import annotations

from datetime import date

from phi.vault import Compartment
from pipeline.call.outgoing import Outgoing
from pipeline.call.reach import Reach
from pipeline.turn.events import Asked


class FakeDesk:
    """Keeps every call in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.pending: Asked | None = None
        self.fields: dict[str, str] = {}
        self.reach = Reach()
        self.outgoing = Outgoing("c1", Compartment(), (), lambda: date(2026, 3, 4))

    def asked(self, asked: Asked | None) -> None:
        self.pending = asked
        self.told.append(("asked", asked.slot if asked else ""))

    def field(self, name: str, value: str | None, shown: str) -> None:
        if value is None:
            self.fields.pop(name, None)
        else:
            self.fields[name] = value
        self.told.append(("field", name, shown))

    def collected(self, name: str, value: str | None) -> None:
        if value is None:
            self.fields.pop(name, None)
        else:
            self.fields[name] = value
        self.told.append(("collected", name))

    def complete(self) -> None:
        self.told.append(("complete",))

    def taken_back(self) -> None:
        self.told.append(("taken_back",))

    def urgent(self, kind: str, sentence: str) -> None:
        self.told.append(("urgent", kind, sentence))

    def person(self, why: str) -> None:
        self.told.append(("person", why))

    def connect(self, target: str) -> None:
        self.told.append(("connect", target))

    def returned(self) -> None:
        self.told.append(("returned",))

    def call_back(self) -> None:
        self.told.append(("call_back",))

    def end(self, reason: str) -> None:
        self.told.append(("end", reason))

    def go_on(self) -> None:
        self.told.append(("go_on",))

    def stood_in(self, code: str) -> None:
        self.told.append(("stood_in", code))

    def names(self) -> list[str]:
        return [entry[0] for entry in self.told]
