"""What may be decided together: routine, and nothing that anybody should look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.bundling import Choice, sift
from fulcrum.cases import Approval, Case, Json, Proposal, ReasonCode, Review, ReviewKind, Status, Verdict
from fulcrum.ledger import Dossier
from fulcrum.reviewers import Reviewer, Role

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
ADA = Reviewer(name="Ada", role=Role.REVIEWER, queues=("accounts-payable",))
INVOICE: Json = {
    "document_kind": "invoice",
    "supplier_name": "Acme Ltd",
    "issued_on": "2024-03-01",
    "currency": "EUR",
    "total": "121.00",
}


FIRST = Approval(reviewers=("Bo",), values=INVOICE)


def dossier(values: Json | None = INVOICE, **about: Any) -> Dossier:
    facts: dict[str, Any] = {"kind": ReviewKind.DECIDE, "code": ReasonCode.LOW_CONFIDENCE, "queue": "accounts-payable"}
    facts |= about
    case_id = "abcdefghijklmnop"
    approved = facts.pop("approved", None)
    review = Review(
        id=f"{case_id}-1", case_id=case_id, process=INVOICE_INTAKE.name, reason="so", opened_at=NOW,
        due_at=NOW + timedelta(days=1), **facts,
    )  # fmt: skip
    case = Case(
        id=case_id, process=INVOICE_INTAKE.name, external_id="x", status=Status.IN_REVIEW, received_at=NOW,
        input={"id": "x", "text": "t"},
    )  # fmt: skip
    proposal = None if values is None else Proposal(
        case_id=case_id, step="extract", kind="ai", values=values, confidence=0.7
    )  # fmt: skip
    return Dossier(review=review, case=case, proposal=proposal, approved=approved)


def left(dossier: Dossier, verdict: Verdict = Verdict.APPROVE, reviewer: Reviewer = ADA, **choice: Any) -> str | None:
    """Say why a review is left out; None where it is taken."""
    sifted = sift(INVOICE_INTAKE, [dossier], Choice(verdict=verdict, **choice), reviewer)
    assert len(sifted.taken) + len(sifted.left) == 1
    return sifted.left[0][1] if sifted.left else None


def test_routine_is_taken() -> None:
    """A sound proposal that the AI was not sure enough of, to be approved or rejected."""
    assert left(dossier()) is None
    assert left(dossier(), Verdict.REJECT) is None


@pytest.mark.parametrize(
    ("review", "why"),
    [
        (dossier(queue="accounts-payable-lead"), "it waits in the queue accounts-payable-lead"),
        (dossier(kind=ReviewKind.REPAIR), "its input has to be mended"),
        (dossier(code=ReasonCode.ESCALATED), "it was escalated"),
        (dossier(code=ReasonCode.FOUR_EYES, approved=FIRST), "another person has to"),
        (dossier(code=ReasonCode.REFUSED), "a target has refused it"),
        (dossier(code=ReasonCode.REOPENED), "it was reopened"),
        (dossier(code=ReasonCode.AUDIT, kind=ReviewKind.AUDIT), "without the AI's proposal"),
        (dossier(INVOICE | {"total": "12100.00"}), "so much is at stake"),
        (dossier(None), "nothing is proposed"),
        (dossier(INVOICE | {"total": None}), "cannot be approved as it stands"),
    ],
)
def test_what_is_no_routine_is_left_out(review: Dossier, why: str) -> None:
    """With the reason, and never with a word of the case."""
    told = left(review)
    assert told is not None
    assert why in told


def test_an_amount_that_is_none_is_left_out_whatever_is_said_of_it() -> None:
    """It does not stop the others either."""
    process = replace(INVOICE_INTAKE, review=replace(INVOICE_INTAKE.review, approvals=lambda _values: 1))
    odd, sound = dossier(INVOICE | {"currency": 5}), dossier()
    sifted = sift(process, [odd, sound], Choice(verdict=Verdict.APPROVE), ADA)
    assert (sifted.taken, [why for _, why in sifted.left]) == (
        (sound,),
        ["what is proposed cannot be approved as it stands"],
    )


@pytest.mark.parametrize(
    ("total", "limit", "why"),
    [
        ("121.00", "121", None),
        ("121.01", "121", "above the limit"),
        ("-500.00", "121", "above the limit"),
        (None, "121", "not known"),
    ],
)
def test_up_to_an_amount(total: str | None, limit: str, why: str | None) -> None:
    """The limit itself is within it, a credit counts by its size, and what is not known is not within."""
    told = left(dossier(INVOICE | {"total": total}), Verdict.REJECT, max_amount=Decimal(limit))
    assert (told is None) if why is None else (told is not None and why in told)


def test_only_what_is_meant() -> None:
    """By reason and by ids; what is not meant is not even named as left out."""
    one = dossier()
    choices = [{"reason": "gate"}, {"ids": ("other-1",)}]
    for choice in choices:
        sifted = sift(INVOICE_INTAKE, [one], Choice(verdict=Verdict.APPROVE, **choice), ADA)
        assert (sifted.taken, sifted.left) == ((), ())
    for choice in ({"reason": "low-confidence"}, {"ids": (one.review.id,)}, {"ids": (one.case.id,)}):
        assert left(one, **choice) is None
