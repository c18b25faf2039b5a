"""Who looked at, or destroyed, which request or recording: the seam to whatever keeps such records for years.

A record names people and fields, never a value and never a caller. It is made before anything is shown; if
it cannot be made, nothing is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Access:
    """One act of one member of staff."""

    user: str
    """The name of their token: never a caller's or patient's id."""
    role: str
    action: str
    """"list", "show", "export", "claim", "resolve", "redact", "delete", "keep", "hold", "release", "purge"."""
    practice_id: str
    request_id: str
    """"" for acts on many."""
    fields: tuple[str, ...]
    """Names of the fields that were shown or destroyed."""
    success: bool
    recording_id: str = ""
    """For acts on a recording instead of a request."""
    call_id: str = ""
    """The call it is of."""


class AccessRecord(Protocol):
    """Keeps accesses; raises `StartUpError` when it cannot, and then they do not happen."""

    def __call__(self, accesses: Sequence[Access], /) -> None:
        """Keep them, and return when they are safe."""
