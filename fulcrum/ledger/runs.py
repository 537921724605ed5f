"""Runs of a process: their beginning, their end, and the accounts that are read from the ledger itself."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, delete, func, insert, select, update

from fulcrum.cases import Json, ReasonCode, Route
from fulcrum.ledger.standing_rows import append_standing, lock_standings, look, newest_standing
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, EventRow, ModelCallRow, ProcessStateRow, RunCaseRow, RunMetricRow, RunRow
from fulcrum.metrics import Point
from fulcrum.report import RunAccount, RunReport, Standing

A_FEW = {"yield_per": 1000}
"""Rows read at a time of what a run has as many of as cases, so that its report does not take memory for each."""


class Runs:
    """Begins and ends runs, and gives their accounts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, run_id: str, process: str, *, sop_version: str, prompt_version: str, standing: Standing) -> None:
        """Record that a run begins; one that was begun before (a retry of the same flow run) goes on."""
        now = self._store.now()
        row = {
            "id": run_id, "process": process, "state": "running", "started_at": now, "sop_version": sop_version,
            "prompt_version": prompt_version, "autonomy": standing.autonomy.value, "threshold": standing.threshold,
        }  # fmt: skip
        with self._store.write() as tx:
            again = tx.execute(
                update(RunRow).where(RunRow.id == run_id).values(state="running", ended_at=None, error=None)
            )
            if again.rowcount == 0:
                tx.execute(insert(RunRow), [row])
            else:
                _free(tx, run_id, process)

    def end(self, run_id: str, report: Json, points: Sequence[Point] = (), error: str | None = None) -> None:
        """Record how a run ended and its figures; what it still holds is free for the next one at once."""
        values = {
            "state": "failed" if error else "completed",
            "ended_at": self._store.now(),
            "report": report,
            "error": error,
        }
        with self._store.write() as tx:
            tx.execute(update(RunRow).where(RunRow.id == run_id).values(values))
            _keep(tx, run_id, points)
            process = select(RunRow.process).where(RunRow.id == run_id)
            _let_go(tx, run_id, tx.execute(process).scalar_one())

    def state(self, run_id: str) -> str | None:
        """Say how a run stands: `running`, `completed` or `failed`; None for one that has not begun here."""
        with self._store.read() as tx:
            return tx.execute(select(RunRow.state).where(RunRow.id == run_id)).scalar_one_or_none()

    def crashed(self, run_id: str, error: str) -> None:
        """Record the end of a run that cannot say so itself; one that has ended stays as it is.

        What it holds lapses with its leases: should it live after all, it loses nothing by this.
        """
        values = {"state": "failed", "ended_at": self._store.now(), "error": error}
        with self._store.write() as tx:
            tx.execute(update(RunRow).where(RunRow.id == run_id, RunRow.state == "running").values(values))

    def account(self, run_id: str) -> RunAccount:
        """Count what became of every case that the run had in hand, its model calls and deliveries."""
        with self._store.read() as tx:
            how, routes, reasons = _cases(tx, run_id)
            calls = _calls(tx, run_id)
            activities = _activities(tx, run_id)
            cycle = _cycle_times(tx, run_id)
            faults = _faults(tx, run_id)
        routed = sum(routes.get(route, 0) for route in Route)
        total = how["taken_in"] + how["carried_over"]
        return RunAccount(
            taken_in=how["taken_in"],
            carried_over=how["carried_over"],
            quarantined=routes[Route.QUARANTINED],
            cleared=routes[Route.CLEARED],
            in_review=routes[Route.REVIEW],
            still_open=total - routed,
            degraded=reasons[ReasonCode.DEGRADED],
            proposed=sum(count for activity, count in activities.items() if activity.startswith("propose")),
            delivered=activities["deliver"],
            delivery_failed=activities["deliver: failed"] + activities["deliver: refused"],
            reasons=dict(sorted((code, count) for code, count in reasons.items() if code != ReasonCode.SUFFICIENT)),
            faults=faults,
            cycle_times=cycle,
            **calls,
        )

    def standing(self, process: str) -> Standing | None:
        """Say what a process may do alone now; None when nobody has said yet."""
        with self._store.read() as tx:
            return newest_standing(tx, process)

    def first_standing(self, process: str, standing: Standing, *, by: str, reason: str) -> Standing:
        """Set what a process may do alone if nobody has said yet; give what it may, whoever was first."""
        with self._store.write() as tx:
            lock_standings(tx)
            if (said := newest_standing(tx, process)) is not None:
                return said
            append_standing(tx, process, standing, by=by, reason=reason, now=self._store.now())
        return standing

    def standings(self, process: str) -> list[Json]:
        """List every change of a process's autonomy and threshold, the newest first."""
        query = select(ProcessStateRow).where(ProcessStateRow.process == process).order_by(ProcessStateRow.seq.desc())
        with self._store.read() as tx:
            return [dict(row) for row in tx.execute(query).mappings()]

    def set_standing(self, process: str, standing: Standing, *, by: str, reason: str) -> None:
        """Set a process's autonomy and threshold, with who and why on record; whoever does has seen its alarms."""
        with self._store.write() as tx:
            # In the order in which a check writes them, so that neither waits for the other.
            look(tx, process, by, self._store.now())
            append_standing(tx, process, standing, by=by, reason=reason, now=self._store.now())

    def newest(self, process: str) -> str | None:
        """Name the run of a process that began last; None when there was none."""
        with self._store.read() as tx:
            query = select(RunRow.id).where(RunRow.process == process).order_by(RunRow.started_at.desc()).limit(1)
            return tx.execute(query).scalar_one_or_none()

    def failure(self, process: str) -> tuple[datetime, str] | None:
        """Say when the run of a process that began last has failed, and why; None where it has not."""
        columns = (RunRow.ended_at, RunRow.error)
        query = select(*columns).where(RunRow.process == process).order_by(RunRow.started_at.desc()).limit(1)
        with self._store.read() as tx:
            row = tx.execute(query).one_or_none()
        return None if row is None or row.error is None else (row.ended_at, row.error)

    def progress(self, run_id: str) -> tuple[int, int]:
        """Count the cases of a run that have a route, and all it has in hand."""
        with self._store.read() as tx:
            query = select(func.count(CaseRow.route), func.count()).join(RunCaseRow, CaseRow.id == RunCaseRow.case_id)
            routed, total = tx.execute(query.where(RunCaseRow.run_id == run_id)).one()
        return routed, total

    def report(self, run_id: str) -> RunReport:
        """Read the report that a run ended with."""
        with self._store.read() as tx:
            kept = tx.execute(select(RunRow.report).where(RunRow.id == run_id)).scalar_one()
        return RunReport.model_validate(kept)

    def spent(self, run_id: str) -> Decimal:
        """Sum what the run's model calls have cost."""
        with self._store.read() as tx:
            costs = select(ModelCallRow.cost).where(ModelCallRow.run_id == run_id)
            return sum(tx.execute(costs, execution_options=A_FEW).scalars(), Decimal(0))


def _keep(tx: Connection, run_id: str, points: Sequence[Point]) -> None:
    """Keep a run's figures in place of those of its earlier try."""
    tx.execute(delete(RunMetricRow).where(RunMetricRow.run_id == run_id))
    rows = [
        {"run_id": run_id, "name": p.metric.name, "part": p.part, "value": p.value, "unit": p.metric.unit}
        for p in points
    ]
    if rows:
        tx.execute(insert(RunMetricRow), rows)


def _let_go(tx: Connection, run_id: str, process: str) -> None:
    """End the leases that a run holds."""
    held = (CaseRow.process == process, CaseRow.lease_token.is_not(None), CaseRow.lease_run == run_id)
    tx.execute(update(CaseRow).where(*held).values(lease_token=None, lease_until=None))


def _free(tx: Connection, run_id: str, process: str) -> None:
    """Let a run that begins again claim the open cases anew that it has had, those that it let go of among them."""
    had = (CaseRow.process == process, CaseRow.open_since.is_not(None), CaseRow.lease_run == run_id)
    tx.execute(update(CaseRow).where(*had).values(lease_token=None, lease_until=None, lease_run=None))


def _cases(tx: Connection, run_id: str) -> tuple[Counter[str], Counter[str], Counter[str]]:
    query = (
        select(RunCaseRow.how, CaseRow.route, CaseRow.reason_code, func.count())
        .join(CaseRow, CaseRow.id == RunCaseRow.case_id)
        .where(RunCaseRow.run_id == run_id)
        .group_by(RunCaseRow.how, CaseRow.route, CaseRow.reason_code)
    )
    how: Counter[str] = Counter()
    routes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for kind, route, reason, count in tx.execute(query):
        how[kind] += count
        if route is not None:
            routes[route] += count
            reasons[reason or ""] += count
    return how, routes, reasons


def _calls(tx: Connection, run_id: str) -> Json:
    columns = (
        ModelCallRow.tokens_in,
        ModelCallRow.tokens_out,
        ModelCallRow.cost,
        ModelCallRow.seconds,
        ModelCallRow.currency,
    )
    tokens_in = tokens_out = 0
    spent, currency, took = Decimal(0), None, array("d")
    for row in tx.execute(select(*columns).where(ModelCallRow.run_id == run_id), execution_options=A_FEW):
        tokens_in, tokens_out, spent = tokens_in + row.tokens_in, tokens_out + row.tokens_out, spent + row.cost
        currency = currency or row.currency
        took.append(row.seconds)
    return {
        "model_calls": len(took),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "ai_cost": spent,
        "currency": currency,
        "model_seconds": took,
    }


def _faults(tx: Connection, run_id: str) -> dict[str, int]:
    """Count the run's open cases by the last fault of the endpoint that they met."""
    query = (
        select(ModelCallRow.case_id, ModelCallRow.error)
        .join(CaseRow, CaseRow.id == ModelCallRow.case_id)
        .where(ModelCallRow.run_id == run_id, ModelCallRow.error.is_not(None), CaseRow.open_since.is_not(None))
        .order_by(ModelCallRow.asked_at)
    )
    last = {row.case_id: row.error for row in tx.execute(query)}
    return dict(sorted(Counter(last.values()).items()))


def _activities(tx: Connection, run_id: str) -> Counter[str]:
    query = select(EventRow.activity, func.count()).where(EventRow.run_id == run_id).group_by(EventRow.activity)
    return Counter({row[0]: row[1] for row in tx.execute(query)})


def _cycle_times(tx: Connection, run_id: str) -> Sequence[timedelta]:
    query = (
        select(CaseRow.received_at, EventRow.ended_at)
        .join(EventRow, EventRow.case_id == CaseRow.id)
        .where(EventRow.run_id == run_id, EventRow.activity == "deliver")
    )
    return tuple(ended - received for received, ended in tx.execute(query, execution_options=A_FEW))
