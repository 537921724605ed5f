"""How sure a model was of each field, from the log-probabilities of its tokens or from its samples (pure).

Only the order of the numbers matters to the guarantee, not their scale.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import accumulate
from math import exp, fsum, isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from fulcrum.ai.spans import value_spans
from fulcrum.cases import Json


@dataclass(frozen=True, slots=True)
class Token:
    """A token at bytes `start` to `end` of the answer; `rivals` are what could have stood there, itself among them."""

    start: int
    end: int
    content: bytes
    logprob: float
    rivals: tuple[tuple[bytes, float], ...]


class _Spelling:
    """The endpoint's tokens, placed on the answer's bytes; those without content are left out."""

    def __init__(self, entries: Sequence[Json], pieces: Sequence[bytes], offset: int) -> None:
        told = [(entry, piece) for entry, piece in zip(entries, pieces, strict=True) if piece]
        self._entries = [entry for entry, _ in told]
        self._pieces = [piece for _, piece in told]
        self._ends = list(accumulate((len(piece) for piece in self._pieces), initial=offset))
        self._starts, self._ends = self._ends[:-1], self._ends[1:]
        self._logprobs = [_logprob(entry) for entry in self._entries]

    def logprobs(self, start: int, end: int) -> list[float]:
        """Give the log-probabilities of the tokens over some bytes."""
        first, last = self._range(start, end)
        return self._logprobs[first:last]

    def tokens(self, start: int, end: int) -> list[Token]:
        """Give the tokens over some bytes, with their rivals."""
        return [self._token(at) for at in range(*self._range(start, end))]

    def _range(self, start: int, end: int) -> tuple[int, int]:
        return bisect_right(self._ends, start), bisect_left(self._starts, end)

    def _token(self, at: int) -> Token:
        told = self._entries[at].get("top_logprobs") or ()
        rivals = tuple((_content(rival), _logprob(rival)) for rival in told)
        return Token(self._starts[at], self._ends[at], self._pieces[at], self._logprobs[at], rivals)


def field_confidence(outcome: type[BaseModel], text: str, logprobs: Sequence[Any] | None) -> dict[str, float]:
    """Say how sure the model was of each top-level field, 0 to 1; a field without a number is left out.

    A field with a fixed set of options is judged at the tokens where the options part, among the options alone, because
    a server may report probabilities from before the schema's mask. Any other value is as likely as all its tokens
    together (exp of the sum), quotes included: the opening quote decides between a value and null, the closing one
    where it ends. A token across the edge counts whole; what it shares with the edge is punctuation.
    """
    content = text.encode("utf-8", "surrogatepass")
    try:
        spelling = _placed(logprobs or (), content)
        return _judged(outcome, text, content, spelling) if spelling else {}
    except (KeyError, TypeError, ValueError, AttributeError):
        # Log-probabilities of another shape than the interface's say nothing.
        return {}


def _judged(outcome: type[BaseModel], text: str, content: bytes, spelling: _Spelling) -> dict[str, float]:
    options = _options(outcome)
    found = {}
    for name, (first, last) in value_spans(text).items():
        if name not in outcome.model_fields:
            continue
        start, end = _bytes_before(text, first), _bytes_before(text, last)
        among = _spelled(options[name], content[start:end]) if name in options else ()
        sure = _among(spelling.tokens(start, end), among, content[start:end], start) if among else None
        found[name] = _likely(spelling.logprobs(start, end)) if sure is None else sure
    return {name: sure for name, sure in found.items() if sure is not None}


def agreement(chosen: Json, samples: Sequence[Json | None]) -> dict[str, float]:
    """Say for each field which share of the samples equals the chosen one; {} for a single sample.

    A sample without sound values (None) agrees with nothing.
    """
    if len(samples) < 2:  # noqa: PLR2004 - one sample agrees with itself and says nothing
        return {}
    sound = [sample for sample in samples if sample is not None]
    return {
        name: sum(name in sample and sample[name] == value for sample in sound) / len(samples)
        for name, value in chosen.items()
    }


def consensus(samples: Sequence[Json | None]) -> Json | None:
    """Choose the sample that agrees most with all; the first of equals. A mixture could contradict itself."""
    sound = [sample for sample in samples if sample is not None]
    return max(sound, key=lambda chosen: fsum(agreement(chosen, samples).values()), default=None)


def overall(confidence: dict[str, float], required: Iterable[str]) -> float | None:
    """Take the lowest of the required fields' confidence; None when one is missing or none is required."""
    numbers = [confidence.get(name) for name in required]
    known = [number for number in numbers if number is not None]
    return min(known) if known and len(known) == len(numbers) else None


def carried(own: dict[str, float], required: Sequence[str], before: float | None, *, first: bool) -> float | None:
    """Take the lowest confidence of an AI step's required fields and of the steps before it.

    A later step that answers none of the required fields changes nothing. None where one of them is not known.
    """
    if first:
        return overall(own, required)
    if not required:
        return before
    sure = overall(own, required)
    return None if sure is None or before is None else min(sure, before)


def _placed(logprobs: Sequence[Any], content: bytes) -> _Spelling | None:
    """Place the endpoint's tokens on the answer's bytes; None when they do not spell it."""
    pieces = [_content(entry) for entry in logprobs]
    offset = -b"".join(pieces).find(content) if content else 1
    return _Spelling(logprobs, pieces, offset) if offset <= 0 else None


def _content(entry: Json) -> bytes:
    """Read a token's bytes; its text cannot hold the half of a character."""
    raw = entry.get("bytes")
    return bytes(raw) if raw is not None else entry["token"].encode("utf-8", "surrogatepass")


def _logprob(entry: Json) -> float:
    """Read a log-probability; a hair above 0 is rounding, and minus infinity comes as a large negative number."""
    number = float(entry["logprob"])
    if number != number:  # noqa: PLR0124 - this is how not-a-number shows
        raise ValueError
    return min(number, 0.0)


def _bytes_before(text: str, at: int) -> int:
    return at if text.isascii() else len(text[:at].encode("utf-8", "surrogatepass"))


def _likely(logprobs: Sequence[float]) -> float | None:
    return exp(fsum(logprobs)) if logprobs else None


def _among(tokens: Sequence[Token], options: Sequence[bytes], chosen: bytes, start: int) -> float | None:
    """Multiply, over the tokens where options part, the chosen one's share of what the options hold there.

    None where an option's rivals are not told, or the value is none of the options.
    """
    if chosen not in options or not tokens:
        return None
    share = 1.0
    for token in tokens:
        done = chosen[: max(0, token.start - start)]
        lead = token.content[: max(0, start - token.start)]
        alive = [option[len(done) :] for option in options if option.startswith(done)]
        if len(alive) < 2:  # noqa: PLR2004 - nothing parts any more
            break
        if not token.rivals:
            return None
        share *= _share(token, lead, alive, chosen[len(done) :])
    return share


def _share(token: Token, lead: bytes, alive: Sequence[bytes], rest: bytes) -> float:
    """Compare the mass of the tokens that go on towards the chosen option with that of all that go on to any."""
    masses = dict(token.rivals) | {token.content: token.logprob}
    pieces = [(piece[len(lead) :], mass) for piece, mass in masses.items() if piece.startswith(lead)]
    towards = [mass for piece, mass in pieces if _leads(piece, rest)]
    away = [
        mass for piece, mass in pieces if not _leads(piece, rest) and any(_leads(piece, option) for option in alive)
    ]
    top = max(towards + away)
    if not isfinite(top):
        return 0.0
    good = fsum(exp(mass - top) for mass in towards)
    return good / (good + fsum(exp(mass - top) for mass in away))


def _leads(piece: bytes, option: bytes) -> bool:
    """Tell whether a token begins what is left of an option, or completes it."""
    return bool(piece) and (option.startswith(piece) or piece.startswith(option))


def _spelled(options: Sequence[Any], value: bytes) -> list[bytes]:
    """Spell the options in JSON, with escapes where the value has them."""
    escaped = b"\\u" in value
    return [json.dumps(option, ensure_ascii=escaped).encode("utf-8", "surrogatepass") for option in options]


@lru_cache(maxsize=64)
def _options(outcome: type[BaseModel]) -> dict[str, tuple[Any, ...]]:
    """List the fixed options of each field that has at least two, as JSON values."""
    found = {name: _fixed(info.annotation) for name, info in outcome.model_fields.items()}
    return {name: options for name, options in found.items() if options is not None and len(options) > 1}


def _fixed(kind: Any) -> tuple[Any, ...] | None:
    """List the values a type allows; None when they are not a fixed few."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _fixed(get_args(kind)[0])
    if origin is Literal:
        return tuple(option.value if isinstance(option, Enum) else option for option in get_args(kind))
    if origin in (Union, UnionType):
        parts = [_fixed(part) for part in get_args(kind)]
        return None if None in parts else tuple(option for part in parts if part is not None for option in part)
    if kind is bool:
        return (True, False)
    if kind is NoneType:
        return (None,)
    return tuple(option.value for option in kind) if isinstance(kind, type) and issubclass(kind, Enum) else None
