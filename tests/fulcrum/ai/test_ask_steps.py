"""Several AI steps: each is asked about what the one before it has answered, and nothing is asked twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, Field

from flows.invoice_intake.documents import Invoice, Money
from flows.invoice_intake.process import EXTRACT, INVOICE_INTAKE
from fulcrum.ai import line
from fulcrum.ai.ask import Inquiry, Unanswered
from fulcrum.ai.budget import Budget
from fulcrum.ai.confidence import carried
from fulcrum.ai.endpoint import Endpoint
from fulcrum.cases import Batch, Json
from fulcrum.process import AiStep
from tests.fulcrum.conftest import Office

RECEIPT = "ACME Ltd\nReceipt no 4711\nDate 2026-03-01\nNet EUR 10.00\nVAT EUR 2.00\nTotal EUR 12.00\n"


class Kind(BaseModel):
    document_kind: str


class Amounts(BaseModel):
    total: Money | None = Field(description="The amount with taxes. Labels: total.")
    currency: str | None = Field(description="ISO 4217 code.")


def second_text(case_input: Json, values: Json) -> str:
    return f"A {values.get('document_kind')}\n{case_input['text']}"


def follows(_input: Json, values: Json, _catalogues: Any) -> Json:
    return {"due_on": "2026-04-01"} if "total" in values else {}


FIRST = replace(EXTRACT, name="first", answer=Kind)
SECOND = replace(EXTRACT, name="second", answer=Amounts, text=second_text)


@pytest.fixture
def two(office: Office) -> Office:
    """Give an office whose process asks twice, and has a field that follows from the second answer."""
    process = replace(INVOICE_INTAKE, ai_steps=(FIRST, SECOND), derived=follows)
    return replace(office, process=process)


def ask(office: Office, step: AiStep, batch: Batch) -> Unanswered:
    try:
        return Inquiry(office.ledger, office.process, step, Endpoint(), Budget(None), batch).make()
    finally:
        line.close()


def calls(office: Office, batch: Batch) -> list[str]:
    (case_id,) = batch.case_ids
    return [call["step"] for call in office.history(case_id).calls]


def test_a_later_proposal_holds_the_earlier_ones_values(two: Office) -> None:
    """With what follows by rule; its prompt's version is its own, its evidence and confidence are of both."""
    batch = two.checked(RECEIPT)
    (case_id,) = batch.case_ids
    ask(two, FIRST, batch)
    first = two.ledger.work.proposals([case_id])[case_id]
    assert (first.step, first.place, set(first.values)) == ("first", 0, {"document_kind"})
    ask(two, SECOND, batch)
    second = two.ledger.work.proposals([case_id])[case_id]
    assert (second.step, second.place) == ("second", 1)
    assert second.values["document_kind"] == first.values["document_kind"]
    assert (second.values["total"], second.values["due_on"]) == ("12.00", "2026-04-01")
    assert set(second.field_confidence) == {"document_kind", "total", "currency"}


def test_no_step_is_asked_out_of_its_turn(two: Office) -> None:
    """Neither before the one before it has answered, nor again."""
    batch = two.checked(RECEIPT)
    ask(two, SECOND, batch)
    assert calls(two, batch) == []
    for _ in range(2):
        ask(two, FIRST, batch)
    for _ in range(2):
        ask(two, SECOND, batch)
    assert calls(two, batch) == ["first", "second"]


def test_the_next_run_goes_on_where_a_killed_one_stopped(two: Office) -> None:
    """What the first step has answered is not asked again by whoever claims the case next."""
    batch = two.checked(RECEIPT)
    ask(two, FIRST, batch)
    two.ledger.leases.release(batch)
    taken = two.claim()
    assert taken.case_ids == batch.case_ids
    ask(two, FIRST, taken)
    assert [proposal.place for _, proposal in two.ledger.work.behind(taken, 0)] == [0]
    ask(two, SECOND, taken)
    assert calls(two, taken) == ["first", "second"]
    assert two.ledger.work.behind(taken, 0) == []
    assert two.history(taken.case_ids[0]).intact


def test_what_is_known_exactly_is_asked_nothing(two: Office) -> None:
    """Its proposal stands behind the last step, for no step has anything to add."""
    exact = Invoice(document_kind="receipt", supplier_name="A", issued_on=None, currency="EUR", total=None)
    known = replace(two.process, known=lambda _input: exact.model_dump(mode="json"))
    office = replace(two, process=known)
    batch = office.checked(RECEIPT)
    ask(office, FIRST, batch)
    ((_, proposal),) = office.ledger.work.behind(batch, 1)
    assert (proposal.kind, proposal.step, calls(office, batch)) == ("rule", "second", [])


@pytest.mark.parametrize(
    ("own", "required", "before", "first", "sure"),
    [
        ({"a": 0.9}, ["a"], None, True, 0.9),
        ({"a": 0.9}, [], None, True, None),
        ({"a": 0.9}, ["a"], 0.5, False, 0.5),
        ({"a": 0.4}, ["a"], 0.5, False, 0.4),
        ({"a": 0.4}, [], 0.5, False, 0.5),
        ({}, ["a"], 0.5, False, None),
        ({"a": 0.9}, ["a"], None, False, None),
    ],
)
def test_the_least_sure_step_counts(
    own: dict[str, float], required: list[str], before: float | None, first: bool, sure: float | None
) -> None:
    """A step that answers no required field changes nothing; what nobody knows stays unknown."""
    assert carried(own, required, before, first=first) == sure


def test_two_steps_have_two_names() -> None:
    """A definition that names one twice is refused."""
    from fulcrum.errors import DefinitionError

    with pytest.raises(DefinitionError, match="names a step twice"):
        replace(INVOICE_INTAKE, ai_steps=(FIRST, FIRST))
    with pytest.raises(DefinitionError, match="after third, which is no AI step"):
        replace(INVOICE_INTAKE, gates=(replace(INVOICE_INTAKE.gates[1], after="third"),))
