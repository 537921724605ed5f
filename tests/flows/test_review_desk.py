"""The review desk's clock on a real server: it reminds, escalates, ends, assigns and repairs; it approves nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Review, ReviewKind, Status
from fulcrum.due import Default, Due, Urgency
from fulcrum.ledger import Ledger
from fulcrum.settings import settings
from tests.people import register
from tests.review_desk import ReviewDesk, proposed

HOUR = timedelta(hours=1)
SOON = timedelta(minutes=-30)
LADDER = Due(
    within=8 * HOUR, warn=HOUR, escalate_to="accounts-payable-lead", escalate_after=2 * HOUR, end_after=4 * HOUR
)


@pytest.fixture
def desk(prefect_server: Any) -> Iterator[ReviewDesk]:
    desk = ReviewDesk.open()
    yield desk
    desk.ledger.close()


@pytest.fixture(autouse=True)
def nothing_else(desk: ReviewDesk) -> None:
    """Settle what other tests have left open: the clock looks after all that is open."""
    from fulcrum.deciding import end

    for review in desk.ledger.reviews.open(INVOICE_INTAKE.name):
        if review.kind is not ReviewKind.REPAIR:
            end(desk.ledger, INVOICE_INTAKE, review.id)


def shown(desk: ReviewDesk, client: Any) -> Review:
    """Bring an invoice before a person."""
    from tasks.review import publish

    review = desk.ask(proposed(total="1210.00"))
    publish(desk.ledger, INVOICE_INTAKE, case_ids={review.case_id}, client=client)
    return desk.ledger.reviews.find(review.id)


def run_of(client: Any, review: Review) -> Any:
    return client.read_flow_run(UUID(str(review.flow_run_id)))


def press(client: Any, review: Review, past_due: timedelta, due: Due = LADDER) -> Counter[Urgency]:
    """Let the clock look at the queue so long after a review was due."""
    from tasks.desk import press_due

    policy = replace(due, within=review.due_at - review.opened_at)
    process = replace(INVOICE_INTAKE, review=replace(INVOICE_INTAKE.review, due=policy))
    with Ledger.open(settings().ledger_url, clock=lambda: review.due_at + past_due) as ledger:
        return press_due(ledger, process, client)


@pytest.mark.parametrize(
    ("past_due", "urgency", "queue"),
    [
        (SOON, Urgency.SOON, "accounts-payable"),
        (0 * HOUR, Urgency.OVERDUE, "accounts-payable"),
        (2 * HOUR, Urgency.ESCALATED, "accounts-payable-lead"),
        (4 * HOUR, Urgency.ENDED, "accounts-payable-lead"),
    ],
)
def test_a_review_that_waits_is_pressed_once(
    desk: ReviewDesk, client: Any, past_due: timedelta, urgency: Urgency, queue: str
) -> None:
    """It is tagged, moves to the second queue, and in the end is held: open, and with the form as it was."""
    review = shown(desk, client)
    assert press(client, review, past_due) == {urgency: 1}
    found = desk.ledger.reviews.find(review.id)
    assert (found.urgency, found.queue, found.flow_run_id) == (urgency, queue, review.flow_run_id)
    run = run_of(client, found)
    assert {f"due:{urgency}", f"queue:{queue}"} <= set(run.tags)
    assert run.state.is_paused()
    assert desk.ledger.reading.history(review.case_id).case.status is Status.IN_REVIEW
    assert press(client, review, past_due) == {}


def test_what_nobody_decides_is_rejected_where_the_process_says_so(desk: ReviewDesk, client: Any) -> None:
    """By nobody's name; the target is told with the next delivery."""
    review = shown(desk, client)
    assert press(client, review, 5 * HOUR, replace(LADDER, default=Default.REJECT)) == {Urgency.ENDED: 1}
    history = desk.ledger.reading.history(review.case_id)
    assert (history.case.status, history.decisions[0]["reviewer"]) == (Status.REJECTED, "the review desk")


def test_an_answer_that_is_on_its_way_is_left_alone(desk: ReviewDesk, client: Any) -> None:
    """However late it comes: the clock neither moves nor ends what somebody has answered."""
    review = shown(desk, client)
    run = run_of(client, review)
    schema = json.loads(client.read_flow_run_input(run.id, run.state.state_details.run_input_keyset["schema"]))
    form = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    client.resume_flow_run(run.id, run_input=form | {"verdict": "approve", "reviewer": "Ada Okafor"})
    assert press(client, review, 100 * HOUR, replace(LADDER, default=Default.REJECT)) == {}
    assert desk.ledger.reviews.find(review.id) == review


def test_an_audit_gets_no_hints_from_cases_that_are_like_it(desk: ReviewDesk) -> None:
    """A decision sees what was approved before of the same sender, an audit decides blindly."""
    from fulcrum.answering import Said
    from fulcrum.cases import ReasonCode, Verdict
    from fulcrum.deciding import decide
    from tasks.review import forms_of

    known = desk.ask(proposed(total="1210.00", document_number="KNOWN-1"))
    decide(desk.ledger, INVOICE_INTAKE, known.id, Said(verdict=Verdict.APPROVE, reviewer="Ada"))
    seen = desk.ask(proposed())
    blind = desk.ask(proposed(), kind=ReviewKind.AUDIT, code=ReasonCode.AUDIT)
    forms = forms_of(desk.ledger, INVOICE_INTAKE, desk.ledger.reviews.dossiers([seen, blind]))
    assert ["Approved before, and like it" in form.evidence for form in forms] == [True, False]


def test_the_flow_looks_after_the_queue(desk: ReviewDesk, client: Any) -> None:
    """What was lost is shown again, whoever has the fewest open cases is asked, and each process is listed."""
    from flows.operations.review_desk import review_desk

    deleted, completed, formless = (shown(desk, client) for _ in range(3))
    client.delete_flow_run(UUID(str(deleted.flow_run_id)))
    from prefect.states import Completed

    client.set_flow_run_state(UUID(str(completed.flow_run_id)), Completed(), force=True)
    # As a crash between the run and its form leaves it.
    run = run_of(client, formless)
    for part in ("schema", "description"):
        client.delete_flow_run_input(run.id, run.state.state_details.run_input_keyset[part])
    desk.ledger.reviews.withdraw_publication([formless.id])
    register(desk.ledger, "Ada Okafor")
    state = review_desk(INVOICE_INTAKE.name, return_state=True)
    assert (state.is_completed(), state.message) == (True, "invoice-intake: 3 open")
    asked = set()
    for review in (deleted, completed, formless):
        found = desk.ledger.reviews.find(review.id)
        again = run_of(client, found)
        assert again.state.is_paused()
        keys = {item.key for item in client.filter_flow_run_input(again.id, "suspended-", 10, set())}
        assert keys == {"suspended-answer-1-schema", "suspended-answer-1-description"}
        assert f"for:{found.assignee}" in again.tags
        asked.add(found.assignee)
    assert len(asked) == 3


def test_the_reviews_of_a_day_are_spread_over_people(desk: ReviewDesk, client: Any) -> None:
    """Nobody is asked about two more than anybody else who could be."""
    from tasks.review import publish

    reviews = [desk.ask(proposed()) for _ in range(20)]
    publish(desk.ledger, INVOICE_INTAKE, client=client)
    load = desk.ledger.reviewers.load()
    assert sum(load.values()) == len(reviews)
    assert max(load.values()) - min(load.values()) <= 1
    tags = run_of(client, desk.ledger.reviews.find(reviews[0].id)).tags
    assert {"invoice-intake", "reason:gate", "queue:accounts-payable", "priority:normal"} <= set(tags)


def test_working_hours_make_the_due_date(desk: ReviewDesk) -> None:
    """A review that is opened is due a working day of its process later, in UTC."""
    review = desk.ask(proposed())
    assert review.due_at == INVOICE_INTAKE.review.due.at(review.opened_at)
    assert review.due_at.tzinfo == UTC
    assert review.due_at > datetime.now(UTC)
