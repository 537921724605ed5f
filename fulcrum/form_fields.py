"""The inputs of a form: how each type is asked for, what its input holds, how what was typed is read (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model
from pydantic.fields import FieldInfo

from fulcrum.cases import Json

NONE = "(none)"
"""The choice that stands for None, because a select cannot be cleared."""

OWN = ("source_text", "verdict", "reviewer", "code", "colleague", "note")
"""The form's own fields."""

UNUSABLE = frozenset(
    {"type", "items", "required", "enum", "not", "title", "pattern", "minimum", "maximum", "properties", "definitions",
     "allOf", "anyOf", "oneOf", "minLength", "maxLength", "minItems", "maxItems", "examples", "deprecated", "contains",
     *OWN}
)  # fmt: skip
"""Names that a field of the form cannot have: words of JSON schema, which break the V2 UI, and the form's own."""

CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True)
Definition: TypeAlias = tuple[Any, Any]
"""What `create_model` takes for a field: its type and its `Field`."""


def definition(field: FieldInfo, name: str, shown: Any, hint: str) -> Definition:
    """Define the input of a field, holding `shown`, with a hint above it."""
    title = field.title or title_of(name)
    kind = _bare(field.annotation)
    choices = _choices(field.annotation)
    if choices:
        return _choice(choices, shown, title, hint)
    if get_origin(kind) in {list, tuple}:
        inner = _bare(get_args(kind)[0])
        item = _item(inner) if isinstance(inner, type) and issubclass(inner, BaseModel) else str
        return (list[item], Field(shown or [], title=title, description=hint))  # type: ignore[valid-type] # made above
    return (_text(field), Field(shown or "", title=title, description=hint, json_schema_extra=_editor(shown)))


def _choice(choices: Sequence[str], shown: Any, title: str, hint: str) -> Definition:
    kind: Any = Literal[tuple(choices)]
    if shown in choices:
        return (kind, Field(shown, title=title, description=hint))
    # Nothing is chosen yet: the answer may lack it.
    return (kind | None, Field(None, title=title, description=hint, json_schema_extra=_unset(choices)))


def _item(model: type[BaseModel]) -> type[BaseModel]:
    """Make the form of one entry of a list."""
    fields = {
        form_name(name): definition(field, name, "", "")
        for name, field in model.model_fields.items()
        if is_simple(field.annotation)
    }
    return create_model(model.__name__, __config__=CONFIG, **fields)  # type: ignore[call-overload, no-any-return] # names are data


def _text(field: FieldInfo) -> Any:
    """Give the type of a text input: amounts and numbers have a pattern, and a blank one means None."""
    names = names_of(field.annotation)
    if names & {"Decimal", "float", "int"}:
        places = _places(field)
        pattern = r"^\s*(-?[0-9]+" + (rf"(\.[0-9]{{1,{places}}})?" if places else r"(\.[0-9]+)?") + r")?\s*$"
        return Annotated[str, StringConstraints(pattern=pattern)]
    if "date" in names:
        return Annotated[str, StringConstraints(pattern=r"^\s*([0-9]{4}-[0-9]{2}-[0-9]{2})?\s*$")]
    return str


def _places(field: FieldInfo) -> int | None:
    found_places = re.search(r"decimal_places=(\d+)", f"{field.annotation!r} {field.metadata!r}")
    return int(found_places[1]) if found_places else None


def _editor(shown: Any) -> Json:
    """Show a text of several lines in an editor; a plain input shows one line of it."""
    return {"format": "json-string"} if isinstance(shown, str) and "\n" in shown else {}


def _unset(choices: Sequence[str]) -> Any:
    """Make a select without a choice made: nullable in the answer, a plain select on the screen."""

    def rewrite(schema: Json) -> None:
        schema.pop("anyOf", None)
        schema.pop("default", None)
        schema |= {"type": "string", "enum": list(choices)}

    return rewrite


def _choices(annotation: Any) -> list[str]:
    """List what can be chosen in a field, NONE where it may be None; empty when it is no choice."""
    kind = _bare(annotation)
    if get_origin(kind) is Literal:
        values = [str(value) for value in get_args(kind)]
    elif isinstance(kind, type) and issubclass(kind, Enum):
        values = [str(member.value) for member in kind]
    elif kind is bool:
        values = ["true", "false"]
    else:
        return []
    return [*values, NONE] if NoneType in get_args(annotation) else values


def _bare(annotation: Any) -> Any:
    """Take None and the limits off a type."""
    if get_origin(annotation) in {Union, UnionType}:
        left = [part for part in get_args(annotation) if part is not NoneType]
        return _bare(left[0]) if len(left) == 1 else annotation
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def names_of(annotation: Any) -> set[str]:
    """Name the class behind a type, as a set; empty where there is none."""
    kind = _bare(annotation)
    return {kind.__name__} if isinstance(kind, type) else set()


def is_simple(annotation: Any) -> bool:
    """Tell whether one input can hold the type."""
    return bool(_choices(annotation)) or bool(
        names_of(annotation) & {"str", "Decimal", "date", "datetime", "int", "float"}
    )


def is_editable(annotation: Any) -> bool:
    """Tell whether a form can hold the type: one input, or a list of texts or of small models."""
    kind = _bare(annotation)
    if get_origin(kind) not in {list, tuple}:
        return is_simple(annotation)
    inner = _bare(get_args(kind)[0])
    return inner is str or (isinstance(inner, type) and issubclass(inner, BaseModel))


def written(annotation: Any, value: Any) -> Any:
    """Write a value as the form's inputs hold it."""
    kind = _bare(annotation)
    if get_origin(kind) in {list, tuple}:
        inner = _bare(get_args(kind)[0])
        if inner is str:
            return list(value or [])
        fields = {name: f.annotation for name, f in inner.model_fields.items() if is_simple(f.annotation)}
        return [{form_name(n): written(a, entry.get(n)) for n, a in fields.items()} for entry in value or []]
    if value is None:
        return NONE if NONE in _choices(annotation) else ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{Decimal(str(value)):f}" if names_of(annotation) & {"Decimal", "float", "int"} else str(value)


def read(given: Any) -> Any:
    """Read what an input holds: blank is None, a list's blank entries are left out."""
    if isinstance(given, list):
        entries = [read(entry) for entry in given]
        return [entry for entry in entries if entry is not None and entry != {}]
    if isinstance(given, dict):
        values = {name.removesuffix("_"): read(value) for name, value in given.items()}
        return {name: value for name, value in values.items() if value is not None}
    if isinstance(given, str):
        return None if given.strip() in {"", NONE} else given.strip()
    return given


def form_name(name: str) -> str:
    """Name a field as both UIs can take it."""
    return f"{name}_" if name in UNUSABLE or name.startswith("_") else name


def title_of(name: str) -> str:
    """Name a field for people."""
    return name.replace("_", " ").capitalize()
