"""The facts of a complaint and where they stand; amounts and dates in a text (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from fulcrum.cases import Json

_AMOUNT = re.compile(
    r"(?:[$€£]\s?|\b(?:USD|EUR|GBP)\s?)(\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?)"
    r"|(?<![\w.,$])(\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?)\s?(?:dollars?|euros?|pounds?|USD|EUR)\b",
    re.IGNORECASE,
)
_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
)
_DATE = re.compile(
    r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b"
    rf"|\b(?:{_MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?(?:, ?\d{{4}})?\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTHS})\.?(?:,? \d{{4}})?\b",
    re.IGNORECASE,
)


def amounts_in(text: str) -> list[Decimal]:
    """Read the amounts of money that a text names, in its order."""
    return [Decimal((match[1] or match[2]).replace(",", "")) for match in _AMOUNT.finditer(text)]


def dates_in(text: str) -> list[str]:
    """Find the dates that a text names, as they are written."""
    return [match[0] for match in _DATE.finditer(text)]


def placed(facts: object, text: str) -> list[Json]:
    """Give each fact the place of its quote in the text: from `start` up to `end`; -1 where it does not stand there.

    A quote that stands several times is looked for behind the one before it, then from the beginning.
    """
    found: list[Json] = []
    behind = 0
    for fact in facts if isinstance(facts, Sequence) else ():
        quote = fact.get("quote") if isinstance(fact, dict) else None
        if not isinstance(quote, str) or not quote.strip():
            continue
        start = text.find(quote, behind)
        start = text.find(quote) if start < 0 else start
        behind = start + len(quote) if start >= 0 else behind
        found.append(
            {"kind": fact.get("kind"), "quote": quote, "start": start, "end": start + len(quote) if start >= 0 else -1}
        )
    return found
