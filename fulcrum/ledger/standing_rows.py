"""What a process may do alone, row by row: who has set it, and that whoever did has seen its alarms."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text, update

from fulcrum.ledger.tables import ProcessStateRow
from fulcrum.ledger.watch_tables import AlarmRow, WatchedRow
from fulcrum.process import Autonomy
from fulcrum.report import Standing
from fulcrum.watching import Watch

DRIFT, PROMISE = "drift", "promise"
"""A comparison has found a change; a promised rate is broken."""

NOTICED = (DRIFT, PROMISE)
"""The kinds of alarms that a check raises and the owner of a process looks at; others end with their cause."""


def newest_standing(tx: Connection, process: str) -> Standing | None:
    """Read what a process may do alone now; None when nobody has said yet."""
    query = select(ProcessStateRow).where(ProcessStateRow.process == process).order_by(ProcessStateRow.seq.desc())
    row = tx.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else Standing(Autonomy(row["autonomy"]), row["threshold"])


def lock_standings(tx: Connection) -> None:
    """Wait until nobody else changes a standing, and let nobody until the end; on SQLite a writer is alone already."""
    if tx.dialect.name != "sqlite":
        tx.execute(text("LOCK TABLE process_states IN SHARE ROW EXCLUSIVE MODE"))


def append_standing(tx: Connection, process: str, standing: Standing, *, by: str, reason: str, now: datetime) -> None:
    """Add a change of a process's autonomy or threshold behind those before it."""
    lock_standings(tx)
    last = select(func.coalesce(func.max(ProcessStateRow.seq), 0)).where(ProcessStateRow.process == process)
    row = {
        "process": process, "seq": tx.execute(last).scalar_one() + 1, "autonomy": standing.autonomy.value,
        "threshold": standing.threshold, "set_by": by, "reason": reason, "set_at": now,
    }  # fmt: skip
    tx.execute(insert(ProcessStateRow), [row])


def look(tx: Connection, process: str, by: str, now: datetime) -> None:
    """Note that a process's owner has looked at its alarms: what is latched may go off again."""
    mine = (AlarmRow.process == process, AlarmRow.kind.in_(NOTICED), AlarmRow.looked_at.is_(None))
    tx.execute(update(AlarmRow).where(*mine).values(looked_at=now, looked_by=by))
    row = select(WatchedRow.promises).where(WatchedRow.process == process).with_for_update()
    for states in tx.execute(row).scalars():
        seen = {name: Watch.from_json(state).looked_at().as_json() for name, state in states.items()}
        tx.execute(update(WatchedRow).where(WatchedRow.process == process).values(promises=seen))
