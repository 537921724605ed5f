"""Taking cases in: each once, whatever the source repeats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from fulcrum.cases import Json, NewCase, Status, case_id_of
from fulcrum.ledger.chain import START, content_digest
from fulcrum.ledger.journal import Change, apply, content_row, first_event
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, ContentRow, EventRow, RunCaseRow


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of some new cases: ids taken in, how many were known, and which of those came with other content."""

    new: tuple[str, ...]
    duplicates: int
    changed: tuple[str, ...]


class Intake:
    """Takes cases in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take_in(self, run_id: str, process: str, items: Sequence[NewCase]) -> TakenIn:
        """Record the cases that are new; of those seen before, note the ones whose content differs.

        `(process, external_id)` is unique. A repeat of the same content changes nothing; other content under a known
        id is not handled, but its case's history says that it came.
        """
        now = self._store.now()
        first = {case_id_of(process, item.external_id): item for item in reversed(items)}
        with self._store.write() as tx:
            new = self._insert(tx, run_id, process, first, now)
            known = [item for item in items if case_id_of(process, item.external_id) not in new]
            changed = _changed(tx, process, [*known, *_twins(process, items, first, new)])
            if changed:
                notes = [
                    Change(
                        case_id=c, transition="note", activity="seen again, changed", resource="system", started_at=now
                    )
                    for c in changed
                ]
                apply(tx, notes, now=now, run_id=run_id)
        ordered = tuple(
            case_id for case_id in dict.fromkeys(case_id_of(process, i.external_id) for i in items) if case_id in new
        )
        return TakenIn(ordered, len(items) - len(ordered), tuple(changed))

    def _insert(self, tx: Connection, run_id: str, process: str, first: dict[str, NewCase], now: datetime) -> set[str]:
        rows, contents, events = {}, {}, {}
        for case_id, item in first.items():
            contents[case_id] = content_row(case_id, "input", item.input, now)
            row = _case_row(case_id, process, item, contents[case_id]["digest"], now)
            events[case_id] = first_event(
                row, now=now, run_id=run_id, facts={"unsound": item.unsound} if item.unsound else {}
            )
            rows[case_id] = row | {"head": events[case_id]["hash"], "events": 1}
        statement = self._store.insert(CaseRow).on_conflict_do_nothing().returning(CaseRow.id)
        new = set(tx.execute(statement, list(rows.values())).scalars()) if rows else set()
        if new:
            tx.execute(insert(ContentRow), [contents[case_id] for case_id in rows if case_id in new])
            tx.execute(insert(EventRow), [events[case_id] for case_id in rows if case_id in new])
            taken = [{"run_id": run_id, "case_id": case_id, "how": "taken_in"} for case_id in rows if case_id in new]
            tx.execute(insert(RunCaseRow), taken)
        return new


def _case_row(case_id: str, process: str, item: NewCase, digest: str, now: datetime) -> Json:
    return {
        "id": case_id,
        "process": process,
        "external_id": item.external_id,
        "status": Status.RECEIVED.value,
        "unsound": item.unsound,
        "original": item.original,
        "revision": 1,
        "received_at": now,
        "updated_at": now,
        "open_since": now,
        "input": digest,
        "head": START,
        "events": 0,
    }


def _twins(process: str, items: Iterable[NewCase], first: dict[str, NewCase], new: set[str]) -> list[NewCase]:
    """Find the later ones of an external id that stands twice among the new."""
    ids = ((case_id_of(process, item.external_id), item) for item in items)
    return [item for case_id, item in ids if case_id in new and first[case_id] is not item]


def _changed(tx: Connection, process: str, known: Sequence[NewCase]) -> list[str]:
    by_id = {case_id_of(process, item.external_id): item for item in known}
    query = (
        select(CaseRow.id, ContentRow.salt, ContentRow.digest)
        .join(EventRow, (EventRow.case_id == CaseRow.id) & (EventRow.seq == 1))
        .join(ContentRow, ContentRow.digest == EventRow.content)
        .where(CaseRow.id.in_(list(by_id)), ContentRow.salt.is_not(None))
        .order_by(CaseRow.id)
    )
    rows = tx.execute(query).all() if by_id else []
    return [case_id for case_id, salt, digest in rows if salt and content_digest(salt, by_id[case_id].input) != digest]
