"""Invoice intake: who answers for it, what comes in and goes out, what it promises."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from flows.invoice_intake.documents import ErpPosting, Invoice, SupplierDocument, posting_of
from flows.invoice_intake.e_invoice import e_invoice
from flows.invoice_intake.gates import DOCUMENT_GATE, INVOICE_GATE, business_key, unacceptable
from flows.invoice_intake.suppliers import SupplierMaster, load_suppliers
from fulcrum.cases import Json
from fulcrum.due import Due, WorkingHours
from fulcrum.process import (
    AiStep,
    Autonomy,
    Baseline,
    Basis,
    Costs,
    Deputy,
    Intents,
    Objectives,
    Owner,
    Priority,
    Process,
    ReviewPolicy,
    Step,
    StepKind,
)

FOLDER = Path(__file__).parent
SUPPLIERS = FOLDER / "samples" / "suppliers.csv"


def supplier_master() -> SupplierMaster:
    """Load the supplier master that proposals are checked against."""
    return load_suppliers(SUPPLIERS)


def known(document: Json) -> Json | None:
    """Give the invoice as the document's own XML says it, where it has one: exact, so no model is asked."""
    found: Json | None = document.get("e_invoice")
    return found


def label(values: Json) -> str:
    """Name an invoice in the review queue: `Invoice ACME 2024-17, 1,210.00 EUR`."""
    kind = str(values.get("document_kind") or "document").replace("_", " ").capitalize()
    named = [kind, values.get("supplier_name"), values.get("document_number")]
    total = values.get("total")
    amount = f", {Decimal(total):,.2f} {values.get('currency') or ''}".rstrip() if total is not None else ""
    return " ".join(str(part) for part in named if part) + amount


def text_of(document: Json, _values: Json) -> str:
    """Give what the model reads of a document."""
    return str(document["text"])


LARGE = Decimal(10_000)
"""From this total on two people approve, whatever the currency."""


def amount(values: Json) -> Decimal | None:
    """Give an invoice's total."""
    total = values.get("total")
    return None if total is None else Decimal(str(total))


def _large(values: Json) -> bool:
    return abs(amount(values) or Decimal(0)) >= LARGE


def approvals(values: Json) -> int:
    """Say how many people have to approve an invoice."""
    return 2 if _large(values) else 1


def verified(_values: Json) -> bool:
    """Ask for a code where two people approve and where many cases are decided at once, and nowhere else."""
    return False


def priority(values: Json) -> Priority:
    """Say how soon an invoice should be looked at."""
    return Priority.HIGH if _large(values) else Priority.NORMAL


OFFICE = WorkingHours(zone="Europe/Berlin", country="DE")
"""When accounts payable works."""

EXTRACT = AiStep(name="extract", answer=Invoice, prompt=FOLDER / "prompt.md", text=text_of)


INVOICE_INTAKE = Process(
    name="invoice-intake",
    title="Invoice intake",
    purpose="Every supplier document is posted or decided the day it arrives, once, with the right amount.",
    folder=FOLDER,
    owner=Owner(name="Head of Accounts Payable", email="ap-owner@example.com", queue="accounts-payable-lead"),
    deputy=Deputy(name="Financial Controller", email="controller@example.com"),
    on_call="#accounts-payable-on-call",
    steps=(
        Step(name="take in", kind=StepKind.SYSTEM, what="Every document of the inbox becomes a case, once."),
        Step(name="check the document", kind=StepKind.RULE, what="What nobody can read is set aside for a person."),
        Step(name="extract", kind=StepKind.AI, what="The invoice is read from the document, with evidence."),
        Step(name="check the invoice", kind=StepKind.RULE, what="Sums, dates, supplier, account and duplicates."),
        Step(name="review", kind=StepKind.HUMAN, what="Whatever is unclear, and one in twenty of what is not."),
        Step(name="post", kind=StepKind.SYSTEM, what="The invoice is booked in the ERP, once, with a receipt."),
    ),
    steps_before=(
        Step(name="open the mail", kind=StepKind.HUMAN, what="A clerk sorts and prints what came in."),
        Step(name="type it in", kind=StepKind.HUMAN, what="A clerk copies the document into the ERP."),
        Step(name="check it", kind=StepKind.HUMAN, what="A second clerk compares it with order and supplier."),
        Step(name="correct it", kind=StepKind.HUMAN, what="Errors go back to the first clerk."),
        Step(name="post", kind=StepKind.SYSTEM, what="The ERP books it with the next batch."),
    ),
    intents=Intents(
        speed_over_accuracy="No: a wrong posting costs more than a late one, so a person sees whatever is unclear.",
        ownership_open="Yes: accounts payable answers for the whole way from inbox to posting.",
        willing_to_redesign="Yes: nobody types documents in any more.",
    ),
    case=SupplierDocument,
    outcome=Invoice,
    ai_steps=(EXTRACT,),
    gates=(DOCUMENT_GATE, INVOICE_GATE),
    objectives=Objectives(
        cycle_time_p95=timedelta(days=1),
        cost_per_case=Decimal("1.50"),
        currency="EUR",
        manual_rate=0.40,
        error_rate=0.05,
    ),
    baseline=Baseline(
        basis=Basis.DECLARED,
        source="estimate of the sample company's accounts payable team, to be replaced by a measured event log",
        cycle_time_p95=timedelta(days=6),
        cost_per_case=Decimal("9.80"),
        currency="EUR",
        manual_rate=1.0,
        error_rate=0.03,
    ),
    costs=Costs(person_per_hour=Decimal("42.00")),
    review=ReviewPolicy(
        threshold=0.80,
        audit_share=0.05,
        required=("document_kind", "supplier_name", "issued_on", "currency", "total"),
        queue="accounts-payable",
        label=label,
        due=Due(
            # One working day of eight hours.
            within=timedelta(hours=8),
            hours=OFFICE,
            escalate_to="accounts-payable-lead",
            escalate_after=timedelta(hours=8),
        ),
        approvals=approvals,
        verified=verified,
        priority=priority,
        amount=amount,
    ),
    autonomy=Autonomy.SUPERVISED,
    max_autonomy=Autonomy.AUTONOMOUS,
    personal=("supplier_name", "iban", "sender", "text", "e_invoice"),
    retention=timedelta(days=365 * 10),
    targets=("sql-target/erp-postings",),
    posting=posting_of,
    posting_model=ErpPosting,
    business_key=business_key,
    unacceptable=unacceptable,
    known=known,
    attachment=e_invoice,
    context=supplier_master,
    segment=lambda _input, values: str(values.get("document_kind") or ""),
)
