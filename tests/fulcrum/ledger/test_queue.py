"""How reviews wait: who is asked, how urgent they are, which are decided together; who may decide, by what code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

import pytest

from fulcrum.cases import Decision, Verdict
from fulcrum.due import Urgency
from fulcrum.errors import BundleNotFound, DecisionRefused, ReviewerKnown, ReviewerUnknown
from fulcrum.ledger import Ledger
from fulcrum.reviewers import LOCKED, MOST_WRONG, Reviewer, Role
from tests.fulcrum.ledger.conftest import DUE, PROCESS
from tests.people import register

if TYPE_CHECKING:
    from fulcrum.cases import Review
    from tests.fulcrum.ledger.conftest import Desk


def waiting(desk: Desk, *names: str) -> list[Review]:
    """Bring cases before people."""
    desk.in_review(*names)
    return desk.ledger.reviews.open(PROCESS)


def test_somebody_is_asked_once(desk: Desk) -> None:
    """A review that somebody is asked about stays theirs, and a decided one is nobody's."""
    first, second = waiting(desk, "a", "b")
    desk.ledger.queue.assign({first.id: "Ada"})
    desk.ledger.queue.assign({first.id: "Bo", second.id: "Bo"})
    assert desk.ledger.reviewers.load() == {"Ada": 1, "Bo": 1}
    decision = Decision(review_id=first.id, verdict=Verdict.REJECT, reviewer="Ada", note="no")
    desk.ledger.reviews.decide(decision, due=DUE)
    assert desk.ledger.reviewers.load() == {"Bo": 1}


def test_pressing_goes_one_way_and_leaves_a_trace(desk: Desk) -> None:
    """Each stage is noted once, in the case's own chain of events; another queue means nobody in particular."""
    (review,) = waiting(desk, "a")
    desk.ledger.queue.assign({review.id: "Ada"})
    overdue = desk.ledger.queue.press(review.id, Urgency.OVERDUE)
    assert overdue is not None
    assert (overdue.urgency, overdue.queue, overdue.assignee) == (Urgency.OVERDUE, "q", "Ada")
    for urgency in (Urgency.OVERDUE, Urgency.SOON, Urgency.WAITING):
        assert desk.ledger.queue.press(review.id, urgency, queue="leads") is None
    moved = desk.ledger.queue.press(review.id, Urgency.ESCALATED, queue="leads")
    assert moved is not None
    assert (moved.queue, moved.assignee, moved.id) == ("leads", None, review.id)
    history = desk.ledger.reading.history(review.case_id)
    told = [(event["activity"], event["resource"], event["facts"]["urgency"]) for event in history.events[-2:]]
    assert told == [("remind", "system", "overdue"), ("remind", "system", "escalated")]
    assert history.intact
    assert desk.ledger.reviews.find(review.id) == moved


def test_what_is_decided_is_not_pressed_or_handed_on(desk: Desk) -> None:
    """A decision is the end of it."""
    (review,) = waiting(desk, "a")
    desk.ledger.reviews.decide(Decision(review_id=review.id, verdict=Verdict.REJECT, reviewer="Ada"), due=DUE)
    assert desk.ledger.queue.press(review.id, Urgency.ENDED) is None
    with pytest.raises(DecisionRefused, match="not open any more"):
        desk.ledger.queue.hand_on(review.id, to="Bo", by="Ada", note=None)


def test_a_bundle_is_kept_under_its_number(desk: Desk) -> None:
    """However it is typed; another number is none."""
    reviews = waiting(desk, "a", "b")
    bundle = desk.ledger.queue.bundle(PROCESS, Verdict.APPROVE, [r.id for r in reviews], reviewer="Ada")
    assert desk.ledger.queue.find_bundle(f" {bundle.id.upper()} ") == bundle
    desk.ledger.queue.close_bundle(bundle.id)
    assert desk.ledger.queue.find_bundle(bundle.id).decided is True
    with pytest.raises(BundleNotFound, match="zzzzzzzz"):
        desk.ledger.queue.find_bundle("zzzzzzzz")


def test_the_register(desk: Desk) -> None:
    """One person a name, however it is spelt; who leaves decides nothing, and their secret is gone."""
    reviewers = desk.ledger.reviewers
    reviewers.add(Reviewer(name="Ada Okafor", role=Role.REVIEWER, queues=("q",)), by="Bo")
    with pytest.raises(ReviewerKnown, match="ada okafor"):
        reviewers.add(Reviewer(name="ada okafor", role=Role.OWNER), by="Bo")
    reviewers.add(Reviewer(name="Ada Okafor", role=Role.OWNER, queues=("q", "r")), by="Bo", replace=True)
    reviewers.enroll("ADA OKAFOR", "sealed")
    found = reviewers.find("ada  okafor")
    assert found is not None
    assert (found.role, found.queues, found.enrolled) == (Role.OWNER, ("q", "r"), True)
    assert (found.decides("r"), found.decides("s")) == (True, False)
    reviewers.leave("Ada Okafor")
    left = reviewers.find("Ada Okafor")
    assert left is not None
    assert (left.active, left.enrolled, left.decides("q")) == (False, False, False)
    for verb in (lambda: reviewers.leave("Zoe"), lambda: reviewers.enroll("Zoe", "x")):
        with pytest.raises(ReviewerUnknown, match="no reviewer Zoe"):
            verb()


def test_a_right_code_clears_the_wrong_ones(desk: Desk) -> None:
    """Only wrong ones in a row lock."""
    register(desk.ledger, "Ada")
    desk.ledger.reviewers.enroll("Ada", "sealed")
    for _ in range(3):
        for _ in range(MOST_WRONG - 1):
            assert desk.ledger.reviewers.check("Ada", lambda _sealed: None).locked_until is None
        assert desk.ledger.reviewers.check("Ada", lambda _sealed: 7).step == 7


def test_guesses_made_at_once_are_counted_one_by_one(desk: Desk, ledger_url: str) -> None:
    """Eight people guess at the same time, four times each: five guesses are compared, and then none."""
    register(desk.ledger, "Ada")
    desk.ledger.reviewers.enroll("Ada", "sealed")
    compared, lock = [], Lock()

    def wrong(_sealed: str) -> None:
        with lock:
            compared.append(1)

    def guess(_number: int) -> list[bool]:
        with Ledger.open(ledger_url, clock=desk.clock) as ledger:
            return [ledger.reviewers.check("Ada", wrong).just_locked for _ in range(4)]

    with ThreadPoolExecutor(8) as guessers:
        locked = [told for each in guessers.map(guess, range(8)) for told in each]
    assert (len(compared), locked.count(True)) == (MOST_WRONG, 1)
    desk.clock.forward(LOCKED.total_seconds())
    assert desk.ledger.reviewers.check("Ada", lambda _sealed: 8).step == 8


def test_a_code_decides_a_case_once(desk: Desk) -> None:
    """Its step of time is spent on the case in the transaction that decides; another case may use it."""
    register(desk.ledger, "Ada")
    first, second = waiting(desk, "a", "b")

    def say(review: Review, verdict: Verdict, step: int) -> None:
        decision = Decision(review_id=review.id, verdict=verdict, reviewer="Ada", code_step=step)
        desk.ledger.reviews.decide(decision, escalate_to="leads", due=DUE)

    say(first, Verdict.ESCALATE, 7)
    say(second, Verdict.ESCALATE, 7)
    again = desk.ledger.reviews.find(first.case_id)
    with pytest.raises(DecisionRefused, match="this code has decided this case before"):
        say(again, Verdict.REJECT, 7)
    assert desk.ledger.reviews.is_open(again.id)
    say(again, Verdict.REJECT, 8)
    assert [d["verified"] for d in desk.ledger.reading.history(first.case_id).decisions] == [True, True]
