"""Kinds of business documents: the signs of each, for options that are named like them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fulcrum.ai.embedded.schema import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# What the words of common kinds of document are, for options that are named like them.
_KINDS = {
    "receipt": r"\b(?:cash(?!flow)|change(?: due)?|tendered|cashier|receipt|visa|kasse|bar gegeben"
               r"|please come again|thank you"
               r"|counter|terminal|quittung|kassenbon|re[cç]u|ticket|till|pos|resit|tunai|baki|opening hours)\b",
    "invoice": r"\b(?:invoice|rechnung\w*|facture|bill to|due date|payment terms|iban|bic|payable (?:by|within)"
               r"|zahlbar|f[äa]llig\w*"
               r"|[ée]ch[ée]ance|purchase order|net \d+ days|days net|[üu]berweis\w*|bank (?:details|transfer)"
               r"|bankverbindung)\b",
    "credit": r"\b(?:credit (?:note|memo)|gutschrift\w*|avoir|rechnungskorrektur|storno\w*|nota de cr[ée]dito"
              r"|nota kredit"
              r"|refund(?:ed)?|credited|korrekturrechnung)\b",
    "order": r"\b(?:purchase order|order confirmation|bestellung|auftragsbest[äa]tigung|bon de commande)\b",
    "quote": r"\b(?:quotation|quote|offer|angebot|devis|estimate)\b",
    "delivery": r"\b(?:delivery note|lieferschein|bon de livraison|packing (?:slip|list)|dispatch note)\b",
    "reminder": r"\b(?:reminder|overdue|mahnung|zahlungserinnerung|rappel|relance)\b",
    "statement": r"\b(?:statement of account|account statement|kontoauszug|relev[ée])\b",
}  # fmt: skip
_KIND_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _KINDS.items()}
_KIND_OF = {"receipt": "receipt", "invoice": "invoice", "credit": "credit", "creditnote": "credit", "order": "order",
            "quote": "quote", "quotation": "quote", "offer": "quote", "delivery": "delivery", "reminder": "reminder",
            "dunning": "reminder", "statement": "statement", "refund": "credit"}  # fmt: skip
_CREDIT_HEAD = re.compile(
    r"^[^\w\n]{0,80}(?:credit (?:note|memo)|gutschrift|avoir|rechnungskorrektur|storno\w*|nota kredit"
    r"|korrekturrechnung)\b|\(381\)|\(384\)|\btyp[e]?\s*381\b",
    re.IGNORECASE | re.MULTILINE,
)
# A sum in the same line, or at the beginning of the next where the line has nothing else.
_SUM = r"\b(?:[^\n]{0,24}?|\W{0,6}\n\W{0,3}(?:[A-Z]{2,3})?\W{0,3})\d*[.,]\d\d(?!\d)"
_GIVEN = re.compile(
    r"^[^\w\n]{0,80}(?:paid |total |amount |by |in )*(?:cash|paid|tender\w*|visa|master ?card|tunai|bar"
    r"|gegeben|esp[eè]ces|contanti|efectivo"
    r"|contant|carte bancaire|ec-?karte)" + _SUM,
    re.IGNORECASE | re.MULTILINE,
)
_RETURNED = re.compile(
    r"^[^\w\n]{0,80}(?:total |cash |amount )*(?:change|baki|kembali\w*|wechselgeld|r[üu]ckgeld"
    r"|monnaie|rendu|cambio|resto|wisselgeld)" + _SUM,
    re.IGNORECASE | re.MULTILINE,
)
_PAID = re.compile(
    r"\b(?:change|cashier|tendered|cash|visa|master ?card|tunai|baki|wechselgeld|(?<!\d )bar)\b[^\n]{0,24}\d",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\b(?:iban|due date|payment terms?|payable (?:by|within)|zahlbar|f[äa]llig\w*|[ée]ch[ée]ance|net \d+ days|days net"
    r"|terms\s*:?\s*\d+ days|[üu]berweis\w*|bank transfer)\b",
    re.IGNORECASE,
)
# Where a tax on sales is law, its heading stands over receipts of tills and over invoices alike.
_TAX_HEADING = re.compile(r"\btax invoice\b", re.IGNORECASE)
_HEADED = 40
_WIDEST_HEADING = 48
_OTHER_HEADING = re.compile(
    r"^[^\w\n]{0,80}(?:(?:first|second|third|final|last|1st|2nd|3rd|[1-3]\.|friendly|payment)\s+)*(?P<head>"
    r"delivery note|lieferschein|bon de livraison|packing slip|reminder|mahnung|zahlungserinnerung|rappel|relance"
    r"|statement of account|account statement|kontoauszug|relev[ée] de compte|quotation|angebot|devis"
    r"|order confirmation|auftragsbest[äa]tigung|pro[- ]?forma)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:(?:is|are) (?:no|not an?) (?:tax )?invoice|keine? (?:rechnung|zahlungsbeleg)|n'est pas une facture"
    r"|non [èe] una fattura|no es una factura|geen factuur)\b",
    re.IGNORECASE,
)
_OTHER_KINDS = {"delivery": ("delivery", "liefer", "livraison", "packing"),
                "reminder": ("reminder", "mahnung", "erinnerung", "rappel", "relance"),
                "statement": ("statement", "kontoauszug", "relev"), "quote": ("quotation", "angebot", "devis"),
                "order": ("order", "auftrag"), "proforma": ("forma",)}  # fmt: skip


def kind_score(option: str, text: str) -> float:
    """Weigh an option that names a kind of business document by the signs of that kind."""
    kind = _kind_of(option)
    if kind is None:
        return 0.0
    signs = {match[0].lower() for match in _KIND_PATTERNS[kind].finditer(text)}
    score = min(3.0, 0.7 * len(signs))
    if kind == "credit":
        return score + (4.0 if _CREDIT_HEAD.search(text) else -1.0)
    if kind == "receipt":
        return score + _paid_at_once(signs, text)
    return score


def is_another_kind(text: str, options: Iterable[str]) -> bool:
    """Tell a document that heads itself as a kind which is not among the options, or says it is none of them."""
    kinds = {_kind_of(option) for option in options} - {None}
    if len(kinds) < 2:  # noqa: PLR2004 - the options are not kinds of documents
        return False
    return _DENIED.search(text) is not None or any(
        kind not in kinds for kind in map(_heading, text.split("\n", _HEADED)[:_HEADED]) if kind
    )


def _heading(line: str) -> str:
    """Name the kind of document that a short line heads; empty for any other line, or one that refers to another."""
    match = _OTHER_HEADING.match(line) if len(line) <= _WIDEST_HEADING else None
    if match is None or re.search(
        r"[:/]|\b(?:no|nr|n°|invoice|rechnung|facture)\b", line[match.start("head") :], re.IGNORECASE
    ):
        return ""
    head = match["head"].lower()
    return next(kind for kind, words in _OTHER_KINDS.items() if any(word in head for word in words))


def _kind_of(option: str) -> str | None:
    return next((_KIND_OF[word] for word in words_of(option) if word in _KIND_OF), None)


def _paid_at_once(signs: set[str], text: str) -> float:
    """Weigh what says that the money changed hands over the counter."""
    given, returned = _GIVEN.search(text) is not None, _RETURNED.search(text) is not None
    handed = {"cash", "change"} <= signs or {"tendered", "change"} <= signs or (given and returned)
    asks = _ASKS.search(text) is not None
    settled = 0.0 if asks else 1.5 * (given or returned) + 1.0 * (given and returned)
    heading = 0.0 if asks or not (given or returned) else 0.7 * (_TAX_HEADING.search(text) is not None)
    return 1.5 * min(2, len(_PAID.findall(text))) + 1.5 * handed + settled + heading
