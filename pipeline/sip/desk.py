"""What the gateway asks of the server around it, and what it is told of a trunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipeline.sip.ports import Invite, MediaLeg


class NoLine(Exception):
    """No worker can take this call now."""

    def __init__(self, retry_after_s: int) -> None:
        """Say when to try again."""
        super().__init__(f"retry after {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call's worker waits for it."""

    call_id: str
    path: Path
    token: str = field(repr=False)


class Desk(Protocol):
    """What the gateway asks of its supervisor."""

    def may_ring(self) -> int | None:
        """None: a line is free; else seconds to wait."""

    async def place(self, invite: Invite) -> Place:
        """A worker that holds a line for this call; raises `NoLine`."""

    def leave(self, invite: Invite) -> None:
        """The caller has left: the line that `place` found, or still looks for, is free again."""

    async def line(self, name: str, sample_rate_hz: int) -> bytes:
        """A sentence kept ready, at this rate; empty when there is none."""


@dataclass(frozen=True, slots=True)
class TrunkRoom:
    """What the gateway itself needs of one trunk."""

    new_leg: Callable[[], MediaLeg]
    """Raises `CallRefused` when no port is free."""
    targets: Mapping[str, str]
    """Whom callers may be led to, by name: addresses from the configuration."""
    bridges: bool = False
    """Whether we call a person ourselves and carry the sound of both, instead of asking the trunk to lead the caller."""
    busy: tuple[str, ...] | None = None
    """Who takes a caller for whom no worker is free, once they have heard so; None: such a call is refused, not answered."""
    rescue: tuple[str, ...] = ()
    """Who takes a caller whose worker died, one after another; when nobody does the call ends."""
