"""Proposals say which AI step they are of, and catalogues are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fulcrum.ledger.columns import JsonText, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the place of a proposal's step, and make the table of catalogues."""
    op.add_column("proposals", sa.Column("place", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "catalogues",
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=12), nullable=False),
        sa.Column("body", JsonText(), nullable=False),
        sa.Column("set_by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("process", "field", "seq", name=op.f("pk_catalogues")),
    )
