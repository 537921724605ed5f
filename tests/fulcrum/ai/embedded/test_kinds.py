"""Kinds of documents: invoice, receipt or credit note, and what is none of them."""

from __future__ import annotations

import pytest

from flows.invoice_intake.documents import Invoice
from fulcrum.ai.embedded.choices import choose

OPTIONS = ("invoice", "credit_note", "receipt")
DESCRIPTION = str(Invoice.model_fields["document_kind"].description)
TILL = "CORNER BOOKS LTD\nTAX INVOICE\nINVOICE NO: 17\nCASHIER: ANN\nNOVEL   12.05\nTOTAL   12.05\n"
DUE = "Alder Works Ltd\nINVOICE\nInvoice no: 17\nDue date: 2 June 2024\nTotal 12.05\nIBAN DE02120300000000202051"


def _ranked(text: str) -> tuple[str, float]:
    return choose(text, "document_kind", DESCRIPTION, OPTIONS, ())[0]


@pytest.mark.parametrize(
    "paid",
    [
        "CASH   20.00\nCHANGE   7.95",
        "Paid 20.00\nChange .00",
        "CASH\n$12.05\nCHANGE\n$0.00",
        "Total cash   20.00\nAmount change   7.95",
        "Gegeben   20,00\nRückgeld   7,95",
        "Espèces   20,00\nRendu   7,95",
        "Tunai RM   20.00\nBaki RM   7.95",
    ],
)
def test_what_was_paid_at_once_is_a_receipt_whatever_its_heading(paid: str) -> None:
    """Money handed over and change given back say more than the words `tax invoice`."""
    kind, chance = _ranked(TILL + paid)
    assert kind == "receipt"
    assert chance >= 0.75


def test_what_asks_for_payment_stays_an_invoice() -> None:
    """A due date and an account outweigh a line about cash."""
    kind, chance = _ranked(DUE + "\nCash payments above 1,000.00 are not accepted.")
    assert kind == "invoice"
    assert chance >= 0.75


@pytest.mark.parametrize(
    "line",
    ["FIRST REMINDER", "LIEFERSCHEIN", "Delivery note", "KONTOAUSZUG per 31.10.2026", "Devis", "Statement of account",
     "This letter is no invoice.", "Dies ist keine Rechnung.", "Ceci n'est pas une facture."],
)  # fmt: skip
def test_what_is_of_no_kind_that_can_be_chosen_is_never_sure(line: str) -> None:
    """A reminder, a delivery note or a statement gets some kind, since it must, but a low chance."""
    assert _ranked(f"{line}\n{DUE}")[1] < 0.75 <= _ranked(DUE)[1]


@pytest.mark.parametrize("line", ["Lieferschein: LS-4711", "Delivery note no 12", "Invoice / Delivery note 12"])
def test_a_reference_to_another_document_is_no_heading(line: str) -> None:
    """An invoice may name the delivery note or the order that it is for."""
    assert _ranked(f"{line}\n{DUE}")[1] >= 0.75
