"""What is watched of a handled case: its features, taken by the types of its fields, and never its content (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from fulcrum.cases import Json, ReasonCode
from fulcrum.drift import Observed, hashed
from fulcrum.handled import Handled
from fulcrum.language import language_of
from fulcrum.process import Process, Stage

EXPECTED = ("cs", "da", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "sv")
"""The languages that a text is told among; a short one is told rightly more often among few."""


class Sort(Enum):
    """How a field is watched."""

    NUMBER = "number"
    CATEGORY = "category"
    NEITHER = "neither"


def observe(process: Process, handled: Handled, salt: str) -> Observed:
    """Take the features of a handled case; `salt` keeps its words' hashes from being looked up."""
    values = handled.proposal.values if handled.proposal else {}
    text = process.text(handled.case.input)
    return Observed(
        case_id=handled.case.id,
        at=handled.at,
        numbers=_numbers(process, handled, values, text),
        categories=_categories(process, handled, values, text),
        flags=_flags(process, handled, values),
        words=hashed(text, salt),
        reason=handled.code,
        changed=handled.changed,
        level=handled.autonomy,
        threshold=handled.threshold,
    )


def _numbers(process: Process, handled: Handled, values: Json, text: str) -> dict[str, float]:
    found = {"input length": float(len(text))}
    for side, model, record in _sides(process, handled, values):
        for name, sort in sorts_of(model).items():
            number = _number(record.get(name)) if sort is Sort.NUMBER else None
            found |= {} if number is None else {f"{side} {name}": number}
    confidence = handled.proposal.confidence if handled.proposal else None
    further = {"confidence": confidence, "model seconds": handled.seconds, "model cost": handled.cost}
    return found | {name: value for name, value in further.items() if value is not None}


def _categories(process: Process, handled: Handled, values: Json, text: str) -> dict[str, str]:
    found = {"input language": language_of(text, EXPECTED) or "none"}
    for side, model, record in _sides(process, handled, values):
        for name in _categorical(process, model):
            if record.get(name) is not None:
                found[f"{side} {name}"] = str(record[name])
    if handled.proposal and handled.proposal.model:
        found["model version"] = handled.proposal.model
    segment = process.segment(handled.case.input, values)
    return found | ({"segment": segment} if segment else {})


def _flags(process: Process, handled: Handled, values: Json) -> dict[str, bool]:
    if handled.proposal is None:
        return {"degraded": True}
    empty = {f"empty {name}": values.get(name) is None for name in process.outcome.model_fields}
    broken = handled.reason if handled.code == ReasonCode.GATE else ""
    rules = {rule.reason for gate in process.gates if gate.stage is Stage.OUTCOME for rule in gate.rules}
    return empty | {f"gate: {words}": words in broken for words in sorted(rules)} | {"degraded": False}


def _sides(process: Process, handled: Handled, values: Json) -> list[tuple[str, type[BaseModel], Mapping[str, Any]]]:
    return [("input", process.case, handled.case.input), ("output", process.outcome, values)]


def _categorical(process: Process, model: type[BaseModel]) -> list[str]:
    """Name the fields whose values are one of a few, those that say something of a person left out."""
    listed = {name for name, sort in sorts_of(model).items() if sort is Sort.CATEGORY} | set(process.options)
    return sorted(name for name in listed & set(model.model_fields) if name not in process.personal)


@lru_cache(maxsize=32)
def sorts_of(model: type[BaseModel]) -> Mapping[str, Sort]:
    """Say how each field of a model is watched, by its type."""
    return {name: _sort(field.annotation) for name, field in model.model_fields.items()}


def _sort(annotation: Any) -> Sort:
    """Tell numbers, and what is one of a few, from free text, moments and lists."""
    if get_origin(annotation) is Literal:
        return Sort.CATEGORY
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if parts and get_origin(annotation) not in {list, dict, tuple}:
        sorts = {_sort(part) for part in parts if isinstance(part, type) or get_args(part)}
        return sorts.pop() if len(sorts) == 1 else Sort.NEITHER
    if not isinstance(annotation, type):
        return Sort.NEITHER
    if issubclass(annotation, Enum | bool):
        return Sort.CATEGORY
    return Sort.NUMBER if issubclass(annotation, int | float | Decimal) else Sort.NEITHER


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
