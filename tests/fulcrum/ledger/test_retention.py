"""What is erased and when: contents of finished cases, while facts, figures and the chain stay."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from fulcrum.cases import Decision, Receipt, Route, Verdict, case_id_of
from fulcrum.errors import CaseErased
from fulcrum.ledger import Result
from fulcrum.ledger.journal import Change, apply
from fulcrum.ledger.retention import Erased
from fulcrum.ledger.tables import CaseRow, ContentRow, EventRow, ModelCallRow
from tests.fulcrum.ledger.conftest import DUE, PROCESS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fulcrum.ledger.conftest import Desk

YEAR = timedelta(days=365)


def deliver(desk: Desk) -> None:
    """Give every delivery that is due its receipt."""
    while parcel := desk.ledger.outbox.claim(PROCESS):
        results = [Result(delivery=delivery, receipt=Receipt("r")) for delivery in parcel.deliveries]
        desk.ledger.outbox.record(parcel, results, run_id=None, queue="q", due=DUE, started_at=desk.clock())


def finished(desk: Desk, *names: str) -> Sequence[str]:
    """Bring cases to their end."""
    cases = desk.cleared(*names).case_ids
    deliver(desk)
    return cases


def sweep(desk: Desk, before: datetime) -> Erased:
    return desk.ledger.retention.erase(PROCESS, desk.ledger.retention.due(PROCESS, before), before)


def bodies(desk: Desk, case_id: str) -> list[object]:
    with desk.ledger.store.read() as tx:
        rows = tx.execute(select(ContentRow.body, ContentRow.salt).where(ContentRow.case_id == case_id)).all()
    return [part for row in rows for part in row]


def test_contents_of_a_finished_case_go_and_all_else_stays(desk: Desk) -> None:
    """Body and salt are gone; events, calls with their cost, statuses and the chain are as they were."""
    (case_id,) = finished(desk, "a")
    tables = (CaseRow, EventRow, ModelCallRow)
    with desk.ledger.store.read() as tx:
        before = [tx.execute(select(table)).all() for table in tables]
    desk.clock.forward(1)
    assert bodies(desk, case_id).count(None) == 0
    gone = sweep(desk, desk.clock())
    assert (gone.cases, gone.contents) == (1, len(bodies(desk, case_id)) // 2)
    assert set(bodies(desk, case_id)) == {None}
    with desk.ledger.store.read() as tx:
        assert [tx.execute(select(table)).all() for table in tables] == before
    assert list(desk.ledger.audit.flaws()) == []
    assert desk.ledger.reading.history(case_id).intact
    assert desk.ledger.retention.erased([case_id]) == {case_id}


def test_only_what_was_finished_before_the_moment_is_due(desk: Desk) -> None:
    """Not what was finished after it, nor what somebody still has to do with, however old it is."""
    old = finished(desk, "old")
    waiting = desk.in_review("waiting").case_ids
    undelivered = desk.cleared("undelivered").case_ids
    moment = desk.clock()
    desk.clock.forward(1)
    assert desk.ledger.retention.due(PROCESS, moment) == list(old)
    assert desk.ledger.retention.due(PROCESS, moment - timedelta(microseconds=1)) == []
    assert desk.ledger.retention.due("another", desk.clock()) == []
    deliver(desk)
    assert desk.ledger.retention.due(PROCESS, moment) == list(old)
    assert set(desk.ledger.retention.due(PROCESS, desk.clock())) == {*old, *undelivered}
    sweep(desk, desk.clock())
    assert None not in bodies(desk, waiting[0])


def test_a_note_does_not_prolong_what_is_kept(desk: Desk) -> None:
    """A source that hands a finished case in again, changed, does not keep it alive."""
    (case_id,) = finished(desk, "a")
    moment = desk.clock()
    desk.clock.forward(3600)
    change = Change(
        case_id=case_id, transition="note", activity="seen again, changed", resource="system", started_at=desk.clock()
    )
    with desk.ledger.store.write() as tx:
        apply(tx, [change], now=desk.clock())
    assert desk.ledger.retention.due(PROCESS, moment) == [case_id]


def test_a_reopened_case_is_kept_until_it_is_finished_again(desk: Desk) -> None:
    """Its time begins anew, also where it is decided as before."""
    (case_id,) = finished(desk, "a")
    first = desk.clock()
    desk.clock.forward(60)
    desk.ledger.reviews.reopen(case_id, by="Ada", reason="wrong", reversals=(), queue="q", due=DUE)
    assert desk.ledger.retention.due(PROCESS, desk.clock() + YEAR) == []
    # Whoever had found it due before does not erase it now.
    assert desk.ledger.retention.erase(PROCESS, [case_id], desk.clock() + YEAR) == Erased(0, 0)
    review = desk.ledger.reviews.open(PROCESS)[0]
    decision = Decision(review_id=review.id, verdict=Verdict.APPROVE, reviewer="Ada", values={"value": "y"})
    desk.ledger.reviews.decide(decision, deliveries=[desk.posting(case_id, revision=2)], due=DUE)
    deliver(desk)
    assert desk.ledger.retention.due(PROCESS, first) == []
    assert desk.ledger.retention.due(PROCESS, desk.clock()) == [case_id]


def test_an_erased_case_is_not_reopened(desk: Desk) -> None:
    """Nobody could say what its postings were, and a reversal of nothing would stand in the books."""
    (case_id,) = finished(desk, "a")
    sweep(desk, desk.clock())
    with pytest.raises(CaseErased, match=case_id):
        desk.ledger.reviews.reopen(case_id, by="Ada", reason="wrong", reversals=(), queue="q", due=DUE)
    assert desk.ledger.reading.history(case_id).case.status == "delivered"


def test_what_an_erased_case_has_taught_is_not_shown_any_more(desk: Desk) -> None:
    """A decided case is an example until its contents go, in a ledger that has read it before as well."""
    (case_id,) = desk.in_review("a").case_ids
    review = desk.ledger.reviews.open(PROCESS)[0]
    decision = Decision(review_id=review.id, verdict=Verdict.APPROVE, reviewer="Ada", values={"value": "y"})
    desk.ledger.reviews.decide(decision, deliveries=[desk.posting(case_id)], due=DUE)
    deliver(desk)
    desk.clock.forward(1)
    assert [known.id for known in desk.ledger.examples.known(PROCESS, desk.clock())] == ["a"]
    sweep(desk, desk.clock())
    assert desk.ledger.examples.known(PROCESS, desk.clock()) == []


def test_what_is_watched_of_a_process_leaves_out_what_was_erased(desk: Desk) -> None:
    """A process with few cases may have erased some of its newest ones: there is nothing left to compare."""
    finished(desk, "a")
    moment = desk.clock()
    desk.clock.forward(60)
    desk.begin("run-2")
    desk.take_in("b", run_id="run-2")
    batch = desk.claim("run-2")
    desk.check(batch)
    desk.propose(batch)
    desk.route(batch, Route.CLEARED)
    sweep(desk, moment)
    seen = desk.ledger.watching.handled(PROCESS, limit=10, until=desk.clock())
    assert [each.case.external_id for each in seen] == ["b"]


def test_a_case_that_was_erased_is_not_taken_in_again(desk: Desk) -> None:
    """Its name is still known, so that nothing is posted twice; what it said is not compared any more."""
    finished(desk, "a")
    sweep(desk, desk.clock())
    desk.take_in("a")
    assert desk.ledger.leases.claim(PROCESS, desk.begin("run-2")) is None
    assert set(bodies(desk, case_id_of(PROCESS, "a"))) == {None}


def test_a_sweep_that_was_killed_goes_on(desk: Desk) -> None:
    """What is erased stays so, the rest is still due, and a second time nothing is."""
    cases = finished(desk, *"abcde")
    moment = desk.clock()
    due = desk.ledger.retention.due(PROCESS, moment)
    assert desk.ledger.retention.erase(PROCESS, due[:2], moment).cases == 2
    assert set(desk.ledger.retention.due(PROCESS, moment)) == set(cases) - set(due[:2])
    assert sweep(desk, moment).cases == 3
    assert sweep(desk, moment) == Erased(0, 0)


@pytest.mark.parametrize("ledger_urls", ["sqlite"], indirect=True)
def test_no_byte_of_what_was_erased_is_left_in_the_files(desk: Desk) -> None:
    """SQLite would keep it on pages that are free, and in its write-ahead log."""
    finished(desk, "secret-word")
    desk.ledger.retention.settle()
    file = Path(str(desk.ledger.store.engine.url.database))
    files = [file, file.with_name(f"{file.name}-wal")]
    text = b"text of secret-word"
    assert any(text in each.read_bytes() for each in files)
    sweep(desk, desk.clock())
    desk.ledger.retention.settle()
    assert not any(text in each.read_bytes() for each in files)
