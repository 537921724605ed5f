"""The tables of what is measured and watched: event logs, drift references and reports, promises, alarms."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from fulcrum.cases import Json
from fulcrum.ledger.tables import Base


class EventLogRow(Base):
    """An event log that was imported, as that of the work before: `baseline:PROCESS`."""

    __tablename__ = "event_logs"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    source: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    basis: Mapped[str] = mapped_column(String(10))
    finished_by: Mapped[str | None] = mapped_column(String(200))
    cases: Mapped[int]
    events: Mapped[int]
    broken: Mapped[int]
    imported_by: Mapped[str] = mapped_column(String(200))
    imported_at: Mapped[datetime]


class LogEventRow(Base):
    """One line of an imported event log."""

    __tablename__ = "log_events"

    log: Mapped[str] = mapped_column(ForeignKey("event_logs.name"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    case_name: Mapped[str] = mapped_column(String(520))
    activity: Mapped[str] = mapped_column(String(200))
    resource: Mapped[str] = mapped_column(String(8))
    actor: Mapped[str | None] = mapped_column(String(200))
    segment: Mapped[str | None] = mapped_column(String(200))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    cost: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))


class DriftReferenceRow(Base):
    """The handled cases that a process's autonomy was granted on, as features without content; the last row holds.

    `standing` is the change of autonomy that it belongs to.
    """

    __tablename__ = "drift_references"

    process: Mapped[str] = mapped_column(String(64), primary_key=True)
    standing: Mapped[int] = mapped_column(primary_key=True)
    cases: Mapped[int]
    frozen_at: Mapped[datetime]
    body: Mapped[Json]


class DriftReportRow(Base):
    """What a comparison of a process's newest cases with its reference has shown."""

    __tablename__ = "drift_reports"

    process: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    judged_at: Mapped[datetime]
    overall: Mapped[str] = mapped_column(String(12))
    body: Mapped[Json]


class WatchedRow(Base):
    """How far a process has been watched: the moment up to which, its promises' states, cases since the last report."""

    __tablename__ = "watched"

    process: Mapped[str] = mapped_column(String(64), primary_key=True)
    until: Mapped[datetime]
    unjudged: Mapped[int]
    promises: Mapped[Json]


class AlarmRow(Base):
    """Something that the operation has noticed about itself, until its owner has looked.

    `said_at` is when the event was given out; without it, the next check gives it out. Who looks after it has taken it;
    what nobody takes is passed on to the deputy.
    """

    __tablename__ = "alarms"
    __table_args__ = (Index("ix_alarms_process_looked_at", "process", "looked_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    process: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(24))
    subject: Mapped[str] = mapped_column(String(200))
    raised_at: Mapped[datetime]
    facts: Mapped[Json]
    said_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    looked_by: Mapped[str | None] = mapped_column(String(200))
    taken_by: Mapped[str | None] = mapped_column(String(200))
    passed_on_at: Mapped[datetime | None]
