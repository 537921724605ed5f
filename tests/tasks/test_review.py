"""Reviews on a real Prefect server: published once, repaired after a crash, taken down when decided elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import ReasonCode, Review, ReviewKind, Verdict
from fulcrum.deciding import Said, decide
from tests.review_desk import ReviewDesk, proposed


@pytest.fixture
def desk(prefect_server: object) -> Iterator[ReviewDesk]:
    """Open the ledger of the session's server."""
    desk = ReviewDesk.open()
    yield desk
    desk.ledger.close()


def publish(desk: ReviewDesk, reviews: list[Review], **options: Any) -> int:
    """Publish these reviews only, because the session's ledger is shared."""
    from tasks.review import publish

    return publish(desk.ledger, INVOICE_INTAKE, case_ids={review.case_id for review in reviews}, **options)


def run_of(desk: ReviewDesk, client: Any, review: Review) -> Any:
    """Read the flow run that shows a review."""
    flow_run_id = desk.ledger.reviews.find(review.id).flow_run_id
    assert flow_run_id is not None
    return client.read_flow_run(UUID(flow_run_id))


def inputs_of(client: Any, run: Any) -> dict[str, Any]:
    """Read what a run's form holds on the server, by key."""
    found = client.filter_flow_run_input(run.id, key_prefix="suspended-", limit=50, exclude_keys=set())
    return {item.key: json.loads(item.value) for item in found}


def test_fifty_reviews_are_published_once_however_often_it_is_asked_for(desk: ReviewDesk, client: Any) -> None:
    """Each open review gets one suspended run with its form, and publishing again makes none."""
    reviews = [desk.ask(proposed()) for _ in range(50)]
    assert publish(desk, reviews, client=client) == 50
    assert publish(desk, reviews, client=client) == 0
    assert publish(desk, reviews) == 0
    runs = [run_of(desk, client, review) for review in reviews]
    assert len({run.id for run in runs}) == 50
    assert {run.state.name for run in runs} == {"Suspended"}
    keys = {"suspended-answer-1-schema", "suspended-answer-1-description"}
    assert all(set(inputs_of(client, run)) == keys for run in runs)


def test_reviews_are_shown_while_a_run_goes_on(desk: ReviewDesk, client: Any) -> None:
    """Nobody waits for the end of a long run: what it has put before a person by now is in the queue."""
    from tasks.review import shown_meanwhile
    from tests.loopback import wait_for

    @dataclass
    class Run:
        ledger: Any
        process: Any

    with shown_meanwhile(Run(desk.ledger, INVOICE_INTAKE)):
        review = desk.ask(proposed())
        wait_for(lambda: desk.ledger.reviews.find(review.id).flow_run_id)
        assert run_of(desk, client, review).state.name == "Suspended"
    assert publish(desk, [review], client=client) == 0


def test_a_published_review_can_be_found_and_told_apart_in_the_queue(desk: ReviewDesk, client: Any) -> None:
    """Its name says what it is and why, its tags can be filtered by, its parameters hold no content."""
    review = desk.ask(proposed(document_number="2024-17"))
    publish(desk, [review], client=client)
    run = run_of(desk, client, review)
    why = "net, tax and rounding do not add up to the total"
    assert run.name == f"Invoice Acme Ltd 2024-17, 1,201.00 EUR: {why}"
    assert {"invoice-intake", "reason:gate", "queue:accounts-payable", "review"} <= set(run.tags)
    assert run.parameters == {"review_id": review.id, "generation": 1}
    assert run.state.state_details.run_input_keyset["schema"] == "suspended-answer-1-schema"
    assert run.state.state_details.pause_timeout > datetime.now(UTC) + timedelta(days=365)


def test_an_audit_does_not_give_the_proposal_away(desk: ReviewDesk, client: Any) -> None:
    """Neither name nor form of an audit holds a value that was proposed and is not in the text."""
    review = desk.ask(proposed(total="777.77"), kind=ReviewKind.AUDIT, code=ReasonCode.AUDIT, reason="audit sample")
    publish(desk, [review], client=client)
    run = run_of(desk, client, review)
    assert run.name == f"{review_name(desk, review)}: audit sample"
    assert "777.77" not in json.dumps(inputs_of(client, run))


def review_name(desk: ReviewDesk, review: Review) -> str:
    """Give the file name of a review's case."""
    return desk.ledger.reviews.dossiers([review])[0].case.external_id.rpartition("/")[2]


def test_a_run_that_lost_its_form_gets_it_back(desk: ReviewDesk, client: Any) -> None:
    """After a crash between the run, its form and the ledger's note, the same run is completed."""
    reviews = [desk.ask(proposed()) for _ in range(3)]
    publish(desk, reviews, client=client)
    before = [run_of(desk, client, review).id for review in reviews]
    client.delete_flow_run_input(before[0], "suspended-answer-1-schema")
    client.delete_flow_run_input(before[1], "suspended-answer-1-schema")
    client.delete_flow_run_input(before[1], "suspended-answer-1-description")
    forget(desk, reviews)
    assert publish(desk, reviews, client=client) == 3
    runs = [run_of(desk, client, review) for review in reviews]
    assert [run.id for run in runs] == before
    assert all(len(inputs_of(client, run)) == 2 for run in runs)


def forget(desk: ReviewDesk, reviews: list[Review]) -> None:
    """Undo the ledger's note of which run shows a review, as a crash before it would have."""
    from sqlalchemy import update

    from fulcrum.ledger.tables import ReviewRow

    with desk.ledger.store.write() as tx:
        tx.execute(update(ReviewRow).where(ReviewRow.id.in_([r.id for r in reviews])).values(flow_run_id=None))


def test_a_run_that_ended_without_a_decision_is_replaced(desk: ReviewDesk, client: Any) -> None:
    """A cancelled run that the ledger never noted is succeeded by one of the next generation."""
    from prefect.states import Cancelled

    review = desk.ask(proposed())
    publish(desk, [review], client=client)
    ended = run_of(desk, client, review)
    client.set_flow_run_state(ended.id, Cancelled(), force=True)
    forget(desk, [review])
    publish(desk, [review], client=client)
    run = run_of(desk, client, review)
    assert run.id != ended.id
    assert run.parameters["generation"] == desk.ledger.reviews.find(review.id).generation == 2
    assert len(inputs_of(client, run)) == 2


def test_a_review_whose_run_was_deleted_or_cancelled_is_shown_anew(desk: ReviewDesk, client: Any) -> None:
    """The next run of the process finds it in the ledger; one that still waits keeps its run."""
    from prefect.states import Cancelled

    from tasks.review import put_back

    deleted, cancelled, waiting = (desk.ask(proposed()) for _ in range(3))
    publish(desk, [deleted, cancelled, waiting], client=client)
    before = {review.id: run_of(desk, client, review).id for review in (deleted, cancelled, waiting)}
    client.delete_flow_run(before[deleted.id])
    client.set_flow_run_state(before[cancelled.id], Cancelled(), force=True)
    put_back(desk.ledger, INVOICE_INTAKE, client=client)
    publish(desk, [deleted, cancelled, waiting], client=client)
    after = {review.id: run_of(desk, client, review) for review in (deleted, cancelled, waiting)}
    assert after[waiting.id].id == before[waiting.id]
    for review in (deleted, cancelled):
        assert after[review.id].id != before[review.id]
        assert after[review.id].state.name == "Suspended"
        assert after[review.id].parameters["generation"] == 2


def test_a_review_whose_run_died_with_the_answer_is_run_again(desk: ReviewDesk, client: Any) -> None:
    """What a person has said is not asked twice; one at work just now is left alone, one silent for an hour is not."""
    from prefect.states import Crashed, Running

    from fulcrum.ledger import Ledger
    from tasks.review import put_back

    crashed, working = (desk.ask(proposed()) for _ in range(2))
    publish(desk, [crashed, working], client=client)
    runs = [run_of(desk, client, review).id for review in (crashed, working)]
    for run_id, state in zip(runs, (Crashed(), Running()), strict=True):
        client.resume_flow_run(run_id, run_input={"verdict": "approve", "reviewer": "Ada"})
        client.set_flow_run_state(run_id, state, force=True)
    put_back(desk.ledger, INVOICE_INTAKE, client=client)
    assert [client.read_flow_run(run_id).state.name for run_id in runs] == ["AwaitingRetry", "Running"]
    with Ledger.open(desk.ledger.store.url, clock=lambda: datetime.now(UTC) + timedelta(hours=1)) as an_hour_later:
        put_back(an_hour_later, INVOICE_INTAKE, client=client)
    assert [client.read_flow_run(run_id).state.name for run_id in runs] == ["AwaitingRetry", "AwaitingRetry"]
    assert [run_of(desk, client, review).id for review in (crashed, working)] == runs


def test_a_review_decided_in_a_terminal_leaves_the_queue_with_its_form(desk: ReviewDesk, client: Any) -> None:
    """Resolving completes the run, says who decided what, and deletes the content; a second time nothing is left."""
    from tasks.review import resolve

    review, other = desk.ask(proposed()), desk.ask(proposed())
    publish(desk, [review, other], client=client)
    decide(desk.ledger, INVOICE_INTAKE, review.id, Said(verdict=Verdict.REJECT, reviewer="Ada", note="not ours"))
    assert resolve(desk.ledger, [review.id, other.id]) == 1
    assert resolve(desk.ledger, [review.id], client=client) == 0
    run = run_of(desk, client, review)
    assert (run.state.name, run.state.message) == ("Completed", "decided by Ada: reject")
    assert inputs_of(client, run) == {}
    assert run_of(desk, client, other).state.name == "Suspended"


def test_a_run_takes_down_what_was_settled_while_no_server_answered(desk: ReviewDesk, client: Any) -> None:
    """Asking for reviews also completes suspended runs whose review is no longer open, and only those."""
    from prefect import flow

    from tasks.review import request_reviews

    review, other = desk.ask(proposed()), desk.ask(proposed())
    publish(desk, [review, other], client=client)
    decide(desk.ledger, INVOICE_INTAKE, review.id, Said(verdict=Verdict.REJECT, reviewer="Ada", note="not ours"))

    class Run:
        ledger = desk.ledger
        process = INVOICE_INTAKE

    flow(name="asks for reviews")(lambda: request_reviews(Run()))()
    assert run_of(desk, client, review).state.message == "decided by Ada: reject"
    assert run_of(desk, client, other).state.name == "Suspended"


def test_two_ledgers_at_one_server_leave_each_other_alone(desk: ReviewDesk, client: Any, tmp_path: Path) -> None:
    """The same document in both is two reviews in two runs, and neither ledger takes down the other's."""
    from fulcrum.ledger import Ledger, migrate
    from tasks.review import take_down_settled

    url = f"sqlite:///{tmp_path / 'other.db'}"
    migrate(url)
    with Ledger.open(url) as ledger:
        other = ReviewDesk(ledger)
        ours, theirs = (each.ask(proposed(), external_id="inbox/same.txt") for each in (desk, other))
        assert ours.id == theirs.id
        publish(desk, [ours], client=client)
        publish(other, [theirs], client=client)
        run, its_run = run_of(desk, client, ours), run_of(other, client, theirs)
        assert run.id != its_run.id
        take_down_settled(other.ledger, INVOICE_INTAKE, client=client)
        assert client.read_flow_run(run.id).state.name == "Suspended"
        assert client.read_flow_run(its_run.id).state.name == "Suspended"


def test_a_server_without_the_deployment_says_what_to_do(desk: ReviewDesk, client: Any) -> None:
    """Reviews that cannot be shown stay in the ledger, and the error names the remedy."""
    from fulcrum.errors import ReviewsNotDeployed
    from tasks import review as module

    waiting = desk.ask(proposed())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DEPLOYMENT", "review-case/elsewhere")
        with pytest.raises(ReviewsNotDeployed, match="fulcrum bootstrap"):
            publish(desk, [waiting], client=client)
    assert desk.ledger.reviews.find(waiting.id).flow_run_id is None
