"""What a person's answer means: checked, compared with the proposal, and recorded with its consequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from fulcrum.answering import Said, checked, corrections_of, refuse
from fulcrum.authority import asks_code, needed, proved, registered, unbarred
from fulcrum.cases import Decision, Delivery, ReasonCode, Review, Route, Routing, Verdict
from fulcrum.effects import postings, rejections, reversals
from fulcrum.errors import AlreadyDecided
from fulcrum.ledger import Dossier, Ledger
from fulcrum.process import Process
from fulcrum.reviewers import Reviewer
from fulcrum.sealing import Seal

NOBODY = "the review desk"
"""Who decides what nobody has decided in time."""


def decide(
    ledger: Ledger,
    process: Process,
    review_id: str,
    said: Said,
    *,
    seal: Callable[[], Seal] | None = None,
    code_step: int | None = None,
) -> Decision:
    """Check an answer and record it; return the decision.

    The first valid answer wins. `seal` gives what opens reviewers' secrets, where one is at hand; `code_step` is that
    of a code that was checked for many cases at once. Raises ReviewNotFound, AlreadyDecided or DecisionRefused; then
    nothing has changed, but that a wrong code is counted.
    """
    dossier = undecided(ledger, review_id)
    decision = _judged(ledger, process, dossier, said, seal, code_step)
    second = second_review(process, dossier, decision)
    effects = (
        [] if second else [*_undone(ledger, process, dossier, decision), *consequences(process, dossier, decision)]
    )
    key = process.business_key(decision.values) if decision.verdict is Verdict.APPROVE and decision.values else None
    ledger.reviews.decide(
        decision,
        deliveries=effects,
        escalate_to=process.owner.queue,
        business_key=key,
        second=second,
        due=process.review.due,
    )
    return decision


def undecided(ledger: Ledger, review_id: str) -> Dossier:
    """Read what is to be decided; raise ReviewNotFound, or AlreadyDecided."""
    review = ledger.reviews.find(review_id)
    decided = ledger.reviews.decision(review.id)
    if decided is not None:
        raise AlreadyDecided(review_id=review.id, verdict=decided[0], reviewer=decided[1], case_id=review.case_id)
    return ledger.reviews.dossiers([review])[0]


def _judged(
    ledger: Ledger,
    process: Process,
    dossier: Dossier,
    said: Said,
    seal: Callable[[], Seal] | None,
    code_step: int | None,
) -> Decision:
    """Check an answer and who gives it; raise DecisionRefused. The code comes last: no other error spends it."""
    decision = checked(process, dossier, said)
    if decision.verdict is Verdict.HAND_ON:
        refuse(decision.review_id, "it can be handed on, but that decides nothing")
    reviewer = registered(ledger, process, dossier, decision.reviewer)
    unbarred(process, dossier, decision)
    if code_step is None and asks_code(process, dossier, decision):
        code_step = proved(ledger, decision.review_id, reviewer, said.code, seal)
    return replace(decision, reviewer=reviewer.name, code_step=code_step)


def end(ledger: Ledger, process: Process, review_id: str) -> None:
    """Reject a case that nobody has decided in time, as its process says; raise AlreadyDecided or DecisionRefused."""
    dossier = undecided(ledger, review_id)
    note = "nobody decided it in time"
    decision = Decision(
        review_id=dossier.review.id, verdict=Verdict.REJECT, reviewer=NOBODY, note=note, resource="system"
    )
    effects = [*_undone(ledger, process, dossier, decision), *consequences(process, dossier, decision)]
    ledger.reviews.decide(decision, deliveries=effects, due=process.review.due)


def hand_on(ledger: Ledger, process: Process, review_id: str, said: Said) -> Review:
    """Ask a colleague about a review instead; return it as it waits now.

    Raises ReviewNotFound, AlreadyDecided, or DecisionRefused where one of the two is not registered for its queue.
    """
    dossier = undecided(ledger, review_id)
    decision = checked(process, dossier, said)
    giver = registered(ledger, process, dossier, decision.reviewer)
    if not (said.colleague or "").strip():
        refuse(dossier.review.id, "to hand it on, name the colleague who is to decide")
    taker = _colleague(ledger, dossier, str(said.colleague).strip())
    return ledger.queue.hand_on(dossier.review.id, to=taker.name, by=giver.name, note=decision.note)


def _colleague(ledger: Ledger, dossier: Dossier, name: str) -> Reviewer:
    """Find whom a case is handed on to; raise DecisionRefused where they may not decide what waits in its queue."""
    found, queue = ledger.reviewers.find(name), dossier.review.queue
    if found is None or not found.decides(queue):
        refuse(dossier.review.id, f"{name} is not registered for the queue {queue}, so it cannot be handed on to them")
    return found


def second_review(process: Process, dossier: Dossier, decision: Decision) -> Routing | None:
    """Say what another person is asked before an approval takes effect; None where enough have approved.

    As many different people as the values ask for have to approve the same ones. So whoever changes what others
    approved is the first one anew.
    """
    if decision.verdict is not Verdict.APPROVE or decision.values is None:
        return None
    approved = dossier.approved
    # An older release may not have had a field that is empty now.
    same = approved is not None and not corrections_of(approved.values, decision.values)
    agreed = (*approved.reviewers, decision.reviewer) if approved is not None and same else (decision.reviewer,)
    if len(agreed) >= needed(process, dossier, decision.values):
        return None
    others = "a second person has" if len(agreed) == 1 else "another person has"
    return Routing(
        case_id=dossier.case.id,
        route=Route.REVIEW,
        code=ReasonCode.FOUR_EYES,
        reason=f"approved by {' and '.join(agreed)}; {others} to approve it as well",
        queue=dossier.review.queue,
        approved_by=agreed,
    )


def consequences(process: Process, dossier: Dossier, decision: Decision) -> Sequence[Delivery]:
    """Say what is to be delivered because of a decision."""
    if decision.verdict is Verdict.APPROVE and decision.values is not None:
        return postings(process, dossier.case, decision.values, decided_by=decision.reviewer)
    if decision.verdict is Verdict.REJECT:
        return rejections(process, dossier.case, decided_by=decision.reviewer, note=decision.note)
    return ()


def _undone(ledger: Ledger, process: Process, dossier: Dossier, decision: Decision) -> Sequence[Delivery]:
    """Undo what one target took of an outcome that another refused, before the case takes effect anew."""
    if decision.verdict not in {Verdict.APPROVE, Verdict.REJECT}:
        return ()
    standing = ledger.reviews.standing_effects(dossier.case.id)
    return reversals(process, standing, decided_by=decision.reviewer, note="refused elsewhere; decided anew")


def reopen(ledger: Ledger, process: Process, case_id: str, *, by: str, reason: str) -> int:
    """Put a finished case back before a person and undo its effects; return how many are undone.

    Raises CaseNotFound, IllegalTransition, CaseErased, or DecisionRefused when no name or reason is given.
    """
    if not by.strip() or not reason.strip():
        refuse(case_id, "a name and a reason are needed")
    standing = ledger.reviews.standing_effects(case_id)
    undone = reversals(process, standing, decided_by=by.strip(), note=reason.strip())
    ledger.reviews.reopen(
        case_id,
        by=by.strip(),
        reason=reason.strip(),
        reversals=undone,
        queue=process.review.queue,
        due=process.review.due,
    )
    return len(undone)
