"""The order of the review queue: who is asked first, how urgent a review is, and which are decided together."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from fulcrum.cases import Json, Review, Verdict
from fulcrum.due import URGENCIES, Urgency
from fulcrum.errors import BundleNotFound, DecisionRefused
from fulcrum.ledger.journal import Change, apply
from fulcrum.ledger.review_rows import OPEN, review_of
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import BundleRow, ReviewRow

LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""What a bundle's number is written with: signs that are not mistaken for each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Reviews that somebody wants to decide together."""

    id: str
    process: str
    verdict: Verdict
    review_ids: tuple[str, ...]
    reviewer: str
    decided: bool = False


class Queue:
    """Changes how reviews wait; none of its verbs decides one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def assign(self, names: Mapping[str, str]) -> None:
        """Note who is asked first about reviews that nobody is asked about yet, by review."""
        with self._store.write() as tx:
            for review_id, name in sorted(names.items()):
                free = (ReviewRow.id == review_id, ReviewRow.state == OPEN, ReviewRow.assignee.is_(None))
                tx.execute(update(ReviewRow).where(*free).values(assignee=name))

    def hand_on(self, review_id: str, *, to: str, by: str, note: str | None) -> Review:
        """Ask somebody else about an open review; it stays open. Raises DecisionRefused where it is not open."""
        now = self._store.now()
        with self._store.write() as tx:
            review = _open(tx, review_id)
            change = Change(
                case_id=review["case_id"], transition="note", activity="hand on", resource="human", actor=by,
                started_at=now, facts={"review": review_id, "to": to}, kind="note",
                content={"reason": note} if note else None,
            )  # fmt: skip
            apply(tx, [change], now=now)
            tx.execute(update(ReviewRow).where(ReviewRow.id == review_id).values(assignee=to))
        return review_of({**review, "assignee": to})

    def press(self, review_id: str, urgency: Urgency, *, queue: str | None = None) -> Review | None:
        """Note that an open review has become more urgent, and where it waits now; None where that is noted already.

        With another queue it waits for nobody in particular any more. An answer that is on its way still counts: the
        review is the same one.
        """
        now = self._store.now()
        with self._store.write() as tx:
            row = _found(tx, review_id)
            if row is None or row["state"] != OPEN or _place(urgency) <= _place(Urgency(row["urgency"])):
                return None
            sets: Json = {"urgency": urgency.value}
            if queue is not None and queue != row["queue"]:
                sets |= {"queue": queue, "assignee": None}
            facts: Json = {"review": review_id, "urgency": urgency.value, "queue": queue or row["queue"]}
            change = Change(
                case_id=row["case_id"], transition="note", activity="remind", resource="system", started_at=now,
                facts=facts,
            )  # fmt: skip
            apply(tx, [change], now=now)
            tx.execute(update(ReviewRow).where(ReviewRow.id == review_id).values(sets))
        return review_of({**row, **sets})

    def bundle(self, process: str, verdict: Verdict, review_ids: Sequence[str], *, reviewer: str) -> Bundle:
        """Keep a list of reviews under a number, to be decided together when somebody confirms it."""
        number = "".join(secrets.choice(LETTERS) for _ in range(8))
        row: Json = {
            "id": number, "process": process, "verdict": verdict.value, "review_ids": list(review_ids),
            "reviewer": reviewer, "made_at": self._store.now(),
        }  # fmt: skip
        with self._store.write() as tx:
            tx.execute(insert(BundleRow), [row])
        return _bundle(row | {"decided_at": None})

    def find_bundle(self, number: str) -> Bundle:
        """Find a bundle by its number; raises BundleNotFound."""
        with self._store.read() as tx:
            row = tx.execute(select(BundleRow).where(BundleRow.id == number.strip().lower())).mappings().one_or_none()
        if row is None:
            raise BundleNotFound(bundle=number)
        return _bundle(row)

    def close_bundle(self, number: str) -> None:
        """Note that a bundle was decided."""
        with self._store.write() as tx:
            tx.execute(update(BundleRow).where(BundleRow.id == number).values(decided_at=self._store.now()))


def _open(tx: Connection, review_id: str) -> RowMapping:
    row = _found(tx, review_id)
    if row is None or row["state"] != OPEN:
        raise DecisionRefused(review_id=review_id, problem="it is not open any more, so it cannot be handed on")
    return row


def _found(tx: Connection, review_id: str) -> RowMapping | None:
    return tx.execute(select(ReviewRow).where(ReviewRow.id == review_id).with_for_update()).mappings().one_or_none()


def _place(urgency: Urgency) -> int:
    return URGENCIES.index(urgency)


def _bundle(row: Mapping[Any, Any] | RowMapping) -> Bundle:
    return Bundle(
        id=row["id"],
        process=row["process"],
        verdict=Verdict(row["verdict"]),
        review_ids=tuple(row["review_ids"]),
        reviewer=row["reviewer"],
        decided=row["decided_at"] is not None,
    )
