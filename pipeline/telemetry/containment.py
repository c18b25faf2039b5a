"""The edge of one call's part: what fails inside it is told by kind, and reaches no other call.

Every call of a worker lives in one task group, where an exception of any ends them all. Refuses to know what
failed: an exception's text may quote a caller, so only its type goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.telemetry.events import Event, Token, emit
from pipeline.telemetry.foreign import known_type


class FaultContained(Event):
    """Part of a call failed where other calls would have gone with it; it is over, they are not."""

    call_id: Token
    part: Token
    kind: Token


@contextmanager
def contained(call_id: str, part: str) -> Iterator[None]:
    """Let no exception out of this block; being cancelled is none."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # the edge of a call; its text may quote the caller
        kind = Token(known_type(type(error)))
        emit(FaultContained(call_id=Token(call_id), part=Token(part), kind=kind))
