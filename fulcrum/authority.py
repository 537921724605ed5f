"""Whether somebody may decide a case: registered for its queue, not the same as before, proved by a code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fulcrum.answering import refuse
from fulcrum.cases import Decision, Json, ReasonCode, Verdict
from fulcrum.due import Urgency
from fulcrum.errors import NotRegistered, ReviewerLocked
from fulcrum.ledger import Dossier, Ledger
from fulcrum.process import Process
from fulcrum.reviewers import Reviewer, matched, same_person
from fulcrum.sealing import Seal

FINAL = frozenset({Verdict.APPROVE, Verdict.REJECT})
"""The verdicts after which something takes effect."""


MOVED = frozenset({Urgency.ESCALATED, Urgency.ENDED})
"""How urgent a review is that may have left its own queue for want of a decision."""


def registered(ledger: Ledger, process: Process, dossier: Dossier, name: str) -> Reviewer:
    """Find who decides; raise DecisionRefused, with whom to ask, where they may not decide what waits in this queue."""
    review = dossier.review
    found = ledger.reviewers.find(name)
    ask = f"ask {process.owner.name} ({process.owner.email})"
    if found is None or not found.active:
        refuse(review.id, f"{name} is not registered as a reviewer; {ask} to add you: fulcrum reviewers add NAME")
    # By the clock a review moves to another queue while somebody of its own may have the form open. What a person has
    # escalated stays with those that it was escalated to, however long it waits there.
    its_own = review.urgency in MOVED and review.code is not ReasonCode.ESCALATED
    moved = its_own and found.decides(process.review.queue)
    if not found.decides(review.queue) and not moved:
        refuse(review.id, f"{found.name} is not registered for the queue {review.queue}; {ask}, or hand it on")
    return found


def may_decide(ledger: Ledger, process: Process, name: str) -> Reviewer:
    """Find who wants to decide cases of a process; raise NotRegistered, with whom to ask."""
    found = ledger.reviewers.find(name)
    if found is None or not found.active:
        raise NotRegistered(name=name, owner=process.owner.name, email=process.owner.email)
    return found


def unbarred(process: Process, dossier: Dossier, decision: Decision) -> None:
    """Raise DecisionRefused where an approval needs another person than the one who gives it."""
    if decision.verdict is not Verdict.APPROVE:
        return
    if dossier.approved is not None:
        for first in dossier.approved.reviewers:
            if same_person(first, decision.reviewer):
                refuse(decision.review_id, f"{first} approved it before; another person has to decide")
    if needed(process, dossier, decision.values) > 1 and _among(entrants(process, dossier), decision.reviewer):
        refuse(decision.review_id, f"{decision.reviewer} entered this case; other people have to approve it")


def needed(process: Process, dossier: Dossier, values: Json | None) -> int:
    """Say how many people must approve: as many as the values decided, or those proposed, ask for."""
    rule = process.review.approvals
    return max([2 if dossier.approved is not None else 1, *map(rule, _weighed(dossier, values))])


def _weighed(dossier: Dossier, values: Json | None) -> list[Json]:
    """Give the values that say what is at stake: those decided and those proposed, where there are any."""
    return [told for told in (values, dossier.proposal.values if dossier.proposal else None) if told]


def entrants(process: Process, dossier: Dossier) -> Sequence[str]:
    """Name who has entered a case or mended what was entered."""
    named = process.review.entered_by(dossier.case.input)
    return [*dossier.repaired_by, *([named] if named else [])]


def asks_code(process: Process, dossier: Dossier, decision: Decision) -> bool:
    """Tell whether a decision has to be proved by a code."""
    rule = process.review.verified
    if rule is None or decision.verdict not in FINAL:
        return False
    return needed(process, dossier, decision.values) > 1 or any(map(rule, _weighed(dossier, decision.values)))


def proved(
    ledger: Ledger, review_id: str, reviewer: Reviewer, code: str | None, seal: Callable[[], Seal] | None
) -> int:
    """Check the code that proves who decides; return the step of time that it is of.

    Raises DecisionRefused, or ReviewerLocked where too many were wrong; each wrong one is counted. `seal` gives what
    opens the reviewer's secret.
    """
    if not reviewer.enrolled or seal is None:
        refuse(review_id, f"{reviewer.name} has no authenticator yet, and this needs a code: fulcrum reviewers enroll")
    if not (code or "").strip():
        refuse(review_id, "this needs the six-digit code of your authenticator app")
    now, opener = ledger.store.now(), seal()
    came = ledger.reviewers.check(reviewer.name, lambda sealed: matched(opener.open(sealed), str(code), now))
    if came.step is not None:
        return came.step
    if came.locked_until is not None:
        problem = f"{reviewer.name} is locked until {came.locked_until:%H:%M} UTC, because too many codes were wrong"
        raise ReviewerLocked(review_id=review_id, problem=problem, reviewer=reviewer.name, new=came.just_locked)
    return refuse(review_id, "the code is wrong or too old; wait for the next one and type it again")


def _among(names: Sequence[str], name: str) -> bool:
    return any(same_person(one, name) for one in names)
