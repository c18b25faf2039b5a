"""Whole calls of the shipped flow's receptionist, recorded: what each told the store and the audit, and when.

`python -m tests.store.record_calls` lets the callers below call once more and writes `recorded_calls.jsonl` anew.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any

from models.ports import Spoken
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.flow_file import load_flow
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.settings import CallSettings
from tests.call.call_rig import CallRig, Watch, calling
from tests.call.identity_flow import TODAY
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.voice import FakeVoice
from tests.store.recorded import KEPT, Told
from tests.virtual_loop import VirtualLoop

FLOW = load_flow()
CUT_AFTER_MS = 400.0

CALLERS: tuple[tuple[str, ...], ...] = (
    ("I need a follow up appointment", "Daniel", "212 555 0143", "Tuesday", "3 pm", "yes"),
    ("say a flu shot", "say Maria", "keys 2125550187", "say on tuesday", "say but wednesday",
     "say at nine in the morning", "say yes please"),
    ("say a check up", "then Joanna", "say two one two five five five oh one two two", "gone"),
    ("say i have chest pain", "gone"),
    ("say a follow up", "say i want to talk to a person", "gone"),
    ("I need a check up", "Luis", "212-555-0166", "Monday", "10:30 am", "then yes", "say no wait",
     "gone"),
)  # fmt: skip
"""Typed; "say": spoken; "then": typed, and our answer is cut by what follows; "keys": by keypad; "gone": hangs up."""


class _Record:
    """What one call tells."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self._began_s = asyncio.get_running_loop().time()

    def add(self, port: str, name: str, *arguments: Any) -> None:
        at_ms = (asyncio.get_running_loop().time() - self._began_s) * 1000.0
        self.told.append(Told(round(at_ms, 1), port, name, arguments))


class _Sink:
    """Records what a `RequestSink` is told."""

    def __init__(self, record: _Record) -> None:
        self._record = record

    def heard(self) -> None:
        self._record.add("store", "heard")

    def field(self, name: str, value: str | None) -> None:
        self._record.add("store", "field", name, value)

    def urgent(self, kind: str) -> None:
        self._record.add("store", "urgent", kind)

    def call_back(self) -> None:
        self._record.add("store", "call_back")

    def complete(self) -> None:
        self._record.add("store", "complete")

    def taken_back(self) -> None:
        self._record.add("store", "taken_back")

    async def end(self, reason: str) -> None:
        self._record.add("store", "end", reason)


class _Watch(Watch):
    """Records what a `CallAudit` hears and keeps; field values are none of it."""

    def __init__(self, record: _Record) -> None:
        super().__init__()
        self._record = record

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        self._record.add("audit", "turn", turn, {}, interrupted)
        super().turn(turn, marks_ms, interrupted)

    def cut(self, turn: int) -> None:
        self._record.add("audit", "cut", turn)
        super().cut(turn)

    def request(self, fields: dict[str, str], revisions: dict[str, int], complete: bool) -> None:
        self._record.add("audit", "request", dict.fromkeys(fields, ""), {}, complete)
        super().request(fields, revisions, complete)

    def urgent(self, kind: str) -> None:
        self._record.add("audit", "urgent", kind)
        super().urgent(kind)

    def ended(self, reason: str) -> None:
        self._record.add("audit", "end", reason)
        super().ended(reason)


async def _call(steps: tuple[str, ...]) -> list[Told]:
    def at(desk: Desk) -> Receptionist:
        return ScriptedReceptionist(FLOW, desk, lambda: TODAY)

    record = _Record()
    settings = CallSettings(practice_phone=FLOW.practice_phone)
    async with calling(
        FakeReceptionist(""), FakeVoice(), settings, _Sink(record), at=at, watch=_Watch(record)
    ) as rig:
        await rig.greeted()
        for step in steps:
            if rig.reason is not None:
                break
            await _do(rig, step)
    return record.told


async def _do(rig: CallRig, step: str) -> None:
    how, _, words = step.partition(" ")
    match how:
        case "say":
            await rig.turn(words)
        case "then":
            rig.call.on_typed(Spoken(words))
            await rig.silent(CUT_AFTER_MS)
        case "keys":
            await rig.key(words)
            await rig.until_quiet()
        case "gone":
            rig.call.hang_up("caller")
            await rig.silent(200)
        case _:
            rig.call.on_typed(Spoken(step))
            await rig.silent(100)
            if rig.reason is None:
                await rig.until_quiet()


def record_anew() -> list[list[Told]]:
    """Let every caller call."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return [runner.run(_call(steps)) for steps in CALLERS]


if __name__ == "__main__":
    KEPT.write_text(
        "".join(json.dumps([asdict(each) for each in call]) + "\n" for call in record_anew()),
        "utf-8",
    )
