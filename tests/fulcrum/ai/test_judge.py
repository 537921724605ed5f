"""What an answer is worth: canonical values or a problem, never an exception."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.judge import judge, repair
from fulcrum.ai.prompt import request


class Bill(BaseModel):
    """A small outcome."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    supplier: str | None
    on: date | None
    total: Annotated[Decimal, Field(max_digits=15, decimal_places=2)] | None
    lines: tuple[str, ...] = ()


SOUND = {"supplier": "A", "on": "2024-02-29", "total": "12.10"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(SOUND),
        f"  {json.dumps(SOUND, indent=1)}\n",
        f"```json\n{json.dumps(SOUND)}\n```",
        json.dumps(SOUND).replace('"12.10"', "12.10"),
    ],
)
def test_sound_answers_become_canonical_values(text: str) -> None:
    """Layout, a fence and a number for money make no difference; money comes out as text."""
    judged = judge(Bill, text)
    assert judged.problem is None
    assert judged.values is not None
    assert Decimal(judged.values.pop("total")) == Decimal("12.1")
    assert judged.values == {"supplier": "A", "on": "2024-02-29", "lines": []}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not one JSON object"),
        ("The total is 3.", "not one JSON object"),
        ('{"supplier":"A"', "not one JSON object"),
        (json.dumps(SOUND) + " I hope this helps", "not one JSON object"),
        (json.dumps(SOUND) * 2, "not one JSON object"),
        ("[1]", "not an object"),
        ("null", "not an object"),
        ('{"supplier":"A","supplier":"B","on":null,"total":null}', "twice"),
        ('{"supplier":null,"on":null,"total":NaN}', "NaN"),
        ('{"supplier":null,"on":null,"total":-Infinity}', "NaN"),
        ('{"supplier":null,"on":null,"total":"NaN"}', "total"),
        ('{"supplier":"a\\u0000b","on":null,"total":null}', "supplier"),
        ('{"supplier":"\\ud800","on":null,"total":null}', "supplier"),
        ("[" * 100_000, "nested too deep"),
        ('{"total":' + "9" * 5000 + "}", "too long"),
        ('{"supplier":null,"on":"2023-02-29","total":null}', "on"),
        ('{"supplier":null,"on":null,"total":"1.234"}', "total"),
        ('{"supplier":null,"on":null}', "total"),
        ('{"supplier":null,"on":null,"total":null,"more":1}', "more"),
    ],
)
def test_an_unsound_answer_has_a_problem_that_names_it(text: str, named: str) -> None:
    """The problem says where and what, for the model to mend."""
    judged = judge(Bill, text)
    assert judged.values is None
    assert named in (judged.problem or "")


def test_a_problem_does_not_repeat_the_input() -> None:
    """The value that was wrong is not in the problem, nor in the record's printed form."""
    judged = judge(Bill, '{"supplier":null,"on":"SECRET","total":"SECRET"}')
    assert "SECRET" not in (judged.problem or "")
    assert "total" not in repr(judged)


@given(st.text() | st.text(alphabet='{}[]",:\\u0d8 1nulltrue\n`supplierontotal'))
def test_any_text_is_judged(text: str) -> None:
    """Whatever a model says is either values or a problem."""
    judged = judge(Bill, text)
    assert (judged.values is None) is not (judged.problem is None)


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
MONEY = st.decimals(-(10**12), 10**12, places=2)


@given(st.builds(Bill, supplier=st.none() | TEXTS, total=st.none() | MONEY, on=st.none() | st.dates()))
def test_values_survive_being_said(bill: Bill) -> None:
    """The canonical values, said by a model, come back as they are."""
    values = bill.model_dump(mode="json")
    assert judge(Bill, json.dumps(values)).values == values


def test_a_repair_shows_the_answer_and_the_problem() -> None:
    """The second attempt is a question of its own, with a key of its own that the same answer gives again."""
    asked = request(Endpoint(), "Read.", Bill, "A bill").question("case", "read", sample=2)
    again = repair(asked, "bad \ud800", "total: wrong")
    assert [m["role"] for m in again.body["messages"]] == ["system", "user", "assistant", "user"]
    assert "total: wrong" in again.body["messages"][-1]["content"]
    assert (again.case_id, again.sample, again.attempt) == ("case", 2, 2)
    assert again.key == repair(asked, "bad \ud800", "total: wrong").key != asked.key
    assert len(asked.body["messages"]) == 2
    json.dumps(again.body, ensure_ascii=False).encode()
