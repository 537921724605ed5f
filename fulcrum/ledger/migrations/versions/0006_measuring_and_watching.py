"""A run's figures row by row, what is watched of a process, and two views for tools that read the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fulcrum.ledger.columns import ExactDecimal, JsonText, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FIGURES = {
    "failed": "fulcrum.run.failed",
    "seconds": "fulcrum.run.duration",
    "taken_in": "fulcrum.cases.taken_in",
    "carried_over": "fulcrum.cases.carried_over",
    "duplicates": "fulcrum.cases.duplicates",
    "quarantined": "fulcrum.cases.quarantined",
    "proposed": "fulcrum.cases.proposed",
    "cleared": "fulcrum.cases.cleared",
    "in_review": "fulcrum.cases.in_review",
    "degraded": "fulcrum.cases.degraded",
    "still_open": "fulcrum.cases.still_open",
    "delivered": "fulcrum.deliveries.made",
    "delivery_failed": "fulcrum.deliveries.failed",
    "model_calls": "fulcrum.ai.calls",
    "ai_cost": "fulcrum.ai.cost",
    "model_seconds_p50": "fulcrum.ai.call.duration.p50",
    "model_seconds_p95": "fulcrum.ai.call.duration.p95",
    "cycle_seconds_p50": "fulcrum.cycle.duration.p50",
    "cycle_seconds_p95": "fulcrum.cycle.duration.p95",
}
"""The columns of `v_run_kpis` and the figures they hold."""

CASE_FACTS = """
CREATE VIEW v_case_facts AS
SELECT f.*, {seconds} AS cycle_seconds
FROM (
  SELECT c.id AS case_id, c.process, c.status, c.route, c.reason_code, c.received_at,
    CASE WHEN c.status IN ('delivered', 'closed', 'discarded') THEN c.updated_at END AS finished_at,
    (SELECT SUM(CAST(e.cost AS {number})) FROM events e WHERE e.case_id = c.id) AS ai_cost,
    (SELECT MAX(e.currency) FROM events e WHERE e.case_id = c.id) AS currency,
    (SELECT COUNT(*) FROM model_calls m WHERE m.case_id = c.id) AS model_calls,
    (SELECT COUNT(*) FROM events e WHERE e.case_id = c.id AND e.resource = 'human') AS human_events,
    (SELECT COUNT(*) FROM decisions d WHERE d.case_id = c.id AND d.changed <> '[]') AS corrections
  FROM cases c
) f
"""


def upgrade() -> None:
    """Make the tables and the views."""
    op.create_table(
        "run_metrics",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("part", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_metrics_run_id")),
        sa.PrimaryKeyConstraint("run_id", "name", "part", name=op.f("pk_run_metrics")),
    )
    _logs()
    _drift()
    _alarms()
    _views(sqlite=op.get_bind().dialect.name == "sqlite")


def _logs() -> None:
    op.create_table(
        "event_logs",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("basis", sa.String(length=10), nullable=False),
        sa.Column("finished_by", sa.String(length=200), nullable=True),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("imported_by", sa.String(length=200), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_logs")),
    )
    op.create_table(
        "log_events",
        sa.Column("log", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("case_name", sa.String(length=520), nullable=False),
        sa.Column("activity", sa.String(length=200), nullable=False),
        sa.Column("resource", sa.String(length=8), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=True),
        sa.Column("segment", sa.String(length=200), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=False),
        sa.Column("cost", ExactDecimal(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.ForeignKeyConstraint(["log"], ["event_logs.name"], name=op.f("fk_log_events_log")),
        sa.PrimaryKeyConstraint("log", "seq", name=op.f("pk_log_events")),
    )


def _drift() -> None:
    op.create_table(
        "drift_references",
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("standing", sa.Integer(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("frozen_at", UtcDateTime(), nullable=False),
        sa.Column("body", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("process", "standing", name=op.f("pk_drift_references")),
    )
    op.create_table(
        "drift_reports",
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("judged_at", UtcDateTime(), nullable=False),
        sa.Column("overall", sa.String(length=12), nullable=False),
        sa.Column("body", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("process", "seq", name=op.f("pk_drift_reports")),
    )
    op.create_table(
        "watched",
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("unjudged", sa.Integer(), nullable=False),
        sa.Column("promises", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_watched")),
    )


def _alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("process", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("facts", JsonText(), nullable=False),
        sa.Column("said_at", UtcDateTime(), nullable=True),
        sa.Column("looked_at", UtcDateTime(), nullable=True),
        sa.Column("looked_by", sa.String(length=200), nullable=True),
        sa.Column("taken_by", sa.String(length=200), nullable=True),
        sa.Column("passed_on_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    op.create_index("ix_alarms_process_looked_at", "alarms", ["process", "looked_at"], unique=False)


def _views(*, sqlite: bool) -> None:
    """Make the views; a later migration that changes a column of theirs drops them first and makes them again."""
    seconds = (
        "(JULIANDAY(f.finished_at) - JULIANDAY(f.received_at)) * 86400.0"
        if sqlite
        else "CAST(EXTRACT(EPOCH FROM (f.finished_at - f.received_at)) AS DOUBLE PRECISION)"
    )
    op.execute(CASE_FACTS.format(seconds=seconds, number="REAL" if sqlite else "NUMERIC"))
    columns = ", ".join(f"MAX(CASE WHEN m.name = '{name}' THEN m.value END) AS {it}" for it, name in FIGURES.items())
    op.execute(
        "CREATE VIEW v_run_kpis AS SELECT r.id AS run_id, r.process, r.state, r.started_at, r.ended_at, "  # noqa: S608 - constants of ours
        f"r.autonomy, r.threshold, r.sop_version, r.prompt_version, {columns}, "
        "MAX(CASE WHEN m.name = 'fulcrum.ai.cost' THEN m.part END) AS currency "
        "FROM runs r LEFT JOIN run_metrics m ON m.run_id = r.id "
        "GROUP BY r.id, r.process, r.state, r.started_at, r.ended_at, r.autonomy, r.threshold, r.sop_version, "
        "r.prompt_version"
    )
