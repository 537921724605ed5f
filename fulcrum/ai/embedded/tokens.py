"""An answer as JSON text and as tokens with log-probabilities."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_CERTAIN = -1e-6
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value: what it is, the chance that it is right, the runners-up with theirs."""

    value: Any
    confidence: float
    others: tuple[tuple[Any, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """An object of named values, in the schema's order."""

    members: tuple[tuple[str, Filled], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A list of values that is not empty, and the chance that it is complete and right."""

    elements: tuple[Filled, ...]


Filled = Leaf | Branch | Row


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer's text; `others` are the pieces that might have stood there, with their chances."""

    text: str
    logprob: float
    others: tuple[tuple[str, float], ...] = ()

    def to_json(self, top: int) -> dict[str, Any]:
        """Show the token as the OpenAI API does, with at most `top` alternatives, itself among them."""
        alternatives = [(self.text, self.logprob), *self.others][:top]
        ranked = sorted(alternatives, key=lambda pair: -pair[1])
        return {**_shown(self.text, self.logprob), "top_logprobs": [_shown(text, logprob) for text, logprob in ranked]}


def tokens_of(filled: Filled) -> list[Token]:
    """Write an answer as tokens whose texts join to its JSON; keys and punctuation are certain."""
    joined: list[Token] = []
    for token in _walk(filled):
        if joined and joined[-1].logprob == token.logprob == _CERTAIN and not token.others and not joined[-1].others:
            joined[-1] = Token(joined[-1].text + token.text, _CERTAIN)
        else:
            joined.append(token)
    return joined


def plain_value(filled: Filled) -> Any:
    """Give an answer as plain Python data."""
    if isinstance(filled, Branch):
        return {name: plain_value(member) for name, member in filled.members}
    return [plain_value(e) for e in filled.elements] if isinstance(filled, Row) else filled.value


def sentence_tokens(text: str) -> list[Token]:
    """Make one certain token of each word of a sentence."""
    words = text.split(" ")
    return [Token(word if i == 0 else f" {word}", _CERTAIN) for i, word in enumerate(words)]


def _walk(filled: Filled) -> Iterator[Token]:
    if isinstance(filled, Leaf):
        yield from _leaf(filled)
        return
    opening, closing = "{}" if isinstance(filled, Branch) else "[]"
    members = filled.members if isinstance(filled, Branch) else tuple(("", element) for element in filled.elements)
    yield _sure(opening)
    for place, (name, member) in enumerate(members):
        key = f"{_text(name)}:" if isinstance(filled, Branch) else ""
        yield _sure(("," if place else "") + key)
        yield from _walk(member)
    yield _sure(closing)


def _leaf(leaf: Leaf) -> Iterator[Token]:
    written = _text(leaf.value)
    others = tuple((_bare(value), _log(chance)) for value, chance in leaf.others)
    if isinstance(leaf.value, str) and leaf.value:
        yield _sure('"')
        yield Token(written[1:-1], _log(leaf.confidence), others)
        yield _sure('"')
    else:
        yield Token(written, _log(leaf.confidence), others)


def _sure(text: str) -> Token:
    return Token(text, _CERTAIN)


def _bare(value: Any) -> str:
    written = _text(value)
    return written[1:-1] if isinstance(value, str) and value else written


def _text(value: Any) -> str:
    """Write JSON; lone surrogates and the like come out escaped."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    try:
        written.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=str)
    return written


def _log(chance: float) -> float:
    """Give the logarithm of a chance, kept just below certainty so that a value is told from punctuation."""
    return math.log(min(0.9999, max(_LEAST, chance)))


def _shown(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}
