"""Who may decide what: registered people, different ones where several must, proved by codes where that is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fulcrum.cases import Status, Verdict
from fulcrum.deciding import Said, decide, end, hand_on
from fulcrum.due import Urgency
from fulcrum.errors import AlreadyDecided, DecisionRefused, ReviewerLocked
from fulcrum.reviewers import LOCKED, MOST_WRONG, Reviewer, Role
from fulcrum.sealing import Seal, new_key
from tests.people import Authenticator

if TYPE_CHECKING:
    from collections.abc import Callable

    from fulcrum.cases import Json, Review
    from tests.fulcrum.conftest import Office

LARGE = {"total": "12100.00", "net": "10000.00", "tax": "2100.00"}


@pytest.fixture
def seal() -> Seal:
    return Seal(new_key())


@pytest.fixture
def large(office: Office, an_invoice: Callable[..., Json]) -> Review:
    """An invoice that two people have to approve, by codes."""
    return office.in_review(an_invoice(**LARGE))


def say(office: Office, review: Review, reviewer: str, seal: Seal | None = None, **more: Any) -> Any:
    said = Said(verdict=more.pop("verdict", Verdict.APPROVE), reviewer=reviewer, **more)
    return decide(office.ledger, office.process, review.id, said, seal=(lambda: seal) if seal else None)


def without_codes(office: Office) -> None:
    office.process = replace(office.process, review=replace(office.process.review, verified=None))


def test_somebody_who_is_not_registered_is_told_whom_to_ask(office: Office) -> None:
    """And nothing is decided; nor by somebody who has left."""
    review = office.in_review()
    owner = office.process.owner
    with pytest.raises(DecisionRefused, match=f"Zoe is not registered as a reviewer; ask {owner.name}"):
        say(office, review, "Zoe")
    office.ledger.reviewers.leave("Bo")
    with pytest.raises(DecisionRefused, match="Bo is not registered"):
        say(office, review, "Bo")
    assert office.history(review.case_id).case.status is Status.IN_REVIEW


def test_another_queue_is_somebody_elses(office: Office) -> None:
    """A reviewer of one queue does not decide what waits in another."""
    office.ledger.reviewers.add(Reviewer(name="Ada", role=Role.REVIEWER, queues=("tickets",)), by="x", replace=True)
    review = office.in_review()
    with pytest.raises(DecisionRefused, match=f"not registered for the queue {review.queue}"):
        say(office, review, "Ada")


def test_what_the_clock_has_moved_its_own_people_may_still_decide(office: Office) -> None:
    """Their form may be open. What a person has escalated stays with the owner, however long it waits."""
    policy, lead = office.process.review, office.process.owner.queue
    office.ledger.reviewers.add(Reviewer(name="Ada", role=Role.REVIEWER, queues=(policy.queue,)), by="x", replace=True)
    moved = office.in_review()
    office.name = "other"
    escalated = office.in_review()
    office.ledger.queue.press(moved.id, Urgency.OVERDUE, queue=lead)
    with pytest.raises(DecisionRefused, match=f"not registered for the queue {lead}"):
        say(office, moved, "Ada")
    office.ledger.queue.press(moved.id, Urgency.ESCALATED, queue=lead)
    assert say(office, moved, "Ada").reviewer == "Ada"
    say(office, escalated, "Bo", verdict=Verdict.ESCALATE)
    following = office.ledger.reviews.find(escalated.case_id)
    office.ledger.queue.press(following.id, Urgency.ESCALATED, queue=lead)
    with pytest.raises(DecisionRefused, match=f"not registered for the queue {lead}"):
        say(office, following, "Ada")


def test_a_decision_bears_the_registered_name(office: Office) -> None:
    """However it was typed, so that one person's decisions are found under one name."""
    assert say(office, office.in_review(), "  ada   OKAFOR ").reviewer == "Ada Okafor"


def test_two_people_approve_what_is_large(office: Office, large: Review) -> None:
    """The first approval takes no effect, the same person is refused, the second one posts it."""
    without_codes(office)
    say(office, large, "Ada")
    history = office.history(large.case_id)
    assert (history.case.status, list(history.deliveries)) == (Status.IN_REVIEW, [])
    second = office.ledger.reviews.find(large.case_id)
    assert second.approved_by == ("Ada",)
    with pytest.raises(DecisionRefused, match="Ada approved it before"):
        say(office, second, "ADA")
    say(office, second, "Bo")
    assert [d["decided_by"] for d in office.history(large.case_id).deliveries] == ["Bo"]


def test_three_people_where_the_process_asks_for_three(office: Office) -> None:
    """Each another one; whoever changes what the others approved begins anew."""
    policy = replace(office.process.review, approvals=lambda _values: 3, verified=None)
    office.process = replace(office.process, review=policy)
    review = office.in_review()
    for name in ("Ada", "Bo"):
        say(office, review, name)
        review = office.ledger.reviews.find(review.case_id)
    assert review.approved_by == ("Ada", "Bo")
    say(office, review, "Cleo", changes={"supplier_name": "Acme Limited"})
    review = office.ledger.reviews.find(review.case_id)
    assert review.approved_by == ("Cleo",)
    for name in ("Ada", "Bo"):
        assert not office.history(review.case_id).deliveries
        say(office, office.ledger.reviews.find(review.case_id), name)
    assert office.history(review.case_id).deliveries


def test_an_escalation_between_two_approvals_forgets_nobody(office: Office, large: Review) -> None:
    """Who has approved first is refused in the owner's queue as well."""
    without_codes(office)
    say(office, large, "Ada")
    second = office.ledger.reviews.find(large.case_id)
    say(office, second, "Bo", verdict=Verdict.ESCALATE)
    third = office.ledger.reviews.find(large.case_id)
    assert (third.queue, third.approved_by) == (office.process.owner.queue, ("Ada",))
    with pytest.raises(DecisionRefused, match="Ada approved it before"):
        say(office, third, "Ada")


def test_whoever_entered_a_case_does_not_approve_it_where_several_must(office: Office, large: Review) -> None:
    """As its input says, or because they mended it; a small case of theirs they may approve."""
    without_codes(office)
    policy = replace(office.process.review, entered_by=lambda _input: "Ada")
    office.process = replace(office.process, review=policy)
    with pytest.raises(DecisionRefused, match="Ada entered this case"):
        say(office, large, "Ada")
    say(office, large, "Bo")
    office.name = "small"
    assert say(office, office.in_review(), "Ada").verdict is Verdict.APPROVE


def test_a_code_proves_who_decides(office: Office, large: Review, seal: Seal) -> None:
    """Without one, or with a wrong one, nothing is decided; the decision says that it was proved."""
    app = Authenticator(office.ledger, "Ada", seal)
    with pytest.raises(DecisionRefused, match="needs the six-digit code"):
        say(office, large, "Ada", seal)
    with pytest.raises(DecisionRefused, match="wrong or too old"):
        say(office, large, "Ada", seal, code=app.wrong_code)
    assert say(office, large, "Ada", seal, code=app.code).code_step is not None
    assert office.history(large.case_id).decisions[0]["verified"] is True


@pytest.mark.parametrize("typed", ["１２３４５６", "12345é", "letters", "1234567", "-1"])  # noqa: RUF001 - typed on purpose
def test_what_is_no_code_counts_as_a_wrong_one(office: Office, large: Review, seal: Seal, typed: str) -> None:
    """Whatever signs it has, and however often it is typed."""
    Authenticator(office.ledger, "Ada", seal)
    for _ in range(MOST_WRONG - 1):
        with pytest.raises(DecisionRefused, match="wrong or too old"):
            say(office, large, "Ada", seal, code=typed)
    with pytest.raises(ReviewerLocked):
        say(office, large, "Ada", seal, code=typed)


def test_whoever_has_no_authenticator_is_told_how_to_get_one(office: Office, large: Review, seal: Seal) -> None:
    """Instead of being let through."""
    with pytest.raises(DecisionRefused, match="fulcrum reviewers enroll"):
        say(office, large, "Ada", seal, code="123456")


def test_where_nothing_is_at_stake_no_code_is_asked_for(office: Office, seal: Seal) -> None:
    """Nor for an escalation, whatever is at stake."""
    Authenticator(office.ledger, "Ada", seal)
    assert say(office, office.in_review(), "Ada", seal).code_step is None


def test_a_code_is_good_once_a_case(office: Office, an_invoice: Callable[..., Json], seal: Seal) -> None:
    """It decides other cases within its time, and never the same case twice."""
    app = Authenticator(office.ledger, "Ada", seal)
    first = office.in_review(an_invoice(**LARGE))
    office.name = "other"
    other = office.in_review(an_invoice(**LARGE, document_number="another"))
    code = app.code
    for review in (first, other):
        say(office, review, "Ada", seal, code=code)
    # The case comes back to Ada because Bo changes it.
    bo = Authenticator(office.ledger, "Bo", seal)
    say(office, office.ledger.reviews.find(first.case_id), "Bo", seal, code=bo.code, changes={"supplier_name": "Acme"})
    again = office.ledger.reviews.find(first.case_id)
    with pytest.raises(DecisionRefused, match="has decided this case before"):
        say(office, again, "Ada", seal, code=code)
    office.clock.forward(31)
    say(office, again, "Ada", seal, code=app.code)
    assert office.history(first.case_id).deliveries


def test_five_wrong_codes_lock_a_reviewer(office: Office, large: Review, seal: Seal) -> None:
    """For a quarter of an hour, in which the right code is refused as well; one right code before clears the count."""
    app = Authenticator(office.ledger, "Ada", seal)

    def guess() -> None:
        say(office, large, "Ada", seal, code=app.wrong_code)

    for _ in range(MOST_WRONG - 1):
        with pytest.raises(DecisionRefused, match="wrong or too old"):
            guess()
    with pytest.raises(ReviewerLocked, match="locked until") as locked:
        guess()
    assert locked.value.facts["new"] is True
    with pytest.raises(ReviewerLocked) as still:
        say(office, large, "Ada", seal, code=app.code)
    assert still.value.facts["new"] is False
    office.clock.forward(LOCKED.total_seconds() + 1)
    assert say(office, large, "Ada", seal, code=app.code).reviewer == "Ada"


def test_a_case_is_handed_on(office: Office) -> None:
    """It stays open, the colleague is asked, and the case's history says by whom."""
    review = office.in_review()
    said = Said(verdict=Verdict.HAND_ON, reviewer="Ada", colleague="bo", note="you know them")
    assert hand_on(office.ledger, office.process, review.id, said).assignee == "Bo"
    history = office.history(review.case_id)
    assert (history.events[-1]["activity"], history.events[-1]["actor"]) == ("hand on", "Ada")
    assert history.intact
    say(office, review, "Cleo")
    with pytest.raises(AlreadyDecided):
        hand_on(office.ledger, office.process, review.id, said)


def test_handing_on_decides_nothing(office: Office) -> None:
    """Sent as a decision it is refused, and the review is as it was."""
    review = office.in_review()
    before = office.history(review.case_id)
    with pytest.raises(DecisionRefused, match="handed on"):
        say(office, review, "Ada", verdict=Verdict.HAND_ON, colleague="Bo")
    assert office.history(review.case_id) == before


@pytest.mark.parametrize(
    ("colleague", "why"), [("", "name the colleague"), ("Zoe", "Zoe is not registered for the queue")]
)
def test_a_case_is_handed_on_to_somebody_who_may_decide_it(office: Office, colleague: str, why: str) -> None:
    """Or it stays where it is."""
    review = office.in_review()
    with pytest.raises(DecisionRefused, match=why):
        hand_on(
            office.ledger,
            office.process,
            review.id,
            Said(verdict=Verdict.HAND_ON, reviewer="Ada", colleague=colleague),
        )
    assert office.ledger.reviews.find(review.id) == review


def test_what_nobody_decides_in_time_is_rejected_by_nobody(office: Office) -> None:
    """Where the process says so: the targets are told, and the record names no person."""
    review = office.in_review()
    end(office.ledger, office.process, review.id)
    history = office.history(review.case_id)
    assert (history.case.status, history.events[-1]["resource"]) == (Status.REJECTED, "system")
    assert [d["effect"] for d in history.deliveries] == ["rejection"]
    with pytest.raises(AlreadyDecided):
        end(office.ledger, office.process, review.id)
