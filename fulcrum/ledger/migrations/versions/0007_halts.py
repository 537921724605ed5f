"""Who has halted a process, or all of them, and who has resumed it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fulcrum.ledger.columns import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "halts",
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("halted_by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("halted_at", UtcDateTime(), nullable=False),
        sa.Column("resumed_by", sa.String(length=200), nullable=True),
        sa.Column("resumed_reason", sa.Text(), nullable=True),
        sa.Column("resumed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("process", "seq", name=op.f("pk_halts")),
    )
