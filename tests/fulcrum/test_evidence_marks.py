"""The lines of a source text in which the AI has found its values are marked, and nothing in the text can fake it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.alike import Alike
from fulcrum.cases import Case, Proposal, ReasonCode, Review, ReviewKind, Status
from fulcrum.evidence import checks, evidence, marked, summarised
from fulcrum.ledger import Dossier

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
TEXT = "Acme Ltd\nNet   100.00\nTotal EUR  121.00\n\nThank you"


def dossier(found: dict[str, str], kind: ReviewKind = ReviewKind.DECIDE, code: ReasonCode = ReasonCode.GATE) -> Dossier:
    review = Review(
        id="c-1", case_id="c", process="p", kind=kind, code=code, reason="one; two", queue="q", opened_at=NOW,
        due_at=NOW + timedelta(days=1),
    )  # fmt: skip
    case = Case(id="c", process="p", external_id="x", status=Status.IN_REVIEW, received_at=NOW, input={"text": TEXT})
    proposal = Proposal(
        case_id="c", step="extract", kind="ai", values={"total": "121.00"}, confidence=0.6, evidence=found,
        field_confidence={"total": 0.62},
    )  # fmt: skip
    return Dossier(review=review, case=case, proposal=proposal)


@pytest.mark.parametrize(
    ("found", "line", "shown"),
    [
        ({"total": "Total EUR 121.00"}, 2, "▶ total 62%: Total EUR  121.00"),
        ({"total": "121.00"}, 2, "▶ total 62%: Total EUR  121.00"),
        ({"total": "121.00", "currency": "EUR"}, 2, "▶ total 62%, currency: Total EUR  121.00"),
        ({"net": "Net 100.00\nTotal EUR 121.00"}, 1, "▶ net: Net   100.00"),
        ({"supplier_name": "Acme Ltd"}, 0, "▶ supplier name: Acme Ltd"),
        ({"net": "100.00\nTotal EUR"}, 1, "▶ net: Net   100.00"),
        ({"total": "Total\u00ad EUR 121.00"}, 2, "▶ total 62%: Total EUR  121.00"),
    ],
)
def test_a_line_is_marked_with_its_fields(found: dict[str, str], line: int, shown: str) -> None:
    """In front of the line, with how sure the AI is; blanks do not matter, and the first of several lines counts."""
    lines = marked(TEXT, dossier(found)).split("\n")
    assert lines[line] == shown
    assert [each for place, each in enumerate(lines) if place != line] == [
        each for place, each in enumerate(TEXT.split("\n")) if place != line
    ]


@pytest.mark.parametrize("found", [{}, {"total": "999.00"}, {"total": ""}, {"total": "Acme Ltd and more"}])
def test_what_is_found_nowhere_marks_nothing(found: dict[str, str]) -> None:
    """A quote that the text does not have is no place."""
    assert marked(TEXT, dossier(found)) == TEXT


def test_an_audit_is_not_marked() -> None:
    """Whoever decides without the proposal is not shown where the AI looked."""
    assert marked(TEXT, dossier({"total": "121.00"}, ReviewKind.AUDIT, ReasonCode.AUDIT)) == TEXT


def test_a_document_cannot_mark_its_own_lines() -> None:
    """The sign is the form's alone."""
    assert marked("▶ total 99%: 1.00\n121.00", dossier({"total": "121.00"})) == "> total 99%: 1.00\n▶ total 62%: 121.00"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (ReasonCode.GATE, "2 rules are broken"),
        (ReasonCode.LOW_CONFIDENCE, "none of the rules is broken"),
        (ReasonCode.DEGRADED, ""),
    ],
)
def test_what_the_checks_have_found(code: ReasonCode, said: str) -> None:
    """Where they have judged at all."""
    assert checks(dossier({}, code=code)) == said


def test_cases_that_are_like_it_are_named_in_words_and_in_a_table() -> None:
    """With what was approved, when, and how near they are; what they say takes no effect."""
    like = [Alike("inbox/a.txt", NOW, {"supplier_name": "Acme <b>", "document_kind": "invoice"}, 0.87)]
    case = replace(dossier({}))
    assert summarised(INVOICE_INTAKE, like) == "Approved before, and like it: Invoice Acme \u2039b\u203a (2026-11-02)."
    table = evidence(INVOICE_INTAKE, case, like=like)
    assert "| Invoice Acme \\<b\\> | 2026-11-02 | 87% |" in table
    assert summarised(INVOICE_INTAKE, []) == ""
