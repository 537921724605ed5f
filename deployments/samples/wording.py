"""How each language labels a document's fields and writes its dates and numbers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

_ENGLISH = {
    "invoice": "Invoice",
    "credit_note": "Credit note",
    "number": "Invoice no",
    "credit_number": "Credit note no",
    "issued_on": "Invoice date",
    "credit_date": "Date",
    "due_on": "Due date",
    "purchase_order": "PO number",
    "currency": "Currency",
    "to": "Bill to",
    "vat_id": "VAT",
    "text": "Description",
    "quantity": "Qty",
    "price": "Price",
    "amount": "Amount",
    "net": "Net",
    "tax": "VAT",
    "tax_sum": "VAT total",
    "total": "Total",
    "of": "of",
    "greeting": "Dear customer,",
}
_GERMAN = {
    "invoice": "Rechnung",
    "credit_note": "Gutschrift",
    "number": "Rechnungsnummer",
    "credit_number": "Gutschrift Nr.",
    "issued_on": "Rechnungsdatum",
    "credit_date": "Datum",
    "due_on": "Zahlbar bis",
    "purchase_order": "Bestellnummer",
    "currency": "Währung",
    "to": "Rechnung an",
    "vat_id": "USt-IdNr.",
    "text": "Leistung",
    "quantity": "Menge",
    "price": "Einzelpreis",
    "amount": "Betrag",
    "net": "Nettobetrag",
    "tax": "MwSt",
    "tax_sum": "MwSt gesamt",
    "total": "Gesamtbetrag",
    "of": "auf",
    "greeting": "Sehr geehrte Damen und Herren,",
}
_FRENCH = {
    "invoice": "Facture",
    "credit_note": "Avoir",
    "number": "Facture n°",
    "credit_number": "Avoir n°",
    "issued_on": "Date de facture",
    "credit_date": "Date",
    "due_on": "Date d'échéance",
    "purchase_order": "Votre commande",
    "currency": "Devise",
    "to": "Facturé à",
    "vat_id": "TVA",
    "text": "Désignation",
    "quantity": "Qté",
    "price": "P.U. HT",
    "amount": "Montant HT",
    "net": "Montant net HT",
    "tax": "TVA",
    "tax_sum": "TVA totale",
    "total": "Net à payer",
    "of": "sur",
    "greeting": "Madame, Monsieur,",
}
LABELS = {"en": _ENGLISH, "de": _GERMAN, "de-CH": _GERMAN | {"vat_id": "MWST-Nr."}, "fr": _FRENCH}
_SEPARATORS = {"en": (",", "."), "de": (".", ","), "de-CH": ("'", "."), "fr": (" ", ",")}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def number(value: Decimal, language: str, places: int = 2) -> str:
    """Write a number with the language's separators and at least that many decimals."""
    places = max(places, -int(value.normalize().as_tuple().exponent))
    thousands, point = _SEPARATORS[language]
    return f"{value:,.{places}f}".translate({ord(","): thousands, ord("."): point})


def day(value: date, language: str) -> str:
    """Write a date as the language does, day first."""
    if language == "en":
        return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"
    return value.strftime("%d/%m/%Y" if language == "fr" else "%d.%m.%Y")


def spaced(iban: str) -> str:
    """Write an IBAN in groups of four."""
    return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))
