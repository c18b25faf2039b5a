"""The tables. Every row carries its practice; what a caller said lies only in `requests.document`, sealed.

Readable are ids that we mint, times, states and names of staff. A change here needs a new file in `migrations/versions`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_ID = String(64)
_NAME = String(80)


class Base(DeclarativeBase):
    """All tables of the store."""


class KeyRow(Base):
    """A key that wraps this practice's data keys, and a sealed word that only this key opens."""

    __tablename__ = "install_keys"

    practice_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    key_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    is_current: Mapped[bool] = mapped_column()
    """Writers look here in each transaction: a rotation reaches a running server at its next write."""
    proof: Mapped[bytes] = mapped_column(LargeBinary)
    created_at_ms: Mapped[int] = mapped_column(BigInteger)


class RequestRow(Base):
    """One call's request."""

    __tablename__ = "requests"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    practice_id: Mapped[str] = mapped_column(_ID)
    call_id: Mapped[str] = mapped_column(_ID)
    state: Mapped[str] = mapped_column(String(16))
    """`pipeline.store.draft.State`."""
    revision: Mapped[int] = mapped_column(Integer)
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    updated_at_ms: Mapped[int] = mapped_column(BigInteger)
    ended_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    document: Mapped[bytes | None] = mapped_column(LargeBinary)
    """None: redacted, deleted or expired."""
    claimed_by: Mapped[str | None] = mapped_column(_NAME)
    claimed_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    resolved_by: Mapped[str | None] = mapped_column(_NAME)
    resolved_at_ms: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (Index("requests_by_age", "practice_id", "created_at_ms"),)


class DataKeyRow(Base):
    """The wrapped key of one call, or its tombstone."""

    __tablename__ = "data_keys"

    request_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    practice_id: Mapped[str] = mapped_column(_ID)
    key_id: Mapped[str] = mapped_column(_ID)
    wrapped: Mapped[bytes | None] = mapped_column(LargeBinary)
    """None: destroyed; what it sealed cannot be read by anyone again."""
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    destroyed_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    destroyed_why: Mapped[str | None] = mapped_column(String(16))

    __table_args__ = (Index("data_keys_by_key", "practice_id", "key_id"),)


class LookupRow(Base):
    """A keyed token of one value, so that a caller's earlier requests are found without reading any."""

    __tablename__ = "lookups"

    request_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    field: Mapped[str] = mapped_column(_ID, primary_key=True)
    practice_id: Mapped[str] = mapped_column(_ID)
    token: Mapped[str] = mapped_column(_ID)

    __table_args__ = (Index("lookups_by_token", "practice_id", "field", "token"),)


class HoldRow(Base):
    """A legal hold: while it stands nothing it names may expire, be redacted, deleted or purged."""

    __tablename__ = "holds"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    practice_id: Mapped[str] = mapped_column(_ID)
    request_id: Mapped[str | None] = mapped_column(_ID)
    """None: everything of the practice."""
    placed_by: Mapped[str] = mapped_column(_NAME)
    placed_at_ms: Mapped[int] = mapped_column(BigInteger)
    released_by: Mapped[str | None] = mapped_column(_NAME)
    released_at_ms: Mapped[int | None] = mapped_column(BigInteger)
