"""One case before a person: its suspended runs are the review queue. A reviewer waits for it, so it is lean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from blocks import load_ledger
from flows.registry import process as process_of
from fulcrum.cases import Decision, Review, Verdict
from fulcrum.deciding import decide, hand_on
from fulcrum.delivery import deliver_due
from fulcrum.errors import AlreadyDecided, DecisionRefused, ReviewerLocked
from fulcrum.forms import form_of
from fulcrum.ledger import Ledger, Result
from fulcrum.process import Process
from tasks.alarms import say_locked
from tasks.review import forms_of, publish, retag
from tasks.review_forms import ask_again, forget_forms, read_answer
from tasks.review_keys import reviewers_seal
from tasks.targets import load_targets


@flow(name="review-case", retries=2, retry_delay_seconds=5)
def review_case(review_id: str, generation: int = 1) -> State[Any]:  # noqa: ARG001 - part of the run's identity
    """Record a person's answer to a review and make its consequences happen; ask again when it cannot be taken.

    Args:
        review_id: The review's id in the ledger.
        generation: How often the review was shown; part of the run's identity.
    """
    with load_ledger() as ledger, get_client(sync_client=True) as client:
        review = ledger.reviews.find(review_id)
        message = _settle(ledger, ledger.catalogues.bind(process_of(review.process)), review, client)
    get_run_logger().info("Review %s: %s", review_id, message)
    return Completed(message=message)


def _settle(ledger: Ledger, process: Process, review: Review, client: SyncPrefectClient) -> str:
    """Decide, or find out that there is nothing to decide any more; either way nothing of the case stays in Prefect."""
    run_id = UUID(str(flow_run.id))
    try:
        _ask_ledger(ledger, review)
        decision = _answered(ledger, process, review, client, run_id)
        said = f"{decision.verdict} by {decision.reviewer}"
    except AlreadyDecided as late:
        decision, said = None, str(late)
    except _Withdrawn:
        decision, said = None, "The review was withdrawn; its case is back in the process. This answer changed nothing."
    forget_forms(client, run_id)
    came = deliver_due(ledger, process, load_targets(process), run_id=str(run_id), case_ids=[review.case_id])
    publish(ledger, process, case_ids={review.case_id}, client=client)
    return said + _consequence(ledger, process, decision, came)


class _Withdrawn(Exception):
    """The review is neither open nor decided."""


def _ask_ledger(ledger: Ledger, review: Review) -> None:
    """Ask the ledger before the form: it alone knows whether there is still something to decide."""
    decided = ledger.reviews.decision(review.id)
    if decided is not None:
        raise AlreadyDecided(review_id=review.id, verdict=decided[0], reviewer=decided[1], case_id=review.case_id)
    if not ledger.reviews.is_open(review.id):
        raise _Withdrawn


def _answered(ledger: Ledger, process: Process, review: Review, client: SyncPrefectClient, run_id: UUID) -> Decision:
    """Take the newest answer; one that the checks refuse suspends the run anew, with the reason in its form."""
    asked = read_answer(client, run_id)
    dossier = ledger.reviews.dossiers([review])[0]
    try:
        said = form_of(process, dossier).said(asked.answer or {}, asked=asked.fields)
        if said.verdict is Verdict.HAND_ON:
            moved = hand_on(ledger, process, review.id, said)
            retag(client, ledger, process, moved)
            get_run_logger().info("Review %s is handed on; asking again (%d)", review.id, asked.times + 1)
            ask_again(client, run_id, forms_of(ledger, process, [dossier])[0], asked.times + 1)
        return decide(ledger, process, review.id, said, seal=reviewers_seal)
    except DecisionRefused as refusal:
        attempt = asked.times + 1
        if isinstance(refusal, ReviewerLocked) and refusal.facts["new"]:
            say_locked(ledger, str(refusal.facts["reviewer"]), process)
        get_run_logger().info("The answer to review %s cannot be taken; asking again (%d)", review.id, attempt)
        problem = str(refusal.facts["problem"])
        again = form_of(process, dossier, problem=problem, before=asked.answer, asked=asked.fields)
        ask_again(client, run_id, again, attempt)


def _consequence(ledger: Ledger, process: Process, decision: Decision | None, came: Sequence[Result]) -> str:
    """Say in counts what followed from a decision."""
    delivered = sum(1 for result in came if result.receipt is not None)
    refused = sum(1 for result in came if result.final)
    waiting = len(came) - delivered - refused
    words = [f"delivered {delivered}"] if delivered else []
    words += ["the target refused it: it is in review again"] if refused else []
    words += [f"{waiting} not delivered yet, the next run tries again"] if waiting else []
    if decision is not None and decision.verdict is Verdict.ESCALATE:
        words.append(f"it waits in the queue {process.owner.queue}")
    if decision is not None and decision.verdict is Verdict.APPROVE and not came and _again(ledger, decision):
        words.append("a second person has to approve it as well")
    if decision is not None and decision.verdict is Verdict.REPAIR:
        words.append("the next run takes it up")
    return f"; {'; '.join(words)}" if words else ""


def _again(ledger: Ledger, decision: Decision) -> bool:
    """Tell whether the case of a decision waits for another person."""
    case_id = ledger.reviews.find(decision.review_id).case_id
    return ledger.reviews.find(case_id).id != decision.review_id
