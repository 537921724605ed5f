"""Alarms that have an end: raised once while their cause lasts, and over when it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, insert, select, update

from fulcrum.cases import Json
from fulcrum.ledger.store import Store
from fulcrum.ledger.watch_tables import AlarmRow
from fulcrum.ledger.watching import Alarm, alarm_of

OVER = "over"
"""Who has ended an alarm whose cause is gone."""


class Alarms:
    """Raises, ends, lists and acknowledges alarms."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, process: str, kind: str, facts: Json) -> Alarm | None:
        """Raise an alarm; None where one of the kind stands and was told: one cause is one alarm.

        One that stands and was not told, because whoever raised it was killed before they could, is given again.
        """
        with self._store.write() as tx:
            standing = tx.execute(_standing(process, kind)).mappings().first()
            if standing is not None:
                return alarm_of(standing) if standing["said_at"] is None else None
            row = {
                "id": str(uuid4()), "process": process, "kind": kind, "subject": kind, "raised_at": self._store.now(),
                "facts": facts, "taken_by": None,
            }  # fmt: skip
            tx.execute(insert(AlarmRow), [row])
        return alarm_of(row)

    def find(self, process: str, kind: str) -> Alarm | None:
        """Find the alarm of a kind that stands."""
        with self._store.read() as tx:
            row = tx.execute(_standing(process, kind)).mappings().first()
        return None if row is None else alarm_of(row)

    def end(self, process: str, kind: str, by: str = OVER) -> bool:
        """End the standing alarms of a kind; tell whether there was one."""
        with self._store.write() as tx:
            mine = (AlarmRow.process == process, AlarmRow.kind == kind, AlarmRow.looked_at.is_(None))
            ended = tx.execute(update(AlarmRow).where(*mine).values(looked_at=self._store.now(), looked_by=by))
            return ended.rowcount > 0

    def standing(self) -> list[Alarm]:
        """List what nobody has looked at and is not over, the oldest first."""
        query = select(AlarmRow).where(AlarmRow.looked_at.is_(None)).order_by(AlarmRow.raised_at, AlarmRow.id)
        with self._store.read() as tx:
            return [alarm_of(row) for row in tx.execute(query).mappings()]

    def acknowledge(self, alarm_id: str, by: str) -> Alarm | None:
        """Note that somebody looks after an alarm, and give it; whoever was first stays the one.

        A beginning of its id is enough. None where it does not stand.
        """
        found = next((alarm for alarm in self.standing() if alarm.id.startswith(alarm_id)), None)
        if found is None:
            return None
        with self._store.write() as tx:
            mine = (AlarmRow.id == found.id, AlarmRow.taken_by.is_(None))
            tx.execute(update(AlarmRow).where(*mine).values(taken_by=by))
            now = tx.execute(select(AlarmRow).where(AlarmRow.id == found.id)).mappings().one()
        return alarm_of(now)

    def late(self, after: timedelta) -> list[Alarm]:
        """List the alarms that nobody has taken for so long, and that were not passed on yet."""
        query = select(AlarmRow).where(
            AlarmRow.looked_at.is_(None), AlarmRow.taken_by.is_(None), AlarmRow.passed_on_at.is_(None),
            AlarmRow.raised_at <= self._store.now() - after,
        )  # fmt: skip
        with self._store.read() as tx:
            return [alarm_of(row) for row in tx.execute(query).mappings()]

    def passed_on(self, alarm_ids: Sequence[str]) -> None:
        """Note that somebody else has heard of alarms."""
        with self._store.write() as tx:
            chosen = update(AlarmRow).where(AlarmRow.id.in_(alarm_ids))
            tx.execute(chosen.values(passed_on_at=self._store.now()))


def _standing(process: str, kind: str) -> Select[Any]:
    return select(AlarmRow).where(AlarmRow.process == process, AlarmRow.kind == kind, AlarmRow.looked_at.is_(None))
