"""Legal holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.String(64)
_NAME = sa.String(80)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "holds",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("practice_id", _ID, nullable=False),
        sa.Column("request_id", _ID),
        sa.Column("placed_by", _NAME, nullable=False),
        sa.Column("placed_at_ms", sa.BigInteger, nullable=False),
        sa.Column("released_by", _NAME),
        sa.Column("released_at_ms", sa.BigInteger),
    )
