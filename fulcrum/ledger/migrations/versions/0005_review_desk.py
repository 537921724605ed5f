"""Who may decide is registered, reviews are assigned and have an urgency, and what is decided together is listed."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from fulcrum.ledger.columns import JsonText, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what reviews and decisions say besides, and make the tables of reviewers, their codes and bundles."""
    op.add_column("reviews", sa.Column("assignee", sa.String(length=200), nullable=True))
    op.add_column("reviews", sa.Column("urgency", sa.String(length=10), server_default="waiting", nullable=False))
    op.add_column("reviews", sa.Column("approved_by", JsonText(), server_default="[]", nullable=False))
    _keep_first_approvals(op.get_bind())
    op.add_column("decisions", sa.Column("verified", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "reviewers",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("queues", JsonText(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("registered_at", UtcDateTime(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("wrong_codes", sa.Integer(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_reviewers")),
    )
    op.create_table(
        "used_codes",
        sa.Column("reviewer", sa.String(length=200), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["reviewer"], ["reviewers.key"], name=op.f("fk_used_codes_reviewer")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_used_codes_case_id")),
        sa.PrimaryKeyConstraint("reviewer", "case_id", "step", name=op.f("pk_used_codes")),
    )
    op.create_table(
        "bundles",
        sa.Column("id", sa.String(length=8), nullable=False),
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("review_ids", JsonText(), nullable=False),
        sa.Column("reviewer", sa.String(length=200), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundles")),
    )


def _keep_first_approvals(connection: sa.Connection) -> None:
    """Note of the open reviews who has approved their case first; an escalation between the two changes nothing."""
    reviews = sa.table("reviews", *map(sa.column, ("id", "case_id", "number", "state", "reason_code", "approved_by")))
    decisions = sa.table("decisions", *map(sa.column, ("review_id", "verdict", "reviewer")))
    follow = reviews.c.reason_code.in_(["four-eyes", "escalated"])
    for review in connection.execute(sa.select(reviews).where(reviews.c.state == "open", follow)).all():
        earlier = (
            sa.select(reviews.c.reason_code, decisions.c.verdict, decisions.c.reviewer)
            .join(decisions, decisions.c.review_id == reviews.c.id)
            .where(reviews.c.case_id == review.case_id, reviews.c.number < review.number)
            .order_by(reviews.c.number.desc())
        )
        for code, verdict, reviewer in connection.execute(earlier).all():
            if verdict == "approve":
                known = json.dumps([reviewer], ensure_ascii=False)
                connection.execute(sa.update(reviews).where(reviews.c.id == review.id).values(approved_by=known))
                break
            if code not in {"four-eyes", "escalated"}:
                break
