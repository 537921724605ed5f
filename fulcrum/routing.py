"""Who a proposal goes to: proposal, gate and standing in, route and reason out (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

from fulcrum.cases import Case, Proposal, ReasonCode, ReviewKind, Route, Routing
from fulcrum.halting import Halt
from fulcrum.process import Autonomy, ReviewPolicy
from fulcrum.report import Standing

ALONE = frozenset({Autonomy.SUPERVISED, Autonomy.AUTONOMOUS})
"""The levels at which a proposal may be cleared without a person."""


def route(
    proposal: Proposal,
    broken: Sequence[str],
    standing: Standing,
    policy: ReviewPolicy,
    *,
    exact: bool = False,
    halt: Halt | None = None,
) -> Routing:
    """Decide whether a proposal needs a person.

    `broken` are the reasons of the outcome gate's broken rules. A proposal by rule is `exact` and has no confidence
    to weigh. While a `halt` is in force nothing clears. What would clear is drawn into the audit sample with the
    policy's probability.
    """
    code, reason = _verdict(proposal, broken, standing, exact=exact, halt=halt)
    if code is not ReasonCode.SUFFICIENT:
        return Routing(case_id=proposal.case_id, route=Route.REVIEW, code=code, reason=reason, queue=policy.queue)
    if draw(proposal.case_id, proposal.sop_version) < policy.audit_share:
        return Routing(
            case_id=proposal.case_id,
            route=Route.REVIEW,
            code=ReasonCode.AUDIT,
            reason="audit sample: decide without the AI's proposal",
            kind=ReviewKind.AUDIT,
            queue=policy.queue,
            audit_probability=policy.audit_share,
        )
    return Routing(
        case_id=proposal.case_id, route=Route.CLEARED, code=code, reason=reason, audit_probability=policy.audit_share
    )


def held(proposal: Proposal, broken: Sequence[str], standing: Standing, policy: ReviewPolicy) -> Routing | None:
    """Say why a case goes to a person between two AI steps already; None when the next one may be asked about it.

    What the process may do alone does not matter here: only what makes a further answer worthless.
    """
    flaw = _flaw(proposal, broken, standing.threshold)
    if flaw is None:
        return None
    code, reason = flaw
    return Routing(case_id=proposal.case_id, route=Route.REVIEW, code=code, reason=reason, queue=policy.queue)


def draw(case_id: str, seed: str) -> float:
    """Draw a number in [0, 1) that is always the same for a case under a version of the procedure."""
    digest = blake2b(f"audit\0{seed}\0{case_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def degraded(case: Case, error: str, policy: ReviewPolicy) -> Routing:
    """Send a case to a person because the AI had no answer for it in time."""
    reason = f"the AI gave no answer in time ({error.replace('_', ' ')})"
    return Routing(case_id=case.id, route=Route.REVIEW, code=ReasonCode.DEGRADED, reason=reason, queue=policy.queue)


def unusable(case: Case, problem: str, policy: ReviewPolicy) -> Routing:
    """Send a case to a person because the AI's answer stayed unusable after its repair."""
    reason = f"the AI's answer was unusable: {problem}"
    return Routing(case_id=case.id, route=Route.REVIEW, code=ReasonCode.DEGRADED, reason=reason, queue=policy.queue)


def over_budget(case: Case, policy: ReviewPolicy) -> Routing:
    """Send a case to a person because the run's budget for AI is spent."""
    reason = "the run's budget for AI was spent"
    return Routing(case_id=case.id, route=Route.REVIEW, code=ReasonCode.BUDGET, reason=reason, queue=policy.queue)


def out_of_patience(case: Case, now: datetime, patience: timedelta) -> bool:
    """Tell whether a case without an answer has waited as long as its process lets it."""
    return now - case.received_at >= patience


def quarantined(
    case_ids: Sequence[str], broken: Mapping[str, str], policy: ReviewPolicy, *, gate: str, refused: bool
) -> list[Routing]:
    """Set aside the cases that break an intake gate; all of the batch when it is refused as a whole."""
    routings = []
    for case_id in case_ids:
        own = broken.get(case_id)
        if own is None and not refused:
            continue
        code = ReasonCode.UNSOUND if own else ReasonCode.BATCH_REFUSED
        reason = own or f"sound itself, but too many cases of its batch failed {gate}"
        routings.append(
            Routing(
                case_id=case_id,
                route=Route.QUARANTINED,
                code=code,
                reason=reason,
                kind=ReviewKind.REPAIR,
                queue=policy.queue,
            )
        )
    return routings


NOT_ALONE = {
    Autonomy.SHADOW: "the process only watches: a person decides every case",
    Autonomy.ASSISTED: "the process is assisted: a person decides every case",
}


def _verdict(
    proposal: Proposal, broken: Sequence[str], standing: Standing, *, exact: bool, halt: Halt | None
) -> tuple[ReasonCode, str]:
    if not broken and halt is not None:
        return ReasonCode.HALTED, f"halted by {halt.by}"
    if not broken and standing.autonomy not in ALONE:
        return ReasonCode.AUTONOMY, NOT_ALONE[standing.autonomy]
    if not broken and exact:
        return ReasonCode.SUFFICIENT, "read exactly from the document's own data"
    flaw = _flaw(proposal, broken, standing.threshold)
    if flaw is not None:
        return flaw
    return ReasonCode.SUFFICIENT, f"sure enough: {_figures(proposal.confidence or 0.0, standing.threshold)}"


def _flaw(proposal: Proposal, broken: Sequence[str], threshold: float) -> tuple[ReasonCode, str] | None:
    """Say what is wrong with a proposal: a broken rule, or not enough confidence."""
    if broken:
        return ReasonCode.GATE, "; ".join(broken)
    if proposal.confidence is None:
        return ReasonCode.NO_CONFIDENCE, "nobody can tell how sure the AI is"
    # Asked this way round, what is not a number clears nothing.
    if proposal.confidence >= threshold:
        return None
    return ReasonCode.LOW_CONFIDENCE, f"the AI is not sure enough: {_figures(proposal.confidence, threshold)}"


def _figures(sure: float, needed: float) -> str:
    """Write both with two digits, or with as many as it takes to tell them apart."""
    places = next((n for n in range(2, 17) if sure == needed or f"{sure:.{n}f}" != f"{needed:.{n}f}"), 2)
    return f"{sure:.{places}f}, needed {needed:.{places}f}"
