"""Who holds which open case: leases that lapse when a run dies."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from math import ceil
from typing import Any

from sqlalchemy import Connection, Select, func, insert, or_, select, update

from fulcrum.cases import Batch
from fulcrum.ledger.journal import IN_A_STATEMENT, LEASE, chunked
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, DeliveryRow, RunCaseRow

SMALLEST = 50
"""Cases that are worth a batch: a gate costs some tenths of a second, however few it judges."""


class Leases:
    """Hands open cases to runs, each case to one at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def claim(self, process: str, run_id: str, limit: int = IN_A_STATEMENT) -> Batch | None:
        """Take up to `limit` open cases, the oldest first, that nobody holds and this run has not held before.

        Beside other runs it takes less towards the end, so that all of them are done at the same time.
        """
        now = self._store.now()
        token = secrets.token_hex(16)
        with self._store.write() as tx:
            free = _free(process, run_id, now)
            share = _share(tx, free, _runs_beside(tx, process, run_id, now), limit)
            case_ids = tuple(tx.execute(free.limit(share).with_for_update(skip_locked=True)).scalars())
            if not case_ids:
                return None
            for chunk in chunked(case_ids):
                held = {"lease_token": token, "lease_run": run_id, "lease_until": now + LEASE}
                tx.execute(update(CaseRow).where(CaseRow.id.in_(chunk)).values(held))
            mine = set(
                tx.execute(
                    select(RunCaseRow.case_id).where(RunCaseRow.run_id == run_id, RunCaseRow.case_id.in_(case_ids))
                ).scalars()
            )
            carried = [{"run_id": run_id, "case_id": c, "how": "carried_over"} for c in case_ids if c not in mine]
            if carried:
                tx.execute(insert(RunCaseRow), carried)
        return Batch(process, run_id, token, case_ids)

    def renew(self, process: str, run_id: str) -> None:
        """Hold what a run holds for another lease; what another run has taken meanwhile stays with that.

        A case that is being written to is passed over: the write renews it, and waiting for it while holding others
        could be a circle.
        """
        held = (CaseRow.process == process, CaseRow.lease_token.is_not(None), CaseRow.lease_run == run_id)
        free = select(CaseRow.id).where(*held).order_by(CaseRow.id).with_for_update(skip_locked=True)
        with self._store.write() as tx:
            until = self._store.now() + LEASE
            for chunk in chunked(tx.execute(free).scalars().all()):
                tx.execute(update(CaseRow).where(CaseRow.id.in_(chunk)).values(lease_until=until))

    def release(self, batch: Batch, case_ids: Iterable[str] | None = None) -> None:
        """Let go of open cases that this run can do no more for; a later run may claim them at once."""
        with self._store.write() as tx:
            for chunk in chunked(batch.case_ids if case_ids is None else case_ids):
                mine = (CaseRow.id.in_(chunk), CaseRow.lease_token == batch.token)
                tx.execute(update(CaseRow).where(*mine).values(lease_token=None, lease_until=None))

    def held_elsewhere(self, process: str, run_id: str) -> dict[str, datetime]:
        """Say by run until when others hold open cases or deliveries of the process (a delivery's run is unknown)."""
        now = self._store.now()
        with self._store.read() as tx:
            cases = tx.execute(
                select(CaseRow.lease_token, func.max(CaseRow.lease_until))
                .where(
                    CaseRow.process == process,
                    CaseRow.lease_token.is_not(None),
                    CaseRow.lease_until > now,
                    CaseRow.lease_run != run_id,
                )
                .group_by(CaseRow.lease_token)
            ).all()
            deliveries = tx.execute(
                select(DeliveryRow.lease_token, func.max(DeliveryRow.lease_until))
                .where(DeliveryRow.process == process, DeliveryRow.state == "pending", DeliveryRow.lease_until > now)
                .group_by(DeliveryRow.lease_token)
            ).all()
        return {token: until for token, until in (*cases, *deliveries) if token and until}


def _free(process: str, run_id: str, now: datetime) -> Select[Any]:
    """Select the open cases that a run may take, the oldest first."""
    return (
        select(CaseRow.id)
        .where(
            CaseRow.process == process,
            CaseRow.open_since.is_not(None),
            or_(CaseRow.lease_until.is_(None), CaseRow.lease_until <= now),
            or_(CaseRow.lease_run.is_(None), CaseRow.lease_run != run_id),
        )
        .order_by(CaseRow.open_since, CaseRow.id)
    )


def _runs_beside(tx: Connection, process: str, run_id: str, now: datetime) -> int:
    """Count the other runs that hold open cases of the process."""
    held = (CaseRow.process == process, CaseRow.lease_token.is_not(None), CaseRow.lease_until > now)
    query = select(func.count(CaseRow.lease_run.distinct())).where(*held, CaseRow.lease_run != run_id)
    return tx.execute(query).scalar_one()


def _share(tx: Connection, free: Select[Any], beside: int, limit: int) -> int:
    """Say how many of the free cases a run takes at once: with others beside it half of what is its part of the rest.

    Guided self-scheduling (Polychronopoulos and Kuck, 1987): the parts shrink, so nobody waits long for the last one.
    """
    if not beside:
        return limit
    runs = beside + 1
    left = tx.execute(select(func.count()).select_from(free.limit(2 * runs * limit).subquery())).scalar_one()
    return min(limit, max(SMALLEST, ceil(left / (2 * runs))))
