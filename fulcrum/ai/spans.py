"""Where in a model's answer each field's value stands (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecoder

_FENCE = re.compile(r"\A\s*```(?:json|JSON)?[ \t]*\n(.*)\n\s*```\s*\Z", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = JSONDecoder()


def object_part(text: str) -> tuple[int, int]:
    """Find where the answer's JSON begins and ends, in characters: all of it, or what a Markdown fence holds."""
    fenced = _FENCE.match(text)
    return fenced.span(1) if fenced else (0, len(text))


def value_spans(text: str) -> dict[str, tuple[int, int]]:
    """Find each top-level value of a JSON object, in characters, quotes included; {} when it is not one."""
    start, end = object_part(text)
    try:
        return {key: (first + start, last + start) for key, first, last in _members(text[start:end])}
    except (ValueError, IndexError, RecursionError):
        return {}


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """Walk over an object's members. Raises ValueError or IndexError where the text is no JSON object."""
    at = _past(text, 0, "{")
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, _blank(text, at))
        if not isinstance(key, str):
            raise ValueError(at)  # noqa: TRY004 - no wrong argument, but text that is no JSON
        first = _past(text, at, ":")
        _, last = _DECODER.raw_decode(text, first)
        yield key, first, last
        at = _blank(text, last)
        if text[at] != "}":
            at = _past(text, at, ",")


def _past(text: str, at: int, mark: str) -> int:
    """Step over a mark that must stand here, and the blanks around it."""
    at = _blank(text, at)
    if text[at] != mark:
        raise ValueError(mark)
    return _blank(text, at + 1)


def _blank(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
