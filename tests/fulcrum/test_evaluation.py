"""How good an AI step is: what counts as the same, what the accuracy is over, and where a data set is broken."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.invoice_intake.documents import Invoice
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.ai import line
from fulcrum.ai.endpoint import Endpoint
from fulcrum.errors import SourceNotFound, SourceUnreadable
from fulcrum.evaluation import Evaluation, Prediction, Record, evaluate, load, same

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("said", "true", "right"),
    [
        ("5.9", "5.90", True),
        ("5.90", "5.9", True),
        ("1234", "1234.00", True),
        ("9.00", "9", True),
        ("5.90", 5.9, True),
        (5.9, "5.90", True),
        ("5.90", Decimal("5.900"), True),
        ("5.90", "5.91", False),
        ("9.00", "900", False),
        ("900", "9.00", False),
        ("90.0", "900", False),
        ("-5.90", "5.90", False),
        ("5", -5, False),
        ("0.00", "-0.00", True),
        ("47110818", "47110818", True),
        ("047110818", "47110818", False),
        ("2024-03-01", "2024-03-01", True),
        ("2024-03-01", "2024-01-03", False),
        ("01/03/2024", "2024-03-01", False),
        ("ACME  Ltd.", "Acme Ltd", True),
        ("A.C.M.E. (M) SDN-BHD", "acme m sdn bhd", True),
        ("\uff21\uff23\uff2d\uff25", "ACME", True),
        ("Stra\u00dfe", "STRASSE", True),
        ("Acme Ltd", "Acme Inc", False),
        ("INV-17/2", "inv172", True),
        ("NaN", "nan", True),
        ("Infinity", "1.0", False),
        (None, None, True),
        (None, "5.90", False),
        ("5.90", None, False),
        ("", None, False),
        (0, None, False),
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        ("a", ["a"], False),
    ],
)
def test_what_counts_as_the_same(said: Any, true: Any, right: bool) -> None:
    """Amounts by value, dates by day, text without case, spaces and punctuation; nothing is nothing."""
    assert same(said, true) is right


@given(st.decimals(-(10**9), 10**9, places=2), st.decimals(-(10**9), 10**9, places=2))
def test_amounts_are_the_same_exactly_when_they_are_equal(one: Decimal, other: Decimal) -> None:
    """To the cent, however many zeros either is written with."""
    assert same(str(one), str(other)) is (one == other)
    assert same(f"{one}0", str(one))


@given(st.text())
def test_every_text_is_the_same_as_itself(text: str) -> None:
    """Also in another case."""
    assert same(text, text)


def prediction(outcome: dict[str, Any] | None, **truth: Any) -> Prediction:
    return Prediction(Record("r", {}, truth), outcome)


def test_accuracy_is_over_all_records_that_have_the_fields_truth() -> None:
    """No answer is a wrong answer unless there is none to give; a field that the outcome lacks is not judged."""
    found = [
        prediction({"total": "5.9", "supplier_name": "ACME"}, total="5.90", supplier_name="Acme", address="x"),
        prediction({"total": "1.00", "supplier_name": None}, total="2.00"),
        prediction(None, total="3.00"),
        prediction({"total": None}, total=None),
        prediction({"total": "7.00", "supplier_name": "Acme"}, supplier_name="Other"),
    ]
    told = Evaluation("p", found, Invoice, Decimal("0.10"), 1.23456).summary()
    assert told == {
        "process": "p",
        "records": 5,
        "fields": {
            "total": {"accuracy": 0.5, "answered": 0.5, "n": 4},
            "supplier_name": {"accuracy": 0.5, "answered": 1.0, "n": 2},
        },
        "ai_cost": "0.10",
        "seconds": 1.235,
    }


def write(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines), encoding="utf-8")
    return path


GOOD = {"id": 1, "text": "Total 5.90", "truth": {"total": "5.90"}}


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[1]",
        "17",
        "null",
        '"text"',
        {"id": "a", "text": "t"},
        {"id": "a", "truth": {}},
        {"text": "t", "truth": {}},
        {"id": "a", "text": 5, "truth": {}},
        {"id": "a", "text": "t", "truth": None},
        {"id": "a", "text": "t", "truth": "5.90"},
        '{"id": "a", "text": "' + "\x01" + '", "truth": {}}',
        "[" * 100_000,
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, broken: object) -> None:
    """The error says which line, and nothing of what stands in it."""
    path = write(tmp_path / "set.jsonl", GOOD, "", broken, GOOD)
    with pytest.raises(SourceUnreadable, match=r"line 3 is no record with id, text and truth"):
        load(path, INVOICE_INTAKE)


def test_a_data_set_is_read_in_order(tmp_path: Path) -> None:
    """Empty lines are passed over, ids are text, and whatever else a record has is left out."""
    path = write(tmp_path / "set.jsonl", GOOD, "  ", GOOD | {"id": "b", "source": "x"})
    found = load(path, INVOICE_INTAKE)
    assert [(record.id, record.truth) for record in found] == [("1", {"total": "5.90"}), ("b", {"total": "5.90"})]
    assert "source" not in found[1].input


def test_a_data_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is a folder in its place."""
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(SourceNotFound, match=path.name):
            load(path, INVOICE_INTAKE)


def test_the_embedded_model_is_evaluated() -> None:
    """Records with one id twice are two records; each gets an outcome and a confidence, at no cost."""
    text = "ACME LTD\nInvoice No: {0}\nDate: 2024-03-01\nTotal EUR {0}.50"
    records = [
        Record("same id", {"id": "x", "text": text.format(number)}, {"total": f"{number}.5"}) for number in range(1, 5)
    ]
    try:
        found = evaluate(INVOICE_INTAKE, Endpoint(), records)
    finally:
        line.close()
    told = found.summary()
    assert (told["records"], told["ai_cost"]) == (4, "0")
    assert told["fields"]["total"] == {"accuracy": 1.0, "answered": 1.0, "n": 4}
    assert [one.record for one in found.predictions] == records
    assert all(one.confidence is not None and 0 <= one.confidence <= 1 for one in found.predictions)
