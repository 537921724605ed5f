"""The ledger's tables. Contents of cases stand only in `contents`; everything else is ids, counts and reasons."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Double, ForeignKey, Index, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fulcrum.cases import Json
from fulcrum.ledger.columns import ExactDecimal, JsonText, UtcDateTime

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        float: Double,
        Decimal: ExactDecimal,
        Json: JsonText,
        list[str]: JsonText,
    }


class LedgerRow(Base):
    """The ledger's own name, in its only row: two ledgers at one Prefect server must not take each other's reviews."""

    __tablename__ = "ledger"

    identity: Mapped[str] = mapped_column(String(8), primary_key=True)
    created_at: Mapped[datetime]


class CaseRow(Base):
    """A case: where it stands, who holds it, the head of its event chain."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("process", "external_id"),
        Index("ix_cases_process_status_received_at", "process", "status", "received_at"),
        # What a run claims: only open cases have open_since, so the index holds no finished work.
        Index("ix_cases_open", "process", "open_since", "id"),
        Index("ix_cases_business_key", "process", "business_key"),
        # What a run holds: a few batches among all that is open. Partial, as is that of unpublished reviews. The
        # migration makes them so: to name both dialects here would import the other database's, 0.1 s a command.
        Index("ix_cases_held", "process", "lease_run", info={"where": "lease_token IS NOT NULL"}),
    )

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    process: Mapped[str] = mapped_column(String(64))
    external_id: Mapped[str] = mapped_column(String(520))
    status: Mapped[str] = mapped_column(String(16))
    route: Mapped[str | None] = mapped_column(String(12))
    reason_code: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(Text)
    unsound: Mapped[str | None] = mapped_column(Text)
    original: Mapped[str | None] = mapped_column(String(64))
    revision: Mapped[int] = mapped_column(Integer, default=1)
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    open_since: Mapped[datetime | None]
    business_key: Mapped[str | None] = mapped_column(String(64))
    audit_probability: Mapped[float | None]
    input: Mapped[str | None] = mapped_column(String(64))
    outcome: Mapped[str | None] = mapped_column(String(64))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_run: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None]
    head: Mapped[str] = mapped_column(String(64))
    events: Mapped[int]


class ContentRow(Base):
    """Some content of a case, under the salted digest that the events name; erasing it leaves the chain valid."""

    __tablename__ = "contents"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    salt: Mapped[str | None] = mapped_column(String(32))
    body: Mapped[Json | None]
    created_at: Mapped[datetime]


class EventRow(Base):
    """One line of the event log; append-only, chained per case."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_run_id", "run_id"),
        Index("ix_events_process_ended_at", "process", "ended_at"),
    )

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    process: Mapped[str] = mapped_column(String(64))
    activity: Mapped[str] = mapped_column(String(40))
    resource: Mapped[str] = mapped_column(String(8))
    actor: Mapped[str | None] = mapped_column(String(200))
    run_id: Mapped[str | None] = mapped_column(String(36))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    cost: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(16))
    facts: Mapped[Json]
    content: Mapped[str | None] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ModelCallRow(Base):
    """One question to a model and what came of it; `key` repeats when a question had to be asked again."""

    __tablename__ = "model_calls"
    __table_args__ = (Index("ix_model_calls_run_id", "run_id"), Index("ix_model_calls_case_id", "case_id"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), index=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    run_id: Mapped[str] = mapped_column(String(36))
    step: Mapped[str] = mapped_column(String(64))
    sample: Mapped[int]
    attempt: Mapped[int]
    model: Mapped[str] = mapped_column(String(200))
    answer: Mapped[str | None] = mapped_column(String(64))
    field_confidence: Mapped[Json | None]
    error: Mapped[str | None] = mapped_column(String(40))
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    seconds: Mapped[float]
    asked_at: Mapped[datetime]


class ProposalRow(Base):
    """What a step said the outcome is, one a case, step and revision; `place` counts the steps from 0."""

    __tablename__ = "proposals"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[int] = mapped_column(default=0, server_default="0")
    kind: Mapped[str] = mapped_column(String(8))
    content: Mapped[str] = mapped_column(String(64))
    confidence: Mapped[float | None]
    field_confidence: Mapped[Json]
    model: Mapped[str | None] = mapped_column(String(200))
    sop_version: Mapped[str] = mapped_column(String(12))
    prompt_version: Mapped[str] = mapped_column(String(12))
    run_id: Mapped[str] = mapped_column(String(36))
    proposed_at: Mapped[datetime]


class ReviewRow(Base):
    """A person's task on one case; `generation` counts the Prefect runs that showed it."""

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("case_id", "number"),
        Index("ix_reviews_state_process_opened_at", "state", "process", "opened_at"),
        # What a run looks for every second: the few that no flow run shows yet.
        Index("ix_reviews_unpublished", "state", "process", "opened_at", info={"where": "flow_run_id IS NULL"}),
    )

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    number: Mapped[int]
    process: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(8))
    blind: Mapped[bool]
    reason_code: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    queue: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10))
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    generation: Mapped[int] = mapped_column(default=1)
    flow_run_id: Mapped[str | None] = mapped_column(String(36))
    assignee: Mapped[str | None] = mapped_column(String(200))
    urgency: Mapped[str] = mapped_column(String(10), default="waiting")
    approved_by: Mapped[list[str]]


class DecisionRow(Base):
    """What a person decided in a review: one a review, the first valid answer."""

    __tablename__ = "decisions"

    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    verdict: Mapped[str] = mapped_column(String(8))
    reviewer: Mapped[str] = mapped_column(String(200))
    content: Mapped[str] = mapped_column(String(64))
    changed: Mapped[list[str]]
    sop_version: Mapped[str | None] = mapped_column(String(12))
    prompt_version: Mapped[str | None] = mapped_column(String(12))
    model: Mapped[str | None] = mapped_column(String(200))
    verified: Mapped[bool] = mapped_column(default=False)
    decided_at: Mapped[datetime]


class ReviewerRow(Base):
    """A registered reviewer. `key` is what two spellings of the name share; `secret` is sealed with a key from outside.

    `wrong_codes` counts those in a row.
    """

    __tablename__ = "reviewers"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(12))
    queues: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    registered_by: Mapped[str] = mapped_column(String(200))
    registered_at: Mapped[datetime]
    secret: Mapped[str | None] = mapped_column(Text)
    wrong_codes: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]


class UsedCodeRow(Base):
    """A code that has decided a case, by the step of time that it is of: it is good once a case."""

    __tablename__ = "used_codes"

    reviewer: Mapped[str] = mapped_column(ForeignKey("reviewers.key"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class BundleRow(Base):
    """Reviews that somebody wants to decide together, as a dry run has listed them."""

    __tablename__ = "bundles"

    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    process: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(8))
    review_ids: Mapped[list[str]]
    reviewer: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class DeliveryRow(Base):
    """The outbox: one effect in one target, under its idempotency key."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_process_state_due_at", "process", "state", "due_at"),
        Index("ix_deliveries_case_id", "case_id"),
    )

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    process: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(120))
    effect: Mapped[str] = mapped_column(String(10))
    revision: Mapped[int]
    content: Mapped[str] = mapped_column(String(64))
    business_key: Mapped[str | None] = mapped_column(String(64))
    reverses: Mapped[str | None] = mapped_column(String(200))
    decided_by: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    receipt: Mapped[str | None] = mapped_column(String(400))
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]


class RunRow(Base):
    """One flow run of a process, with what it reported at its end."""

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_process_started_at", "process", "started_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    process: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    sop_version: Mapped[str] = mapped_column(String(12))
    prompt_version: Mapped[str] = mapped_column(String(12))
    autonomy: Mapped[str] = mapped_column(String(12))
    threshold: Mapped[float]
    error: Mapped[str | None] = mapped_column(Text)
    report: Mapped[Json | None]


class RunMetricRow(Base):
    """A figure that a run gave out, under the name of `fulcrum/metrics.py`; `part` is what it is broken down by."""

    __tablename__ = "run_metrics"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    part: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[float]
    unit: Mapped[str] = mapped_column(String(16))


class RunCaseRow(Base):
    """Which cases a run had in hand: `taken_in` by it, or `carried_over` from before."""

    __tablename__ = "run_cases"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    how: Mapped[str] = mapped_column(String(12))


class ProcessStateRow(Base):
    """A process's autonomy and threshold from a moment on, with who set them and why; the last row holds."""

    __tablename__ = "process_states"

    process: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    autonomy: Mapped[str] = mapped_column(String(12))
    threshold: Mapped[float]
    set_by: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime]


class HaltRow(Base):
    """A halt of a process, or of all (`*`), by whom and why; it is in force until it has been resumed."""

    __tablename__ = "halts"

    process: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    halted_by: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    halted_at: Mapped[datetime]
    resumed_by: Mapped[str | None] = mapped_column(String(200))
    resumed_reason: Mapped[str | None] = mapped_column(Text)
    resumed_at: Mapped[datetime | None]


class ExampleRow(Base):
    """A labelled record: what came in and what is true of it. Erasing its body leaves the row, so it stays erased."""

    __tablename__ = "examples"

    process: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(520), primary_key=True)
    body: Mapped[Json | None]
    known_at: Mapped[datetime]
    loaded_at: Mapped[datetime]


class CatalogueRow(Base):
    """The options of a process's field from a moment on, with who set them and why; the last row holds."""

    __tablename__ = "catalogues"

    process: Mapped[str] = mapped_column(String(64), primary_key=True)
    field: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(12))
    body: Mapped[Json]
    set_by: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime]
