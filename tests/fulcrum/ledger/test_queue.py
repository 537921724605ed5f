"""The order of the queue, and the register of reviewers, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from fulcrum.cases import Decision, Review, Verdict
from fulcrum.due import URGENCIES, Urgency
from fulcrum.errors import (
    AlreadyDecided,
    BundleNotFound,
    DecisionRefused,
    KeyUnusable,
    ReviewerKnown,
    ReviewerUnknown,
)
from fulcrum.ledger import Ledger
from fulcrum.ledger.reviewers import Checked
from fulcrum.ledger.tables import UsedCodeRow
from fulcrum.reviewers import LOCKED, MOST_WRONG, Reviewer, Role
from tests.fulcrum.ledger.conftest import DUE, PROCESS
from tests.together import AT_ONCE, at_once, several

if TYPE_CHECKING:
    from tests.fulcrum.ledger.conftest import Desk


def asked(desk: Desk, *names: str) -> list[Review]:
    """Bring cases before a person; give their reviews in the cases' order."""
    return [desk.ledger.reviews.find(case_id) for case_id in desk.in_review(*names).case_ids]


def again(desk: Desk, review: Review) -> Review:
    return desk.ledger.reviews.find(review.id)


def decide(ledger: Ledger, review_id: str, reviewer: str = "Ada", **more: Any) -> None:
    decision = Decision(review_id=review_id, verdict=more.pop("verdict", Verdict.REJECT), reviewer=reviewer, **more)
    ledger.reviews.decide(decision, escalate_to="leads", due=DUE)


def events(desk: Desk, review: Review) -> list[tuple[Any, ...]]:
    """Give the case's events after it was put before a person; its chain has to hold."""
    history = desk.ledger.reading.history(review.case_id)
    assert history.intact
    after = [event["activity"] for event in history.events].index("ask for review") + 1
    return [(e["activity"], e["actor"], e["resource"], e["facts"], e["status"]) for e in history.events[after:]]


@pytest.fixture
def ledgers(desk: Desk, ledger_url: str) -> Iterator[list[Ledger]]:
    """Give a ledger each to as many as act at once, all on the same database and under the desk's clock."""
    with several(ledger_url, desk.clock) as opened:
        yield opened


def test_only_what_is_open_and_nobodys_is_assigned(desk: Desk) -> None:
    """A review that somebody is asked about keeps them; a decided one and one that is unknown change nothing."""
    free, taken, decided = asked(desk, "a", "b", "c")
    desk.ledger.queue.assign({taken.id: "Bo"})
    decide(desk.ledger, decided.id, note="no")
    before = desk.ledger.reading.history(decided.case_id)
    desk.ledger.queue.assign({free.id: "Ada", taken.id: "Ada", decided.id: "Ada", "nothing-1": "Ada"})
    assert [again(desk, review).assignee for review in (free, taken, decided)] == ["Ada", "Bo", None]
    assert desk.ledger.reading.history(decided.case_id) == before
    assert desk.ledger.reviewers.load() == {"Ada": 1, "Bo": 1}


def test_of_several_that_assign_at_once_one_does(desk: Desk, ledgers: list[Ledger]) -> None:
    """Nobody's name is written over another's."""
    review = asked(desk, "a")[0]
    seen: list[str | None] = []

    def assign(ledger: Ledger, number: int) -> None:
        ledger.queue.assign({review.id: f"person {number}"})
        seen.append(ledger.reviews.find(review.id).assignee)

    at_once(ledgers, assign)
    assert len(set(seen)) == 1
    assert seen[0] is not None


def test_handing_on_asks_somebody_else_and_is_on_record(desk: Desk) -> None:
    """The review stays the same one; the note is kept as content, not among the facts."""
    review = asked(desk, "a")[0]
    desk.ledger.queue.assign({review.id: "Ada"})
    moved = desk.ledger.queue.hand_on(review.id, to="Bo", by="Ada", note="you know them")
    assert moved == again(desk, review)
    assert (moved.id, moved.assignee, moved.queue) == (review.id, "Bo", review.queue)
    facts = {"review": review.id, "to": "Bo"}
    assert events(desk, review) == [("hand on", "Ada", "human", facts, "in_review")]
    assert desk.ledger.reading.history(review.case_id).events[-1]["content"] is not None


def test_what_is_decided_or_unknown_is_not_handed_on(desk: Desk) -> None:
    """And its history says nothing of it."""
    review = asked(desk, "a")[0]
    decide(desk.ledger, review.id, note="no")
    before = desk.ledger.reading.history(review.case_id)
    for name in (review.id, "nothing-1"):
        with pytest.raises(DecisionRefused, match="not open any more"):
            desk.ledger.queue.hand_on(name, to="Bo", by="Ada", note=None)
    assert desk.ledger.reading.history(review.case_id) == before


def test_a_review_is_pressed_upwards_only(desk: Desk) -> None:
    """From any urgency to any: what is as urgent already, or more so, stays as it is and has no other event."""
    pairs = list(product(URGENCIES, URGENCIES))
    for (reached, told), review in zip(pairs, asked(desk, *map("{0[0]} {0[1]}".format, pairs)), strict=True):
        desk.ledger.queue.press(review.id, reached)
        before = again(desk, review)
        noted = len(events(desk, review))
        pressed = desk.ledger.queue.press(review.id, told)
        if URGENCIES.index(told) > URGENCIES.index(reached):
            assert pressed == again(desk, review)
            assert again(desk, review).urgency is told
            facts = {"review": review.id, "urgency": told.value, "queue": review.queue}
            assert events(desk, review)[noted:] == [("remind", None, "system", facts, "in_review")]
        else:
            assert (pressed, again(desk, review), len(events(desk, review))) == (None, before, noted)


@pytest.mark.parametrize(("queue", "assignee"), [(None, "Ada"), ("q", "Ada"), ("leads", None)])
def test_in_another_queue_a_review_is_nobodys(desk: Desk, queue: str | None, assignee: str | None) -> None:
    """Whoever was asked in the first queue is asked no more; in the same queue they are."""
    review = asked(desk, "a")[0]
    desk.ledger.queue.assign({review.id: "Ada"})
    pressed = desk.ledger.queue.press(review.id, Urgency.ESCALATED, queue=queue)
    assert pressed == again(desk, review)
    assert (again(desk, review).assignee, again(desk, review).queue) == (assignee, queue or "q")


def test_a_decided_review_is_not_pressed(desk: Desk) -> None:
    """Nor is one that there is not."""
    review = asked(desk, "a")[0]
    decide(desk.ledger, review.id, note="no")
    before = desk.ledger.reading.history(review.case_id)
    assert desk.ledger.queue.press(review.id, Urgency.ENDED, queue="leads") is None
    assert desk.ledger.queue.press("nothing-1", Urgency.ENDED) is None
    assert desk.ledger.reading.history(review.case_id) == before


def test_of_several_clocks_one_presses(desk: Desk, ledgers: list[Ledger]) -> None:
    """However many look after the queue at once, a reminder is one event."""
    review = asked(desk, "a")[0]
    pressed = at_once(ledgers, lambda ledger, _: ledger.queue.press(review.id, Urgency.OVERDUE))
    assert sum(each is not None for each in pressed) == 1
    assert len(events(desk, review)) == 1


def test_handing_on_pressing_and_deciding_at_once_keep_the_chain(desk: Desk, ledgers: list[Ledger]) -> None:
    """Whatever comes first, one decision stands and every event follows from the one before."""
    review = asked(desk, "a")[0]

    def act(ledger: Ledger, number: int) -> str:
        try:
            if number % 3 == 0:
                decide(ledger, review.id, f"person {number}", note="no")
            elif number % 3 == 1:
                ledger.queue.hand_on(review.id, to=f"person {number}", by="Ada", note=None)
            else:
                ledger.queue.press(review.id, URGENCIES[number % len(URGENCIES)])
        except (AlreadyDecided, DecisionRefused) as refused:
            return type(refused).__name__
        return "done"

    came = at_once(ledgers, act)
    assert came[0::3].count("done") == 1
    assert set(came[0::3]) == {"done", "AlreadyDecided"}
    assert [activity for activity, *_ in events(desk, review)].count("reject") == 1
    assert len(desk.ledger.reading.history(review.case_id).decisions) == 1


def test_a_bundle_is_found_by_its_number(desk: Desk) -> None:
    """However the number is typed; it says who made it, of what, to what end, and once it was decided."""
    reviews = asked(desk, "a", "b")
    ids = tuple(review.id for review in reviews)
    made = desk.ledger.queue.bundle(PROCESS, Verdict.APPROVE, ids, reviewer="Ada")
    assert (made.process, made.verdict, made.review_ids, made.reviewer) == (PROCESS, Verdict.APPROVE, ids, "Ada")
    assert desk.ledger.queue.find_bundle(f" {made.id.upper()} ") == made
    other = desk.ledger.queue.bundle(PROCESS, Verdict.APPROVE, ids, reviewer="Ada")
    desk.ledger.queue.close_bundle(made.id)
    told = [desk.ledger.queue.find_bundle(each.id).decided for each in (made, other)]
    assert (made.decided, told) == (False, [True, False])
    assert all(again(desk, review) == review for review in reviews)


def test_an_unknown_bundle_says_how_to_make_one(desk: Desk) -> None:
    """Instead of deciding nothing silently."""
    with pytest.raises(BundleNotFound, match="no bundle 23456789"):
        desk.ledger.queue.find_bundle("23456789")


ADA = Reviewer(name="Ada Okafor", role=Role.REVIEWER, queues=("q", "leads"))


def test_somebody_is_registered_once_whatever_the_spelling(desk: Desk) -> None:
    """A second time it says so and nothing changes; to change what is said of them is another verb."""
    people = desk.ledger.reviewers
    people.add(ADA, by="Lea")
    with pytest.raises(ReviewerKnown, match="ada  OKAFOR"):
        people.add(Reviewer(name="ada  OKAFOR", role=Role.OWNER), by="Lea")
    assert people.all() == [ADA]
    assert people.find(" ADA okafor ") == ADA
    changed = Reviewer(name="Ada OKAFOR", role=Role.OWNER)
    people.add(changed, by="Lea", replace=True)
    assert people.all() == [changed]
    assert people.find("Bo") is None


def test_of_several_who_register_somebody_at_once_one_does(desk: Desk, ledgers: list[Ledger]) -> None:
    """The others are told that they are registered."""

    def add(ledger: Ledger, number: int) -> bool:
        try:
            ledger.reviewers.add(Reviewer(name="Ada", role=Role.REVIEWER, queues=(f"q{number}",)), by="Lea")
        except ReviewerKnown:
            return False
        return True

    assert sum(at_once(ledgers, add)) == 1
    assert [one.name for one in desk.ledger.reviewers.all()] == ["Ada"]


def test_whoever_leaves_has_no_secret_and_no_open_case(desk: Desk) -> None:
    """What they were asked about is nobody's again, what they decided stays theirs; they may come back without it."""
    people = desk.ledger.reviewers
    people.add(ADA, by="Lea")
    people.add(Reviewer(name="Bo", role=Role.REVIEWER), by="Lea")
    people.enroll("Ada Okafor", "sealed")
    theirs, decided, others = asked(desk, "a", "b", "c")
    desk.ledger.queue.assign({theirs.id: "Ada Okafor", decided.id: "Ada Okafor", others.id: "Bo"})
    decide(desk.ledger, decided.id, "Ada Okafor", note="no")
    people.leave("ada okafor")
    left = people.find("Ada Okafor")
    assert left is not None
    assert (left.active, left.enrolled, left.decides("q")) == (False, False, False)
    assert [again(desk, review).assignee for review in (theirs, decided, others)] == [None, "Ada Okafor", "Bo"]
    with pytest.raises(ReviewerUnknown):
        people.check("Ada Okafor", lambda _: 1)
    people.add(ADA, by="Lea", replace=True)
    assert people.find("Ada Okafor") == ADA


def test_what_is_done_to_somebody_unknown_says_so(desk: Desk) -> None:
    """Whichever verb it is; and a code of somebody without a secret is compared with nothing."""
    people = desk.ledger.reviewers
    people.add(ADA, by="Lea")
    verbs: list[Callable[[], object]] = [
        lambda: people.leave("Zoe"),
        lambda: people.enroll("Zoe", "sealed"),
        lambda: people.check("Zoe", lambda _: 1),
        lambda: people.check("Ada Okafor", lambda _: 1),
    ]
    for verb in verbs:
        with pytest.raises(ReviewerUnknown, match="fulcrum reviewers list"):
            verb()


def enrolled(desk: Desk) -> None:
    desk.ledger.reviewers.add(ADA, by="Lea")
    desk.ledger.reviewers.enroll("Ada Okafor", "sealed")


def test_a_right_code_clears_the_count_and_a_lock_ends(desk: Desk) -> None:
    """Only wrong ones in a row lock; while locked nothing is compared, and enrolling anew ends the lock at once."""
    enrolled(desk)
    compared: list[str] = []

    def check(*, step: int | None) -> Checked:
        def compare(sealed: str) -> int | None:
            compared.append(sealed)
            return step

        return desk.ledger.reviewers.check("ADA okafor", compare)

    for _ in range(2):
        for _ in range(MOST_WRONG - 1):
            assert check(step=None) == Checked(None)
        assert check(step=7) == Checked(7)
    came = [check(step=None) for _ in range(MOST_WRONG)]
    until = desk.clock() + LOCKED
    assert came[-1] == Checked(None, until, just_locked=True)
    assert set(compared) == {"sealed"}
    compared.clear()
    assert check(step=7) == Checked(None, until, just_locked=False)
    assert compared == []
    found = desk.ledger.reviewers.find("Ada Okafor")
    assert found is not None
    assert found.locked_until == until
    desk.clock.forward((LOCKED - timedelta(microseconds=1)).total_seconds())
    assert check(step=7).step is None
    desk.clock.forward(0.000001)
    assert check(step=7) == Checked(7)
    for _ in range(MOST_WRONG):
        check(step=None)
    desk.ledger.reviewers.enroll("Ada Okafor", "new")
    assert check(step=7) == Checked(7)
    assert compared[-1] == "new"


def test_a_key_that_opens_nothing_counts_as_no_guess(desk: Desk) -> None:
    """A worker that was given another key locks nobody."""
    enrolled(desk)

    def unopened(_sealed: str) -> int:
        raise KeyUnusable(problem="another key")

    for _ in range(MOST_WRONG + 1):
        with pytest.raises(KeyUnusable):
            desk.ledger.reviewers.check("Ada Okafor", unopened)
    assert desk.ledger.reviewers.check("Ada Okafor", lambda _: 7) == Checked(7)


def test_however_many_guess_at_once_five_guesses_are_compared(desk: Desk, ledgers: list[Ledger]) -> None:
    """Eight who guess three times each: five comparisons, one who is told that it has just been locked."""
    enrolled(desk)
    compared: list[int] = []

    def guess(ledger: Ledger, number: int) -> list[Checked]:
        def wrong(_sealed: str) -> None:
            compared.append(number)

        return [ledger.reviewers.check("Ada Okafor", wrong) for _ in range(3)]

    came = [checked for each in at_once(ledgers, guess) for checked in each]
    assert len(compared) == MOST_WRONG
    assert sum(checked.just_locked for checked in came) == 1
    assert sum(checked.locked_until is None for checked in came) == MOST_WRONG - 1
    assert {checked.step for checked in came} == {None}


def spent(desk: Desk) -> int:
    with desk.ledger.store.read() as tx:
        return int(tx.execute(select(func.count()).select_from(UsedCodeRow)).scalar_one())


def test_a_code_is_spent_once_a_case_even_by_two_at_once(desk: Desk, ledgers: list[Ledger]) -> None:
    """One of several decisions under one code stands; the code decides another case, and this one never again."""
    enrolled(desk)
    first, other = asked(desk, "a", "b")

    def approve(ledger: Ledger, _number: int) -> str:
        try:
            decide(ledger, first.id, "Ada Okafor", verdict=Verdict.ESCALATE, code_step=7)
        except AlreadyDecided:
            return "told"
        return "won"

    assert sorted(at_once(ledgers, approve)) == ["told"] * (AT_ONCE - 1) + ["won"]
    assert spent(desk) == 1
    following = desk.ledger.reviews.find(first.case_id)
    assert following.id != first.id
    before = desk.ledger.reading.history(first.case_id)

    def once_more(ledger: Ledger, _number: int) -> None:
        with pytest.raises(DecisionRefused, match="has decided this case before"):
            decide(ledger, following.id, "ADA okafor", note="no", code_step=7)

    at_once(ledgers, once_more)
    assert desk.ledger.reading.history(first.case_id) == before
    decide(desk.ledger, other.id, "Ada Okafor", note="no", code_step=7)
    decide(desk.ledger, following.id, "Ada Okafor", note="no", code_step=8)
    assert spent(desk) == 3
    assert [row["verified"] for row in desk.ledger.reading.history(first.case_id).decisions] == [True, True]
