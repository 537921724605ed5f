"""What comes in and what goes out: the supplier's document, the invoice read from it, and the posting in the ERP."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Money = Annotated[Decimal, Field(max_digits=15, decimal_places=2)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Identifier = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
Iban = Annotated[str, StringConstraints(pattern="^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$")]

DocumentKind = Literal["invoice", "credit_note", "receipt"]


class LineItem(BaseModel):
    """One line of the document."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    description: str = Field(description="What was supplied, as printed.")
    quantity: Decimal | None = Field(default=None, description="How many.")
    unit_price: Decimal | None = Field(default=None, description="Price of one.")
    amount: Money | None = Field(default=None, description="The line's amount.")


class SupplierDocument(BaseModel):
    """One document from a supplier, as text."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    id: str = Field(description="What the source calls it; a document is taken in once under it.")
    text: str = Field(description="The document's text, pages after one another.")
    file_name: str | None = Field(default=None, description="The file it came in.")
    sender: str | None = Field(default=None, description="Who sent it.")
    received_on: date | None = Field(default=None, description="The day it came in.")
    e_invoice: Invoice | None = Field(
        default=None, description="The invoice as the XML inside a Factur-X or ZUGFeRD PDF says it."
    )
    e_invoice_problem: str | None = Field(
        default=None, description="Why such an XML could not be used; the document is then read by its text."
    )


class Invoice(BaseModel):
    """What a supplier's document says; amounts as printed; what it does not say is None."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    document_kind: DocumentKind = Field(
        description="invoice: asks for payment. credit_note: gives money back. receipt: paid at once, over the counter."
    )
    supplier_name: Name | None = Field(
        description="The company that issued the document, as printed."
        " Labels: supplier, seller, vendor, from, Verkäufer."
    )
    document_number: Identifier | None = Field(
        default=None,
        description="The supplier's number of the document. Labels: invoice number, invoice no, credit note no,"
        " receipt no, document no, bill no, Rechnungsnummer, Rechnung Nr, facture n°.",
    )
    issued_on: date | None = Field(
        description="The day the document was issued. Labels: invoice date, date of issue, date, Rechnungsdatum, Datum."
    )
    due_on: date | None = Field(
        default=None,
        description="The day by which it is to be paid. Labels: due date, payable by, Fälligkeit, zahlbar bis.",
    )
    purchase_order: Identifier | None = Field(
        default=None,
        description="The buyer's order number. Labels: purchase order, PO number, your order, Bestellnummer.",
    )
    iban: Iban | None = Field(default=None, description="The account to pay to, without spaces. Labels: IBAN, account.")
    currency: Currency | None = Field(description="ISO 4217 code of the amounts. Labels: currency, Währung.")
    net: Money | None = Field(
        default=None,
        description="The sum before tax."
        " Labels: net, net amount, subtotal, total excluding tax, taxable amount, Nettobetrag.",
    )
    tax: Money | None = Field(
        default=None, description="The sum of all taxes. Labels: tax, VAT, GST, sales tax, Umsatzsteuer, MwSt, TVA."
    )
    rounding: Money | None = Field(
        default=None, description="What the total was rounded by, with its sign. Labels: rounding, rounding adjustment."
    )
    total: Money | None = Field(
        description="The amount of the document with taxes and rounding. Labels: total, grand total, total amount,"
        " amount due, total payable, total including tax, Gesamtbetrag, Bruttobetrag, Zahlbetrag, net à payer.",
    )
    line_items: tuple[LineItem, ...] = Field(default=(), description="The lines, where they can be told apart.")


class ErpPosting(BaseModel):
    """An invoice as the ERP books it: amounts signed, so that a credit note takes money back."""

    model_config = ConfigDict(frozen=True)

    document_kind: DocumentKind
    supplier_name: str | None
    document_number: str | None
    issued_on: date | None
    due_on: date | None
    purchase_order: str | None
    iban: str | None
    currency: str | None
    net: Money | None
    tax: Money | None
    rounding: Money | None
    total: Money | None


SupplierDocument.model_rebuild()


def posting_of(invoice: Invoice) -> ErpPosting:
    """Book an invoice: a credit note's amounts come out negative however they were printed."""
    values = invoice.model_dump(exclude={"line_items"})
    if invoice.document_kind == "credit_note":
        signed = {k: -abs(values[k]) for k in ("net", "tax", "total") if values[k] is not None}
        flipped = (invoice.total or 0) > 0 and invoice.rounding is not None
        values |= signed | ({"rounding": -values["rounding"]} if flipped else {})
    return ErpPosting(**values)
