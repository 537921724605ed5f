"""A JSON schema as a tree of what is to be filled."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

_SCALARS = frozenset({"string", "number", "integer", "boolean"})
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Node:
    """One place of the answer.

    `kind` is object, array, enum, string, number, integer, boolean, null or any. `limits` are the JSON-schema
    keywords that bound a value (minLength, pattern, maximum, ...). `decimal` says that a number may be a string.
    """

    name: str
    kind: str
    description: str = ""
    nullable: bool = False
    options: tuple[Any, ...] = ()
    properties: tuple[Node, ...] = ()
    items: Node | None = None
    format: str = ""
    decimal: bool = False
    limits: tuple[tuple[str, Any], ...] = ()

    def limit(self, keyword: str, default: Any = None) -> Any:
        """Give a bounding keyword's value."""
        return dict(self.limits).get(keyword, default)


def read_schema(schema: object) -> Node:
    """Read a JSON schema of any make; what is not known becomes a place that takes anything."""
    try:
        return _read(json.dumps(schema, sort_keys=False))
    except (RecursionError, ValueError):
        return Node("", "any")


@lru_cache(maxsize=64)
def _read(text: str) -> Node:
    schema = json.loads(text)
    return _Reader(schema).node("", schema, ())


class _Reader:
    """Follows references inside one schema."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = 5_000

    def node(self, name: str, schema: Any, trail: tuple[str, ...]) -> Node:
        """Read the sub-schema that stands under `name`; `trail` are the references that lead here."""
        self._left -= 1
        if not isinstance(schema, dict) or self._left < 0 or len(trail) > _DEEPEST:
            return Node(name, "any", nullable=True)
        description = str(schema.get("description") or "")
        if "$ref" in schema:
            target = str(schema["$ref"])
            if target in trail:
                return Node(name, "cycle", description, nullable=True)
            return self._described(self.node(name, self._resolve(target), (*trail, target)), description)
        for keyword in ("allOf", "anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list) and schema[keyword]:
                return self._described(self._union(name, keyword, schema, trail), description)
        return self._plain(name, schema, description, trail)

    @staticmethod
    def _described(node: Node, description: str) -> Node:
        return replace(node, description=description) if description else node

    def _resolve(self, target: str) -> Any:
        found = self._root
        for part in target.removeprefix("#").strip("/").split("/") if target.strip("#/") else ():
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def _union(self, name: str, keyword: str, schema: dict[str, Any], trail: tuple[str, ...]) -> Node:
        if keyword == "allOf":
            merged = {key: value for key, value in schema.items() if key != "allOf"}
            for part in schema["allOf"]:
                while isinstance(part, dict) and "$ref" in part and part["$ref"] not in trail:
                    trail = (*trail, str(part["$ref"]))
                    part = self._resolve(str(part["$ref"]))  # noqa: PLW2901 - the chain of references is followed
                merged = _merge(merged, part) if isinstance(part, dict) else merged
            return self.node(name, merged, trail)
        shared = {
            key: value for key, value in schema.items() if key not in {keyword, "description", "title", "default"}
        }
        nodes = [
            self.node(name, {**shared, **part} if isinstance(part, dict) else part, trail) for part in schema[keyword]
        ]
        return _join(name, nodes)

    def _plain(self, name: str, schema: dict[str, Any], description: str, trail: tuple[str, ...]) -> Node:
        kinds = schema.get("type")
        if isinstance(kinds, list):
            parts = [self.node(name, {**schema, "type": kind}, trail) for kind in kinds]
            return self._described(_join(name, parts), description) if parts else Node(name, "any", description)
        limits = tuple((k, v) for k, v in schema.items() if k in _LIMITS and isinstance(v, (int, float, str)))
        if "const" in schema or isinstance(schema.get("enum"), list):
            options = tuple([schema["const"]] if "const" in schema else schema["enum"])
            real = tuple(option for option in options if option is not None)
            kind = "enum" if real else "null"
            return Node(name, kind, description, nullable=None in options, options=real)
        if kinds == "object" or "properties" in schema:
            return Node(name, "object", description, properties=self._properties(schema, trail))
        if kinds == "array":
            items = schema.get("items") if not schema.get("prefixItems") else schema["prefixItems"][0]
            return Node(name, "array", description, items=self.node(name, items, trail), limits=limits)
        if kinds in _SCALARS:
            decimal = kinds == "string" and _only_decimals(str(schema.get("pattern") or ""))
            form, kind = str(schema.get("format") or ""), "number" if decimal else str(kinds)
            return Node(name, kind, description, format=form, decimal=decimal, limits=limits)
        return Node(name, "null" if kinds == "null" else "any", description, nullable=True)

    def _properties(self, schema: dict[str, Any], trail: tuple[str, ...]) -> tuple[Node, ...]:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return ()
        return tuple(self.node(str(key), value, trail) for key, value in properties.items())


_KEYWORDS = (
    "pattern minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems"
    " uniqueItems"
)
_LIMITS = frozenset(_KEYWORDS.split())


@lru_cache(maxsize=256)
def _only_decimals(pattern: str) -> bool:
    """Tell whether a string's pattern lets decimal numbers pass and no words: such a string is a number in writing."""
    try:
        matches = re.compile(pattern).search
    except re.error:
        return False
    return all(map(matches, ("0.00", "1.5", "1234.56"))) and not any(
        map(matches, ("", "A", "A1", "1.5x", "2026-01-31"))
    )


def _merge(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    merged = {**left, **right}
    for key in ("properties", "$defs"):
        if isinstance(left.get(key), dict) and isinstance(right.get(key), dict):
            merged[key] = {**left[key], **right[key]}
    return merged


def _join(name: str, nodes: list[Node]) -> Node:
    """Make one place of alternatives: the first that says something; null makes it nullable; enums add up."""
    nullable = any(node.nullable or node.kind == "null" for node in nodes)
    real = [node for node in nodes if node.kind not in {"null", "cycle"}]
    if not real:
        return replace(nodes[0], name=name, nullable=True) if nodes else Node(name, "any", nullable=True)
    enums = [node for node in real if node.kind == "enum"]
    if enums and len(enums) == len(real):
        options = tuple(option for node in enums for option in node.options)
        return Node(name, "enum", real[0].description, nullable=nullable, options=options)
    kinds = {node.kind for node in real}
    text = next((node for node in real if node.kind == "string"), None)
    number = next((node for node in real if node.kind in {"number", "integer"}), None)
    if number is not None and text is not None and kinds <= {"number", "integer", "string"} and not text.format:
        return replace(text, kind="number", decimal=True, nullable=nullable, limits=text.limits + number.limits)
    return replace(real[0], nullable=nullable)


_LABELS = re.compile(r"\bLabels?:\s*(.+?)(?:\.\s*$|\.\s+(?=[A-Z])|$)", re.DOTALL)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")


@lru_cache(maxsize=1024)
def labels_of(name: str, description: str) -> tuple[str, ...]:
    """Give the phrases to look for: those after `Labels:` in the description, then the name in words; lower case."""
    match = _LABELS.search(description)
    listed = [part.strip(" .\n") for part in match[1].split(",")] if match else []
    words = " ".join(_CAMEL.split(name)).strip()
    return tuple(dict.fromkeys(" ".join(label.lower().split()) for label in (*listed, words) if label.strip()))


def words_of(name: str) -> tuple[str, ...]:
    """Split a field's name into its lower-case words: issuedOn and issued_on are issued, on."""
    return tuple(word.lower() for word in _CAMEL.split(name) if word)
