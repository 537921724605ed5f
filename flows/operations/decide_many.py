"""Many reviews decided at once: a first run lists what it would decide, a second one, confirmed, decides that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from blocks import load_ledger
from flows.registry import process as process_of
from fulcrum.answering import Said
from fulcrum.authority import may_decide, proved
from fulcrum.bundling import Choice, Sifted, sift
from fulcrum.cases import Verdict
from fulcrum.deciding import decide
from fulcrum.delivery import deliver_due
from fulcrum.errors import AlreadyDecided, BundleRefused, DecisionRefused, ReviewerLocked
from fulcrum.ledger import Bundle, Ledger
from fulcrum.process import Process
from fulcrum.reviewers import Reviewer, same_person
from tasks.alarms import say_locked
from tasks.artifacts import show
from tasks.review import publish, take_down_settled
from tasks.review_keys import reviewers_seal
from tasks.run import AS_NUMBER
from tasks.targets import load_targets

LISTED = 200
"""How many reviews the list of a dry run names; it counts all of them."""


@flow(name="decide-many")
def decide_many(  # noqa: PLR0913, PLR0917 - the parameters are the form that a person fills in
    process: str,
    verdict: Literal["approve", "reject"],
    reviewer: str,
    reason: str | None = None,
    max_amount: Annotated[Decimal | None, AS_NUMBER] = None,
    ids: list[str] | None = None,
    note: str | None = None,
    bundle: str | None = None,
    code: str | None = None,
) -> State[Any]:
    """List the reviews that would be decided; with the list's number, decide each of them on its own.

    Args:
        process: The process, as invoice-intake.
        verdict: What to say of each case as it stands.
        reviewer: Your name, as it is registered; it is kept with each decision.
        reason: Only reviews that are here for this, as low-confidence or gate.
        max_amount: Only cases up to this amount.
        ids: Only these reviews or cases.
        note: Why; needed to reject. No case's content, please.
        bundle: The number that the dry run gave: decide what it listed.
        code: Six digits of your authenticator app, to confirm.
    """
    with load_ledger() as ledger:
        definition = ledger.catalogues.bind(process_of(process))
        person = may_decide(ledger, definition, reviewer)
        said = Said(verdict=Verdict(verdict), reviewer=person.name, note=note, code=code)
        if bundle is None:
            choice = Choice(verdict=said.verdict, reason=reason, max_amount=max_amount, ids=tuple(ids or ()))
            return Completed(message=_listed(ledger, definition, choice, person))
        return Completed(message=_confirmed(ledger, definition, said, person, ledger.queue.find_bundle(bundle)))


def _listed(ledger: Ledger, process: Process, choice: Choice, person: Reviewer) -> str:
    sifted = sift(process, ledger.reviews.dossiers(ledger.reviews.open(process.name)), choice, person)
    if not sifted.taken:
        show(_table(choice, sifted, None), key="decide-many", description="Nothing to decide together")
        return f"Dry run: nothing to decide together, {len(sifted.left)} are left out (see the artifact)"
    chosen = [dossier.review.id for dossier in sifted.taken]
    made = ledger.queue.bundle(process.name, choice.verdict, chosen, reviewer=person.name)
    show(_table(choice, sifted, made), key="decide-many", description=f"Bundle {made.id}: what would be decided")
    return (
        f"Dry run: {choice.verdict} {len(chosen)}, leave out {len(sifted.left)} (see the artifact);"
        f" to confirm, run it again with bundle {made.id}"
    )


def _confirmed(ledger: Ledger, process: Process, said: Said, person: Reviewer, bundle: Bundle) -> str:
    """Decide what a bundle lists, each case on its own; what is settled or changed since is left as it is."""
    if (bundle.process, bundle.verdict) != (process.name, said.verdict):
        raise BundleRefused(bundle=bundle.id, problem=f"it is to {bundle.verdict} cases of {bundle.process}")
    if not same_person(bundle.reviewer, said.reviewer):
        raise BundleRefused(bundle=bundle.id, problem=f"{bundle.reviewer} has listed it and has to confirm it")
    if said.verdict is Verdict.REJECT and not (said.note or "").strip():
        raise BundleRefused(bundle=bundle.id, problem="a rejection needs its reason in the note")
    step = _proved(ledger, process, said, person, bundle)
    came = Counter(_decided(ledger, process, review_id, said, step) for review_id in bundle.review_ids)
    ledger.queue.close_bundle(bundle.id)
    delivered = deliver_due(ledger, process, load_targets(process))
    with get_client(sync_client=True) as client:
        take_down_settled(ledger, process, client=client)
        publish(ledger, process, client=client)
    taken = sum(1 for result in delivered if result.receipt is not None)
    return "; ".join([*(f"{words} {count}" for words, count in sorted(came.items())), f"delivered {taken}"])


def _proved(ledger: Ledger, process: Process, said: Said, person: Reviewer, bundle: Bundle) -> int | None:
    if process.review.verified is None:
        return None
    try:
        return proved(ledger, f"bundle {bundle.id}", person, said.code, reviewers_seal)
    except ReviewerLocked as locked:
        if locked.facts["new"]:
            say_locked(ledger, person.name, process)
        raise


def _decided(ledger: Ledger, process: Process, review_id: str, said: Said, step: int | None) -> str:
    try:
        decide(ledger, process, review_id, said, code_step=step)
    except AlreadyDecided:
        return "decided before"
    except DecisionRefused as refusal:
        get_run_logger().warning("Review %s is left as it is: %s", review_id, type(refusal).__name__)
        return "left as it is"
    return said.verdict.value


def _table(choice: Choice, sifted: Sifted, bundle: Bundle | None) -> str:
    """List what would be decided and what is left out, by id and reason."""
    title = f"# {choice.verdict.value.capitalize()} {len(sifted.taken)} cases together"
    number = [f"To confirm, run decide-many again with **bundle {bundle.id}**."] if bundle else []
    rows = [(d.review.id, str(d.review.code), f"{d.review.due_at:%Y-%m-%d %H:%M}") for d in sifted.taken]
    left = [(d.review.id, str(d.review.code), why) for d, why in sifted.left]
    parts = [title, *number, _rows(("review", "here for", "due (UTC)"), rows)]
    parts += ["## Left out, to be looked at one by one", _rows(("review", "here for", "why"), left)] if left else []
    return "\n\n".join(parts)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows[:LISTED])]
    more = [f"\nand {len(rows) - LISTED} more"] if len(rows) > LISTED else []
    return "\n".join([*lines, *more])
