"""What a posting model's fields mean to a target: their kind, and their values read from the delivery's JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, FiniteFloat, TypeAdapter

from fulcrum.cases import Delivery, Effect, Json
from fulcrum.errors import DeliveryRefused

KEY_LENGTH = 512
"""Characters that a key may have, so that every database can index it."""

_UNKEPT = re.compile("[\0\ud800-\udfff]")


class Kind(StrEnum):
    """How a target keeps a field; `json` is whatever is none of the others."""

    TEXT = "text"
    NUMBER = "decimal number"
    DATE = "date"
    MOMENT = "date and time"
    TRUTH = "truth value"
    INTEGER = "whole number"
    FLOAT = "number"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class PostingField:
    """One field of a posting model; `places` are a decimal number's digits behind the point, None when not limited."""

    name: str
    kind: Kind
    places: int | None = None

    def read(self, value: Any) -> Any:
        """Read the field's JSON as its type; raise ValueError or TypeError when it is something else."""
        if self.kind is Kind.JSON:
            json.dumps(value, allow_nan=False)
            return value
        return None if value is None else _reader(self.kind, self.places).validate_python(value)


def fields_of(posting: type[BaseModel]) -> tuple[PostingField, ...]:
    """Derive the fields from the posting model, in its order."""
    return tuple(_field(name, [info.annotation, *info.metadata]) for name, info in posting.model_fields.items())


def typed(delivery: Delivery, fields: Sequence[PostingField]) -> Json:
    """Read a delivery's posting as typed values, one a field, None where it says nothing.

    Only types and decimal places count here, not the model's other limits, because a reversal's amounts are negated
    and a rejection has few values. Raises DeliveryRefused, which names the field and never its value.
    """
    posting = clean(delivery.posting)
    unknown = sorted(posting.keys() - {field.name for field in fields})
    if unknown:
        raise DeliveryRefused(target=delivery.target, reason=f"the posting model has no field {', '.join(unknown)}")
    return {field.name: _value(field, posting.get(field.name), delivery.target) for field in fields}


def digits_of(places: int | None) -> tuple[int, int]:
    """Say how many digits a decimal number has at most, and how many of them behind the point."""
    return (30, 10) if places is None else (16 + places, places)


def clean(value: Any) -> Any:
    """Replace what no database or file keeps (NUL, lone surrogates) by U+FFFD, in a JSON value of any depth."""
    if isinstance(value, str):
        return _UNKEPT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return [clean(item) for item in value] if isinstance(value, list | tuple) else value


def check_keys(delivery: Delivery) -> None:
    """Raise DeliveryRefused when a key is missing, or too long to be kept unique."""
    for name in ("key", "business_key", "reverses"):
        key = getattr(delivery, name)
        if key is not None and not 0 < len(key) <= KEY_LENGTH:
            raise DeliveryRefused(target=delivery.target, reason=f"its {name} has not 1 to {KEY_LENGTH} characters")
    if (delivery.effect is Effect.REVERSAL) != (delivery.reverses is not None):
        raise DeliveryRefused(target=delivery.target, reason="a reversal, and nothing else, names the delivery undone")


def _value(field: PostingField, value: Any, target: str) -> Any:
    try:
        return field.read(value)
    except (ValueError, TypeError):  # pydantic's own is a ValueError
        places = "" if field.places is None else f" with {field.places} places"
        raise DeliveryRefused(target=target, reason=f"field {field.name} is no {field.kind}{places}") from None


def _field(name: str, annotation: list[Any]) -> PostingField:
    parts = [part for one in annotation for part in _parts(one)]
    types = {part for part in parts if isinstance(part, type)} - {NoneType}
    kind = _kind(types.pop()) if len(types) == 1 else Kind.JSON
    places = [part for part in (getattr(p, "decimal_places", None) for p in parts) if part is not None]
    return PostingField(name, kind, min(places) if places and kind is Kind.NUMBER else None)


def _parts(annotation: Any) -> Iterator[Any]:
    """Take an annotation apart: the types it may be, and the limits that stand beside them."""
    origin = get_origin(annotation)
    if hasattr(annotation, "__value__"):  # an alias made by a type statement
        yield from _parts(annotation.__value__)
    elif origin is Literal:
        yield from {type(value) for value in get_args(annotation)}
    elif origin in {Union, UnionType, Annotated}:
        for part in get_args(annotation):
            yield from _parts(part)
    else:
        yield origin or annotation
        yield from getattr(annotation, "metadata", ())


def _kind(python: type) -> Kind:
    # The order matters: bool is an int, datetime is a date, StrEnum is a str.
    by_type: tuple[tuple[tuple[type, ...], Kind], ...] = (
        ((bool,), Kind.TRUTH),
        ((int,), Kind.INTEGER),
        ((float,), Kind.FLOAT),
        ((Decimal,), Kind.NUMBER),
        ((datetime,), Kind.MOMENT),
        ((date,), Kind.DATE),
        ((str, UUID), Kind.TEXT),
    )
    if issubclass(python, Enum) and not issubclass(python, int | str):
        return Kind.JSON
    return next((kind for types, kind in by_type if issubclass(python, types)), Kind.JSON)


@lru_cache
def _reader(kind: Kind, places: int | None) -> TypeAdapter[Any]:
    digits, decimals = digits_of(places)
    types: dict[Kind, Any] = {
        Kind.TEXT: str,
        Kind.NUMBER: Annotated[Decimal, Field(max_digits=digits, decimal_places=decimals)],
        Kind.DATE: date,
        Kind.MOMENT: AwareDatetime,
        Kind.TRUTH: bool,
        Kind.INTEGER: Annotated[int, Field(ge=-(2**63), lt=2**63)],
        Kind.FLOAT: FiniteFloat,
    }
    return TypeAdapter(types[kind])
