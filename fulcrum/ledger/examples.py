"""What the ledger knows the outcome of: labelled records that were loaded, and cases that a person has decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from threading import Lock
from typing import TypeAlias

from sqlalchemy import Connection, select
from sqlalchemy.orm import aliased

from fulcrum.cases import Json, Verdict
from fulcrum.examples import Known, Nearest, NewExample
from fulcrum.ledger.journal import chunked, read_contents
from fulcrum.ledger.review_rows import DECIDED
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, ContentRow, DecisionRow, EventRow, ExampleRow, ReviewRow

_Indexed: TypeAlias = tuple[str, Callable[[Json, Json], str], bool]
"""What an index is of: a process, how its texts are made, and whether of decided cases alone."""

REOPENED = "reopen"
"""The activity that makes what was decided before void."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of records to load: how many are new, how many known, and the known ones that now say otherwise."""

    new: int
    known: int
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """An example without its content: which it is, and when it holds. A decided one's outcome goes by its digest."""

    id: str
    since: datetime
    until: datetime | None = None
    outcome: str | None = None
    input: str | None = None


class Examples:
    """Keeps labelled records, and gives what is known, the decided cases included.

    What was read once is kept for as long as the ledger is open, so that a run reads each content once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._known: dict[str, dict[_Span, Known]] = {}
        self._indexes: dict[_Indexed, Nearest] = {}

    def load(self, process: str, items: Iterable[NewExample]) -> Loaded:
        """Store labelled records, each id once for a process; one that is known stays as it is, erased or not."""
        new = known = 0
        changed: list[str] = []
        with self._store.write() as tx:
            now = self._store.now()
            for chunk in chunked(items):
                first = {item.id: item for item in reversed(chunk)}
                stored = self._insert(tx, process, list(first.values()), now)
                changed += _changed(tx, process, [item for item in chunk if first[item.id] is not item])
                changed += _changed(tx, process, [item for item in first.values() if item.id not in stored])
                new += len(stored)
                known += len(chunk) - len(stored)
        return Loaded(new, known, tuple(dict.fromkeys(changed)))

    def known(self, process: str, before: datetime) -> list[Known]:
        """List what was known before a moment, the latest first; what is erased is not known any more."""
        with self._lock:
            return self._read(process, before)

    def nearest(
        self, process: str, text: Callable[[Json, Json], str], before: datetime, also: Sequence[Known] = ()
    ) -> Nearest:
        """Give an index over the texts of what was known before a moment, and of what is known besides.

        It is the last one, while that has not changed.
        """
        with self._lock:
            return self._index((process, text, False), [*self._read(process, before), *also])

    def nearest_decided(self, process: str, text: Callable[[Json, Json], str], before: datetime) -> Nearest | None:
        """Give an index over the texts of what people had decided before a moment; None where that is nothing."""
        with self._lock:
            decided = [known for known in self._read(process, before) if known.decided]
            return self._index((process, text, True), decided) if decided else None

    def _index(self, key: _Indexed, examples: Sequence[Known]) -> Nearest:
        made = self._indexes.get(key)
        if made is None or made.examples != examples:
            made = self._indexes[key] = Nearest(examples, key[1])
        return made

    def _insert(self, tx: Connection, process: str, items: Sequence[NewExample], now: datetime) -> set[str]:
        rows = [
            {
                "process": process,
                "id": item.id,
                "body": _body(item),
                "known_at": item.known_at or now,
                "loaded_at": now,
            }
            for item in items
        ]
        statement = self._store.insert(ExampleRow).on_conflict_do_nothing().returning(ExampleRow.id)
        return set(tx.execute(statement, rows).scalars())

    def _read(self, process: str, before: datetime) -> list[Known]:
        kept = self._known.setdefault(process, {})
        with self._store.read() as tx:
            spans = [*_loaded(tx, process, before), *_decided(tx, process, before)]
            fresh = [span for span in spans if span not in kept]
            kept.update(_contents(tx, process, fresh))
        # Of one moment the order is the ids', so that it is the same whenever it is read.
        latest = sorted(spans, key=lambda span: (span.since, span.id, span.outcome or ""), reverse=True)
        return [kept[span] for span in latest]


def _body(item: NewExample) -> Json:
    return {"input": item.input, "values": item.values}


def _changed(tx: Connection, process: str, items: Sequence[NewExample]) -> list[str]:
    stored: dict[str, Json | None] = {}
    for chunk in chunked(item.id for item in items):
        rows = select(ExampleRow.id, ExampleRow.body).where(ExampleRow.process == process, ExampleRow.id.in_(chunk))
        stored.update((row.id, row.body) for row in tx.execute(rows))
    return [item.id for item in items if (body := stored.get(item.id)) is not None and body != _body(item)]


def _loaded(tx: Connection, process: str, before: datetime) -> list[_Span]:
    query = select(ExampleRow.id, ExampleRow.known_at).where(
        ExampleRow.process == process, ExampleRow.known_at < before, ExampleRow.body.is_not(None)
    )
    return [_Span(row.id, row.known_at) for row in tx.execute(query)]


def _decided(tx: Connection, process: str, before: datetime) -> list[_Span]:
    """Find what people approved, each until the case's next decision or its reopening; erased contents are left out."""
    case_input, outcome = aliased(ContentRow), aliased(ContentRow)
    approved = (
        select(ReviewRow.case_id)
        .join(DecisionRow, DecisionRow.review_id == ReviewRow.id)
        .where(ReviewRow.process == process, ReviewRow.state == DECIDED, DecisionRow.verdict == Verdict.APPROVE.value)
    )
    turns = [Verdict.APPROVE.value, Verdict.REJECT.value, REOPENED]
    query = (
        select(EventRow.case_id, EventRow.ended_at, CaseRow.external_id)
        .add_columns(case_input.digest.label("input"), outcome.digest.label("outcome"))
        .join(CaseRow, CaseRow.id == EventRow.case_id)
        .outerjoin(case_input, (case_input.digest == CaseRow.input) & case_input.body.is_not(None))
        .outerjoin(
            outcome,
            (outcome.digest == EventRow.content) & (outcome.kind == "outcome") & outcome.body.is_not(None),
        )
        .where(EventRow.case_id.in_(approved), EventRow.activity.in_(turns), EventRow.ended_at < before)
        .order_by(EventRow.case_id, EventRow.seq)
    )
    spans = []
    for row, after in pairwise([*tx.execute(query), None]):
        if row is not None and row.outcome is not None and row.input is not None:
            until = after.ended_at if after is not None and after.case_id == row.case_id else None
            spans.append(_Span(row.external_id, row.ended_at, until, row.outcome, row.input))
    return spans


def _contents(tx: Connection, process: str, spans: Sequence[_Span]) -> dict[_Span, Known]:
    """Read what spans stand for."""
    bodies: dict[str, Json] = {}
    for chunk in chunked(span.id for span in spans if span.outcome is None):
        rows = select(ExampleRow.id, ExampleRow.body).where(ExampleRow.process == process, ExampleRow.id.in_(chunk))
        bodies.update((row.id, row.body) for row in tx.execute(rows))
    contents = read_contents(tx, [digest for span in spans for digest in (span.outcome, span.input) if digest])
    known = {}
    for span in spans:
        body = bodies[span.id] if span.outcome is None else _decision(contents, span)
        known[span] = Known(
            id=span.id,
            input=body["input"],
            values=body["values"],
            since=span.since,
            until=span.until,
            decided=span.outcome is not None,
        )
    return known


def _decision(contents: Mapping[str, Json], span: _Span) -> Json:
    return {"input": contents[span.input or ""], "values": contents[span.outcome or ""]}
