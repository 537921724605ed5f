"""An invoice that clears, and what a model that reads it right says of it."""

from __future__ import annotations

from typing import Any

TEXT = """Tolmerin Fluidics B.V.                                   Page 1 of 1
Pompstraat 40, 7559 ZX Hengelveld, The Netherlands
VAT NL803617254B01 | sales@tolmerin.example

Invoice no    {number}
Invoice date  4 September 2026
Due date      4 October 2026
PO number     PO-26-0388

Bill to: Brunnoir Espresso Works S.A., 14, rue des Chaudronniers,
         L-4123 Esch-sur-Alzette, VAT LU31415926

Qty   Description                              Unit      Amount
600   Vibratory pump TV-40, 230 V              6.45    3,870.00
300   Solenoid valve 3/2-way, 24 V DC          4.20    1,260.00
  1   Carriage, DAP Esch                      45.00       45.00

                                        Net    EUR    5,175.00
                                        VAT    EUR        0.00
                                        Total  EUR    5,175.00

VAT reverse-charged to the customer.
Please pay into IBAN NL55 XQBK 0417 3002 86 quoting {number}.
"""

ANSWER: dict[str, Any] = {
    "document_kind": "invoice", "supplier_name": "Tolmerin Fluidics B.V.", "document_number": "{case}",
    "issued_on": "2026-09-04", "due_on": "2026-10-04", "purchase_order": "PO-26-0388",
    "iban": "NL55XQBK0417300286", "currency": "EUR", "net": "5175.00", "tax": "0.00", "rounding": None,
    "total": "5175.00", "line_items": [],
}  # fmt: skip
"""`{case}` stands for the document's number, which the model server puts in."""


def invoice(number: str) -> str:
    """Write an invoice that clears: a supplier of the master, its account, sums that add up."""
    return TEXT.format(number=number)
