"""What people ask of the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from fulcrum.cases import Decision, NewCase, Route, Status, Verdict, case_id_of
from fulcrum.due import Due
from fulcrum.errors import CaseNotFound, UsageError
from fulcrum.ledger.columns import begins
from fulcrum.ledger.tables import CaseRow

if TYPE_CHECKING:
    from tests.fulcrum.ledger.conftest import Desk

PROCESS = "sample"


def test_a_case_is_found_by_whatever_people_call_it(desk: Desk) -> None:
    """Its id, the beginning of that, a review of it, and the id that it has at its source."""
    case_id = desk.in_review("a").case_ids[0]
    for name in (case_id, case_id[:6], f"{case_id}-1", "a"):
        assert desk.ledger.reading.find(name) == case_id
    for name in ("", "b", case_id[:6] + "!", case_id + "a"):
        with pytest.raises(CaseNotFound):
            desk.ledger.reading.find(name)


def test_a_name_that_fits_several_cases_is_refused(desk: Desk) -> None:
    """Two processes may know a thing by the same name."""
    run_id = desk.begin()
    for process in ("one", "two", "three"):
        desk.ledger.intake.take_in(run_id, process, [NewCase(external_id="a", input={})])
    with pytest.raises(UsageError, match="fits several cases"):
        desk.ledger.reading.find("a")
    assert desk.ledger.reading.find(case_id_of("two", "a")) == case_id_of("two", "a")


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_beginning_finds_what_begins_with_it(desk: Desk, length: int) -> None:
    """Whatever its last character is, and nothing else."""
    desk.begin()
    desk.take_in(*(f"case {number}" for number in range(400)))
    with desk.ledger.store.read() as tx:
        ids = tx.execute(select(CaseRow.id)).scalars().all()
        for beginning in {case_id[:length] for case_id in ids}:
            found = tx.execute(select(CaseRow.id).where(begins(CaseRow.id, beginning))).scalars()
            assert sorted(found) == sorted(case_id for case_id in ids if case_id.startswith(beginning))


def test_the_newest_cases_come_first_whatever_their_status(desk: Desk) -> None:
    """Of one moment the order is the ids'; a limit cuts off the oldest."""
    desk.in_review("a", "b")
    desk.clock.forward(1)
    desk.cleared("c")
    desk.clock.forward(1)
    desk.take_in("d")
    cases = desk.ledger.reading.cases(PROCESS)
    assert [case.external_id for case in cases[:2]] == ["d", "c"]
    assert [case.id for case in cases[2:]] == sorted(case_id_of(PROCESS, name) for name in ("a", "b"))
    assert desk.ledger.reading.cases(PROCESS, limit=3) == cases[:3]
    assert [case.status for case in desk.ledger.reading.cases(PROCESS, status=Status.CLEARED)] == [Status.CLEARED]


def test_a_review_is_open_until_it_is_decided(desk: Desk) -> None:
    """One that nobody knows is not open either."""
    desk.in_review("a")
    review = desk.ledger.reviews.open(PROCESS)[0]
    assert desk.ledger.reviews.is_open(review.id)
    decision = Decision(review_id=review.id, verdict=Verdict.REJECT, reviewer="Ada", note="no")
    desk.ledger.reviews.decide(decision, due=Due(within=timedelta(days=1)))
    assert not desk.ledger.reviews.is_open(review.id)
    assert not desk.ledger.reviews.is_open("nothing-1")


def test_a_run_that_begins_again_may_have_what_it_let_go_of(desk: Desk) -> None:
    """A retry of the same flow run claims anew what its first try held, and what that got no answer for."""
    desk.begin()
    desk.take_in("a", "b")
    desk.ledger.leases.release(desk.claim(limit=1))
    held = desk.claim()
    desk.begin()
    assert len(desk.claim().case_ids) == 2
    with pytest.raises(Exception, match="lease"):
        desk.route(held, Route.REVIEW)


def test_a_run_that_ends_holds_nothing(desk: Desk) -> None:
    """The next run claims its open cases at once."""
    desk.begin("run-1")
    desk.take_in("a")
    held = desk.claim("run-1")
    desk.begin("run-2")
    assert desk.ledger.leases.held_elsewhere(PROCESS, "run-2")
    desk.ledger.runs.end("run-1", {})
    assert desk.ledger.leases.held_elsewhere(PROCESS, "run-2") == {}
    assert desk.claim("run-2").case_ids == held.case_ids
