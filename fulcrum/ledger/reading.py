"""Reading the ledger for people: lists of cases, one case's whole history, the check of its chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, func, select

from fulcrum.cases import Case, Json, ReasonCode, ReviewKind, Status, Verdict, case_id_of
from fulcrum.errors import CaseNotFound, UsageError
from fulcrum.ledger.chain import chain_flaws
from fulcrum.ledger.columns import begins
from fulcrum.ledger.journal import read_contents
from fulcrum.ledger.review_rows import DECIDED
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, DecisionRow, DeliveryRow, EventRow, ModelCallRow, ReviewRow
from fulcrum.ledger.work import case_of, read_cases, read_proposals
from fulcrum.reviewing import Decided


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One case's whole story: its events, calls, reviews, decisions and deliveries, as rows with their contents.

    The proposal is left out while an audit of the case is open, whose reviewer must not see it.
    """

    case: Case
    outcome: Json | None
    proposal: Json | None
    events: Sequence[Json]
    calls: Sequence[Json]
    reviews: Sequence[Json]
    decisions: Sequence[Json]
    deliveries: Sequence[Json]
    intact: bool


class Reading:
    """Answers what people ask of the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def cases(self, process: str, *, status: Status | None = None, limit: int | None = None) -> list[Case]:
        """List a process's cases without their input, the newest first."""
        query = select(CaseRow).where(CaseRow.process == process).order_by(CaseRow.received_at.desc(), CaseRow.id)
        found: list[Case] = []
        with self._store.read() as tx:
            # The index has the statuses before the moments: the newest of all are among the newest of each.
            for each in (status,) if status else Status:
                rows = tx.execute(query.where(CaseRow.status == each.value).limit(limit)).mappings()
                found += [case_of(row, {}) for row in rows]
        found.sort(key=lambda case: case.id)
        found.sort(key=lambda case: case.received_at, reverse=True)
        return found[:limit]

    def counts(self, process: str) -> dict[Status, int]:
        """Count a process's cases by status."""
        query = select(CaseRow.status, func.count()).where(CaseRow.process == process).group_by(CaseRow.status)
        with self._store.read() as tx:
            return {Status(status): count for status, count in tx.execute(query)}

    def decisions(self, process: str) -> list[Decided]:
        """List what people have decided in a process, the oldest first."""
        query = (
            select(
                DecisionRow.case_id, ReviewRow.number, ReviewRow.kind, ReviewRow.reason_code, DecisionRow.verdict,
                DecisionRow.reviewer, DecisionRow.changed, ReviewRow.opened_at, DecisionRow.decided_at,
            )
            .join(ReviewRow, ReviewRow.id == DecisionRow.review_id)
            .where(ReviewRow.process == process, ReviewRow.state == DECIDED)
            .order_by(DecisionRow.decided_at, DecisionRow.review_id)
        )  # fmt: skip
        with self._store.read() as tx:
            return [_decided(row) for row in tx.execute(query).mappings()]

    def find(self, name: str) -> str:
        """Find a case's id by the id, its beginning, a review of it, or its external id.

        Raises CaseNotFound, or UsageError when several cases fit.
        """
        with self._store.read() as tx:
            reviewed = tx.execute(select(ReviewRow.case_id).where(ReviewRow.id == name)).scalar_one_or_none()
            if reviewed is not None:
                return reviewed
            outside = [case_id_of(process, name) for process in processes(tx)]
            exact = select(CaseRow.id).where(CaseRow.id.in_([name, *outside])).limit(2)
            like = select(CaseRow.id).where(begins(CaseRow.id, name)).limit(2)
            found = tx.execute(exact).scalars().all() or tx.execute(like).scalars().all()
        if not found:
            raise CaseNotFound(case_id=name)
        if len(found) > 1:
            raise UsageError(
                problem=f"{name} fits several cases; give more of the id. List them: fulcrum cases PROCESS"
            )
        return found[0]

    def history(self, case_id: str) -> History:
        """Read a case's whole story and check its chain; raise CaseNotFound."""
        with self._store.read() as tx:
            row = tx.execute(select(CaseRow).where(CaseRow.id == case_id)).mappings().one_or_none()
            if row is None:
                raise CaseNotFound(case_id=case_id)
            case = read_cases(tx, [case_id])[0]
            proposal = read_proposals(tx, [case_id]).get(case_id)
            parts: dict[str, list[Json]] = {}
            for name, table, order in (
                ("events", EventRow, EventRow.seq),
                ("calls", ModelCallRow, ModelCallRow.asked_at),
                ("reviews", ReviewRow, ReviewRow.number),
                ("decisions", DecisionRow, DecisionRow.decided_at),
                ("deliveries", DeliveryRow, DeliveryRow.created_at),
            ):
                found = tx.execute(select(table).where(table.case_id == case_id).order_by(order)).mappings()
                parts[name] = [dict(item) for item in found]
            bodies = read_contents(
                tx, [d["content"] for d in (*parts["decisions"], *parts["deliveries"])] + [row["outcome"] or ""]
            )
        for item in (*parts["decisions"], *parts["deliveries"]):
            item["content"] = bodies.get(item["content"])
        head, count = row["head"], row["events"]
        return History(
            case=case,
            outcome=bodies.get(row["outcome"] or ""),
            proposal=proposal.values if proposal and not _blind(parts["reviews"]) else None,
            intact=chain_intact(parts["events"], head, count),
            **parts,
        )


def processes(tx: Connection) -> Iterator[str]:
    """Name the processes that have cases, each found by the one before it: a look into an index for each."""
    least = select(func.min(CaseRow.process))
    name = tx.execute(least).scalar_one()
    while name is not None:
        yield name
        name = tx.execute(least.where(CaseRow.process > name)).scalar_one()


def _decided(row: RowMapping) -> Decided:
    names = ("case_id", "number", "reviewer", "opened_at", "decided_at")
    kept = {name: row[name] for name in names}
    return Decided(
        **kept,
        kind=ReviewKind(row["kind"]),
        code=ReasonCode(row["reason_code"]),
        verdict=Verdict(row["verdict"]),
        changed=tuple(row["changed"]),
    )


def _blind(reviews: Sequence[Json]) -> bool:
    """Tell whether somebody is to decide without the proposal, who may well look here first."""
    return any(review["blind"] and review["state"] == "open" for review in reviews)


def chain_intact(events: Sequence[Json], head: str, count: int) -> bool:
    """Tell whether a case's events are all there, in order and unchanged, up to the head that the case keeps."""
    return next(chain_flaws(events, head, count), None) is None
