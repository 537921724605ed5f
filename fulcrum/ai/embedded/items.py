"""The lines of a document, where they can be told apart: description, quantity, unit price, amount."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from fulcrum.ai.embedded.values import NUMBER, amounts_in, number_of

if TYPE_CHECKING:
    from fulcrum.ai.embedded.lines import Line, Page
    from fulcrum.ai.embedded.money import Money

_CENT = Decimal("0.01")
_MOST_ITEMS = 200
_LARGEST_QUANTITY = 100_000
_LETTERS = re.compile(r"[^\W\d_]{2}")
_HEADER = re.compile(
    r"\b(?:description|item|article|qty|quantity|price|amount|menge|beschreibung|bezeichnung|preis|produkt|betrag|quantit[ée]"
    r"|prix|d[ée]signation|pos)\b",
    re.IGNORECASE,
)
_ENDS = frozenset({"total", "grand", "including", "excluding", "subtotal", "rounded"})
_NOT_ITEMS = _ENDS | {"partial", "tax", "included", "rounding", "change", "tendered", "card", "deposit", "remaining"}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a document: what, how many, the price of one, the amount."""

    description: str
    quantity: Decimal | None
    unit_price: Decimal | None
    amount: Decimal


def find_items(page: Page, money: Money) -> tuple[list[Item], float]:
    """Read the lines between the heading and the first sum; only lines that add up to a sum count as told apart."""
    sums = {item.value for item in money.items if item.kind in _ENDS}
    ends = [item.amount.line for item in money.items if item.kind in _ENDS and _ends(page, item.amount.line)]
    last = min(ends, default=0)
    others = {item.amount.line for item in money.items if item.kind in _NOT_ITEMS and item.direct}
    found: list[Item] = []
    described = ""
    for line in page.lines[:last]:
        item = _item(line, described, spaced=page.spaced) if line.index not in others else None
        if item is not None:
            found.append(item)
            described = ""
        else:
            described = (
                line.text.split("\t")[0] if _LETTERS.search(line.text) and not _is_header(line.text) else described
            )
        if len(found) > _MOST_ITEMS:
            return [], 0.3
    for since in range(len(found)):
        if sum((item.amount for item in found[since:]), Decimal(0)) in sums:
            return found[since:], 0.85
    return [], 0.4 if found else 0.9


def _is_header(text: str) -> bool:
    """Tell a table's heading: two or more of the usual words."""
    return len({match[0].lower() for match in _HEADER.finditer(text)}) > 1


def _ends(page: Page, index: int) -> bool:
    return not _is_header(page.lines[index].text)


def _item(line: Line, described: str, *, spaced: bool) -> Item | None:
    amounts = list(amounts_in(line, spaced=spaced))
    if not amounts:
        return None
    amount = amounts[-1].value
    words = _description(line.text[: amounts[0].start])
    words = words if _LETTERS.search(words) else described
    if not words:
        return None
    quantity, price = _product(line.text[: amounts[-1].start], amount)
    return Item(words[:200], quantity, price, amount)


def _description(text: str) -> str:
    """Take the words of a line before its first amount, without the numbers at either end."""
    words = re.sub(r"^\s*\d{1,3}[.)]?\s+(?=\D)", "", text.replace("\t", " "))
    words = re.sub(
        r"(?:\s+(?:\d+(?:[.,]\d+)?\s*(?:x|pcs?|nos|stk|unit\w*|%|@)?|x|@|rm|eur|€))+\s*$",
        "",
        words,
        flags=re.IGNORECASE,
    )
    return words.strip(" *:-")


def _product(text: str, amount: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """Find the quantity and the price in a line whose product is its amount, to the cent."""
    numbers = [number_of(m[0]) for m in NUMBER.finditer(text)][-6:]
    for n, quantity in enumerate(numbers):
        for price in numbers[n + 1 :]:
            if 0 < quantity < _LARGEST_QUANTITY and abs(quantity * price - amount) < _CENT:
                return (
                    (price, quantity)
                    if price == price.to_integral_value() != quantity and quantity % 1
                    else (quantity, price)
                )
    return None, None
