"""The pure parts of complaint response: severity, facts, paragraphs, promises and gates."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.complaint_response.facts import amounts_in, dates_in, placed
from flows.complaint_response.gates import ANSWER_GATE, CLASS_GATE, FACTS_GATE
from flows.complaint_response.letter import PARAGRAPHS, derived, written
from flows.complaint_response.paragraphs import PARTS, chosen, filled, load_paragraphs
from flows.complaint_response.process import COMPLAINT_RESPONSE
from flows.complaint_response.promises import promises_in
from flows.complaint_response.severity import RANKS, severity_of
from fulcrum.errors import ParagraphUnusable
from fulcrum.gates import evaluate
from fulcrum.process import Gate, GateContext, Row

CARD, CARD_ISSUE = "Credit card or prepaid card", "Fees or interest"
TEXT = "You charged me a fee of $45.00 on 10/14/2026 and never answered my three calls about it."


@pytest.mark.parametrize(
    ("text", "least", "said", "severity"),
    [
        ("How do I read my statement?", "minor", None, "minor"),
        ("How do I read my statement?", "standard", "minor", "standard"),
        ("How do I read my statement?", None, "severe", "severe"),
        ("You will foreclose on us next week.", "minor", "minor", "severe"),
        ("We are to be evicted.", None, None, "severe"),
        ("A loss of $9,999.99", "standard", None, "standard"),
        ("A loss of $10,000", "standard", None, "severe"),
        ("My identity was stolen.", "standard", None, "standard"),
        ("My identity was stolen and $300 is gone.", "standard", None, "severe"),
        ("My mother is 82 years old.", "minor", None, "severe"),
        ("", "nonsense", "nonsense", "minor"),
    ],
)
def test_severity_is_a_rule(text: str, least: str | None, said: str | None, severity: str) -> None:
    """Of the issue, the text and what is said, the highest holds."""
    assert severity_of(text, least=least, said=said) == severity


@given(st.text(max_size=200), st.sampled_from(RANKS), st.sampled_from(RANKS))
def test_nobody_lowers_a_severity(text: str, least: str, said: str) -> None:
    """What a model says may raise it and never lower it."""
    without = severity_of(text, least=least, said=None)
    assert RANKS.index(severity_of(text, least=least, said=said)) == max(RANKS.index(without), RANKS.index(said))


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("$1,240.55 and $ 30", ["1240.55", "30"]),
        ("20 dollars, 1,000 USD", ["20", "1000"]),
        ("account 4417, June 2026, 30 days", []),
        ("{$100.00} was taken", ["100.00"]),
    ],
)
def test_amounts_are_found(text: str, amounts: list[str]) -> None:
    """With a currency's sign or name; other numbers are none."""
    assert amounts_in(text) == [Decimal(amount) for amount in amounts]


def test_dates_are_found_as_they_are_written() -> None:
    """In the forms that letters have."""
    text = "on 2026-11-03, 11/3/26, November 3, 2026, Nov 3 and the 3rd of November 2026, within 30 days"
    assert dates_in(text) == ["2026-11-03", "11/3/26", "November 3, 2026", "Nov 3", "3rd of November 2026"]


@given(st.text(min_size=1, max_size=80), st.data())
def test_a_quote_of_the_text_is_found_at_its_place(text: str, data: st.DataObject) -> None:
    """Whatever the text holds, what stands at the place is the quote."""
    start = data.draw(st.integers(0, len(text) - 1))
    quote = text[start : data.draw(st.integers(start + 1, len(text)))]
    for fact in placed([{"kind": "event", "quote": quote}], text):
        assert text[fact["start"] : fact["end"]] == quote


def test_what_is_no_quote_has_no_place() -> None:
    """It is kept, so that the gate sees it; what is no fact at all is left out."""
    assert placed([{"kind": "event", "quote": "not there"}, {"kind": "event"}, 7], TEXT) == [
        {"kind": "event", "quote": "not there", "start": -1, "end": -1}
    ]
    assert placed(None, TEXT) == []


def test_a_quote_that_stands_twice_is_placed_twice() -> None:
    """Each behind the one before it."""
    facts = placed([{"kind": "amount", "quote": "$5"}] * 2, "$5 and $5")
    assert [fact["start"] for fact in facts] == [0, 7]


def test_a_paragraph_that_fits_is_kept_and_another_replaced() -> None:
    """By the narrowest that fits."""
    kind = (CARD, CARD_ISSUE, "standard")
    assert chosen(PARAGRAPHS, "opening", "opening-third-party", *kind) == "opening-third-party"
    assert chosen(PARAGRAPHS, "opening", "opening-severe", *kind) == "opening-general"
    assert chosen(PARAGRAPHS, "finding", None, *kind) == "finding-card"


def test_a_paragraph_is_filled_whole_or_not_at_all() -> None:
    """A letter never goes out with a hole in it."""
    assert filled("By {deadline}.", {"deadline": "November 18, 2026"}) == "By November 18, 2026."
    assert filled("By {deadline}.", {"deadline": None}) is None


HEAD = """part: closing
owner: A
version: 1
approved_on: 2026-01-01
products: any
issues: any
severities: any
words: x"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no head", "does not begin with its facts"),
        (f"---\n{HEAD.replace('owner: A', 'owner:')}\n---\nBye.", "has no owner"),
        (f"---\n{HEAD.replace('closing', 'ending')}\n---\nBye.", "is of no part of a letter"),
        (f"---\n{HEAD.replace('issues: any', 'issues: some')}\n---\nBye.", "does not say its issues"),
        (f"---\n{HEAD}\n---\n", "has no words"),
        (f"---\n{HEAD}\n---\nBye {{name}}.", "leaves name open"),
    ],
)
def test_a_paragraph_that_is_not_whole_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """With the file and what is wrong, before any case is touched."""
    (tmp_path / "closing.md").write_text(text, encoding="utf-8")
    with pytest.raises(ParagraphUnusable, match=problem):
        load_paragraphs(tmp_path)


def test_promises_are_found() -> None:
    """Sentences that bind the company; what only tells is none."""
    text = "We will refund you. We are sorry. You will receive it soon. This is guaranteed."
    assert promises_in(text) == ["We will refund you.", "You will receive it soon.", "This is guaranteed."]


COMPLAINT = {"id": "c", "text": TEXT, "received_on": "2026-11-03"}


def answer(**changes: Any) -> dict[str, Any]:
    """Write an answer as the steps and the rules make it."""
    values: dict[str, Any] = {
        "product": CARD,
        "issue": CARD_ISSUE,
        "facts": [{"kind": "amount", "quote": "$45.00"}, {"kind": "date", "quote": "10/14/2026"}],
        "opening": "opening-general",
    }
    return values | derived(COMPLAINT, values, COMPLAINT_RESPONSE.options) | changes


def test_what_follows_follows_again() -> None:
    """Deriving twice changes nothing, so that a correction changes only what depends on it."""
    values = answer()
    assert values | derived(COMPLAINT, values, COMPLAINT_RESPONSE.options) == values
    assert values["deadline"] == "2026-11-18"
    assert all(values[part] for part in PARTS)


@given(
    st.dictionaries(
        st.sampled_from(["product", "issue", "severity", "facts", "opening", "deadline"]), st.none() | st.text()
    )
)
def test_whatever_stands_in_the_values_something_follows(values: dict[str, Any]) -> None:
    """A model's odd answer stops no run."""
    assert derived(COMPLAINT, values, COMPLAINT_RESPONSE.options)["severity"] in RANKS


def test_a_deadline_that_a_person_sets_completes_the_letter() -> None:
    """A letter whose day of receipt nobody knows is drafted once the deadline is told."""
    undated = COMPLAINT | {"received_on": None}
    values = answer() | {"deadline": None}
    assert derived(undated, values, COMPLAINT_RESPONSE.options)["draft"] is None
    told = derived(undated, values | {"deadline": "2026-11-18"}, COMPLAINT_RESPONSE.options)
    assert written(date(2026, 11, 3)) in told["draft"]


def reasons(gate: Gate, values: dict[str, Any], complaint: dict[str, Any] | None = None) -> str:
    context = GateContext(loaded=None, today=date(2026, 11, 25), catalogues=COMPLAINT_RESPONSE.options)
    row = Row(case_id="a", input=complaint or COMPLAINT, values=values)
    return evaluate(gate, [row], context).reasons("a")


@pytest.mark.parametrize(
    ("gate", "changes", "said"),
    [
        (CLASS_GATE, {}, ""),
        (CLASS_GATE, {"product": "Insurance"}, "product is not in the catalogue"),
        (CLASS_GATE, {"issue": "Bad weather"}, "issue is not in the catalogue"),
        (CLASS_GATE, {"product": "Mortgage"}, "issue does not belong to the product"),
        (FACTS_GATE, {}, ""),
        (FACTS_GATE, {"facts": []}, "no fact was quoted"),
        (
            FACTS_GATE,
            {"facts": [{"kind": "event", "quote": "made up", "start": -1, "end": -1}]},
            "a quoted fact does not stand in the complaint",
        ),
        (
            FACTS_GATE,
            {"facts": [{"kind": "amount", "quote": "$45.00", "start": 0, "end": 6}]},
            "a quoted fact does not stand in the complaint",
        ),
        (ANSWER_GATE, {}, ""),
        (ANSWER_GATE, {"deadline": "2026-11-19", "draft": "Thank you."}, "the deadline is not 15 days after receipt"),
        (ANSWER_GATE, {"draft": None}, "the letter could not be put together"),
        (ANSWER_GATE, {"draft": "You owe $45.00."}, ""),
        (ANSWER_GATE, {"draft": "Here is $500."}, "the letter names an amount that is not among the facts"),
        (ANSWER_GATE, {"draft": "On June 1, 2025 we erred."}, "the letter names a date that is not among the facts"),
        (
            ANSWER_GATE,
            {"draft": "We will waive all of it."},
            "the letter promises something that no approved paragraph says",
        ),
        (ANSWER_GATE, {"severity": "huge"}, "values do not fit the form"),
    ],
)
def test_each_gate_says_what_is_wrong(gate: Gate, changes: dict[str, Any], said: str) -> None:
    """In words that a reviewer understands."""
    assert reasons(gate, answer(**changes)) == said


def test_without_a_day_of_receipt_there_is_no_deadline() -> None:
    """And a person is told why."""
    said = reasons(ANSWER_GATE, answer(deadline=None, draft=None), COMPLAINT | {"received_on": None})
    assert said == "the day of receipt is not known, so the deadline cannot be told"


def test_a_register_of_complaints_is_read_in_its_own_form() -> None:
    """Day and state stand deeper there."""
    register = {"id": "1", "text": "x", "received": {"Date received": "2023-07-17", "State": "SC", "Company": "Y"}}
    read = COMPLAINT_RESPONSE.case.model_validate(register).model_dump(mode="json")
    assert (read["received_on"], read["state"]) == ("2023-07-17", "SC")


def test_the_term_is_fifteen_days() -> None:
    """From the day of receipt on."""
    from flows.complaint_response.letter import TERM

    assert timedelta(days=15) == TERM
