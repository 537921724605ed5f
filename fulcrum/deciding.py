"""What a person's answer means: checked, compared with the proposal, and recorded with its consequences."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from fulcrum.cases import Decision, Delivery, Json, ReasonCode, ReviewKind, Route, Routing, Verdict
from fulcrum.effects import postings, rejections, reversals
from fulcrum.errors import AlreadyDecided, DecisionRefused
from fulcrum.ledger import Dossier, Ledger
from fulcrum.process import Process

ALLOWED = {
    ReviewKind.DECIDE: (Verdict.APPROVE, Verdict.REJECT, Verdict.ESCALATE),
    ReviewKind.AUDIT: (Verdict.APPROVE, Verdict.REJECT, Verdict.ESCALATE),
    ReviewKind.REPAIR: (Verdict.REPAIR, Verdict.DISCARD),
}
"""What may be said in a review of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A person's answer as it was given: `changes` are the fields they set, by name."""

    verdict: Verdict
    reviewer: str
    note: str | None = None
    changes: Json | None = None


def decide(ledger: Ledger, process: Process, review_id: str, said: Said) -> Decision:
    """Check an answer and record it; return the decision.

    The first valid answer wins. Raises ReviewNotFound, AlreadyDecided or DecisionRefused; then nothing has changed.
    """
    review = ledger.reviews.find(review_id)
    decided = ledger.reviews.decision(review.id)
    if decided is not None:
        raise AlreadyDecided(review_id=review.id, verdict=decided[0], reviewer=decided[1], case_id=review.case_id)
    dossier = ledger.reviews.dossiers([review])[0]
    decision = checked(process, dossier, said)
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


def checked(process: Process, dossier: Dossier, said: Said) -> Decision:
    """Turn an answer into a decision; raise DecisionRefused with what is wrong and where."""
    review = dossier.review
    reviewer, note = said.reviewer.strip(), (said.note or "").strip() or None
    allowed = ALLOWED[review.kind]
    if said.verdict not in allowed:
        _refuse(review.id, f"its verdict can be {', '.join(allowed)}, not {said.verdict}")
    if not reviewer:
        _refuse(review.id, "reviewer is missing; give the name of the person who decides")
    if not reviewer.isprintable():
        _refuse(review.id, "reviewer holds characters that cannot be shown")
    if said.verdict is Verdict.REJECT and note is None:
        _refuse(review.id, "a rejection needs its reason in the note")
    first = dossier.approved
    if said.verdict is Verdict.APPROVE and first is not None and same_person(first.reviewer, reviewer):
        _refuse(review.id, f"{first.reviewer} approved it first; a second, different person has to decide")
    values, corrections = _values(process, dossier, said)
    return Decision(
        review_id=review.id,
        verdict=said.verdict,
        reviewer=reviewer,
        note=note,
        values=values,
        corrections=corrections,
    )


def second_review(process: Process, dossier: Dossier, decision: Decision) -> Routing | None:
    """Say what another person is asked before an approval takes effect; None where one person is enough.

    Two different people have to approve the same values, where these, or what was proposed, ask for four eyes. So
    whoever changes what the first one approved is the first one anew.
    """
    if decision.verdict is not Verdict.APPROVE or decision.values is None:
        return None
    approved, proposal = dossier.approved, dossier.proposal
    proposed = proposal.values if proposal else {}
    rule = process.review.four_eyes
    needed = approved is not None or (rule is not None and any(map(rule, (decision.values, proposed))))
    if not needed or (approved is not None and approved.values == decision.values):
        return None
    return Routing(
        case_id=dossier.case.id,
        route=Route.REVIEW,
        code=ReasonCode.FOUR_EYES,
        reason=f"approved by {decision.reviewer}; a second person has to approve it as well",
        queue=dossier.review.queue,
    )


def same_person(one: str, other: str) -> bool:
    """Tell whether two names are one person's: case, accents' form and blanks aside."""
    return _name(one) == _name(other)


def _name(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


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

    Raises CaseNotFound, IllegalTransition, or DecisionRefused when no name or reason is given.
    """
    if not by.strip() or not reason.strip():
        _refuse(case_id, "a name and a reason are needed")
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


def corrections_of(proposed: Json, decided: Json) -> dict[str, dict[str, Any]]:
    """Compare field by field what was proposed with what was decided; equal fields are left out."""
    names = [*decided, *(name for name in proposed if name not in decided)]
    return {
        name: {"proposed": proposed.get(name), "decided": decided.get(name)}
        for name in names
        if proposed.get(name) != decided.get(name)
    }


def _values(process: Process, dossier: Dossier, said: Said) -> tuple[Json | None, dict[str, dict[str, Any]]]:
    changes = said.changes or {}
    if said.verdict is Verdict.REPAIR:
        before = dossier.case.input
        mended = _valid(process.case, dossier.review.id, before, changes)
        return mended, corrections_of(before, mended)
    if said.verdict is not Verdict.APPROVE:
        return None, {}
    proposed = dossier.proposal.values if dossier.proposal else {}
    # Who audits has not seen the proposal, so nothing of it can be meant by what they leave out.
    seen = {} if dossier.review.kind is ReviewKind.AUDIT else proposed
    outcome = process.bounded(process.outcome)
    before = seen or dict.fromkeys(outcome.model_fields)
    final = _valid(outcome, dossier.review.id, before, _followed(process, dossier, before, changes))
    if wrong := process.unacceptable(final):
        _refuse(dossier.review.id, "; ".join(wrong))
    missing = [name for name in process.review.required if final.get(name) is None]
    if missing:
        _refuse(dossier.review.id, f"{', '.join(missing)} must be filled in before it is approved")
    return final, corrections_of(_as_written(outcome, proposed, final), final)


def _followed(process: Process, dossier: Dossier, before: Json, changes: Json) -> Json:
    """Add to a person's corrections what follows from them by rule in the fields that they left as they were.

    What somebody has set apart from the rule before, a first reviewer perhaps, stays as well.
    """
    touched = {name for name, value in changes.items() if value != before.get(name)}
    if not touched:
        return changes
    ruled = process.complete(dossier.case.input, before)
    apart = {name for name, value in before.items() if value is not None and value != ruled[name]}
    return process.complete(dossier.case.input, before | changes, but=touched | apart)


def _as_written(model: type[BaseModel], proposed: Json, final: Json) -> Json:
    """Give the proposal with what means the same written the same: 5.90 in a form's 5.9 is no correction."""
    try:
        meant, decided = model.model_validate(proposed), model.model_validate(final)
    except ValidationError:
        return proposed
    return {
        name: final[name] if name in final and getattr(meant, name) == getattr(decided, name) else value
        for name, value in proposed.items()
    }


def _valid(model: type[BaseModel], review_id: str, before: Json, changes: Json) -> Json:
    unknown = [name for name in changes if name not in model.model_fields]
    if unknown:
        _refuse(review_id, f"{', '.join(unknown)} is no field here; the fields are {', '.join(model.model_fields)}")
    values = before | changes
    kept = {name: value for name, value in values.items() if value is not None or _takes_none(model, name)}
    try:
        return model.model_validate(kept).model_dump(mode="json")
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_input=False)
        )
        _refuse(review_id, problems)


def _takes_none(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is None or type(None) in getattr(field.annotation, "__args__", ())


def _refuse(review_id: str, problem: str) -> NoReturn:
    raise DecisionRefused(review_id=review_id, problem=problem) from None
