"""Halting processes: who has halted which, since when and why; read by whatever would act without a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, text, update

from fulcrum.errors import NotHalted, ProcessHalted
from fulcrum.halting import EVERY, Halt
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import HaltRow

_SAME = ("reason", "resumed_by", "resumed_reason", "resumed_at")


class Halts:
    """Halts and resumes processes, and lists every halt there was."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def halt(self, scope: str, *, by: str, reason: str) -> tuple[Halt, bool]:
        """Halt a process, or all of them (EVERY); give the halt in force, and whether it is a new one.

        Once this returns, nothing is cleared and nothing that was cleared is handed to a target: on PostgreSQL it waits
        for what is being written at that moment; SQLite has one writer at a time.
        """
        now = self._store.now()
        with self._store.write() as tx:
            self._alone(tx)
            standing = _own(tx, scope)
            if standing is not None:
                return standing, False
            last = select(func.coalesce(func.max(HaltRow.seq), 0)).where(HaltRow.process == scope)
            row = {
                "process": scope, "seq": tx.execute(last).scalar_one() + 1, "halted_by": by, "reason": reason,
                "halted_at": now,
            }  # fmt: skip
            tx.execute(insert(HaltRow), [row])
        return Halt(scope=scope, by=by, reason=reason, at=now), True

    def resume(self, scope: str, *, by: str, reason: str) -> Halt:
        """End the halt of a process, or that of all (EVERY); give it as it stands then. Raises NotHalted.

        The one leaves the other in force: a process may be halted for itself and with all.
        """
        now = self._store.now()
        with self._store.write() as tx:
            self._alone(tx)
            standing = _own(tx, scope)
            if standing is None:
                raise NotHalted(what="all processes" if scope == EVERY else scope)
            mine = (HaltRow.process == scope, HaltRow.resumed_at.is_(None))
            tx.execute(update(HaltRow).where(*mine).values(resumed_by=by, resumed_reason=reason, resumed_at=now))
        return replace(standing, resumed_by=by, resumed_reason=reason, resumed_at=now)

    def standing(self, process: str) -> Halt | None:
        """Give the halt that a process is under, its own or that of all; None while it runs."""
        with self._store.read() as tx:
            row = tx.execute(_in_force(process, EVERY)).mappings().first()
        return None if row is None else _halt(row)

    def listed(self, process: str | None = None) -> list[Halt]:
        """List every halt, those of a process and of all where it is given, the newest first."""
        query = select(HaltRow).order_by(HaltRow.halted_at.desc(), HaltRow.process)
        if process is not None:
            query = query.where(HaltRow.process.in_([process, EVERY]))
        with self._store.read() as tx:
            return [_halt(row) for row in tx.execute(query).mappings()]

    def _alone(self, tx: Connection) -> None:
        """Wait until nobody is in the middle of clearing or handing out; on SQLite a writer is alone already."""
        if not self._store.sqlite:
            tx.execute(text("LOCK TABLE halts IN EXCLUSIVE MODE"))


def halt_in_force(tx: Connection, process: str) -> Halt | None:
    """Give the halt that a process is under, in the transaction that would act on it.

    Read for share: on PostgreSQL whoever halts waits until such a transaction has ended (their lock excludes this
    one's on the table, whether or not it holds a row), so that nothing is cleared after a halt.
    """
    row = tx.execute(_in_force(process, EVERY).with_for_update(read=True)).mappings().first()
    return None if row is None else _halt(row)


def refuse_while_halted(tx: Connection, process: str) -> None:
    """Raise ProcessHalted while a process is halted."""
    halt = halt_in_force(tx, process)
    if halt is not None:
        raise ProcessHalted(process=process, by=halt.by, scope="--all" if halt.whole else process)


def _own(tx: Connection, scope: str) -> Halt | None:
    row = tx.execute(_in_force(scope)).mappings().first()
    return None if row is None else _halt(row)


def _in_force(*scopes: str) -> Select[Any]:
    return (
        select(HaltRow)
        .where(HaltRow.process.in_(scopes), HaltRow.resumed_at.is_(None))
        .order_by(HaltRow.halted_at, HaltRow.process)
    )


def _halt(row: RowMapping) -> Halt:
    kept = {name: row[name] for name in _SAME}
    return Halt(scope=row["process"], by=row["halted_by"], at=row["halted_at"], **kept)
