"""What comes in and goes out: the fields of pydantic models as tables for people."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fulcrum.sop.parts import Table
from fulcrum.sop.wording import listed, spoken

_HINT = re.compile(r"\s*\bLabels:.*", re.DOTALL)
"""What a description tells the model alone."""

FEW = 6
"""A nested model with so many fields at most is told field by field."""

_PLAIN: dict[type, str] = {
    str: "text",
    bool: "yes or no",
    int: "whole number",
    float: "number",
    Decimal: "number",
    datetime: "date and time",
    date: "date",
    dict: "named values",
}


def field_table(caption: str, model: type[BaseModel], personal: Collection[str]) -> Table:
    """List a model's fields: name, what it holds, whether it may be missing, whether it is personal, what it means.

    A column that would say nothing of any field is left out.
    """
    columns = ("field", "holds", "needed", "data class", "meaning")
    rows = [
        (spoken(name), kind_of(field), _needed(field), "personal" if name in personal else "", meaning_of(field))
        for name, field in model.model_fields.items()
    ]
    kept = [at for at in range(len(columns)) if at == 0 or any(row[at] for row in rows)]
    return Table(caption, tuple(columns[at] for at in kept), tuple(tuple(row[at] for at in kept) for row in rows))


def called(model: type[BaseModel]) -> str:
    """Give a model's name in words: `SupplierDocument` is `supplier document`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", model.__name__).lower()


def meaning_of(field: FieldInfo) -> str:
    """Give a field's description without the labels it may have in a document, which are hints for the model."""
    return _HINT.sub("", field.description or "").strip()


def kind_of(field: FieldInfo) -> str:
    """Say in words what a field holds."""
    return "amount" if _is_money(field.metadata) else _words(field.annotation)


def _is_money(limits: Iterable[Any]) -> bool:
    """Tell by a type's limits whether it is an amount: a number with so many decimal places."""
    within = (limit.metadata if isinstance(limit, FieldInfo) else [limit] for limit in limits)
    return any(getattr(limit, "decimal_places", None) for found in within for limit in found)


def _needed(field: FieldInfo) -> str:
    if not field.is_required():
        return "no"
    return "may be empty" if type(None) in get_args(field.annotation) else "yes"


def _words(annotation: Any) -> str:
    """Say in words what a type holds; that it may be None is said elsewhere."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return "amount" if _is_money(inner[1:]) else _words(inner[0])
    if origin is Literal:
        return f"one of {listed((str(value) for value in inner), 'or')}"
    if origin in {Union, types.UnionType}:
        return listed(dict.fromkeys(_words(kind) for kind in inner if kind is not type(None)), "or")
    if origin in {list, tuple, set, frozenset}:
        return f"list of {_words(inner[0])}" if inner else "list"
    return _class_words(origin or annotation)


def _class_words(kind: Any) -> str:
    if not isinstance(kind, type):
        return "anything"
    if issubclass(kind, Enum):
        return f"one of {listed((str(member.value) for member in kind), 'or')}"
    if issubclass(kind, BaseModel):
        few = len(kind.model_fields) <= FEW
        return f"{called(kind)} ({', '.join(map(spoken, kind.model_fields))})" if few else called(kind)
    return _PLAIN.get(kind) or kind.__name__.lower()
