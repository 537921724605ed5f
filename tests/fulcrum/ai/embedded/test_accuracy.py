"""What the embedded model promises on real documents."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flows.invoice_intake import process as intake
from flows.invoice_intake.documents import Invoice
from flows.invoice_intake.process import EXTRACT, INVOICE_INTAKE
from fulcrum.ai.embedded.fill import fill
from fulcrum.ai.embedded.names import plain
from fulcrum.ai.embedded.reading import read_question
from fulcrum.ai.embedded.schema import read_schema
from fulcrum.ai.embedded.tokens import Branch, Leaf, plain_value
from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.prompt import request
from fulcrum.ai.schema import response_format

DOCUMENTS = Path(__file__).resolve().parents[4] / "../shared/data/documents"
SAMPLES = Path(intake.__file__).with_name("golden.jsonl")
COUNTED = ("supplier_name", "issued_on", "total")


def _answered(text: str) -> Branch:
    """Read a text as the product has it read: its prompt, its request, its schema."""
    asked = request(Endpoint(name="default"), EXTRACT.prompt_text, Invoice, text)
    question = read_question(asked.question("1", EXTRACT.name).body)
    filled = fill(read_schema(question.schema), question.document, question.examples)
    assert isinstance(filled, Branch)
    return filled


def _lowest(filled: Branch, fields: tuple[str, ...]) -> float:
    leaves = dict(filled.members)
    return min(leaf.confidence for leaf in map(leaves.get, fields) if isinstance(leaf, Leaf))


@cache
def _records(path: Path) -> list[tuple[dict[str, Any], Branch]]:
    if not path.exists():
        pytest.skip(f"{path.name} is not on this machine")
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(record, _answered(record["text"])) for record in records]


def _right(record: dict[str, Any], filled: Branch) -> dict[str, bool]:
    values, truth = plain_value(filled), record["truth"]
    return {field: _same(field, values[field], truth[field]) for field in truth}


def _answers(name: str, counted: tuple[str, ...] = COUNTED) -> list[tuple[dict[str, bool], float]]:
    """Give each record's correctness by field, and its lowest confidence over the counted fields."""
    return [(_right(record, filled), _lowest(filled, counted)) for record, filled in _records(DOCUMENTS / name)]


def _same(field: str, value: Any, truth: Any) -> bool:
    if value is None or truth is None:
        return value is truth
    if field == "supplier_name":
        return plain(value) == plain(truth)
    return Decimal(value) == Decimal(truth) if field in {"net", "tax", "rounding", "total"} else bool(value == truth)


@pytest.mark.parametrize(("field", "least"), [("total", 0.80), ("issued_on", 0.93), ("supplier_name", 0.78)])
def test_real_receipts_are_read_as_promised(field: str, least: float) -> None:
    """Of 487 receipts at least these shares are exactly right."""
    answers = _answers("receipts_sroie.dev.jsonl")
    assert sum(right[field] for right, _ in answers) / len(answers) >= least


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_what_is_sure_enough_is_rarely_wrong(threshold: float) -> None:
    """Above a threshold that half of the receipts pass, at most 5% have a wrong total."""
    sure = [right["total"] for right, lowest in _answers("receipts_sroie.dev.jsonl") if lowest >= threshold]
    assert len(sure) >= 487 / 2
    assert sure.count(False) / len(sure) <= 0.05


@pytest.mark.parametrize(
    ("field", "least"), [("total", 0.75), ("issued_on", 0.80), ("currency", 0.85), ("document_number", 0.80)]
)
def test_real_invoices_in_german_and_french_are_read_decently(field: str, least: float) -> None:
    """The printed text of e-invoices is read well, although some print other values than their XML holds."""
    answers = _answers("invoices_zugferd.dev.jsonl")
    assert sum(right[field] for right, _ in answers) / len(answers) >= least


def test_of_the_receipts_that_may_be_cleared_hardly_one_has_a_wrong_total() -> None:
    """Over all fields that the process requires, three of four receipts are sure, and at most 2% of those wrong."""
    answers = _answers("receipts_sroie.dev.jsonl", INVOICE_INTAKE.review.required)
    sure = [right["total"] for right, lowest in answers if lowest >= 0.75]
    assert len(sure) >= 0.75 * len(answers)
    assert sure.count(False) / len(sure) <= 0.02


@pytest.mark.parametrize("field", ["net", "tax", "total", "issued_on", "currency", "purchase_order", "supplier_name"])
def test_the_samples_that_are_invoices_are_read(field: str) -> None:
    """Of the samples that are a document of one of the kinds, at least 95 of 100 have the field right."""
    samples = [_right(r, filled)[field] for r, filled in _records(SAMPLES) if r["truth"]["document_kind"]]
    assert sum(samples) / len(samples) >= 0.95


def test_the_samples_that_may_clear_are_sure_and_right() -> None:
    """Whatever is sound among the samples is sure in all required fields, and what is no invoice is not."""
    required = INVOICE_INTAKE.review.required
    for record, filled in _records(SAMPLES):
        lowest, right = _lowest(filled, required), _right(record, filled)
        if record["expect"] == "cleared":
            assert lowest >= 0.75
        assert lowest < 0.75 or all(right[field] for field in required)


def test_money_as_text_is_read_as_money() -> None:
    """The product's schema asks for money as a string with a pattern; it is filled like a number, exact in writing."""
    node = read_schema(response_format(Invoice)["json_schema"]["schema"])
    kinds = {child.name: (child.kind, child.decimal) for child in node.properties}
    assert {kinds[name] for name in ("net", "tax", "rounding", "total")} == {("number", True)}
    assert kinds["document_number"] == kinds["iban"] == kinds["currency"] == ("string", False)
    values = plain_value(_answered("Alder Works Ltd\nNet 1,000.00\nVAT 20% 200.00\nTotal 1,200.00"))
    assert (values["net"], values["tax"], values["total"]) == ("1000.00", "200.00", "1200.00")
