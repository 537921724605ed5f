"""Checking the ledger: each case's chain, its contents, and the heads that were published outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, select, tuple_

from fulcrum.heads import Flaw
from fulcrum.ledger.chain import chain_flaws, content_digest
from fulcrum.ledger.journal import chunked
from fulcrum.ledger.reading import processes
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, ContentRow, EventRow

_ROWS = {"yield_per": 1000}


class Audit:
    """Finds what was changed, removed or reordered behind the ledger's back."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def flaws(self, case_ids: Iterable[str] | None = None) -> Iterator[Flaw]:
        """Check every case, or those named: its events, its head, its contents; name each flaw with its place."""
        with self._store.read() as tx:
            ids = tx.execute(select(CaseRow.id).order_by(CaseRow.id)).scalars().all() if case_ids is None else case_ids
            for chunk in chunked(sorted(ids)):
                yield from _chains(tx, chunk)
                yield from _contents(tx, chunk)
            if case_ids is None:
                yield from _strays(tx)

    def heads(self, since: datetime | None) -> dict[str, tuple[int, str]]:
        """Give, by case, the events and head of each case that has moved since a moment; of all without one."""
        query = select(CaseRow.id, CaseRow.events, CaseRow.head).order_by(CaseRow.id)
        if since is not None:
            with self._store.read() as tx:
                names = list(processes(tx))
            # By process, because that is what the index of events begins with.
            moved = select(EventRow.case_id).where(EventRow.process.in_(names), EventRow.ended_at > since)
            query = query.where(CaseRow.id.in_(moved))
        with self._store.read() as tx:
            return {case_id: (events, head) for case_id, events, head in tx.execute(query, execution_options=_ROWS)}

    def standing(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """Read the hashes of events by case and number; of cases that are there, and where the event is."""
        found: dict[tuple[str, int], str] = {}
        with self._store.read() as tx:
            for chunk in chunked(places):
                cases = select(CaseRow.id, CaseRow.events, CaseRow.head).where(CaseRow.id.in_({c for c, _ in chunk}))
                found.update(((row.id, row.events), row.head) for row in tx.execute(cases))
                query = select(EventRow.case_id, EventRow.seq, EventRow.hash).where(
                    tuple_(EventRow.case_id, EventRow.seq).in_(chunk)
                )
                found.update(((row.case_id, row.seq), row.hash) for row in tx.execute(query))
        return found


def _chains(tx: Connection, case_ids: Sequence[str]) -> Iterator[Flaw]:
    cases = {row["id"]: row for row in tx.execute(select(CaseRow).where(CaseRow.id.in_(case_ids))).mappings()}
    query = select(EventRow).where(EventRow.case_id.in_(case_ids)).order_by(EventRow.case_id, EventRow.seq)
    events = {
        case_id: [dict(event) for event in group]
        for case_id, group in groupby(tx.execute(query).mappings(), key=lambda row: str(row["case_id"]))
    }
    for case_id, case in cases.items():
        for what in chain_flaws(events.get(case_id, []), case["head"], case["events"]):
            yield Flaw(f"case {case_id}", what)


def _contents(tx: Connection, case_ids: Sequence[str]) -> Iterator[Flaw]:
    """Name contents that do not have the digest they go by; erased ones have no body and are no flaw."""
    query = select(ContentRow.case_id, ContentRow.kind, ContentRow.digest, ContentRow.salt, ContentRow.body).where(
        ContentRow.case_id.in_(case_ids), ContentRow.body.is_not(None), ContentRow.salt.is_not(None)
    )
    for row in tx.execute(query, execution_options=_ROWS):
        if content_digest(row.salt, row.body) != row.digest:
            yield Flaw(f"case {row.case_id}", f"its {row.kind} was changed after it was written")


def _strays(tx: Connection) -> Iterator[Flaw]:
    """Name cases that have a history and no row of their own."""
    query = select(EventRow.case_id).where(EventRow.case_id.not_in(select(CaseRow.id))).distinct()
    for case_id in tx.execute(query).scalars():
        yield Flaw(f"case {case_id}", "has events, and its own row was removed")
