"""Tools of a model that wants to know: handles go in, declared scalars come out, and failures say nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from models.ports import ReplyRequest, ToolCall
from phi.forms import Said
from phi.guard import ResultShape
from phi.vault import Compartment
from pipeline.call.outgoing import Outgoing
from pipeline.call.tools import GuardedTool, Tool
from tests.call.graph_rig import running
from tests.call.identity_flow import TODAY
from tests.fakes.language_model import FakeLanguageModel, tokens

BORN, SSN = "1953-07-19", "4417"
PROPERTIES = {"birth_date": {"type": "string"}, "note": {"type": "string"}}


class Case:
    """A graph with tools, a model that calls one, and what the tool was given."""

    def __init__(self, calls: str, arguments: dict[str, Any], result: object) -> None:
        self.given: list[Mapping[str, object]] = []
        self.result = result
        self.compartment = Compartment()
        self.compartment.put("birth_date", BORN, frozenset(["verify", "store"]))
        self.compartment.put("ssn_last4", SSN, frozenset(["store"]))
        self.outgoing = Outgoing("c1", self.compartment, (), lambda: TODAY)
        self.call = ToolCall("t1", calls, json.dumps(arguments))
        self.requests: list[ReplyRequest] = []

    async def run(self, arguments: Mapping[str, object]) -> object:
        self.given.append(arguments)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def answer(self, request: ReplyRequest) -> list[Any]:
        self.requests.append(self.outgoing.request(request))
        if request.messages[-1].role == "tool":
            return tokens("Thank you.")
        return [*tokens("Let me see."), self.call]

    async def told(self) -> str:
        """The tool's result as the model reads it."""
        shape = ResultShape({"verified": bool, "status": str})
        tools = [
            Tool(name, "Checks.", PROPERTIES, (), self.run, shape) for name in ("verify", "other")
        ]
        async with running(FakeLanguageModel(self.answer)) as rig:
            rig.graph.offer_tools(
                [
                    (tool.schema(), GuardedTool("c1", tool, self.compartment, self.outgoing))
                    for tool in tools
                ]
            )
            await rig.turn("who am i")
            await asyncio.sleep(3.0)
        asked = "\n".join(m.content for request in self.requests for m in request.messages)
        said = Said(asked)
        assert not [*said.find(BORN), *said.find(SSN)]
        return self.requests[-1].messages[-1].content


async def test_rows_p1_p2_x11_a_handle_becomes_the_value_for_the_tool_alone() -> None:
    case = Case("verify", {"birth_date": "{{patient.birth_date}}"}, {"verified": True})
    assert json.loads(await case.told()) == {"verified": True}
    assert case.given == [{"birth_date": BORN}]


async def test_row_p9_what_the_tool_did_not_declare_does_not_reach_the_model() -> None:
    result = {"verified": True, "birth_date": BORN, "patient": {"ssn": SSN}, "provider": "Dr. Who"}
    case = Case("verify", {}, result)
    assert json.loads(await case.told()) == {"verified": True}


async def test_row_p9_a_stored_value_in_a_declared_field_is_its_handle() -> None:
    case = Case("verify", {}, {"status": "born july nineteenth nineteen fifty three"})
    assert json.loads(await case.told()) == {"status": "born {{patient.birth_date}}"}


async def test_row_p12_a_tool_cannot_resolve_what_was_collected_for_another() -> None:
    case = Case("other", {"birth_date": "{{patient.birth_date}}"}, {"verified": True})
    assert json.loads(await case.told()) == {"status": "not_available"}
    assert case.given == []


async def test_row_p8_a_tool_that_raises_quotes_nothing() -> None:
    case = Case("verify", {"birth_date": "{{patient.birth_date}}"}, ValueError(f"{BORN} unknown"))
    assert json.loads(await case.told()) == {"status": "not_available"}


async def test_an_argument_the_tool_did_not_declare_is_dropped() -> None:
    case = Case("verify", {"diagnosis": "flu", "note": "hello"}, {"verified": False})
    await case.told()
    assert case.given == [{"note": "hello"}]
