"""Invoice intake: who answers for it, what comes in and goes out, what it promises."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from flows.invoice_intake.documents import ErpPosting, Invoice, SupplierDocument, posting_of
from flows.invoice_intake.e_invoice import e_invoice
from flows.invoice_intake.gates import DOCUMENT_GATE, INVOICE_GATE, business_key
from flows.invoice_intake.suppliers import SupplierMaster, load_suppliers
from fulcrum.cases import Json
from fulcrum.process import AiStep, Autonomy, Objectives, Owner, Process, ReviewPolicy

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


INVOICE_INTAKE = Process(
    name="invoice-intake",
    title="Invoice intake",
    purpose="Every supplier document is posted or decided the day it arrives, once, with the right amount.",
    folder=FOLDER,
    owner=Owner(name="Head of Accounts Payable", email="ap-owner@example.com", queue="accounts-payable-lead"),
    case=SupplierDocument,
    outcome=Invoice,
    step=AiStep(
        name="extract",
        outcome=Invoice,
        prompt=FOLDER / "prompt.md",
        text=lambda document: str(document["text"]),
    ),
    gates=(DOCUMENT_GATE, INVOICE_GATE),
    objectives=Objectives(
        cycle_time_p95=timedelta(days=1),
        cost_per_case=Decimal("1.50"),
        currency="EUR",
        manual_rate=0.40,
        error_rate=0.05,
    ),
    review=ReviewPolicy(
        threshold=0.80,
        audit_share=0.05,
        required=("document_kind", "supplier_name", "issued_on", "currency", "total"),
        queue="accounts-payable",
        label=label,
        due=timedelta(days=1),
    ),
    autonomy=Autonomy.SUPERVISED,
    targets=("sql-target/erp-postings",),
    posting=posting_of,
    posting_model=ErpPosting,
    business_key=business_key,
    known=known,
    attachment=e_invoice,
    context=supplier_master,
)
