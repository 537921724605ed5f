"""Indexes for what is asked all the time of a large ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Find what a run holds, the open reviews of all processes, and those that no flow run shows yet."""
    held, unpublished = sa.text("lease_token IS NOT NULL"), sa.text("flow_run_id IS NULL")
    op.create_index(
        "ix_cases_held", "cases", ["process", "lease_run"], unique=False, sqlite_where=held, postgresql_where=held
    )
    op.drop_index("ix_reviews_process_state_opened_at", table_name="reviews")
    op.create_index("ix_reviews_state_process_opened_at", "reviews", ["state", "process", "opened_at"], unique=False)
    op.create_index(
        "ix_reviews_unpublished",
        "reviews",
        ["state", "process", "opened_at"],
        unique=False,
        sqlite_where=unpublished,
        postgresql_where=unpublished,
    )
