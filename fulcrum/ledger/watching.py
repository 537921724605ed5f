"""What is watched of a process, and the alarms that came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from fulcrum.cases import Json, ReasonCode, ReviewKind, Verdict
from fulcrum.handled import Handled
from fulcrum.ledger.journal import chunked
from fulcrum.ledger.standing_rows import NOTICED, append_standing
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import DecisionRow, EventRow, ModelCallRow, ProcessStateRow, ReviewRow, RunRow
from fulcrum.ledger.watch_tables import AlarmRow, DriftReferenceRow, DriftReportRow, WatchedRow
from fulcrum.ledger.work import read_cases, read_proposals
from fulcrum.promises import Happened
from fulcrum.report import Standing

BY_ITSELF = "drift-check"
"""Who sets a process's autonomy where no person does: the check that found a promise broken."""

ROUTED = ("clear", "ask for review")
"""The activities with which a run judges a case."""

_WEIGHED = frozenset({Verdict.APPROVE.value, Verdict.REJECT.value, "approve first"})
"""The activities with which a person says whether a proposal is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that the operation has noticed about itself; `facts` hold counts and rates, never content.

    `taken_by` is who looks after it.
    """

    id: str
    process: str
    kind: str
    subject: str
    raised_at: datetime
    facts: Json
    taken_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How far a process has been watched: up to when, cases judged since the last report, its promises' states."""

    until: datetime
    unjudged: int = 0
    promises: Json = field(default_factory=dict)


class Reference(NamedTuple):
    """The features that a process's autonomy was granted on; `standing` is the change of autonomy it belongs to."""

    standing: int
    frozen_at: datetime
    observed: Sequence[Json]


class Granted(NamedTuple):
    """The last change of a process's autonomy that a person made."""

    standing: int
    at: datetime


class Watching:
    """Reads what is watched, and keeps what came of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def seen(self, process: str) -> Seen | None:
        """Say how far a process has been watched; None where it never was."""
        with self._store.read() as tx:
            row = tx.execute(select(WatchedRow).where(WatchedRow.process == process)).mappings().one_or_none()
        return None if row is None else Seen(until=row["until"], unjudged=row["unjudged"], promises=row["promises"])

    def happened(self, process: str, after: datetime, until: datetime) -> list[Happened]:
        """List in order what cases and people's decisions have said of a process's promises in a stretch of time."""
        query = (
            select(EventRow.activity, EventRow.resource, EventRow.facts)
            .where(EventRow.process == process, EventRow.ended_at > after, EventRow.ended_at <= until)
            .where(EventRow.activity.in_([*ROUTED, *_WEIGHED]))
            .order_by(EventRow.ended_at, EventRow.case_id, EventRow.seq)
        )
        with self._store.read() as tx:
            rows = [row for row in tx.execute(query) if row.activity in ROUTED or row.resource == "human"]
            reviews = _reviews(tx, [row.facts["review"] for row in rows if row.activity in _WEIGHED])
        told = [_happened(row.activity, row.facts, reviews) for row in rows]
        return [each for each in told if each is not None]

    def handled(
        self, process: str, *, limit: int, after: datetime | None = None, until: datetime, first: bool = False
    ) -> list[Handled]:
        """Read the last cases (or the first ones) that runs have judged in a stretch of time, the oldest first."""
        query = (
            select(EventRow.case_id, EventRow.ended_at, EventRow.facts, RunRow.autonomy, RunRow.threshold)
            .join(RunRow, RunRow.id == EventRow.run_id)
            .where(EventRow.process == process, EventRow.ended_at <= until, EventRow.activity.in_(ROUTED))
            .order_by(EventRow.ended_at if first else EventRow.ended_at.desc(), EventRow.case_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(EventRow.ended_at > after)
        with self._store.read() as tx:
            rows = list(tx.execute(query).mappings())
            rows.sort(key=lambda row: (row["ended_at"], row["case_id"]))
            return _handled(tx, rows)

    def reference(self, process: str) -> Reference | None:
        """Read the newest reference of a process."""
        query = (
            select(DriftReferenceRow)
            .where(DriftReferenceRow.process == process)
            .order_by(DriftReferenceRow.standing.desc())
        )
        with self._store.read() as tx:
            row = tx.execute(query.limit(1)).mappings().one_or_none()
        return None if row is None else Reference(row["standing"], row["frozen_at"], row["body"]["observed"])

    def granted(self, process: str) -> Granted | None:
        """Find the last change of a process's autonomy that a person made; None before its first run."""
        query = (
            select(ProcessStateRow.seq, ProcessStateRow.set_at)
            .where(ProcessStateRow.process == process, ProcessStateRow.set_by != BY_ITSELF)
            .order_by(ProcessStateRow.seq.desc())
        )
        with self._store.read() as tx:
            row = tx.execute(query.limit(1)).one_or_none()
        return None if row is None else Granted(row.seq, row.set_at)

    def freeze(self, process: str, standing: int, observed: Sequence[Json]) -> None:
        """Keep the features of a reference; one that is there stays."""
        row = {
            "process": process, "standing": standing, "cases": len(observed), "frozen_at": self._store.now(),
            "body": {"observed": list(observed)},
        }  # fmt: skip
        with self._store.write() as tx:
            tx.execute(self._store.insert(DriftReferenceRow).on_conflict_do_nothing(), [row])

    def advance(
        self,
        process: str,
        before: Seen | None,
        after: Seen,
        *,
        report: Json | None = None,
        alarms: Sequence[Alarm] = (),
        lowered: tuple[Standing, str] | None = None,
    ) -> bool:
        """Keep what a check has found, wholly or, where another check was quicker, not at all; tell which.

        `lowered` is the standing that the process has from now on, and why.
        """
        with self._store.write() as tx:
            if not self._move(tx, process, before, after):
                return False
            if report is not None:
                _append_report(tx, process, report, self._store.now())
            if alarms:
                tx.execute(insert(AlarmRow), [_row(alarm) for alarm in alarms])
            if lowered:
                append_standing(tx, process, lowered[0], by=BY_ITSELF, reason=lowered[1], now=self._store.now())
        return True

    def _move(self, tx: Connection, process: str, before: Seen | None, after: Seen) -> bool:
        values = {"until": after.until, "unjudged": after.unjudged, "promises": after.promises}
        if before is None:
            row = {"process": process} | values
            return tx.execute(self._store.insert(WatchedRow).on_conflict_do_nothing(), [row]).rowcount == 1
        # Its promises as well: an owner may have looked meanwhile, and that must not be overwritten.
        mine = (
            WatchedRow.process == process,
            WatchedRow.until == before.until,
            WatchedRow.promises == before.promises,
        )
        return tx.execute(update(WatchedRow).where(*mine).values(values)).rowcount == 1

    def reports(self, process: str, limit: int = 1) -> list[Json]:
        """Read a process's newest reports, the newest first."""
        query = select(DriftReportRow.body).where(DriftReportRow.process == process)
        with self._store.read() as tx:
            return list(tx.execute(query.order_by(DriftReportRow.seq.desc()).limit(limit)).scalars())

    def unsaid(self, process: str) -> list[Alarm]:
        """List the alarms whose event was not given out: those of a check that was killed before it could."""
        return self._alarms(process, AlarmRow.said_at.is_(None))

    def alarms(self, process: str) -> list[Alarm]:
        """List what a check has noticed and the process's owner has not looked at."""
        return self._alarms(process, AlarmRow.looked_at.is_(None))

    def said(self, alarm_ids: Iterable[str]) -> None:
        """Note that alarms' events are out."""
        with self._store.write() as tx:
            for chunk in chunked(alarm_ids):
                tx.execute(update(AlarmRow).where(AlarmRow.id.in_(chunk)).values(said_at=self._store.now()))

    def _alarms(self, process: str, which: object) -> list[Alarm]:
        mine = (AlarmRow.process == process, AlarmRow.kind.in_(NOTICED))
        query = select(AlarmRow).where(*mine, which).order_by(AlarmRow.raised_at)  # type: ignore[arg-type] # a condition, whatever its own type
        with self._store.read() as tx:
            return [alarm_of(row) for row in tx.execute(query).mappings()]


def _append_report(tx: Connection, process: str, report: Json, now: datetime) -> None:
    last = select(func.coalesce(func.max(DriftReportRow.seq), 0)).where(DriftReportRow.process == process)
    row = {
        "process": process, "seq": tx.execute(last).scalar_one() + 1, "judged_at": now, "overall": report["overall"],
        "body": report,
    }  # fmt: skip
    tx.execute(insert(DriftReportRow), [row])


def _row(alarm: Alarm) -> Json:
    return {each.name: getattr(alarm, each.name) for each in fields(Alarm)}


def alarm_of(row: Mapping[Any, Any] | RowMapping) -> Alarm:
    """Make the value of an alarm's row."""
    return Alarm(**{each.name: row[each.name] for each in fields(Alarm)})


def _reviews(tx: Connection, review_ids: Sequence[str]) -> dict[str, tuple[ReasonCode, ReviewKind]]:
    found: dict[str, tuple[ReasonCode, ReviewKind]] = {}
    for chunk in chunked(set(review_ids)):
        query = select(ReviewRow.id, ReviewRow.reason_code, ReviewRow.kind).where(ReviewRow.id.in_(chunk))
        found.update((row[0], (ReasonCode(row[1]), ReviewKind(row[2]))) for row in tx.execute(query))
    return found


def _happened(activity: str, facts: Json, reviews: Mapping[str, tuple[ReasonCode, ReviewKind]]) -> Happened | None:
    if activity in ROUTED:
        return Happened(code=ReasonCode(facts["code"]))
    if facts["review"] not in reviews:
        return None
    code, kind = reviews[facts["review"]]
    if kind is ReviewKind.REPAIR:
        return None
    wrong = bool(facts["changed"]) or facts["verdict"] == Verdict.REJECT
    return Happened(code=code, decided=True, audit=kind is ReviewKind.AUDIT, wrong=wrong)


def _handled(tx: Connection, rows: Sequence[RowMapping]) -> list[Handled]:
    ids = list(dict.fromkeys(row["case_id"] for row in rows))
    # What was routed had an input: without one, the case has been erased, and there is nothing to compare.
    cases = {case.id: case for case in read_cases(tx, ids) if case.input}
    proposals = read_proposals(tx, ids)
    calls, changed = _calls(tx, ids), _changed(tx, ids)
    return [
        Handled(
            case=cases[row["case_id"]],
            proposal=proposals.get(row["case_id"]),
            at=row["ended_at"],
            code=row["facts"]["code"],
            reason=row["facts"]["reason"],
            changed=changed.get(row["case_id"]),
            seconds=calls.get(row["case_id"], (None, None))[0],
            cost=calls.get(row["case_id"], (None, None))[1],
            autonomy=row["autonomy"],
            threshold=row["threshold"],
        )
        for row in rows
        if row["case_id"] in cases
    ]


def _calls(tx: Connection, case_ids: Sequence[str]) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    columns = (ModelCallRow.case_id, ModelCallRow.seconds, ModelCallRow.cost)
    for chunk in chunked(case_ids):
        for case_id, seconds, cost in tx.execute(select(*columns).where(ModelCallRow.case_id.in_(chunk))):
            before = found.get(case_id, (0.0, 0.0))
            found[case_id] = (before[0] + seconds, before[1] + float(cost))
    return found


def _changed(tx: Connection, case_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Say by case which fields its first decision on a proposal has changed; a rejection changes all of it."""
    found: dict[str, tuple[str, ...]] = {}
    for chunk in chunked(case_ids):
        query = (
            select(DecisionRow.case_id, DecisionRow.verdict, DecisionRow.changed)
            .where(DecisionRow.case_id.in_(chunk))
            .where(DecisionRow.verdict.in_([Verdict.APPROVE.value, Verdict.REJECT.value]))
            .order_by(DecisionRow.decided_at)
        )
        for case_id, verdict, changed in tx.execute(query):
            found.setdefault(case_id, ("rejected",) if verdict == Verdict.REJECT else tuple(changed))
    return found
