"""How sure the model was, from its tokens: right spans, right sums, and no exception whatever comes in."""

from __future__ import annotations

import json
from enum import Enum
from itertools import pairwise
from math import exp, log
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from fulcrum.ai.confidence import agreement, consensus, field_confidence, overall
from fulcrum.ai.spans import value_spans

Rivals = dict[str, list[tuple[str, float]]]


class Kind(Enum):
    """What it is."""

    INVOICE = "invoice"
    CREDIT = "credit_note"


class Paper(BaseModel):
    """An outcome with every sort of field."""

    kind: Literal["invoice", "income", "receipt"] | None
    name: str | None
    paid: bool
    total: str | None
    sort: Kind


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def tokens(*pieces: str | bytes, logprob: float = -0.1, top: Rivals | None = None) -> list[Any]:
    """Make an endpoint's token list; `top` gives the rivals of some pieces by their text."""
    made = []
    for piece in pieces:
        raw = piece if isinstance(piece, bytes) else piece.encode()
        rivals = [{"token": t, "logprob": log(p), "bytes": None} for t, p in (top or {}).get(str(piece), [])]
        own = [rival["logprob"] for rival in rivals if rival["token"] == piece]
        made.append(
            {
                "token": raw.decode(errors="replace"),
                "bytes": list(raw),
                "logprob": own[0] if own else logprob,
                "top_logprobs": rivals,
            }
        )
    return made


@given(
    st.dictionaries(st.text(max_size=6), JSON_VALUES, max_size=5),
    st.sampled_from([None, 2]),
    st.booleans(),
    st.booleans(),
)
def test_spans_find_each_value(said: dict[str, Any], indent: int | None, escaped: bool, fenced: bool) -> None:
    """Every top-level value is found exactly where it is written, in any layout, in a fence or not."""
    text = json.dumps(said, indent=indent, ensure_ascii=escaped)
    text = f"```json\n{text}\n```" if fenced else text
    assert {name: json.loads(text[a:b]) for name, (a, b) in value_spans(text).items()} == said


@given(st.text() | st.text(alphabet='{}[]",:\\u0d8 1ntf\n`'))
def test_spans_take_any_text(text: str) -> None:
    """Text that is no object has no spans, and nothing raises."""
    for first, last in value_spans(text).values():
        assert 0 <= first < last <= len(text)


@given(
    name=st.text(min_size=1, max_size=12),
    total=st.text(alphabet="0123456789.", min_size=1, max_size=6),
    data=st.data(),
)
def test_how_the_text_is_split_does_not_matter(name: str, total: str, data: st.DataObject) -> None:
    """A value is as likely as all its tokens together, however the model cut it, even within a character."""
    text = json.dumps({"name": name, "total": total}, ensure_ascii=False)
    content = text.encode()
    spans = value_spans(text)
    edges = {0, len(content)} | {len(text[:at].encode()) for span in spans.values() for at in span}
    cuts = data.draw(st.sets(st.integers(0, len(content))))
    places = sorted(edges | cuts)
    entries = []
    for first, last in pairwise(places):
        piece = content[first:last]
        entries.append({"token": piece.decode(errors="replace"), "bytes": list(piece), "logprob": -0.01 * len(piece)})
    found = field_confidence(Paper, text, entries)
    expected = {field: exp(-0.01 * len(text[a:b].encode())) for field, (a, b) in spans.items()}
    assert found == pytest.approx(expected)


@given(
    st.text() | st.sampled_from(['{"name":"x","paid":true}', '{"kind":"invoice"}']),
    st.lists(
        st.none()
        | st.text()
        | st.fixed_dictionaries(
            {"token": st.text(max_size=4) | st.none(), "logprob": st.floats() | st.none() | st.text(max_size=2)},
            optional={
                "bytes": st.lists(st.integers(-1, 256)) | st.none(),
                "top_logprobs": st.none() | st.lists(st.none()),
            },
        ),
        max_size=6,
    )
    | st.none(),
)
def test_any_token_list_is_survived(text: str, logprobs: list[Any] | None) -> None:
    """Whatever an endpoint sends as tokens, the confidence is a share or missing, never an exception."""
    assert all(0 <= sure <= 1 for sure in field_confidence(Paper, text, logprobs).values())


def test_an_option_is_judged_where_the_options_part() -> None:
    """The chosen option's share among the options alone: what the schema forbids does not count against it."""
    text = '{"kind":"invoice"}'
    parts = {"in": [("in", 0.4), ("re", 0.1), ("zz", 0.5)], "vo": [("vo", 0.3), ("come", 0.1), ("side", 0.6)]}
    found = field_confidence(Paper, text, tokens('{"kind":', '"', "in", "vo", "ice", '"}', top=parts | PLAIN))
    assert found == {"kind": pytest.approx((0.4 / 0.5) * (0.3 / 0.4))}


PLAIN = {sign: [(sign, 1.0)] for sign in ('"', "ice", '"}', '{"kind":')}


@pytest.mark.parametrize(
    ("pieces", "top", "expected"),
    [
        # One token is the whole option, its rivals other whole options.
        (['{"kind":', '"receipt"', "}"], {'"receipt"': [('"receipt"', 0.6), ('"invoice"', 0.2)]}, 0.75),
        # The token brings the punctuation before the value along.
        (
            ['{"kind', '":"re', 'ceipt"}'],
            {'":"re': [('":"re', 0.6), ('":"in', 0.2), ('xx"in', 0.2)]},
            0.75,
        ),
        # null is an option where the field allows it.
        (['{"kind":', "null", "}"], {"null": [("null", 0.3), ('"', 0.1)]}, 0.75),
        # A rival on the way to the same option is no rival.
        (['{"kind":"', "r", 'eceipt"}'], {"r": [("r", 0.3), ("receipt", 0.3), ("in", 0.2)]}, 0.75),
        # An empty token says nothing.
        (['{"paid":', "", "tr", "", "ue}"], {"tr": [("tr", 0.9), ("false", 0.1)]}, 0.9),
        (['{"paid":', "true", "}"], {"true": [("true", 0.9), ("false", 0.1)]}, 0.9),
        (['{"sort":"', 'credit_note"}'], {'credit_note"}': [('credit_note"}', 0.2), ("inv", 0.2)]}, 0.5),
    ],
)
def test_options_in_every_cut(pieces: list[str], top: Rivals, expected: float) -> None:
    """However options are cut into tokens, their shares come out alike."""
    top = {piece: top.get(piece, [(piece, 1.0)]) for piece in pieces}
    (found,) = field_confidence(Paper, "".join(pieces), tokens(*pieces, top=top)).values()
    assert found == pytest.approx(expected)


def test_without_rivals_an_option_is_as_likely_as_its_tokens() -> None:
    """An endpoint that gives log-probabilities but no alternatives still gives a number."""
    found = field_confidence(Paper, '{"kind":"receipt"}', tokens('{"kind":', '"rec', 'eipt"', "}", logprob=-0.2))
    assert found == {"kind": pytest.approx(exp(-0.4))}


def test_tokens_that_spell_something_else_give_no_confidence() -> None:
    """Tokens that do not contain the answer are not its tokens; an end mark after it does no harm."""
    text = '{"name":"x"}'
    assert field_confidence(Paper, text, tokens("other")) == {}
    assert field_confidence(Paper, text, tokens('{"name":', '"y"', "}")) == {}
    assert field_confidence(Paper, text, None) == {}
    assert field_confidence(Paper, text, tokens('{"name":', '"x"', "}", "<|end|>")) == {
        "name": pytest.approx(exp(-0.1))
    }


def test_agreement_is_the_share_of_equal_samples() -> None:
    """A sample that came to nothing agrees with nothing; one sample alone says nothing."""
    samples = [{"a": 1, "b": 2}, {"a": 1, "b": 3}, None, {"a": 1, "b": 2}]
    assert consensus(samples) == {"a": 1, "b": 2}
    assert agreement({"a": 1, "b": 2}, samples) == {"a": 0.75, "b": 0.5}
    assert agreement({"a": 1}, [{"a": 1}]) == {}
    assert consensus([None, None]) is None


@pytest.mark.parametrize(
    ("confidence", "required", "expected"),
    [
        ({"a": 0.9, "b": 0.4, "c": 0.1}, ("a", "b"), 0.4),
        ({"a": 0.9}, ("a", "b"), None),
        ({"a": 0.9}, (), None),
        ({"a": 0.0}, ("a",), 0.0),
    ],
)
def test_overall_is_the_lowest_required(
    confidence: dict[str, float], required: tuple[str, ...], expected: float | None
) -> None:
    """A required field that nobody vouches for makes the whole unknown."""
    assert overall(confidence, required) == expected
