"""Event logs in the ledger, on SQLite and PostgreSQL alike: imported ones, and its own of a process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from flows.ticket_triage.process import TICKET_TRIAGE
from fulcrum.errors import LogUnreadable
from fulcrum.kpis.importing import Broken, Row
from fulcrum.kpis.log import LogEvent
from fulcrum.process import Basis
from tests.fulcrum.ledger.test_ledger_contract import decide
from tests.ticket_shop import Shop

if TYPE_CHECKING:
    from tests.fulcrum.ledger.conftest import Desk

BEGAN = datetime(2026, 1, 5, 8, tzinfo=UTC)
ABOUT = {"source": "old.csv", "sha256": "0" * 64, "by": "Ada"}


def lines(cases: int) -> Iterator[Row | Broken]:
    """Give two events a case, every other case closed, and a broken row."""
    for number in range(cases):
        start = BEGAN + timedelta(hours=number)
        for step, activity in enumerate(["open", "close" if number % 2 else "work"]):
            moment = start + timedelta(hours=step)
            event = LogEvent(
                case=f"C-{number}", activity=activity, resource="human", actor="Ines", start=moment, end=moment,
                cost=Decimal("1.25"), currency="EUR",
            )  # fmt: skip
            yield Row(event, "big" if number % 3 else None)
    yield Broken(99, "it is odd")


def test_a_log_comes_back_as_it_was_kept(desk: Desk) -> None:
    """Its events, who is finished, of what kind cases are, what it cost and where it comes from."""
    found = desk.ledger.logs.keep("baseline:x", lines(6), finished_by="close", basis=Basis.SAMPLE, **ABOUT)
    assert (found.cases, found.events, found.broken, found.replaced) == (6, 12, 1, False)
    kept = desk.ledger.logs.kept("baseline:x")
    assert kept is not None
    assert (kept.basis, kept.source, len(kept.log)) == (Basis.SAMPLE, "old.csv", 12)
    assert kept.log.finished.tolist() == [False, True] * 3
    assert kept.log.segments == {f"C-{n}": "big" for n in (1, 2, 4, 5)}
    assert (kept.log.cost.sum(), kept.log.currencies) == (15.0, ("EUR",))
    assert kept.log.until == BEGAN + timedelta(hours=6)


def test_a_log_replaces_the_one_before_it_or_leaves_it(desk: Desk) -> None:
    """One of which no row can be used changes nothing."""
    desk.ledger.logs.keep("baseline:x", lines(6), **ABOUT)
    assert desk.ledger.logs.keep("baseline:x", lines(2), **ABOUT).replaced
    with pytest.raises(LogUnreadable, match="none of its 1 rows can be used; of the first, it is odd"):
        desk.ledger.logs.keep("baseline:x", [Broken(2, "it is odd")], **ABOUT)
    kept = desk.ledger.logs.kept("baseline:x")
    assert kept is not None
    assert len(kept.log) == 4
    assert desk.ledger.logs.kept("baseline:y") is None


def test_the_ledgers_own_log_tells_people_corrections_and_what_is_open(desk: Desk, ledger_url: str) -> None:
    """An approval that corrects is told apart; a case that waits for a person is open; its kind is the process's."""
    shop = Shop(ledger_url)
    shop.handle(4, wrong=1.0)
    shop.handle(3, wrong=0.0)
    with shop.ledger() as ledger:
        log = ledger.logs.of_process(TICKET_TRIAGE)
        since = ledger.logs.of_process(TICKET_TRIAGE, since=shop.now - timedelta(minutes=6))
    assert (len(log.cases), len(since.cases), log.finished.any()) == (7, 3, False)
    told = [log.activities[number] for number in log.activity[log.by_people]]
    assert sorted(told) == ["approve"] * 3 + ["approve corrected"] * 4
    assert {log.actors[number] for number in log.actor[log.by_people]} == {"Ada"}


def test_other_processes_cases_are_not_in_it(desk: Desk) -> None:
    """A log is of one process."""
    desk.in_review("a")
    decide_all(desk)
    assert len(desk.ledger.logs.of_process(TICKET_TRIAGE)) == 0


def decide_all(desk: Desk) -> None:
    from fulcrum.cases import Verdict

    for review in desk.ledger.reviews.open():
        decide(desk, review.id, Verdict.REJECT)
