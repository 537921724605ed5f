"""Whether a person's answer can be taken, and what it makes of the proposal (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from fulcrum.cases import Decision, Json, ReviewKind, Verdict
from fulcrum.errors import DecisionRefused
from fulcrum.ledger import Dossier
from fulcrum.process import Process

ALLOWED = {
    ReviewKind.DECIDE: (Verdict.APPROVE, Verdict.REJECT, Verdict.ESCALATE, Verdict.HAND_ON),
    ReviewKind.AUDIT: (Verdict.APPROVE, Verdict.REJECT, Verdict.ESCALATE, Verdict.HAND_ON),
    ReviewKind.REPAIR: (Verdict.REPAIR, Verdict.DISCARD, Verdict.HAND_ON),
}
"""What may be said in a review of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A person's answer as it was given: `changes` are the fields they set, by name."""

    verdict: Verdict
    reviewer: str
    note: str | None = None
    changes: Json | None = None
    code: str | None = None
    """Six digits from the reviewer's authenticator."""
    colleague: str | None = None
    """To whom the case is handed on."""


def checked(process: Process, dossier: Dossier, said: Said) -> Decision:
    """Turn an answer into a decision; raise DecisionRefused with what is wrong and where."""
    review = dossier.review
    reviewer, note = said.reviewer.strip(), (said.note or "").strip() or None
    allowed = ALLOWED[review.kind]
    if said.verdict not in allowed:
        refuse(review.id, f"its verdict can be {', '.join(allowed)}, not {said.verdict}")
    if not reviewer:
        refuse(review.id, "reviewer is missing; give the name of the person who decides")
    if not reviewer.isprintable():
        refuse(review.id, "reviewer holds characters that cannot be shown")
    if said.verdict is Verdict.REJECT and note is None:
        refuse(review.id, "a rejection needs its reason in the note")
    values, corrections = _values(process, dossier, said)
    return Decision(
        review_id=review.id,
        verdict=said.verdict,
        reviewer=reviewer,
        note=note,
        values=values,
        corrections=corrections,
    )


def refuse(review_id: str, problem: str) -> NoReturn:
    """Refuse an answer, with what is wrong in words."""
    raise DecisionRefused(review_id=review_id, problem=problem) from None


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
    outcome = process.bounded(process.outcome)
    # Proposed by an older release, it may say what an outcome has no field for any more.
    proposed = {name: value for name, value in _proposed(dossier).items() if name in outcome.model_fields}
    # Who audits has not seen the proposal, so nothing of it can be meant by what they leave out.
    seen = {} if dossier.review.kind is ReviewKind.AUDIT else proposed
    before = seen or dict.fromkeys(outcome.model_fields)
    final = _valid(outcome, dossier.review.id, before, _followed(process, dossier, before, changes))
    if wrong := process.unacceptable(final):
        refuse(dossier.review.id, "; ".join(wrong))
    missing = [name for name in process.review.required if final.get(name) is None]
    if missing:
        refuse(dossier.review.id, f"{', '.join(missing)} must be filled in before it is approved")
    return final, corrections_of(_as_written(outcome, proposed, final), final)


def _proposed(dossier: Dossier) -> Json:
    return dossier.proposal.values if dossier.proposal else {}


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
        refuse(review_id, f"{', '.join(unknown)} is no field here; the fields are {', '.join(model.model_fields)}")
    values = before | changes
    kept = {name: value for name, value in values.items() if value is not None or _takes_none(model, name)}
    try:
        return model.model_validate(kept).model_dump(mode="json")
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_input=False)
        )
        refuse(review_id, problems)


def _takes_none(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is None or type(None) in getattr(field.annotation, "__args__", ())
