"""A catalogue: read strictly, made of labels, and what a model's fields may then hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from fulcrum.catalogue import NONE_OF_THESE, Catalogue, Option, bounded, catalogue_of, from_labels, load_catalogue
from fulcrum.errors import CatalogueUnusable

SAID: dict[str, Any] = {
    "field": "intent",
    "follows": ["team"],
    "options": [
        {
            "name": "lost_card",
            "team": "cards",
            "aliases": ["card_lost"],
            "examples": ["my card is gone"],
            "words": "gone.",
        },
        {"name": NONE_OF_THESE, "team": "desk"},
    ],
}


class Answer(BaseModel):
    intent: str
    team: str | None = None
    note: str = ""


def catalogue(**changes: Any) -> Catalogue:
    return catalogue_of(SAID | changes, where="a test")


def test_a_catalogue_says_what_its_file_says() -> None:
    """And the same again when it is written."""
    found = catalogue()
    assert found.names == ("lost_card", NONE_OF_THESE)
    assert (found.fact("card_lost", "team"), found.fact("nothing", "team"), found.find(None)) == ("cards", None, None)
    assert catalogue_of(found.to_json(), where="again") == found


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ([], "it needs `field`"),
        ({"field": "intent"}, "it needs `field`"),
        (SAID | {"options": []}, "it has no options"),
        (SAID | {"options": [{}]}, "option 1 has no name"),
        (SAID | {"options": [{"name": "x" * 201}]}, "option 1 has no name"),
        (SAID | {"options": ["a"]}, "option 1 has no name"),
        (SAID | {"options": [{"name": "a", "examples": "b"}]}, "has examples that are no list"),
        (SAID | {"options": [{"name": "a", "examples": [1]}]}, "has examples that are no texts"),
        (SAID | {"options": [{"name": "a"}, {"name": "b", "aliases": ["a"]}]}, "it names a twice"),
        (SAID | {"follows": "team"}, "its `follows` is no list"),
    ],
)
def test_what_is_no_catalogue_is_refused(said: Any, problem: str) -> None:
    """With what is wrong and where."""
    with pytest.raises(CatalogueUnusable, match=problem):
        catalogue_of(said, where="a test")


@pytest.mark.parametrize(
    ("content", "problem"), [(b"field: [", "no YAML, line"), (b"\xff\xfe", "UTF-8"), (None, "no such file")]
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """The message names it."""
    file = tmp_path / "kinds.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CatalogueUnusable, match=problem):
        load_catalogue(file)


def test_any_change_is_another_version() -> None:
    """An example is one too."""
    more = SAID["options"][0] | {"examples": ["my card is gone", "where is my card"]}
    versions = {
        catalogue().version,
        catalogue(options=[more, SAID["options"][1]]).version,
        catalogue(follows=[]).version,
    }
    assert len(versions) == 3


def test_fields_take_the_options_alone() -> None:
    """The field that it is named for, and those that follow; others stay, and None where it was allowed."""
    model = bounded(Answer, {"intent": catalogue()})
    assert model.model_fields["intent"].annotation == Literal["lost_card", NONE_OF_THESE]
    assert model(intent="lost_card", team=None, note="x").model_dump() == {
        "intent": "lost_card", "team": None, "note": "x",
    }  # fmt: skip
    for wrong in ({"intent": "card_lost"}, {"intent": "lost_card", "team": "other"}):
        with pytest.raises(ValidationError):
            model(**wrong)
    assert bounded(Answer, {}) is Answer
    assert bounded(Answer, {"intent": catalogue()}) is model


def test_what_options_speak_of_is_told_to_the_model_alone() -> None:
    """Behind the word that forms and documents cut at."""
    told = bounded(Answer, {"intent": catalogue()}).model_fields["intent"].description
    assert told == "Labels: lost_card: gone."


def test_labels_become_options_the_most_frequent_first() -> None:
    """What was there keeps what follows from it; labels of nothing are other names of none of these."""
    found = from_labels(
        "intent", ["b", "oos", "a", "b", "lost_card"], catalogue(), none=("oos",), facts={"team": "new"}
    )
    assert found.names == ("b", "a", "lost_card", NONE_OF_THESE)
    assert [option.facts["team"] for option in found.options] == ["new", "new", "cards", "desk"]
    assert found.find("oos") is found.options[-1]
    assert found.follows == ("team",)


@given(st.lists(st.sampled_from(["a", "b", "c", "oos", NONE_OF_THESE]), max_size=20))
def test_labels_always_make_a_sound_catalogue(labels: list[str]) -> None:
    """None of these is always there, last, and every label means something."""
    found = from_labels("intent", labels, None, none=("oos",), facts={})
    assert found.names[-1] == NONE_OF_THESE
    assert catalogue_of(found.to_json(), where="again") == found
    assert all(found.find(label) for label in labels)


def test_an_option_stays_as_it_is() -> None:
    """Two that say the same are equal."""
    assert Option(name="a", facts={"team": "x"}) == Option(name="a", facts={"team": "x"})
