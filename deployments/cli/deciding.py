"""Deciding reviews from the terminal, with the same consequences as in the UI."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from deployments.cli.display import out, print_json, say, table
from deployments.cli.opening import in_force, open_ledger
from flows.registry import process as find
from fulcrum.cases import ReviewKind, Verdict
from fulcrum.due import Urgency
from fulcrum.errors import UsageError

if TYPE_CHECKING:
    from fulcrum.answering import Said
    from fulcrum.cases import Review
    from fulcrum.ledger import Dossier, Ledger
    from fulcrum.process import Process


def reviews(process: str | None = None, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the open reviews, the oldest first.

    Args:
        process: Only this process's.
        json: Print them as one JSON list.
    """
    name = find(process).name if process else None
    with open_ledger() as ledger:
        found = ledger.reviews.open(name)
        dossiers = [] if json else ledger.reviews.dossiers(found)
    if json:
        names = ("id", "case_id", "process", "kind", "code", "reason", "queue", "opened_at", "due_at", "flow_run_id")
        print_json([{name: getattr(review, name) for name in names} for review in found])
        return
    table(f"Open reviews: {len(found)}", ("review", "case", "why"), [_line(dossier) for dossier in dossiers])
    if found:
        out.print("\nSee the case: fulcrum case ID\nDecide it: fulcrum decide ID approve --reviewer NAME")


def decide(
    review_id: str,
    verdict: Verdict,
    *,
    reviewer: str,
    note: str | None = None,
    set: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),  # noqa: A002 - the option's name
    code: str | None = None,
    colleague: str | None = None,
) -> None:
    """Decide a review; approving and rejecting deliver at once.

    Args:
        review_id: The review's id, or the case's, or the beginning of either.
        verdict: approve, reject or escalate; for a quarantined case repair or discard; hand-on asks somebody else.
        reviewer: The name of the person who decides, as registered.
        note: Why; a rejection needs it.
        set: Corrections as field=value; an empty value empties the field.
        code: Six digits of the reviewer's authenticator app, where the decision needs them.
        colleague: Whom to hand it on to.
    """
    from deployments.cli.reviewers import seal  # noqa: PLC0415
    from fulcrum.answering import Said  # noqa: PLC0415
    from fulcrum.deciding import decide as record  # noqa: PLC0415

    changes = dict(_assignment(item) for item in set)
    with open_ledger() as ledger:
        review = ledger.reviews.find(review_id)
        definition = in_force(ledger, review.process)
        said = Said(verdict=verdict, reviewer=reviewer, note=note, changes=changes, code=code, colleague=colleague)
        if verdict is Verdict.HAND_ON:
            _hand_on(ledger, definition, review, said)
            return
        decision = record(ledger, definition, review.id, said, seal=seal)
        out.print(f"{review.id}: {decision.verdict.value} by {decision.reviewer} is recorded.", markup=False)
        if decision.corrections:
            rows = [(name, change["proposed"], change["decided"]) for name, change in decision.corrections.items()]
            table("Corrected", ("field", "proposed", "decided"), rows)
        _take_effect(ledger, definition, review.case_id)


def reopen(case_id: str, *, by: str, reason: str) -> None:
    """Reverse what a finished case has done, by a delivery of its own, and put it back in review.

    Args:
        case_id: The case's id, its beginning, or the id it has at its source.
        by: The name of the person who reopens it.
        reason: Why.
    """
    from fulcrum.deciding import reopen as record  # noqa: PLC0415

    with open_ledger() as ledger:
        found = ledger.reading.find(case_id)
        definition = find(ledger.reading.history(found).case.process)
        undone = record(ledger, definition, found, by=by, reason=reason)
        out.print(f"{found} is back in review; {undone} effects are reversed.", markup=False)
        _take_effect(ledger, definition, found)


def release(process: str, *, by: str, reason: str) -> None:
    """Put back the sound cases that were quarantined only because their batch was refused.

    Args:
        process: Name of the process.
        by: The name of the person who releases them.
        reason: Why it is safe.
    """
    definition = find(process)
    if not by.strip() or not reason.strip():
        raise UsageError(problem="--by and --reason are needed: the release stays on record")
    with open_ledger() as ledger:
        count = ledger.reviews.release(definition.name, by=by.strip(), reason=reason.strip())
    out.print(f"{count} cases of {definition.name} are open again; the next run handles them.")


def _hand_on(ledger: Ledger, process: Process, review: Review, said: Said) -> None:
    from deployments.stack import api  # noqa: PLC0415
    from fulcrum.deciding import hand_on  # noqa: PLC0415

    moved = hand_on(ledger, process, review.id, said)
    out.print(f"{review.id}: {moved.assignee} is asked now.", markup=False)
    if moved.flow_run_id is not None:
        with api(say=say):
            from prefect.client.orchestration import get_client  # noqa: PLC0415

            from tasks.review import retag  # noqa: PLC0415

            with get_client(sync_client=True) as client:
                retag(client, ledger, process, moved)


def _line(dossier: Dossier) -> tuple[str, str, list[str]]:
    review, case = dossier.review, dossier.case
    shown = dossier.proposal is not None and review.kind is ReviewKind.DECIDE
    label = (
        find(review.process).review.label(dossier.proposal.values) if shown and dossier.proposal else case.external_id
    )
    return review.id, label, [review.reason, *_late(review)]


def _late(review: Review) -> list[str]:
    """Say of a review that has waited long when it was due, in which queue, and who is asked."""
    if review.urgency is Urgency.WAITING:
        return []
    asked = f"; {review.assignee} is asked" if review.assignee else ""
    return [f"{review.urgency}: due {review.due_at:%Y-%m-%d %H:%M} UTC, in {review.queue}{asked}"]


def _take_effect(ledger: Ledger, process: Process, case_id: str) -> None:
    """Deliver what was decided and bring the Prefect side in line."""
    from deployments.stack import api  # noqa: PLC0415

    with api(say=say):
        from fulcrum.delivery import deliver_due  # noqa: PLC0415
        from tasks.review import publish, take_down_settled  # noqa: PLC0415
        from tasks.targets import load_targets  # noqa: PLC0415

        results = deliver_due(ledger, process, load_targets(process), case_ids=[case_id])
        for result in results:
            done = result.receipt.reference if result.receipt else str(result.error)
            out.print(f"{result.delivery.effect.value}: {done}", markup=False)
        take_down_settled(ledger, process)
        publish(ledger, process, case_ids=[case_id])
    if any(result.receipt is None for result in results):
        raise SystemExit(1)


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(problem=f"--set takes field=value, not {text}")
    if value == "":
        return name, None
    if value[0] in "[{":
        try:
            return name, json_module.loads(value)
        except json_module.JSONDecodeError as error:
            raise UsageError(problem=f"--set {name}: not valid JSON ({error.msg})") from None
    return name, value
