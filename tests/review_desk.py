"""Cases that wait for a person, made through the ledger that the session's Prefect server works with."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from flows.invoice_intake.documents import Invoice
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Batch, Json, NewCase, Proposal, ReasonCode, Review, ReviewKind, Route, Routing
from fulcrum.ledger import Ledger
from fulcrum.report import Standing
from fulcrum.settings import settings
from tests.people import register

TEXT = """Acme Ltd, 12 Foundry Lane, Leeds
INVOICE 2024-17
Invoice date: 1 March 2024
Due date: 31 March 2024

 2   Brass fittings, 10 mm          50.00     100.00
 1   Delivery                         900.00     900.00

                                 Net  EUR  1,000.00
                                 VAT  EUR    210.00
                               Total  EUR  1,210.00
"""

PROPOSED: Json = {
    "document_kind": "invoice",
    "supplier_name": "Acme Ltd",
    "document_number": "2024-17",
    "issued_on": "2024-03-01",
    "due_on": "2024-03-31",
    "currency": "EUR",
    "net": "1000.00",
    "tax": "210.00",
    "total": "1201.00",
    "line_items": [
        {"description": "Brass fittings, 10 mm", "quantity": "2", "unit_price": "50.00", "amount": "100.00"},
        {"description": "Delivery", "quantity": "1", "unit_price": "900.00", "amount": "900.00"},
    ],
}
"""What the AI proposes: the total's digits are swapped."""

REASON = "net, tax and rounding do not add up to the total"


def proposed(**changes: object) -> Json:
    """Give the values of a proposal, with a number of its own so that no two are the same business."""
    number = {"document_number": f"N-{uuid4().hex[:8]}"}
    return Invoice.model_validate(PROPOSED | number | changes).model_dump(mode="json")


@dataclass
class ReviewDesk:
    """The shortest way to an open review."""

    ledger: Ledger

    @classmethod
    def open(cls) -> ReviewDesk:
        """Open the ledger of the settings in force."""
        desk = cls(Ledger.open(settings().ledger_url))
        register(desk.ledger)
        return desk

    def ask(
        self,
        values: Json | None = None,
        *,
        text: str = TEXT,
        kind: ReviewKind = ReviewKind.DECIDE,
        code: ReasonCode = ReasonCode.GATE,
        reason: str = REASON,
        external_id: str | None = None,
    ) -> Review:
        """Bring a case before a person; without values the AI had no answer."""
        name = external_id or f"inbox/{uuid4().hex[:8]}.txt"
        batch = self._held(NewCase(external_id=name, input={"id": name, "text": text}))
        case_id, now = batch.case_ids[0], self.ledger.store.now()
        route = Route.QUARANTINED if kind is ReviewKind.REPAIR else Route.REVIEW
        routing = Routing(case_id=case_id, route=route, code=code, reason=reason, kind=kind, queue="accounts-payable")
        due = INVOICE_INTAKE.review.due
        if kind is ReviewKind.REPAIR:
            self.ledger.work.quarantine(batch, [routing], gate="documents", due=due, started_at=now)
        else:
            self.ledger.work.pass_gate(batch, [case_id], "documents", "1", now)
            if values is not None:
                self.ledger.work.record(batch, [], [_proposal(case_id, values)], {case_id: None})
            self.ledger.work.route(batch, [routing], {}, gate="routing", due=due, started_at=now)
        return self.ledger.reviews.find(f"{case_id}-1")

    def _held(self, case: NewCase) -> Batch:
        run_id, process = str(uuid4()), INVOICE_INTAKE
        standing = Standing(process.autonomy, process.review.threshold)
        self.ledger.runs.begin(run_id, process.name, sop_version="s1", prompt_version="p1", standing=standing)
        case_id = self.ledger.intake.take_in(run_id, process.name, [case]).new[0]
        held = self.ledger.leases.claim(process.name, run_id)
        assert held is not None
        self.ledger.leases.release(held, [each for each in held.case_ids if each != case_id])
        return held.only({case_id})


def _proposal(case_id: str, values: Json) -> Proposal:
    return Proposal(
        case_id=case_id,
        step="extract",
        kind="ai",
        values=values,
        confidence=0.62,
        field_confidence={"supplier_name": 0.97, "issued_on": 0.93, "total": 0.62, "currency": 0.99},
        evidence={"total": "Total  EUR  1,210.00", "supplier_name": "Acme Ltd, 12 Foundry Lane, Leeds"},
        model="embedded-1",
        sop_version="s1",
        prompt_version="p1",
    )
