"""What a process keeps and for how long: contents of finished cases are erased, and the originals they came in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fulcrum.ledger import Ledger
from fulcrum.ledger.journal import chunked
from fulcrum.ledger.retention import Erased
from fulcrum.process import Process
from fulcrum.sources.originals import Originals

JUST_KEPT = timedelta(days=1)
"""An original that was kept, or kept again, within this time may be that of a case that is about to be taken in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What housekeeping has erased of a process, or in a dry run would erase; `due` are the cases that it meant.

    `before` is the moment before which they were finished.
    """

    process: str
    before: datetime
    due: Sequence[str]
    cases: int
    contents: int


def erase(ledger: Ledger, process: Process, *, dry_run: bool = False) -> Sweep:
    """Erase the contents of a process's cases that were finished longer ago than it keeps them, some at a time.

    Killed at any point, the next call goes on. A dry run counts what it would erase.
    """
    before = ledger.store.now() - process.retention
    due = ledger.retention.due(process.name, before)
    if dry_run:
        would = ledger.retention.contents(due)
        return Sweep(process=process.name, before=before, due=due, cases=len(due), contents=would)
    gone = Erased()
    for chunk in chunked(due):
        gone += ledger.retention.erase(process.name, chunk, before)
    if due:
        ledger.retention.settle()
    return Sweep(process=process.name, before=before, due=due, cases=gone.cases, contents=gone.contents)


def remove_originals(
    ledger: Ledger, originals: Originals, *, longest: timedelta, due: Collection[str] = (), dry_run: bool = False
) -> int:
    """Remove the originals whose cases have all been erased; return how many.

    One that no case has come in (a run was killed before it took the case in) goes once it is older than the `longest`
    that any process keeps contents. `due` are cases that a dry run takes for erased.
    """
    now = ledger.store.now()
    kept = ((digest, at) for digest, at in originals.kept() if now - at > JUST_KEPT)
    removed = 0
    for chunk in chunked(kept):
        cases = ledger.retention.originals([digest for digest, _ in chunk])
        known = {digest for digest, _, _ in cases}
        needed = {digest for digest, case_id, erased in cases if not erased and case_id not in due}
        gone = [d for d, at in chunk if d not in needed and (d in known or now - at > longest)]
        if not dry_run:
            for digest in gone:
                originals.remove(digest)
        removed += len(gone)
    return removed
