"""The first tables: keys, requests, data keys, look-ups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.String(64)
_NAME = sa.String(80)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "install_keys",
        sa.Column("practice_id", _ID, primary_key=True),
        sa.Column("key_id", _ID, primary_key=True),
        sa.Column("is_current", sa.Boolean, nullable=False),
        sa.Column("proof", sa.LargeBinary, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("practice_id", _ID, nullable=False),
        sa.Column("call_id", _ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger),
        sa.Column("document", sa.LargeBinary),
        sa.Column("claimed_by", _NAME),
        sa.Column("claimed_at_ms", sa.BigInteger),
        sa.Column("resolved_by", _NAME),
        sa.Column("resolved_at_ms", sa.BigInteger),
    )
    op.create_index("requests_by_age", "requests", ["practice_id", "created_at_ms"])
    op.create_table(
        "data_keys",
        sa.Column("request_id", _ID, primary_key=True),
        sa.Column("practice_id", _ID, nullable=False),
        sa.Column("key_id", _ID, nullable=False),
        sa.Column("wrapped", sa.LargeBinary),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("destroyed_at_ms", sa.BigInteger),
        sa.Column("destroyed_why", sa.String(16)),
    )
    op.create_index("data_keys_by_key", "data_keys", ["practice_id", "key_id"])
    op.create_table(
        "lookups",
        sa.Column("request_id", _ID, primary_key=True),
        sa.Column("field", _ID, primary_key=True),
        sa.Column("practice_id", _ID, nullable=False),
        sa.Column("token", _ID, nullable=False),
    )
    op.create_index("lookups_by_token", "lookups", ["practice_id", "field", "token"])
