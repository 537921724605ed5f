"""What the embedded model promises on real documents."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openai.lib._pydantic import to_strict_json_schema

from flows.invoice_intake.documents import Invoice
from fulcrum.ai.embedded.fill import fill
from fulcrum.ai.embedded.names import plain
from fulcrum.ai.embedded.schema import read_schema
from fulcrum.ai.embedded.tokens import Branch, Leaf, plain_value

DOCUMENTS = Path(__file__).resolve().parents[4] / "../shared/data/documents"
COUNTED = ("supplier_name", "issued_on", "total")


@cache
def _answers(name: str) -> list[tuple[dict[str, bool], float]]:
    """Give each record's correctness by field, and its lowest confidence over the required fields."""
    path = DOCUMENTS / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    node = read_schema(to_strict_json_schema(Invoice))
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        filled = fill(node, record["text"])
        assert isinstance(filled, Branch)
        values, truth = plain_value(filled), record["truth"]
        leaves = dict(filled.members)
        lowest = min(leaf.confidence for leaf in map(leaves.get, COUNTED) if isinstance(leaf, Leaf))
        found.append(({field: _same(field, values[field], truth[field]) for field in truth}, lowest))
    return found


def _same(field: str, value: Any, truth: Any) -> bool:
    if value is None or truth is None:
        return value is truth
    if field == "supplier_name":
        return plain(value) == plain(truth)
    return Decimal(value) == Decimal(truth) if field in {"net", "tax", "total"} else bool(value == truth)


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
