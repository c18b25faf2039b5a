"""Who looked at, or destroyed, which request: the seam to whatever keeps such records for years.

A record names people and fields, never a value and never a caller. It is made before anything is shown; if
it cannot be made, nothing is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeline.telemetry.events import Event, Token, emit


@dataclass(frozen=True, slots=True)
class Access:
    """One act of one member of staff."""

    user: str
    """The name of their token: never a caller's or patient's id."""
    role: str
    action: str
    """"list", "show", "export", "claim", "resolve", "redact", "delete", "hold", "release", "purge"."""
    practice_id: str
    request_id: str
    """"" for acts on many."""
    fields: tuple[str, ...]
    """Names of the fields that were shown or destroyed."""
    success: bool


class AccessRecord(Protocol):
    """Keeps an access; raises `StoreFault` when it cannot, and then the access does not happen."""

    def __call__(self, access: Access) -> None:
        """Keep it, and return when it is safe."""


class PhiAccessed(Event):
    """A member of staff used a request."""

    user: Token
    role: Token
    action: Token
    request_id: Token
    fields: int
    success: bool


def as_event(access: Access) -> None:
    """Say it in the event log: what there is until a longer memory is wired."""
    emit(
        PhiAccessed(
            Token(access.user),
            Token(access.role),
            Token(access.action),
            Token(access.request_id),
            len(access.fields),
            access.success,
        )
    )
