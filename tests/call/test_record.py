"""What a call hands to its record: every change, and the end before it says goodbye."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.call.call_rig import calling
from tests.fakes.receptionist import FakeReceptionist

if TYPE_CHECKING:
    from tests.call.call_rig import CallRig


class Kept:
    """A record that writes down what it is told, and takes its time at the end."""

    def __init__(self, *, end_takes_s: float = 0.0) -> None:
        self.told: list[tuple[str, ...]] = []
        self.rig: CallRig | None = None
        self.byes_at_end: list[str] | None = None
        self._end_takes_s = end_takes_s

    def heard(self) -> None:
        self.told.append(("heard",))

    def field(self, name: str, value: str | None) -> None:
        self.told.append(("field", name, value or "-"))

    def urgent(self, kind: str) -> None:
        self.told.append(("urgent", kind))

    def call_back(self) -> None:
        self.told.append(("call_back",))

    def complete(self) -> None:
        self.told.append(("complete",))

    def taken_back(self) -> None:
        self.told.append(("taken_back",))

    async def end(self, reason: str) -> None:
        await asyncio.sleep(self._end_takes_s)
        assert self.rig is not None
        self.byes_at_end = self.rig.byes()
        self.told.append(("end", reason))


async def test_every_change_and_every_word_reaches_the_record() -> None:
    kept = Kept()
    async with calling(FakeReceptionist("Noted."), record=kept) as rig:
        kept.rig = rig
        await rig.greeted()
        await rig.turn("a flu shot for daniel")
        rig.desk.field("first_name", "Daniel", "Daniel")
        rig.desk.field("first_name", None, "")
        rig.desk.urgent("chest_pain", "Please call.")
        rig.desk.complete()
        rig.desk.taken_back()
    kinds = [entry[0] for entry in kept.told]
    assert kinds.count("heard") >= 1
    assert [entry for entry in kept.told if entry[0] != "heard"] == [
        ("field", "first_name", "Daniel"),
        ("field", "first_name", "-"),
        ("urgent", "chest_pain"),
        ("complete",),
        ("taken_back",),
        ("end", "goodbye"),
    ]


async def test_the_request_is_safe_before_the_caller_is_let_go() -> None:
    kept = Kept(end_takes_s=0.4)
    async with calling(FakeReceptionist("Noted."), record=kept) as rig:
        kept.rig = rig
        await rig.greeted()
        rig.call.hang_up("goodbye")
    assert kept.byes_at_end == []
    assert rig.byes() == ["goodbye"]
