"""Choosing which known outcomes a model is shown: those whose text is nearest to the case at hand (pure).

What is chosen for a case follows from what was known before the case arrived, and from nothing that came later, so that
a question that is put again is the same question. Even how rare a word is counts only what was known by then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from fulcrum.ai.prompt import Example
from fulcrum.cases import Json

if TYPE_CHECKING:
    from fulcrum.process import AiStep, Process

TEXT_CHARS = 2_000
"""How much of a text is compared; what a message is about stands at its head."""

PIECES: tuple[Mapping[str, Any], ...] = (
    {"analyzer": "word", "token_pattern": r"(?u)\b\w+\b", "ngram_range": (1, 2)},
    {"analyzer": "char_wb", "ngram_range": (2, 5)},
)
"""What texts are compared by, in equal parts: words with their pairs, and pieces of words of 2 to 5 letters."""

PLACES = 6
"""Decimal places of a similarity; what is equal to them is a tie."""

ALWAYS = datetime.min.replace(tzinfo=UTC)
"""Since when the examples of a catalogue are known: whichever is in force, they were there before any case."""

CELLS = 2_000_000
"""Similarities held at once: texts asked about, times examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExample:
    """A labelled record as it is loaded: the case's input and what is true of it; known from now on unless it says."""

    id: str
    input: Json = field(repr=False)
    values: Json = field(repr=False)
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An input whose outcome is known.

    It holds from `since`, and where a reopening or a later decision made it void, until then. `decided` in a review of
    this process, otherwise loaded. `values` are the outcome's, all or some of them.
    """

    id: str
    input: Json = field(repr=False)
    values: Json = field(repr=False)
    since: datetime
    until: datetime | None = None
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An example and how near it is: above 0 (something in common) to 1 (the same words)."""

    example: Known
    similarity: float


class Nearest:
    """An index over examples; of equally near ones those that come first are nearer."""

    def __init__(self, examples: Sequence[Known], text: Callable[[Json, Json], str]) -> None:
        import numpy as np  # noqa: PLC0415 - reading the ledger needs none of it

        self.examples = examples
        texts = [text(example.input, example.values)[:TEXT_CHARS] for example in examples]
        self._pieces = [pieces for settings in PIECES if (pieces := _pieces(settings, texts)) is not None]
        moments = {moment for example in examples for moment in (example.since, example.until) if moment is not None}
        self._turns = sorted(moments)
        """When something became known or void; after how many of them an example did stands below."""
        places = {moment: place for place, moment in enumerate(self._turns, start=1)}
        self._known = np.array([places[example.since] for example in examples])
        self._void = np.array([places[one.until] if one.until else len(places) + 1 for one in examples])

    def find(self, texts: Sequence[str], moments: Sequence[datetime], k: int) -> list[list[Neighbour]]:
        """Find for each text at most `k` examples known before its moment, the nearest first.

        What has nothing in common with the text is no neighbour.
        """
        found: list[list[Neighbour]] = [[] for _ in texts]
        if not self._pieces or not texts or k < 1:
            return found
        asked = [pieces.count([text[:TEXT_CHARS] for text in texts]) for pieces in self._pieces]
        for turn, places in self._by_turn(moments).items():
            held = self._held(turn)
            weights = [pieces.weights(held) for pieces in self._pieces]
            for some in _chunks(places, max(1, CELLS // len(self.examples))):
                rows = sum(
                    pieces.similarities(counts[some], weight)
                    for pieces, counts, weight in zip(self._pieces, asked, weights, strict=True)
                ) / len(PIECES)
                for place, row in zip(some, (rows * held).round(PLACES), strict=True):
                    found[place] = [Neighbour(self.examples[i], float(row[i])) for i in _best(row, k)]
        return found

    def _by_turn(self, moments: Sequence[datetime]) -> dict[int, list[int]]:
        """Put together the places of the moments before which the same was known: after so many turns."""
        places: dict[int, list[int]] = defaultdict(list)
        for place, moment in enumerate(moments):
            places[bisect_left(self._turns, moment)].append(place)
        return places

    def _held(self, turn: int) -> Any:
        """Mark the examples that were known, and not void, after so many turns."""
        return (self._known <= turn) & (turn < self._void)


class _Pieces:
    """How often each text has each piece of one kind; how rare a piece is, is weighed for what is held at a moment.

    With all examples held it is scikit-learn's TfidfVectorizer and the cosine.
    """

    def __init__(self, vectorizer: Any, counts: Any) -> None:
        self._vectorizer = vectorizer
        self._squares = counts.multiply(counts).tocsr()
        self._by_piece = counts.T.tocsr()

    def count(self, texts: Sequence[str]) -> Any:
        """Count the pieces of other texts, a row each."""
        return self._vectorizer.transform(texts)

    def weights(self, held: Any) -> tuple[Any, Any]:
        """Give the square of each piece's rarity among what is held, and the length of each example's vector."""
        import numpy as np  # noqa: PLC0415 - see above

        having = np.add.reduceat(held[self._by_piece.indices], self._by_piece.indptr[:-1], dtype=np.int64)
        rarity = np.log((1 + held.sum()) / (1 + having)) + 1
        # A piece that only later examples have must not count, not even in the length of what is asked about.
        squared = np.where(having > 0, rarity**2, 0.0)
        return squared, np.sqrt(self._squares @ squared)

    def similarities(self, counts: Any, weights: tuple[Any, Any]) -> Any:
        """Give the cosine of each row of counts with each example; 0 where either has no piece that counts."""
        import numpy as np  # noqa: PLC0415 - see above

        squared, lengths = weights
        own = np.sqrt(counts.multiply(counts) @ squared)
        products = (counts.multiply(squared).tocsr() @ self._by_piece).toarray()
        lengths = own[:, None] * lengths[None, :]
        return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def shown(
    process: Process,
    step: AiStep,
    nearest: Nearest,
    texts: Sequence[str],
    moments: Sequence[datetime],
    *,
    but: Sequence[str] = (),
) -> list[list[Example]]:
    """Choose for each text the examples that a request of the step shows: the nearest stands last, next to the text.

    Only values that the step is asked for are shown; an example that has none of them is none. `but` names for each
    text an example that is not for it: itself.
    """
    # One more each, so that leaving one out leaves enough.
    found = nearest.find(texts, moments, step.examples + 1 if but else step.examples)
    chosen = []
    for place, neighbours in enumerate(found):
        others = [one.example for one in neighbours if not but or one.example.id != but[place]][: step.examples]
        examples = [_example(process, step, one) for one in reversed(others)]
        chosen.append([example for example in examples if example.values])
    return chosen


def asked_for(process: Process, step: AiStep, values: Json) -> Json:
    """Keep the values that the step is asked for, in its order; of a catalogue's field only what it still has."""
    told = process.meant(values)
    return {
        name: told[name]
        for name in step.answer.model_fields
        if name in told and (name not in process.options or process.options[name].find(told[name]))
    }


def from_catalogues(process: Process, step: AiStep) -> list[Known]:
    """Give the examples of the catalogues whose fields the step is asked for."""
    return [
        Known(
            id=f"{name}/{option.name}/{number}",
            input={"id": f"{name}/{option.name}/{number}", "text": text},
            values={name: option.name},
            since=ALWAYS,
        )
        for name, catalogue in process.options.items()
        if name in step.answer.model_fields
        for option in catalogue.options
        for number, text in enumerate(option.examples, start=1)
    ]


def _example(process: Process, step: AiStep, known: Known) -> Example:
    return Example(text=step.text(known.input, known.values), values=asked_for(process, step, known.values))


def choice(outcome: type[BaseModel]) -> str | None:
    """Name the outcome's field of fixed options, where it has exactly one: what its examples are counted by."""
    fields = [name for name, field in outcome.model_fields.items() if _is_choice(field.annotation)]
    return fields[0] if len(fields) == 1 else None


def vote(neighbours: Iterable[tuple[str, float]]) -> tuple[str | None, float]:
    """Let neighbours vote for their labels by the square of their similarity; give the first label and its share.

    Of labels with the same share the one that came first wins. Without neighbours there is none, and its share is 0.
    """
    shares: dict[str, float] = defaultdict(float)
    for label, similarity in neighbours:
        shares[label] += similarity**2
    total = sum(shares.values())
    if not total:
        return None, 0.0
    first = max(shares, key=lambda label: shares[label])
    return first, shares[first] / total


def _is_choice(annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return True
    options = [part for part in get_args(annotation) if part is not NoneType]
    if len(options) == 1 and NoneType in get_args(annotation):
        return _is_choice(options[0])
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def _pieces(settings: Mapping[str, Any], texts: Sequence[str]) -> _Pieces | None:
    """Count the pieces of one kind; None where no text has any."""
    if not texts:
        return None
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415 - it takes a second

    vectorizer = CountVectorizer(**settings)
    analyze = vectorizer.build_analyzer()
    # An empty vocabulary is an error to scikit-learn.
    if not any(analyze(text) for text in texts):
        return None
    return _Pieces(vectorizer, vectorizer.fit_transform(texts).astype(float))


def _best(row: Any, k: int) -> Iterable[int]:
    """Give the places of the `k` largest numbers above 0, the largest first, of equals the first."""
    import numpy as np  # noqa: PLC0415 - see above

    least = max(np.partition(row, -k)[-k], 0.0) if k < len(row) else 0.0
    places = np.flatnonzero((row >= least) & (row > 0))
    ordered = places[np.argsort(-row[places], kind="stable")][:k]
    return (int(place) for place in ordered)


def _chunks(places: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (places[i : i + size] for i in range(0, len(places), size))
