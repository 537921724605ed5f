"""The register of reviewers: who may decide what, and the codes that prove who somebody is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, select, update

from fulcrum.errors import ReviewerKnown, ReviewerUnknown
from fulcrum.ledger.review_rows import OPEN
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import ReviewerRow, ReviewRow
from fulcrum.reviewers import LOCKED, MOST_WRONG, Reviewer, Role, key_of


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a code: the step of time that it is of, or None where it is wrong or nobody may try any more."""

    step: int | None
    locked_until: datetime | None = None
    just_locked: bool = False


class Reviewers:
    """Registers people, and checks their codes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Reviewer]:
        """List the registered people by name, those who left among them."""
        with self._store.read() as tx:
            return [_reviewer(row) for row in tx.execute(select(ReviewerRow).order_by(ReviewerRow.name)).mappings()]

    def find(self, name: str) -> Reviewer | None:
        """Find somebody by any spelling of their name; None where nobody of that name is registered."""
        with self._store.read() as tx:
            row = _row(tx, name)
        return _reviewer(row) if row else None

    def add(self, reviewer: Reviewer, *, by: str, replace: bool = False) -> None:
        """Register somebody, or with `replace` change what is said of them. Raises ReviewerKnown."""
        values = {"name": reviewer.name, "role": reviewer.role.value, "queues": list(reviewer.queues), "active": True}
        made = {"key": key_of(reviewer.name), "registered_by": by, "registered_at": self._store.now(), "wrong_codes": 0}
        # Somebody else may register them at the same moment.
        new = self._store.insert(ReviewerRow).on_conflict_do_nothing().returning(ReviewerRow.key)
        with self._store.write() as tx:
            if tx.execute(new, [values | made]).first() is not None:
                return
            if not replace:
                raise ReviewerKnown(name=reviewer.name)
            tx.execute(update(ReviewerRow).where(ReviewerRow.key == made["key"]).values(values))

    def leave(self, name: str) -> None:
        """Let somebody decide no more; what they decided stays, their secret goes. Raises ReviewerUnknown.

        Nobody in particular is asked any more about what they have not decided.
        """
        with self._store.write() as tx:
            row = _set(tx, name, active=False, secret=None)
            theirs = (ReviewRow.state == OPEN, ReviewRow.assignee == row["name"])
            tx.execute(update(ReviewRow).where(*theirs).values(assignee=None))

    def enroll(self, name: str, sealed: str) -> None:
        """Keep somebody's sealed secret; an earlier one is void, and so is a lock. Raises ReviewerUnknown."""
        with self._store.write() as tx:
            _set(tx, name, secret=sealed, wrong_codes=0, locked_until=None)

    def check(self, name: str, step_of: Callable[[str], int | None]) -> Checked:
        """Let a code be compared with somebody's sealed secret, and count it where it is wrong.

        `step_of` gives of the sealed secret the step of time that the code is of. The row is locked meanwhile, so that
        no more than the allowed number of guesses are made, however many are made at once. Raises ReviewerUnknown.
        """
        now = self._store.now()
        with self._store.write() as tx:
            row = _row(tx, name, lock=True)
            if row is None or row["secret"] is None:
                raise ReviewerUnknown(name=name)
            if row["locked_until"] is not None and now < row["locked_until"]:
                return Checked(None, row["locked_until"])
            step = step_of(row["secret"])
            wrong = 0 if step is not None else row["wrong_codes"] + 1
            until = now + LOCKED if wrong >= MOST_WRONG else None
            counted = {"wrong_codes": 0 if until else wrong, "locked_until": until}
            tx.execute(update(ReviewerRow).where(ReviewerRow.key == row["key"]).values(counted))
        return Checked(step, until, just_locked=until is not None)

    def load(self) -> dict[str, int]:
        """Count the open reviews that are assigned, by name."""
        query = select(ReviewRow.assignee, func.count()).where(ReviewRow.state == OPEN, ReviewRow.assignee.is_not(None))
        with self._store.read() as tx:
            return {str(name): count for name, count in tx.execute(query.group_by(ReviewRow.assignee))}


def _set(tx: Connection, name: str, **values: object) -> RowMapping:
    row = _row(tx, name)
    if row is None:
        raise ReviewerUnknown(name=name)
    tx.execute(update(ReviewerRow).where(ReviewerRow.key == row["key"]).values(values))
    return row


def _row(tx: Connection, name: str, *, lock: bool = False) -> RowMapping | None:
    query = select(ReviewerRow).where(ReviewerRow.key == key_of(name))
    return tx.execute(query.with_for_update() if lock else query).mappings().one_or_none()


def _reviewer(row: RowMapping) -> Reviewer:
    queues: Sequence[str] = row["queues"]
    return Reviewer(
        name=row["name"],
        role=Role(row["role"]),
        queues=tuple(queues),
        active=row["active"],
        enrolled=row["secret"] is not None,
        locked_until=row["locked_until"],
    )
