"""Labelled examples."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fulcrum.ledger.columns import JsonText, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of labelled examples."""
    op.create_table(
        "examples",
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=520), nullable=False),
        sa.Column("body", JsonText(), nullable=True),
        sa.Column("known_at", UtcDateTime(), nullable=False),
        sa.Column("loaded_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("process", "id", name=op.f("pk_examples")),
    )
