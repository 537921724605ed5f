"""Erasing what cases hold once their process keeps it no longer; their facts and their chain stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, update
from sqlalchemy.orm import aliased

from fulcrum.cases import Status
from fulcrum.ledger.journal import chunked
from fulcrum.ledger.outbox import PENDING
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, ContentRow, DeliveryRow, EventRow

FINISHED = (Status.DELIVERED, Status.CLOSED, Status.DISCARDED)
"""The statuses in which nobody has anything to do for a case any more, unless it is reopened."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How many cases were erased, and how many contents of theirs."""

    cases: int = 0
    contents: int = 0

    def __add__(self, other: Erased) -> Erased:
        """Count both together."""
        return Erased(self.cases + other.cases, self.contents + other.contents)


class Retention:
    """Finds the cases whose contents have had their time, and erases them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, process: str, before: datetime) -> list[str]:
        """Name the cases of a process that were finished before a moment and still hold contents.

        A case is finished when it has reached the status that it is in, whatever was noted of it since; one with an
        effect that is still to be delivered is not.
        """
        with self._store.read() as tx:
            return list(tx.execute(_due(process, before).order_by(CaseRow.received_at, CaseRow.id)).scalars())

    def contents(self, case_ids: Iterable[str]) -> int:
        """Count the contents that cases still hold."""
        held = 0
        with self._store.read() as tx:
            for chunk in chunked(case_ids):
                query = select(func.count()).where(ContentRow.case_id.in_(chunk), ContentRow.body.is_not(None))
                held += tx.execute(query).scalar_one()
        return held

    def erase(self, process: str, case_ids: Sequence[str], before: datetime) -> Erased:
        """Erase contents and salts of those of the cases that are due still; all of them or, on an error, none.

        The digests stay, which the events name, so the chain holds. A case that somebody is about to reopen is left
        out: whoever has locked its row goes first.
        """
        with self._store.write() as tx:
            if self._store.sqlite:
                # Else the pages that the contents stood on keep their bytes until something else is written there.
                tx.exec_driver_sql("PRAGMA secure_delete = ON")
            chosen = _due(process, before).where(CaseRow.id.in_(case_ids)).with_for_update(skip_locked=True, of=CaseRow)
            ids = tx.execute(chosen).scalars().all()
            held = (ContentRow.case_id.in_(ids), ContentRow.body.is_not(None))
            gone = tx.execute(update(ContentRow).where(*held).values(body=None, salt=None)).rowcount
        return Erased(len(ids), gone)

    def erased(self, case_ids: Iterable[str]) -> set[str]:
        """Tell which of the cases have been erased."""
        found: set[str] = set()
        with self._store.read() as tx:
            for chunk in chunked(set(case_ids)):
                found.update(tx.execute(_erased(chunk)).scalars())
        return found

    def originals(self, digests: Sequence[str]) -> list[tuple[str, str, bool]]:
        """Say which cases came in which of these originals, and whether the case has been erased."""
        query = select(CaseRow.original, CaseRow.id, ContentRow.body.is_(None))
        query = query.join(ContentRow, ContentRow.digest == CaseRow.input).where(CaseRow.original.in_(digests))
        with self._store.read() as tx:
            return [(digest or "", case_id, bool(gone)) for digest, case_id, gone in tx.execute(query)]

    def settle(self) -> None:
        """Bring what was erased into the database's own file: SQLite's write-ahead log still has it as it was."""
        if self._store.sqlite:
            with closing(self._store.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


def is_erased(tx: Connection, case_id: str) -> bool:
    """Tell whether a case has been erased."""
    return tx.execute(_erased([case_id])).first() is not None


def _erased(case_ids: Sequence[str]) -> Select[Any]:
    query = select(CaseRow.id).join(ContentRow, ContentRow.digest == CaseRow.input)
    return query.where(CaseRow.id.in_(case_ids), ContentRow.body.is_(None))


def _due(process: str, before: datetime) -> Select[Any]:
    earlier, reached = aliased(EventRow), aliased(EventRow)
    last_other = select(func.coalesce(func.max(earlier.seq), 0)).where(
        earlier.case_id == CaseRow.id, earlier.status != CaseRow.status
    )
    finished_at = select(reached.ended_at).where(
        reached.case_id == CaseRow.id, reached.seq == last_other.scalar_subquery() + 1
    )
    held = select(ContentRow.digest).where(ContentRow.case_id == CaseRow.id, ContentRow.body.is_not(None))
    to_come = select(DeliveryRow.key).where(DeliveryRow.case_id == CaseRow.id, DeliveryRow.state == PENDING)
    return select(CaseRow.id).where(
        CaseRow.process == process,
        CaseRow.status.in_([status.value for status in FINISHED]),
        # The index has it: whatever came in later was finished later.
        CaseRow.received_at <= before,
        finished_at.scalar_subquery() <= before,
        held.exists(),
        ~to_come.exists(),
    )
