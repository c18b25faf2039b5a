"""The edge of one call's part: what fails inside it is told by kind, and reaches no other call.

Every call of a worker lives in one task group, where an exception of any ends them all. Refuses to know what
failed: an exception's text may quote a caller, so only its type goes on.
"""

from __future__ import annotations

from types import TracebackType

from pipeline.telemetry.events import Event, Token, emit
from pipeline.telemetry.foreign import known_type


class FaultContained(Event):
    """Part of a call failed where other calls would have gone with it; it is over, they are not."""

    call_id: Token
    part: Token
    kind: Token


class contained:  # noqa: N801  # used as a word: `with contained(call_id, part):`
    """Let no exception out of this block; being cancelled is none. A class, since a call enters one each 20 ms."""

    __slots__ = ("_call_id", "_part")

    def __init__(self, call_id: str, part: str) -> None:
        """Name the call and its part."""
        self._call_id = call_id
        self._part = part

    def __enter__(self) -> None:
        """Nothing has failed."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Tell the kind; its text may quote the caller."""
        if kind is None or not issubclass(kind, Exception):
            return False
        emit(
            FaultContained(
                call_id=Token(self._call_id),
                part=Token(self._part),
                kind=Token(known_type(kind)),
            )
        )
        return True
