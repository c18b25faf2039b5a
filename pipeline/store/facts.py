"""What may be said of the store without its key and without any content: versions, counts, ages, holds.

Reads the columns that are readable anyway. Refuses to open a document.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from pipeline.store.database import Database, revisions
from pipeline.store.faults import StoreFault
from pipeline.store.schema import DataKeyRow, HoldRow, KeyRow, RequestRow


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """Counts of one practice; `said` tells what could not be looked at."""

    place: str
    revision: str = ""
    """"": there is no store yet."""
    is_current: bool = False
    by_state: dict[str, int] = field(default_factory=dict)
    destroyed: dict[str, int] = field(default_factory=dict)
    """By reason; their keys are gone."""
    readable_keys_of_destroyed: int = 0
    """More than none would be a fault: a destroyed request that still has its key or its document."""
    holds: int = 0
    install_keys: int = 0
    oldest: str = ""
    """Day of the oldest request that still has content."""
    said: str = ""

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def facts_of(database: Database, practice_id: str) -> StoreFacts:
    """Look once, in one consistent view; what fails is said instead of raised."""
    place = database.location.shown()
    try:
        revision = database.version()
        if not revision:
            return StoreFacts(place, said="there is no store yet")
        if revision != revisions()[0]:
            return StoreFacts(place, revision, said="the tables are of another release")
        return _counted(database, practice_id, place, revision)
    except StoreFault as fault:
        return StoreFacts(place, said=str(fault))


def _counted(database: Database, practice_id: str, place: str, revision: str) -> StoreFacts:
    ours = RequestRow.practice_id == practice_id
    dead = DataKeyRow.destroyed_at_ms.is_not(None)
    with database.reading() as session:
        states = session.execute(
            select(RequestRow.state, func.count())
            .where(ours, RequestRow.document.is_not(None))
            .group_by(RequestRow.state)
        )
        graves = session.execute(
            select(DataKeyRow.destroyed_why, func.count())
            .where(DataKeyRow.practice_id == practice_id, dead)
            .group_by(DataKeyRow.destroyed_why)
        )
        undead = session.scalar(
            select(func.count())
            .select_from(DataKeyRow)
            .join(RequestRow, RequestRow.id == DataKeyRow.request_id)
            .where(ours, dead, DataKeyRow.wrapped.is_not(None) | RequestRow.document.is_not(None))
        )
        holds = session.scalar(
            select(func.count())
            .select_from(HoldRow)
            .where(HoldRow.practice_id == practice_id, HoldRow.released_at_ms.is_(None))
        )
        keys = session.scalar(
            select(func.count()).select_from(KeyRow).where(KeyRow.practice_id == practice_id)
        )
        oldest_ms = session.scalar(
            select(func.min(RequestRow.created_at_ms)).where(ours, RequestRow.document.is_not(None))
        )
        return StoreFacts(
            place,
            revision,
            is_current=True,
            by_state={str(state): count for state, count in states},
            destroyed={why or "unknown": count for why, count in graves},
            readable_keys_of_destroyed=undead or 0,
            holds=holds or 0,
            install_keys=keys or 0,
            oldest=_day(oldest_ms),
        )


def _day(at_ms: int | None) -> str:
    return "" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"
