"""A flow that asks for identifiers, and a call that has come to that question."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from importlib import resources

from models.ports import LanguageModel
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.flow import Flow
from pipeline.call.flow_file import parse_flow
from pipeline.call.modelled import ModelledReceptionist
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.request import Request, RequestSink
from pipeline.call.settings import CallSettings
from pipeline.call.steps import State
from tests.call.call_rig import CallRig, calling
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.voice import FakeVoice

TODAY = date(2026, 3, 4)
PHONE = "2125550143"


_SHIPPED = resources.files("pipeline.call").joinpath("flows/clinic.toml").read_text("utf-8")


def asking(*names: str, order: str = "mdy") -> Flow:
    return parse_flow(tomllib.loads(_SHIPPED) | {"identify": [*names], "birth_date_order": order})


@asynccontextmanager
async def calling_practice(
    flow: Flow,
    model: LanguageModel | None = None,
    *,
    asked: str = "birth_date",
    record: RequestSink | None = None,
) -> AsyncIterator[CallRig]:
    """A call to a practice with this flow, phrased by this model if there is one; its first question is `asked`."""

    def at(desk: Desk) -> Receptionist:
        scripted = ScriptedReceptionist(flow, desk, lambda: TODAY)
        known = Request("vaccination", "Daniel", PHONE if asked != "phone" else None)
        scripted._state = State(known, asked=asked)
        return (
            scripted
            if model is None
            else ModelledReceptionist(model, scripted, flow, desk, lambda: TODAY)
        )

    settings = CallSettings(practice_phone=flow.practice_phone)
    async with calling(FakeReceptionist(""), FakeVoice(), settings, record, at=at) as rig:
        await rig.greeted()
        yield rig
