"""Which reviews are decided together: matters of routine, and each exception with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.invoice_intake.documents import Invoice
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.bundling import EXCEPTIONS, Choice, Sifted, sift
from fulcrum.cases import Approval, Case, Json, Proposal, ReasonCode, Review, ReviewKind, Status, Verdict
from fulcrum.ledger import Dossier
from fulcrum.process import Process
from fulcrum.reviewers import Reviewer, Role

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
ADA = Reviewer(name="Ada", role=Role.REVIEWER)
VALUES: Json = {
    "document_kind": "invoice",
    "supplier_name": "Acme Ltd",
    "issued_on": "2024-03-01",
    "currency": "EUR",
    "total": "121.00",
}

CREDIT: Json = {"document_kind": "credit_note", "total": "-10000.00"}


def values(**changes: object) -> Json:
    return Invoice.model_validate(VALUES | changes).model_dump(mode="json")


def dossier(number: int = 1, proposed: Json | None = VALUES, approved: Approval | None = None, **about: Any) -> Dossier:
    """Give a review, of low confidence unless said."""
    case_id = f"case{number}"
    plain: Json = {"kind": ReviewKind.DECIDE, "code": ReasonCode.LOW_CONFIDENCE, "queue": "accounts-payable"}
    review = Review(
        id=f"{case_id}-1", case_id=case_id, process="p", reason="so", opened_at=NOW, due_at=NOW + timedelta(days=1),
        **plain | about,
    )  # fmt: skip
    case = Case(
        id=case_id, process="p", external_id=f"d{number}", status=Status.IN_REVIEW, received_at=NOW,
        input={"id": f"d{number}", "text": "a document"},
    )  # fmt: skip
    proposal = proposed and Proposal(
        case_id=case_id, step="extract", kind="ai", values=values(**proposed), confidence=0.6
    )
    return Dossier(review=review, case=case, proposal=proposal or None, approved=approved)


def sifted(*dossiers: Dossier, reviewer: Reviewer = ADA, process: Process = INVOICE_INTAKE, **choice: Any) -> Sifted:
    return sift(process, dossiers, Choice(**{"verdict": Verdict.APPROVE} | choice), reviewer)


def why(one: Dossier, **options: Any) -> str | None:
    """Say why a review is left out; None where it is taken."""
    found = sifted(one, **options)
    assert len(found.taken) + len(found.left) == 1
    return found.left[0][1] if found.left else None


def careful(rule: Any) -> Process:
    return replace(INVOICE_INTAKE, review=replace(INVOICE_INTAKE.review, verified=rule))


def test_a_matter_of_routine_is_taken() -> None:
    """As it stands, whoever of its queue decides."""
    one = dossier()
    assert sifted(one) == Sifted((one,), ())
    assert why(one, reviewer=replace(ADA, queues=("accounts-payable",))) is None


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"code": ReasonCode.ESCALATED}, "it was escalated"),
        ({"code": ReasonCode.FOUR_EYES}, "somebody has approved it, and another person has to"),
        ({"code": ReasonCode.REFUSED}, "a target has refused it"),
        ({"code": ReasonCode.REOPENED}, "it was reopened"),
        ({"code": ReasonCode.AUDIT, "kind": ReviewKind.AUDIT}, "an audit is decided without the AI's proposal"),
        ({"code": ReasonCode.UNSOUND, "kind": ReviewKind.REPAIR}, "its input has to be mended or discarded"),
        ({"proposed": VALUES | {"total": "10000.00"}}, "so much is at stake that each is decided on its own"),
        ({"proposed": VALUES | CREDIT}, "so much is at stake that each is decided on its own"),
        (
            {"approved": Approval(reviewers=("Bo",), values=VALUES)},
            "so much is at stake that each is decided on its own",
        ),
    ],
)
def test_what_is_no_matter_of_routine_is_left_out(verdict: Verdict, about: dict[str, Any], reason: str) -> None:
    """With its reason, whatever is to be said of it."""
    assert why(dossier(**about), verdict=verdict) == reason


@pytest.mark.parametrize("code", sorted(set(ReasonCode) - set(EXCEPTIONS)))
def test_every_other_reason_is_a_matter_of_routine(code: ReasonCode) -> None:
    """A broken rule or too little confidence is what a person looks through many of."""
    assert why(dossier(code=code)) is None


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
def test_what_the_process_wants_a_code_for_is_decided_on_its_own(verdict: Verdict) -> None:
    """By its values; a process that asks for none has no such case."""
    rule = careful(lambda given: given["total"] == "121.00")
    assert why(dossier(), process=rule, verdict=verdict) == "so much is at stake that each is decided on its own"
    assert why(dossier(proposed=VALUES | {"total": "120.00"}), process=rule, verdict=verdict) is None
    assert why(dossier(), process=careful(None), verdict=verdict) is None


@pytest.mark.parametrize(
    ("proposed", "reason"),
    [
        (None, "nothing is proposed"),
        (VALUES | {"supplier_name": None}, "what is proposed cannot be approved as it stands"),
        (VALUES | {"total": None}, "what is proposed cannot be approved as it stands"),
        (VALUES | {"currency": "ZZZ"}, "what is proposed cannot be approved as it stands"),
    ],
)
def test_what_cannot_be_approved_can_be_rejected(proposed: Json | None, reason: str) -> None:
    """Its reason repeats nothing of what is proposed."""
    one = dossier(proposed=proposed)
    assert why(one) == reason
    assert why(one, verdict=Verdict.REJECT) is None


@pytest.mark.parametrize(
    ("proposed", "limit", "reason"),
    [
        (VALUES, "121.00", None),
        (VALUES, "120.99", "its amount is above the limit"),
        (VALUES | {"document_kind": "credit_note", "total": "-121.00"}, "120.99", "its amount is above the limit"),
        (VALUES | {"document_kind": "credit_note", "total": "-121.00"}, "121", None),
        (VALUES | {"total": None}, "1000", "its amount is not known"),
        (None, "1000", "its amount is not known"),
        (VALUES, "0", "its amount is above the limit"),
    ],
)
@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
def test_up_to_an_amount(proposed: Json | None, limit: str, reason: str | None, verdict: Verdict) -> None:
    """The limit is taken, what is above it or not known is left out; a credit counts by its size."""
    assert why(dossier(proposed=proposed), max_amount=Decimal(limit), verdict=verdict) == reason


def test_a_process_without_amounts_takes_none_up_to_one() -> None:
    """Nothing is known to be within a limit that nothing is compared with."""
    policy = replace(INVOICE_INTAKE.review, amount=lambda _values: None)
    assert why(dossier(), process=replace(INVOICE_INTAKE, review=policy), max_amount=Decimal(5)) is not None


@pytest.mark.parametrize(
    ("queues", "active", "taken"),
    [((), True, True), (("accounts-payable", "x"), True, True), (("x",), True, False), ((), False, False)],
)
def test_only_what_waits_in_a_queue_of_the_reviewers(queues: tuple[str, ...], active: bool, taken: bool) -> None:
    """Everything else is named with the queue that it waits in."""
    found = why(dossier(), reviewer=replace(ADA, queues=queues, active=active))
    assert found == (None if taken else "it waits in the queue accounts-payable")


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ({}, [1, 2, 3]),
        ({"reason": "gate"}, [2]),
        ({"reason": "low-confidence"}, [1, 3]),
        ({"reason": "nothing of the kind"}, []),
        ({"ids": ("case1-1", "case2")}, [1, 2]),
        ({"ids": ("case1-1", "case2"), "reason": "gate"}, [2]),
        ({"ids": ("case",)}, []),
    ],
)
def test_what_is_not_meant_is_neither_taken_nor_left_out(choice: dict[str, Any], meant: list[int]) -> None:
    """By reason, and by the ids of reviews or cases, which are whole."""
    three = {1: dossier(1), 2: dossier(2, code=ReasonCode.GATE), 3: dossier(3)}
    assert sifted(*three.values(), **choice) == Sifted(tuple(three[number] for number in meant), ())


CODES = st.sampled_from(ReasonCode)
AMOUNTS = st.decimals(-20_000, 20_000, places=2)


@given(st.lists(st.tuples(CODES, AMOUNTS), max_size=5), st.none() | AMOUNTS, st.sampled_from(["approve", "reject"]))
def test_each_that_is_meant_is_either_taken_or_left_out(
    cases: list[tuple[ReasonCode, Decimal]], limit: Decimal | None, verdict: str
) -> None:
    """In order, and none that is taken is an exception, large or above the limit."""
    given_ones = [
        dossier(
            number, VALUES | {"document_kind": "credit_note" if total < 0 else "invoice", "total": total}, code=code
        )
        for number, (code, total) in enumerate(cases)
    ]
    found = sifted(*given_ones, max_amount=limit, verdict=Verdict(verdict))
    numbers = {one.review.id: place for place, one in enumerate(given_ones)}
    taken = [numbers[one.review.id] for one in found.taken]
    left = [numbers[one.review.id] for one, reason in found.left if reason]
    assert (taken, left) == (sorted(taken), sorted(left))
    assert sorted(taken + left) == list(range(len(cases)))
    for code, total in (cases[place] for place in taken):
        assert code not in EXCEPTIONS
        assert abs(total) < 10_000
        assert limit is None or abs(total) <= limit
