"""What an outcome is to do in the systems that exist: the deliveries that follow from a decision (pure)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel

from fulcrum.cases import Case, Delivery, Effect, Json
from fulcrum.process import Process


def key_of(case_id: str, target: str, revision: int, effect: Effect) -> str:
    """Make the idempotency key of an effect: the same effect always has the same key, another one never."""
    return f"{case_id}:{revision}:{effect.value}:{target}"


def postings(process: Process, case: Case, values: Json, *, decided_by: str | None = None) -> tuple[Delivery, ...]:
    """Post the final outcome in each of the process's targets."""
    posting = process.posting(process.outcome.model_validate(values)).model_dump(mode="json")
    return tuple(
        Delivery(
            **_common(process, case, target, Effect.POSTING),
            posting=posting,
            business_key=process.business_key(values),
            decided_by=decided_by,
        )
        for target in process.targets
    )


def rejections(process: Process, case: Case, *, decided_by: str, note: str | None) -> tuple[Delivery, ...]:
    """Tell each target that the case was refused by a person."""
    return tuple(
        Delivery(**_common(process, case, target, Effect.REJECTION), posting={}, decided_by=decided_by, note=note)
        for target in process.targets
    )


def reversals(process: Process, standing: list[Delivery], *, decided_by: str, note: str) -> tuple[Delivery, ...]:
    """Undo effects that stand, each by an effect of its own: amounts of money are negated, the rest is repeated."""
    return tuple(
        Delivery(
            key=f"{effect.key}:reversed",
            case_id=effect.case_id,
            external_id=effect.external_id,
            process=effect.process,
            target=effect.target,
            effect=Effect.REVERSAL,
            revision=effect.revision,
            posting=negated(effect.posting, process.posting_model),
            reverses=effect.key,
            decided_by=decided_by,
            note=note,
        )
        for effect in standing
    )


def negated(posting: Json, model: type[BaseModel]) -> Json:
    """Negate the amounts of a posting: its fields of type Decimal."""
    amounts = {name for name, field in model.model_fields.items() if _is_amount(field.annotation)}
    return {
        name: str(-Decimal(value)) if name in amounts and value is not None else value
        for name, value in posting.items()
    }


def _is_amount(annotation: Any) -> bool:
    return annotation is Decimal or any(_is_amount(part) for part in get_args(annotation))


def _common(process: Process, case: Case, target: str, effect: Effect) -> Json:
    return {
        "key": key_of(case.id, target, case.revision, effect),
        "case_id": case.id,
        "external_id": case.external_id,
        "process": process.name,
        "target": target,
        "effect": effect,
        "revision": case.revision,
    }
