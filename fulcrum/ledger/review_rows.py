"""Opening reviews: the rows that a person's task begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select

from fulcrum.cases import Json, ReasonCode, Review, ReviewKind, Routing
from fulcrum.due import Due, Urgency
from fulcrum.ledger.journal import chunked
from fulcrum.ledger.tables import ReviewRow

OPEN, DECIDED = "open", "decided"

_SAME = ("id", "case_id", "process", "reason", "queue", "opened_at", "due_at", "generation", "flow_run_id", "assignee")
"""What a review's row and its value call the same."""


def open_reviews(tx: Connection, process: str, routings: Sequence[Routing], *, now: datetime, due: Due) -> None:
    """Ask a person about each case, in the transaction that sends it there; its reviews are numbered from 1."""
    if not routings:
        return
    numbers = _numbers(tx, [routing.case_id for routing in routings])
    due_at = due.at(now)
    rows: list[Json] = []
    for routing in routings:
        number = numbers.get(routing.case_id, 0) + 1
        rows.append(
            {
                "id": f"{routing.case_id}-{number}",
                "case_id": routing.case_id,
                "number": number,
                "process": process,
                "kind": routing.kind.value,
                "blind": routing.kind is ReviewKind.AUDIT,
                "reason_code": routing.code.value,
                "reason": routing.reason,
                "queue": routing.queue or process,
                "state": OPEN,
                "opened_at": now,
                "due_at": due_at,
                "generation": 1,
                "urgency": Urgency.WAITING.value,
                "approved_by": list(routing.approved_by),
            }
        )
    tx.execute(insert(ReviewRow), rows)


def review_of(row: Mapping[Any, Any] | RowMapping) -> Review:
    """Make the value of a review's row."""
    kept = {name: row[name] for name in _SAME}
    return Review(
        **kept,
        kind=ReviewKind(row["kind"]),
        code=ReasonCode(row["reason_code"]),
        urgency=Urgency(row["urgency"]),
        approved_by=tuple(row["approved_by"]),
    )


def _numbers(tx: Connection, case_ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunked(case_ids):
        query = select(ReviewRow.case_id, func.max(ReviewRow.number)).where(ReviewRow.case_id.in_(chunk))
        found.update((row[0], row[1]) for row in tx.execute(query.group_by(ReviewRow.case_id)))
    return found
