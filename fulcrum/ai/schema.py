"""An outcome model as a strict JSON schema, the way `response_format` wants it.

The subset is OpenAI's (platform.openai.com/docs/guides/structured-outputs, "Supported schemas"): every property
required, no others allowed, no default, no length limits. What is left out here is checked when an answer is judged.
"""

from __future__ import annotations

import re
from copy import deepcopy
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from fulcrum.cases import Json
from fulcrum.errors import OutcomeUnsupported

KEPT = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "$ref", "$defs"}
) | {
    *("description", "pattern", "format", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
    *("minItems", "maxItems"),
}
FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})


class _MoneyAsText(GenerateJsonSchema):
    """Pydantic's schema with one change: a Decimal is a string, so that no float rounds it on the way."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        places = schema.get("decimal_places")
        fraction = r"(\.[0-9]+)?" if places is None else rf"(\.[0-9]{{1,{places}}})?" if places else ""
        return {"type": "string", "pattern": f"^-?[0-9]+{fraction}$"}


@lru_cache(maxsize=64)
def response_format(model: type[BaseModel]) -> Json:
    """Prepare the outcome's strict JSON schema once; the dict is shared, so read it only.

    Raises OutcomeUnsupported for a field whose keys are open.
    """
    schema = model.model_json_schema(schema_generator=_MoneyAsText)
    definitions = schema.get("$defs", {})
    strict = _strict(schema, definitions, model.__name__)
    name = re.sub(r"[^A-Za-z0-9_-]", "_", model.__name__)[:64]
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": strict}}


def _strict(node: Any, definitions: Json, where: str) -> Any:
    """Rewrite one schema node and all below it."""
    if not isinstance(node, dict):
        return node
    node = _plain(node, definitions)
    kept = {key: value for key, value in node.items() if key in KEPT}
    for key in ("properties", "$defs"):
        if key in kept:
            kept[key] = {name: _strict(sub, definitions, f"{where}.{name}") for name, sub in kept[key].items()}
    if "anyOf" in kept:
        kept["anyOf"] = [_strict(option, definitions, where) for option in kept["anyOf"]]
    if "items" in kept:
        kept["items"] = _strict(kept["items"], definitions, f"{where}[]")
    return _closed(_texts(kept), where)


def _plain(node: Json, definitions: Json) -> Json:
    """Say in the subset's words what pydantic says in others: const, oneOf, allOf, a described reference."""
    node = dict(node)
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if "oneOf" in node:
        node["anyOf"] = node.pop("oneOf")
    if len(node.get("allOf", ())) == 1:
        node |= node.pop("allOf")[0]
    beside = (set(node) & KEPT) - {"$ref", "$defs"}
    if "$ref" in node and beside:
        target = deepcopy(definitions[node.pop("$ref").rsplit("/", 1)[-1]])
        node = _plain(target | node, definitions)
    return node


def _texts(node: Json) -> Json:
    """Drop formats the subset does not name, and patterns that look around."""
    if node.get("format") not in FORMATS:
        node.pop("format", None)
    if "(?" in node.get("pattern", ""):
        del node["pattern"]
    return node


def _closed(node: Json, where: str) -> Json:
    """Make every property of an object required, and no other allowed."""
    if node.get("type") != "object":
        node.pop("additionalProperties", None)
        return node
    if "properties" not in node and node.get("additionalProperties") is not False:
        raise OutcomeUnsupported(field=where)
    properties = node.setdefault("properties", {})
    return node | {"required": list(properties), "additionalProperties": False}
