"""A supplier's document of the history as text: three layouts in the languages of the sample documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from deployments.samples.papers import cents
from deployments.samples.wording import LABELS, day, number, spaced
from fulcrum.cases import Json

BUYER = ("Brunnoir Espresso Works S.A.", "14, rue des Chaudronniers, L-4123 Esch-sur-Alzette")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who writes: a supplier as the history has it. `items` are text, lowest and highest price, most of them."""

    name: str
    currency: str
    iban: str
    address: str
    language: str
    layout: str
    number: str
    vat: Decimal
    days: int
    order: bool
    items: tuple[tuple[str, float, float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One document; amounts are before tax in its lines (text, quantity, price)."""

    sender: Sender
    number: str
    issued_on: date
    due_on: date | None
    order: str | None
    lines: tuple[tuple[str, int, Decimal], ...]
    iban: str | None
    currency_shown: bool = True
    misprinted: Decimal = Decimal(0)
    """By how much the printed total is off."""

    @property
    def net(self) -> Decimal:
        """Sum the lines."""
        return sum((cents(quantity * price) for _, quantity, price in self.lines), Decimal("0.00"))

    @property
    def tax(self) -> Decimal:
        """Take the tax of the sum."""
        return cents(self.net * self.sender.vat / 100)

    @property
    def truth(self) -> Json:
        """Say what is true of it, by outcome field; what it does not say is left out."""
        told = {
            "document_kind": "receipt" if self.sender.layout == "receipt" else "invoice",
            "supplier_name": self.sender.name,
            "document_number": self.number,
            "issued_on": self.issued_on.isoformat(),
            "due_on": self.due_on.isoformat() if self.due_on else None,
            "purchase_order": self.order,
            "iban": self.iban,
            "currency": self.sender.currency,
            "net": str(self.net),
            "tax": str(self.tax),
            "total": str(self.net + self.tax),
        }
        return {name: value for name, value in told.items() if value is not None}


def text_of(paper: Paper) -> str:
    """Write the document."""
    return LAYOUTS[paper.sender.layout](paper)


def _columns(paper: Paper) -> str:
    """Write name and facts as `label: value`, then a table with its sums."""
    said = _labels(paper)
    head = [paper.sender.name, paper.sender.address, "", said["invoice"].upper(), ""]
    facts = [f"{label}: {value}" for label, value in _facts(paper)]
    return "\n".join(
        [*head, *facts, "", f"{said['to']}:", *BUYER, "", *_table(paper), "", *_sums(paper), *_foot(paper)]
    )


def _letter(paper: Paper) -> str:
    """Write the buyer first, and facts in a column of their own."""
    said = _labels(paper)
    facts = [f"{label:<22}{value}" for label, value in _facts(paper)]
    head = [paper.sender.name, paper.sender.address, "", said["to"], *BUYER, "", said["invoice"], *facts]
    return "\n".join([*head, "", said["greeting"], "", *_table(paper), "", *_sums(paper), *_foot(paper)])


def _receipt(paper: Paper) -> str:
    """Write what a till prints."""
    total = number(paper.net + paper.tax, "en")
    issued = f"Date: {day(paper.issued_on, 'fr')}"
    head = [paper.sender.name, paper.sender.address, "", "RECEIPT", f"Receipt no: {paper.number}", issued]
    sums = [f"Net {number(paper.net, 'en')}", f"VAT {paper.sender.vat}% {number(paper.tax, 'en')}"]
    total_line = f"Total {paper.sender.currency} {total}"
    return "\n".join([*head, "", *_table(paper), "", *sums, total_line, "Paid by card"])


LAYOUTS: dict[str, Callable[[Paper], str]] = {"columns": _columns, "letter": _letter, "receipt": _receipt}


def _labels(paper: Paper) -> dict[str, str]:
    return LABELS[paper.sender.language]


def _facts(paper: Paper) -> list[tuple[str, str]]:
    said, language = _labels(paper), paper.sender.language
    facts = [
        (said["number"], paper.number),
        (said["issued_on"], day(paper.issued_on, language)),
        (said["due_on"], day(paper.due_on, language) if paper.due_on else None),
        (said["purchase_order"], paper.order),
        (said["currency"], paper.sender.currency if paper.currency_shown else None),
    ]
    return [(label, value) for label, value in facts if value]


def _table(paper: Paper) -> list[str]:
    language = paper.sender.language
    return [
        f"{text:<40} {quantity:>6} {number(price, language):>10} {number(cents(quantity * price), language):>12}"
        for text, quantity, price in paper.lines
    ]


def _sums(paper: Paper) -> list[str]:
    said, language = _labels(paper), paper.sender.language
    rate = f"{said['tax']} {number(paper.sender.vat, language, 0)}%"
    total = paper.net + paper.tax + paper.misprinted
    shown = f"{paper.sender.currency} " if paper.currency_shown else ""
    rows = [(said["net"], paper.net), (rate, paper.tax), (said["total"], total)]
    return [f"{label:<40} {shown}{number(amount, language):>12}" for label, amount in rows]


def _foot(paper: Paper) -> list[str]:
    return ["", f"IBAN: {spaced(paper.iban)}"] if paper.iban else []
