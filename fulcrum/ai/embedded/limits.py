"""What a schema allows: whether a value fits a place, and the least value that does."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fulcrum.ai.embedded.schema import Node

_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 32)
_SAMPLES = ("", "0", "0.00", "1", "-", *("A" * n for n in _LENGTHS[1:]), *("a" * n for n in _LENGTHS[1:]),
            *("0" * n for n in _LENGTHS[2:]), "A0", "a0", "AA00AAAAAAAAAAA", "a-a", "a_a", "a@a.aa", "https://a.aa",
            "1970-01-01", "1970-01-01T00:00:00Z", "00:00", "00:00:00", "+10000000",
            "00000000-0000-4000-8000-000000000000",
            "0.0.0", "#000000", "A-0", "AA-0", "AAA-000")  # fmt: skip
_FORMATS = {
    "date": "1970-01-01", "date-time": "1970-01-01T00:00:00Z", "time": "00:00:00Z", "duration": "PT0S",
    "uuid": "00000000-0000-4000-8000-000000000000", "email": "nobody@example.com", "uri": "https://example.com/",
    "url": "https://example.com/", "ipv4": "192.0.2.0", "ipv6": "::", "hostname": "example.com",
    "idn-email": "nobody@example.com",
    "json-pointer": "", "regex": "", "binary": "",
}  # fmt: skip


def fits(node: Node, value: Any) -> bool:
    """Tell whether a string or number keeps a place's limits."""
    if isinstance(value, str):
        length, pattern = len(value), node.limit("pattern")
        within = _bound(node, "minLength", 0) <= length <= _bound(node, "maxLength", math.inf)
        return within and (pattern is None or _matches(str(pattern), value))
    return _number_fits(node, value)


def least(node: Node) -> Any:
    """Give the least value of a place that is not an object, for where nothing was found and null is not allowed."""
    if node.nullable or node.kind in {"null", "any", "cycle"}:
        return None
    if node.kind == "enum":
        return node.options[0]
    if node.kind == "boolean":
        return False
    if node.kind == "array":
        return []
    if node.kind in {"number", "integer"} and not (node.decimal and node.limit("pattern")):
        return _least_number(node)
    return _least_string(node)


def _bound(node: Node, keyword: str, default: float) -> float:
    value = node.limit(keyword, default)
    return value if isinstance(value, (int, float)) else default


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(value) is not None


def _number_fits(node: Node, value: float) -> bool:
    step = node.limit("multipleOf")
    return (
        _bound(node, "minimum", -math.inf) <= value <= _bound(node, "maximum", math.inf)
        and _bound(node, "exclusiveMinimum", -math.inf) < value < _bound(node, "exclusiveMaximum", math.inf)
        and (not isinstance(step, (int, float)) or step <= 0 or abs(value / step - round(value / step)) < 1e-9)  # noqa: PLR2004
    )


def _least_number(node: Node) -> float:
    """Try 0, then what lies just inside the bounds."""
    low = max(_bound(node, "minimum", -math.inf), _bound(node, "exclusiveMinimum", -math.inf))
    high = min(_bound(node, "maximum", math.inf), _bound(node, "exclusiveMaximum", math.inf))
    step = node.limit("multipleOf")
    tries: list[float] = [0, low, math.floor(low) + 1 if math.isfinite(low) else 0, high]
    tries += [math.ceil(high) - 1 if math.isfinite(high) else 0, (low + high) / 2]
    if isinstance(step, (int, float)) and step > 0 and math.isfinite(low):
        tries += [math.ceil(low / step) * step, (math.floor(low / step) + 1) * step]
    whole = node.kind == "integer"
    for value in tries:
        if math.isfinite(value) and _number_fits(node, value) and (not whole or value == int(value)):
            return int(value) if value == int(value) else value
    return 0


def _least_string(node: Node) -> str:
    shortest = int(_bound(node, "minLength", 0))
    samples = [_FORMATS[node.format]] if node.format in _FORMATS else []
    samples += [*_SAMPLES, "x" * shortest, "0" * shortest]
    return next((s for s in samples if fits(node, s)), "x" * shortest)
