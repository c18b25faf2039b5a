"""A tool as a model may call it: handles become values for this tool alone, and only declared scalars come back.

The model writes `{{patient.birth_date}}` and never sees what it stands for (rows P1, P2, P8, P9, P12). Which tools
there are is their owners' affair.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.services.llm_service import FunctionCallParams

from phi.guard import ResultShape
from phi.vault import Compartment, VaultError
from pipeline.call.events import ToolFailed
from pipeline.call.outgoing import Outgoing
from pipeline.call.tool_arguments import UNREADABLE, check_schema, refused
from pipeline.telemetry.events import Token, emit

FAILED = {"status": "not_available"}
"""All that a model is told of a failure (row P8)."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may ask for."""

    name: str
    description: str
    properties: dict[str, Any]
    """JSON Schema of each argument."""
    required: tuple[str, ...]
    run: Callable[[Mapping[str, object]], Awaitable[object]]
    returns: ResultShape
    side_effect: bool = True
    """It changes something: a caller who interrupts does not stop it half-way, and hears of it afterwards."""

    def __post_init__(self) -> None:
        """Refuse a schema that could not be checked."""
        check_schema(self.properties, self.required)

    def schema(self) -> FunctionSchema:
        """As the framework wants it."""
        return FunctionSchema(self.name, self.description, self.properties, list(self.required))


class GuardedTool:
    """One tool in one call."""

    def __init__(
        self,
        call_id: str,
        tool: Tool,
        compartment: Compartment,
        outgoing: Outgoing,
        blocked: Callable[[], bool] = lambda: False,
    ) -> None:
        """Resolve through this compartment, answer through this guard; nothing runs while it is `blocked` (row I6)."""
        self._blocked = blocked
        self._call_id = call_id
        self._tool = tool
        self._compartment = compartment
        self._outgoing = outgoing

    async def __call__(self, params: FunctionCallParams) -> None:
        """Run it; whatever goes wrong, the model learns only that nothing came of it."""
        await params.result_callback(await self._answer(params.arguments))

    async def _answer(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        tool = self._tool
        if self._blocked():
            return self._failed("paused")
        if UNREADABLE in arguments:
            return self._failed("unreadable")
        known = {key: value for key, value in arguments.items() if key in tool.properties}
        try:
            filled = self._compartment.fill_arguments(known, reader=tool.name)
        except VaultError as error:
            return self._failed(type(error).__name__)
        if refused(tool.properties, tool.required, filled):
            return self._failed("arguments")
        try:
            result = await tool.run(filled)
        except Exception:  # noqa: BLE001  # edge of a tool: its text may quote its arguments, only the fact goes on
            return self._failed("raised")
        if self._blocked():  # thrown meanwhile: what came of it is told to nobody
            return self._failed("paused")
        return self._outgoing.result(tool.returns, result)

    def _failed(self, code: str) -> Mapping[str, object]:
        emit(ToolFailed(Token(self._call_id), Token(self._tool.name), Token(code)))
        return FAILED
