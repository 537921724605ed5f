"""Strings of a known form beside their labels: document numbers, order numbers, e-mail addresses, free text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fulcrum.ai.embedded.dates import find_dates
from fulcrum.ai.embedded.labels import label_hits
from fulcrum.ai.embedded.lines import read_page
from fulcrum.ai.embedded.schema import words_of
from fulcrum.ai.embedded.values import EMAIL, LINK, PHONE

if TYPE_CHECKING:
    from fulcrum.ai.embedded.lines import Page

Found = tuple[str | None, float]
"""A string, None for none, and the chance that this is right."""

_IDENTIFIER_NAMES = (
    "number no nr num id code reference ref order po identifier sku account vat siret ean serial ticket purchase"
)
_IDENTIFIER_WORDS = frozenset(_IDENTIFIER_NAMES.split())
_NUMBERISH = r"(?=[\w/.-]*\d)[A-Z0-9][\w/.-]{0,40}"
_AFTER_LABEL = re.compile(
    rf"^[\s:#.=\-]{{0,6}}(?:(?:(?:no|nr|num(?:ber|mer)?|id)\b|n°|nº|№)[\s.:#°]{{0,4}})?"
    rf"(?P<id>(?:[A-Z]{{1,5}}(?:\s|-\s|\s-))?{_NUMBERISH})",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"(?<![^\W_])(?P<kind>tax invoice|invoice|(?:handels)?rechnung(?:skorrektur)?|facture|avoir|gutschrift"
    r"|credit (?:note|memo)"
    r"|receipt|quittung|bill|inv|beleg|rechnung des \w+)\s*(?:\(\d+\))?\s*"
    r"(?P<mark>no\b|nr\b|n°|num(?:ber|mer|[ée]ro)\b|#|№)?[\s.:#]*"
    rf"(?P<id>{_NUMBERISH})",
    re.IGNORECASE,
)
_MARKED = re.compile(rf"(?<![^\W_])nr\b[\s.:]*(?P<id>{_NUMBERISH})(?=.*\bvom\b)", re.IGNORECASE)
_OTHER_NUMBER = re.compile(
    r"\b(?:gst|vat|sst|tax (?:id|reg)|reg\w*|co(?:mpany)?|tel|fax|phone|ust|steuer|customer|kunden?|member"
    r"|siret|account|konto"
    r"|table|terminal|trace|card|qty|original|related|li[ée]e)\W*(?:id|no|nr|nummer|reg\w*)?\W*$",
    re.IGNORECASE,
)
_LEAST_TEXT, _MOST_TEXT = 1, 200


def is_identifier(name: str, labels: tuple[str, ...]) -> bool:
    """Tell whether a field asks for an identifier: by its name's words, or numbers in its labels."""
    words = set(words_of(name))
    return bool(words & _IDENTIFIER_WORDS) or any({"no", "number", "nr"} & set(label.split()) for label in labels)


# What buyers' order numbers are called beside the labels that a field names itself.
_ORDER_LABELS = (
    "po no", "po nr", "po ref", "p.o. no", "p.o. number", "customer po", "client po", "your po", "po",
    "your order no", "your order number", "customer order", "buyer order", "purchase order no",
    "purchase order number", "ihre bestellung", "ihre bestellnummer", "bestell nr", "bestellung nr",
    "votre commande", "votre bon de commande", "bon de commande", "commande n", "n de commande", "numéro de commande",
    "uw bestelling", "uw order", "bestelnummer", "inkoopordernummer", "su pedido", "número de pedido", "n de pedido",
    "vostro ordine", "numero ordine", "ordine di acquisto", "numer zamówienia", "zamówienie nr",
)  # fmt: skip


def find_identifier(page: Page, name: str, labels: tuple[str, ...]) -> Found:
    """Find the identifier that follows one of the labels, in its line, its column or the next line."""
    votes: dict[str, float] = {}
    if {"purchase", "order"} <= set(words_of(name)) or "po" in words_of(name):
        labels = (*labels, *_ORDER_LABELS)
    for index, start, end, label in label_hits(page, labels):
        text = page.lines[index].text
        if _OTHER_NUMBER.search(text[:start]) or len(label) < 2:  # noqa: PLR2004 - one letter is no label
            continue
        for rest, weight in _beside(page, index, start, end):
            found = _identifier_in(rest)
            if found:
                votes[found] = votes.get(found, 0.0) + weight + 0.15 * len(label.split()) - 0.004 * index
                break
    if {"invoice", "document", "bill", "receipt", "credit"} & set(words_of(name)) or any(
        "invoice" in x for x in labels
    ):
        _vote_headings(page, votes)
    if not votes:
        return None, 0.75
    ranked = sorted(votes.items(), key=lambda pair: -pair[1])
    margin = ranked[0][1] - (ranked[1][1] if len(ranked) > 1 else 0.0)
    return ranked[0][0], min(0.95, 0.6 + 0.25 * margin)


def find_pattern(page: Page, pattern: re.Pattern[str], labels: tuple[str, ...]) -> Found:
    """Find a value that has a form of its own, beside a label where there are several."""
    values = list(dict.fromkeys(match[0].rstrip(".,;)") for match in pattern.finditer(page.text)))
    if not values:
        return None, 0.9
    labelled = {line for line, *_ in label_hits(page, labels)}
    for line in page.lines:
        match = pattern.search(line.text)
        if match and line.index in labelled:
            return match[0].rstrip(".,;)"), 0.9
    return values[0], 0.85 if len(values) == 1 else 0.5


def find_text(page: Page, labels: tuple[str, ...]) -> Found:
    """Find the words after a label, up to the end of their cell; a label that ends in a colon counts more."""
    best: tuple[float, str] | None = None
    for index, start, end, _ in label_hits(page, labels):
        text = page.lines[index].text
        colon = text[end : end + 3].lstrip().startswith((":", "=")) or text[end : end + 1] == "\t"
        if not colon:
            continue
        rest = text[end:].strip(" :=\t").split("\t")[0].strip()
        if not rest and index + 1 < len(page.lines):
            rest = page.lines[index + 1].text.split("\t")[0].strip()
        score = 1.0 + (start == 0)
        if len(rest) >= _LEAST_TEXT and (best is None or score > best[0]):
            best = (score, rest[:_MOST_TEXT].strip())
    return (best[1], 0.6 + 0.1 * best[0]) if best else (None, 0.7)


def form_of(name: str, kind: str) -> re.Pattern[str] | None:
    """Give the form of a field's value that its name or format announces: e-mail, link or phone number."""
    words = set(words_of(name))
    if kind == "email" or "email" in words or {"e", "mail"} <= words:
        return EMAIL
    if kind in {"uri", "url"} or words & {"url", "website", "link", "homepage"}:
        return LINK
    return PHONE if words & {"phone", "telephone", "tel", "fax", "mobile"} else None


def _beside(page: Page, index: int, start: int, end: int) -> list[tuple[str, float]]:
    """Give the texts where a label's value may stand: after it, below it in its column, in the next line."""
    text = page.lines[index].text
    places = [(text[end : end + 80], 1.0)]
    for below in page.after(index, 1):
        column = text[:start].count("\t")
        cells = below.cells
        if column and len(cells) > column:
            places.append((cells[column], 0.8))
        if not re.search(r"\w", text[end:]):
            places.append((below.text[:80], 0.7))
    return places


def _identifier_in(rest: str) -> str | None:
    """Take the identifier that a text begins with; dates, amounts and words are none."""
    match = _AFTER_LABEL.match(rest.replace("\t", " "))
    if match is None:
        return None
    found = match["id"].rstrip(".-/_")
    prefix = found.split(" ")[0].lower()
    if " " in found and prefix == "box":
        return None
    if " " in found and prefix in {
        "no",
        "nr",
        "date",
        "datum",
        "vom",
        "von",
        "time",
        "of",
        "cash",
        "pos",
        "page",
        "table",
        "id",
    }:
        found = found.split(" ", 1)[1].lstrip("- ")
    return None if _is_other(found) else found


def _is_other(found: str) -> bool:
    """Tell a date, a sum, a time, a percentage or a lone digit of text from an identifier."""
    if re.fullmatch(r"\d+[.,]\d{2}|\d{1,2}:\d\d.*|[\d.,]*%", found) or not any(c.isdigit() for c in found):
        return True
    dates = find_dates(read_page(found))
    return any(d.end - d.start >= len(found) - 1 for d in dates)


def _vote_headings(page: Page, votes: dict[str, float]) -> None:
    """Vote for a number that follows the kind of document in a heading: `Facture FA-2017-0010`."""
    for line in page.lines[:80]:
        for match in (_HEADING.search(line.text), _MARKED.search(line.text)):
            if match is None or _OTHER_NUMBER.search(line.text[: match.start()]):
                continue
            found = match["id"].rstrip(".-/_,")
            if not _is_other(found) and len(found) > 1:
                votes[found] = votes.get(found, 0.0) + 1.1 - 0.01 * line.index
