"""Which examples are nearest: the same whenever it is asked, whatever becomes known later."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from flows.invoice_intake.documents import Invoice
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.examples import TEXT_CHARS, Known, Nearest, choice, shown, vote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fulcrum.cases import Json

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LATER = START + timedelta(days=365)
MESSAGES = Path(__file__).resolve().parents[2] / "../shared/data/messages"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def text_of(case_input: Json, _values: Json | None = None) -> str:
    return str(case_input["text"])


def known(*texts: str, since: datetime = START, until: datetime | None = None) -> list[Known]:
    return [
        Known(id=text, input={"text": text}, values={"label": text[:1]}, since=since, until=until) for text in texts
    ]


def found(examples: Sequence[Known], text: str, moment: datetime = LATER, k: int = 10) -> list[tuple[str, float]]:
    (neighbours,) = Nearest(examples, text_of).find([text], [moment], k)
    return [(one.example.id, one.similarity) for one in neighbours]


def ids(examples: Sequence[Known], text: str, moment: datetime = LATER, k: int = 10) -> list[str]:
    return [name for name, _ in found(examples, text, moment, k)]


CARDS = known("my card is lost", "the card did not arrive", "exchange rate of the euro", "top up by bank transfer")


def test_the_nearest_stands_first() -> None:
    """By words and by pieces of words, so that another form of a word is near as well."""
    assert ids(CARDS, "I lost my card!")[0] == "my card is lost"
    assert ids(CARDS, "exchanged rates")[0] == "exchange rate of the euro"
    assert found(CARDS, "My CARD is lost")[0] == ("my card is lost", 1.0)


def test_it_is_the_cosine_of_scikit_learns_vectors() -> None:
    """With all examples held the similarity is that of TfidfVectorizer, words and pieces in equal parts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [example.id for example in CARDS]
    asked = "is there a card for the euro"
    expected: Any = 0
    for kind in (
        {"token_pattern": r"(?u)\b\w+\b", "ngram_range": (1, 2)},
        {"analyzer": "char_wb", "ngram_range": (2, 5)},
    ):
        vectorizer = TfidfVectorizer(**kind)
        expected = expected + (vectorizer.fit_transform(texts) @ vectorizer.transform([asked]).T).toarray()[:, 0] / 2
    assert dict(found(CARDS, asked)) == {
        text: pytest.approx(value, abs=1e-6) for text, value in zip(texts, expected, strict=True) if value > 0
    }


def test_no_more_than_asked_for_and_nothing_that_has_nothing_in_common() -> None:
    """There may be fewer than k, or none."""
    assert len(ids(CARDS, "the card", k=2)) == 2
    assert ids(CARDS, "the card", k=0) == []
    assert ids(CARDS, "zzz") == []
    assert len(ids(CARDS, "my card did not arrive after the bank transfer", k=99)) <= len(CARDS)


def test_only_what_was_known_before_the_moment_is_found() -> None:
    """Known at the very moment is not known before it; void from a moment on, it still held before."""
    examples = [*known("lost card one", since=at(1)), *known("lost card two", since=at(2), until=at(4))]
    seen = {minute: set(ids(examples, "lost card", at(minute))) for minute in (0, 1, 1.5, 2, 3, 4, 5)}
    one, both = {"lost card one"}, {"lost card one", "lost card two"}
    assert seen == {0: set(), 1: set(), 1.5: one, 2: one, 3: both, 4: both, 5: one}


def test_each_text_has_a_moment_of_its_own() -> None:
    """One search serves a batch whose cases came at different times."""
    examples = [*known("lost card one", since=at(1)), *known("lost card two", since=at(2))]
    said = Nearest(examples, text_of).find(["lost card"] * 3, [at(2), at(0), at(3)], 5)
    assert [len(neighbours) for neighbours in said] == [1, 0, 2]


WORDS = st.lists(
    st.sampled_from(["card", "lost", "stolen", "euro", "rate", "top", "up", "app", "new"]), min_size=0, max_size=6
)
TEXTS = st.lists(WORDS.map(" ".join), min_size=0, max_size=8)


@settings(deadline=None)
@given(TEXTS, TEXTS, WORDS.map(" ".join))
def test_what_comes_later_changes_nothing(before: list[str], after: list[str], asked: str) -> None:
    """Not which are chosen, not their order, not their similarity to the last digit: the question is the same."""
    early = [replace(example, id=f"early {n}") for n, example in enumerate(known(*before))]
    late = [replace(example, id=f"late {n}") for n, example in enumerate(known(*after, since=at(10)))]
    assert found([*late, *early], asked, at(5), 3) == found(early, asked, at(5), 3)


@settings(deadline=None)
@given(TEXTS, TEXTS, WORDS.map(" ".join))
def test_what_is_void_changes_nothing(held: list[str], void: list[str], asked: str) -> None:
    """An outcome that was reopened is as if it had never been."""
    good = [replace(example, id=f"good {n}") for n, example in enumerate(known(*held))]
    bad = [replace(example, id=f"bad {n}") for n, example in enumerate(known(*void, until=at(1)))]
    assert found([*bad, *good], asked, at(5), 3) == found(good, asked, at(5), 3)


def test_of_equally_near_ones_the_first_is_nearer() -> None:
    """However many there are and however few are wanted."""
    twins = [replace(example, id=str(n)) for n, example in enumerate(known(*["the same words"] * 40))]
    assert ids(twins, "the same words", k=7) == [str(n) for n in range(7)]
    assert ids(twins[::-1], "the same words", k=3) == ["39", "38", "37"]


@pytest.mark.parametrize("texts", [(), ("",), ("", "?!"), ("?", "...")])
def test_texts_without_words_are_near_to_nothing(texts: tuple[str, ...]) -> None:
    """They are no error either."""
    assert ids(known(*texts), "anything") == []
    assert ids([*known(*texts), *known("a word")], "a word") == ["a word"]
    assert ids(known(*texts, "a word"), "") == []


def test_long_texts_are_compared_by_their_head() -> None:
    """So that one huge document cannot fill the memory."""
    long = "card " * (TEXT_CHARS // 5)
    examples = known(long + "euro", "euro rate")
    assert ids(examples, "euro") == ["euro rate"]
    assert ids(examples, long + "euro", k=5) == [long + "euro"]


def test_more_texts_than_fit_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search in small portions finds what one search finds."""
    texts = [f"{a} {b}" for a in ("card", "euro", "app") for b in ("lost", "new", "rate")]
    whole = Nearest(CARDS, text_of).find(texts, [LATER] * 9, 3)
    monkeypatch.setattr("fulcrum.examples.CELLS", 9)
    assert Nearest(CARDS, text_of).find(texts, [LATER] * 9, 3) == whole
    assert any(whole)


@pytest.mark.parametrize(
    ("neighbours", "label", "share"),
    [
        ([], None, 0.0),
        ([("a", 0.0)], None, 0.0),
        ([("a", 0.5)], "a", 1.0),
        ([("a", 0.6), ("b", 0.5), ("b", 0.5)], "b", 0.5 / 0.86),
        ([("a", 0.9), ("b", 0.5), ("b", 0.5)], "a", 0.81 / 1.31),
        ([("b", 0.5), ("a", 0.5)], "b", 0.5),
    ],
)
def test_neighbours_vote_by_squared_similarity(
    neighbours: list[tuple[str, float]], label: str | None, share: float
) -> None:
    """Two that are near enough outvote one that is nearer; of equals the first wins."""
    assert vote(neighbours) == (label, pytest.approx(share))


def test_a_request_shows_the_nearest_last_and_only_what_is_asked_for() -> None:
    """Next to the text it counts most; other values, and examples without any that count, are left out."""
    step = replace(INVOICE_INTAKE.ai_steps[0], examples=2)
    right = {"currency": "EUR", "supplier_name": "Acme", "label": "x"}
    examples = [replace(example, values=right) for example in known("acme invoice", "acme invoice of may", "bill")]
    nearest = Nearest(examples, step.text)
    (chosen,) = shown(INVOICE_INTAKE, step, nearest, ["invoice by acme of may"], [LATER])
    assert [example.text for example in chosen] == ["acme invoice", "acme invoice of may"]
    assert [list(example.values.items()) for example in chosen] == [
        [("supplier_name", "Acme"), ("currency", "EUR")]
    ] * 2
    nothing = Nearest([replace(example, values={"label": "x"}) for example in examples], step.text)
    assert shown(INVOICE_INTAKE, step, nothing, ["acme"], [LATER]) == [[]]


def test_a_record_is_not_shown_as_its_own_example() -> None:
    """When a record is measured that is also an example, the next nearest take its place."""
    step = replace(INVOICE_INTAKE.ai_steps[0], examples=2)
    examples = [
        replace(one, values={"currency": "EUR"}) for one in known("acme bill", "acme bill two", "acme bill three")
    ]
    nearest = Nearest(examples, step.text)
    own, other = shown(INVOICE_INTAKE, step, nearest, ["acme bill"] * 2, [LATER] * 2, but=["acme bill", "another"])
    assert {example.text for example in own} == {"acme bill two", "acme bill three"}
    assert len(other) == 2
    assert other[-1].text == "acme bill"


class Colour(StrEnum):
    RED = "red"


class One(BaseModel):
    note: str
    colour: Colour | None


class Two(BaseModel):
    colour: Colour
    size: Literal["s", "m"]


@pytest.mark.parametrize(("outcome", "field"), [(One, "colour"), (Two, None), (Invoice, "document_kind")])
def test_examples_are_counted_by_the_one_field_of_fixed_options(outcome: type[BaseModel], field: str | None) -> None:
    """Where there are several, or none, nobody can tell which is meant."""
    assert choice(outcome) == field


@dataclass(frozen=True)
class Split:
    learn: list[Known]
    test: list[Json]


def split(name: str) -> Split:
    """Cut a labelled set, without what is out of scope, in a seeded 70% and the other 30%."""
    path = MESSAGES / f"{name}.dev.jsonl"
    if not path.exists():
        pytest.skip(f"no {name} beside the project")
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    records = sorted((r for r in records if r["truth"]["label"] != "oos"), key=lambda record: str(record["id"]))
    random.Random(7).shuffle(records)  # noqa: S311 - a split that is the same each time
    cut = int(len(records) * 0.7)
    learn = [Known(id=r["id"], input=r, values=r["truth"], since=START) for r in records[:cut]]
    return Split(learn, records[cut:])


@pytest.mark.parametrize(("name", "least"), [("banking77", 0.815), ("clinc150", 0.872)])
def test_the_votes_of_the_nearest_are_right_often_enough(name: str, least: float) -> None:
    """A step lower than measured, on messages whose intent is known."""
    data = split(name)
    texts = [text_of(record) for record in data.test]
    said = Nearest(data.learn, text_of).find(texts, [LATER] * len(texts), 25)
    right = sum(
        vote((one.example.values["label"], one.similarity) for one in neighbours)[0] == record["truth"]["label"]
        for neighbours, record in zip(said, data.test, strict=True)
    )
    assert right / len(texts) >= least
