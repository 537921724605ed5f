"""Event logs: those that were imported, and the ledger's own, in the form that figures are computed from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from fulcrum.cases import Json, Status, Verdict
from fulcrum.errors import LogUnreadable
from fulcrum.kpis.importing import Broken, Row
from fulcrum.kpis.log import EventLog, LogEvent
from fulcrum.ledger.journal import chunked, read_contents
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, EventRow
from fulcrum.ledger.watch_tables import EventLogRow, LogEventRow
from fulcrum.process import Basis, Process

FINISHED = (Status.DELIVERED, Status.CLOSED, Status.DISCARDED)
"""Where a case's time ends."""

SHOWN = 20
"""Broken rows that are told one by one."""

_AT_ONCE = 5_000
_STREAMED = {"yield_per": 5_000}


@dataclass(slots=True)
class Imported:
    """What became of a file: rows read, cases, and those left out, the first of them by line."""

    cases: int = 0
    events: int = 0
    broken: int = 0
    first_broken: list[Broken] = field(default_factory=list)
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class KeptLog:
    """An imported log with what is known of it."""

    log: EventLog
    basis: Basis
    source: str
    imported_at: datetime


class Logs:
    """Keeps imported event logs, and reads those of processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(
        self,
        name: str,
        rows: Iterable[Row | Broken],
        *,
        source: str,
        sha256: str,
        by: str,
        finished_by: str | None = None,
        basis: Basis = Basis.MEASURED,
    ) -> Imported:
        """Keep a log under a name, in place of the one that was there, wholly or not at all.

        `finished_by` is the activity that finishes a case; without one all cases are finished. Raises LogUnreadable
        where no row can be used.
        """
        found = Imported()
        about: Json = {
            "name": name, "source": source, "sha256": sha256, "basis": basis.value, "finished_by": finished_by,
            "cases": 0, "events": 0, "broken": 0, "imported_by": by, "imported_at": self._store.now(),
        }  # fmt: skip
        with self._store.write() as tx:
            found.replaced = _remove(tx, name)
            tx.execute(insert(EventLogRow), [about])
            for chunk in chunked(_written(name, rows, found), _AT_ONCE):
                tx.execute(insert(LogEventRow), chunk)
            if not found.events:
                # Raised in the transaction, so that the log that was there stays.
                why = found.first_broken[0].why if found.first_broken else "there is none"
                raise LogUnreadable(problem=f"none of its {found.broken} rows can be used; of the first, {why}")
            cases = select(func.count(LogEventRow.case_name.distinct())).where(LogEventRow.log == name)
            found.cases = tx.execute(cases).scalar_one()
            counts = {"cases": found.cases, "events": found.events, "broken": found.broken}
            tx.execute(update(EventLogRow).where(EventLogRow.name == name).values(counts))
        return found

    def kept(self, name: str) -> KeptLog | None:
        """Read an imported log; None where there is none under that name, or one without events."""
        with self._store.read() as tx:
            about = tx.execute(select(EventLogRow).where(EventLogRow.name == name)).mappings().one_or_none()
            if about is None or not about["events"]:
                return None
            segments: dict[str, str] = {}
            finished: set[str] | None = set() if about["finished_by"] else None
            # Both sets are filled while the log is made of the stream, and read when that is at its end.
            told = _kept(tx, name, about["finished_by"], finished, segments)
            log = EventLog.of(told, finished=finished, segments=segments)
        return KeptLog(log, Basis(about["basis"]), about["source"], about["imported_at"])

    def of_process(self, process: Process, *, since: datetime | None = None) -> EventLog:
        """Read the ledger's own log of a process: of all its cases, or of those that came since a moment."""
        chosen = [CaseRow.process == process.name] + ([CaseRow.received_at >= since] if since else [])
        cases = select(CaseRow.id, CaseRow.status, CaseRow.input, CaseRow.outcome).where(*chosen)
        events = (
            select(
                EventRow.case_id, EventRow.activity, EventRow.resource, EventRow.actor, EventRow.started_at,
                EventRow.ended_at, EventRow.cost, EventRow.currency, EventRow.facts,
            )
            .join(CaseRow, CaseRow.id == EventRow.case_id)
            .where(*chosen)
            .order_by(EventRow.case_id, EventRow.seq)
        )  # fmt: skip
        with self._store.read() as tx:
            rows = tx.execute(cases).all()
            finished = {row.id for row in rows if row.status in FINISHED}
            segments = _segments(tx, process, [(row.id, row.input, row.outcome) for row in rows])
            told = (_event(row) for row in tx.execute(events, execution_options=_STREAMED).mappings())
            return EventLog.of(told, finished=finished, segments=segments)

    def spent(self, process: str, since: datetime) -> dict[str, Decimal]:
        """Sum what a process's events have cost since a moment, by currency."""
        query = select(EventRow.cost, EventRow.currency).where(
            EventRow.process == process, EventRow.ended_at >= since, EventRow.cost.is_not(None)
        )
        sums: dict[str, Decimal] = {}
        with self._store.read() as tx:
            for cost, currency in tx.execute(query, execution_options=_STREAMED):
                if cost and currency:
                    sums[currency] = sums.get(currency, Decimal(0)) + cost
        return sums


def _remove(tx: Connection, name: str) -> bool:
    tx.execute(delete(LogEventRow).where(LogEventRow.log == name))
    return tx.execute(delete(EventLogRow).where(EventLogRow.name == name)).rowcount > 0


def _written(name: str, rows: Iterable[Row | Broken], found: Imported) -> Iterator[Json]:
    """Make the table's rows, and count what is left out."""
    for row in rows:
        if isinstance(row, Broken):
            found.broken += 1
            found.first_broken += [row] if len(found.first_broken) < SHOWN else []
            continue
        found.events += 1
        event = row.event
        yield {
            "log": name, "seq": found.events, "case_name": event.case, "activity": event.activity,
            "resource": event.resource, "actor": event.actor, "segment": row.segment, "started_at": event.start,
            "ended_at": event.end, "cost": event.cost, "currency": event.currency,
        }  # fmt: skip


def _kept(
    tx: Connection, name: str, finished_by: str | None, finished: set[str] | None, segments: dict[str, str]
) -> Iterator[LogEvent]:
    """Stream an imported log's events; note on the way which cases are finished, and of what kind they are."""
    query = select(LogEventRow).where(LogEventRow.log == name).order_by(LogEventRow.seq)
    for row in tx.execute(query, execution_options=_STREAMED).mappings():
        if finished is not None and row["activity"] == finished_by:
            finished.add(row["case_name"])
        if row["segment"]:
            segments[row["case_name"]] = row["segment"]
        yield LogEvent(
            case=row["case_name"], activity=row["activity"], resource=row["resource"], actor=row["actor"],
            start=row["started_at"], end=row["ended_at"], cost=row["cost"], currency=row["currency"],
        )  # fmt: skip


def _event(told: RowMapping) -> LogEvent:
    """Make a line of the log of one of the ledger's events; an approval that corrects is an activity of its own."""
    corrected = told["activity"] == Verdict.APPROVE and told["facts"].get("changed")
    return LogEvent(
        case=told["case_id"], activity="approve corrected" if corrected else told["activity"],
        resource=told["resource"], actor=told["actor"], start=told["started_at"], end=told["ended_at"],
        cost=told["cost"], currency=told["currency"],
    )  # fmt: skip


def _segments(tx: Connection, process: Process, cases: list[tuple[str, str | None, str | None]]) -> dict[str, str]:
    """Say of what kind each case is, as the process tells it from input and outcome; erased contents tell nothing."""
    found: dict[str, str] = {}
    for chunk in chunked(cases):
        bodies = read_contents(tx, [digest for _, *both in chunk for digest in both if digest])
        for case_id, case_input, outcome in chunk:
            if outcome in bodies and (kind := process.segment(bodies.get(case_input or "", {}), bodies[outcome])):
                found[case_id] = kind
    return found
