"""What the sample PDFs say: read from papers.toml and the supplier master, summed up to the cent."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "flows" / "invoice_intake" / "samples"
INBOX = SAMPLES / "inbox"
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """One line of the supplier master."""

    supplier_id: str
    name: str
    country: str
    vat_id: str
    iban: str
    currency: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document: `vat` is a percentage, `price` is before tax."""

    text: str
    quantity: Decimal
    price: Decimal
    vat: Decimal

    @property
    def amount(self) -> Decimal:
        """Multiply out, rounded half up to the cent."""
        return cents(self.quantity * self.price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One PDF of the samples, as papers.toml says it."""

    file: str
    expect: str
    why: str
    supplier: Supplier
    address: tuple[str, ...]
    buyer: tuple[str, ...]
    buyer_vat_id: str
    kind: str
    number: str
    issued_on: date
    due_on: date | None
    purchase_order: str | None
    iban: str | None
    lines: tuple[Line, ...]
    printed_total: Decimal | None
    note: str
    layout: str
    language: str
    font: str
    accent: str
    usage: tuple[float, ...]
    usage_label: str
    e_invoice: bool

    @property
    def net(self) -> Decimal:
        """Sum the lines."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))

    @property
    def taxes(self) -> dict[Decimal, tuple[Decimal, Decimal]]:
        """Give the base and the tax of each rate, the highest rate first."""
        bases = {
            rate: sum((line.amount for line in self.lines if line.vat == rate), Decimal("0.00"))
            for rate in sorted({line.vat for line in self.lines}, reverse=True)
        }
        return {rate: (base, cents(base * rate / 100)) for rate, base in bases.items()}

    @property
    def tax(self) -> Decimal:
        """Sum the taxes of all rates."""
        return sum((tax for _, tax in self.taxes.values()), Decimal("0.00"))

    @property
    def total(self) -> Decimal:
        """Give the total as printed, which is not the sum where the document is wrong on purpose."""
        return self.net + self.tax if self.printed_total is None else self.printed_total

    @property
    def truth(self) -> dict[str, str | None]:
        """Say what the document says, field by field: dates ISO, amounts with two decimals."""
        return {
            "document_kind": self.kind,
            "supplier_name": self.supplier.name,
            "document_number": self.number,
            "issued_on": self.issued_on.isoformat(),
            "due_on": self.due_on.isoformat() if self.due_on else None,
            "purchase_order": self.purchase_order,
            "iban": self.iban,
            "currency": self.supplier.currency,
            "net": str(self.net),
            "tax": str(self.tax),
            "rounding": None,
            "total": str(self.total),
        }


def cents(amount: Decimal) -> Decimal:
    """Round half up to the cent, as the suppliers do; adding 0 takes the sign off a negative zero."""
    return amount.quantize(CENT, ROUND_HALF_UP) + 0


def supplier_master() -> dict[str, Supplier]:
    """Read the supplier master by supplier id."""
    with (SAMPLES / "suppliers.csv").open(encoding="utf-8", newline="") as file:
        return {row["supplier_id"]: Supplier(**{k: row[k] for k in Supplier.__slots__}) for row in csv.DictReader(file)}


def papers() -> Iterator[Paper]:
    """Read all PDFs' content in the file's order."""
    data = tomllib.loads((HERE / "papers.toml").read_text(encoding="utf-8"))
    master = supplier_master()
    for entry in data["paper"]:
        supplier = Supplier(**entry["supplier"]) if "supplier" in entry else master[entry["supplier_id"]]
        yield _paper(entry, supplier, data)


def _paper(entry: dict[str, Any], supplier: Supplier, data: dict[str, Any]) -> Paper:
    credit = entry["kind"] == "credit_note"
    return Paper(
        supplier=supplier,
        address=tuple(entry["address"]),
        buyer=tuple(data["buyers"][entry["buyer"]]),
        buyer_vat_id=data["buyer_vat_ids"][entry["buyer"]],
        due_on=entry.get("due_on"),
        purchase_order=entry.get("purchase_order"),
        # A credit note asks for no payment and names no account.
        iban=None if credit else entry.get("iban", supplier.iban),
        lines=tuple(Line(text, Decimal(n), Decimal(price), Decimal(vat)) for text, n, price, vat in entry["lines"]),
        printed_total=Decimal(entry["total"]) if "total" in entry else None,
        usage=tuple(float(value) for value in entry.get("usage", ())),
        usage_label=entry.get("usage_label", ""),
        e_invoice=entry.get("e_invoice", False),
        **{k: entry[k] for k in _PLAIN},
    )


_PLAIN = ("file", "expect", "why", "kind", "number", "issued_on", "note", "layout", "language", "font", "accent")
