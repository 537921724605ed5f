"""What a document must be before it is read, and what an invoice must be before it is booked.

A rule has the name of the column it judges. A column holds a fact about the case; null means "not to be judged" and
passes, so each fact is null where another rule already says what is wrong.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from itertools import accumulate
from typing import TYPE_CHECKING

from iso4217 import Currency
from stdnum import iban

from flows.invoice_intake.documents import Invoice, posting_of
from flows.invoice_intake.suppliers import folded, normal_name
from fulcrum.gates import read_outcome, rules_from_model
from fulcrum.process import Gate, Stage, Tolerance
from fulcrum.readable import between, null, one_of, readable_text, text_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from flows.invoice_intake.suppliers import SupplierMaster
    from fulcrum.cases import Json
    from fulcrum.process import GateContext, Row

LONGEST_TEXT = 1_000_000
"""Characters; nobody's invoice is longer."""
EARLIEST_YEAR = 2000
SMALLEST_BARE = 100
"""From here up a whole amount is recognised without decimals."""
CURRENCIES = tuple(sorted(currency.code for currency in Currency if currency.exponent is not None))
"""The active ISO 4217 codes of money; metals, test codes and the like have no minor unit and are left out."""

_WORD = re.compile(r"[^\W_]+")


def _e_invoice(document: Json) -> Json:
    said = document.get("e_invoice")
    return said if isinstance(said, dict) else {}


def _has_e_invoice(document: Json) -> bool:
    return bool(_e_invoice(document))


DOCUMENT_GATE = readable_text("documents", longest=LONGEST_TEXT, textless=_has_e_invoice)
"""Judges a supplier document before the model reads it; one with an exact e-invoice needs no text."""


# The outcome gate asks what a clerk would check before booking.

_LABELS = {"document_kind": "kind of document", "supplier_name": "supplier", "issued_on": "date"}

_INVOICE_RULES = (
    one_of("cents_missing", "total does not add up", 0),
    between("credit_cents", "credit note does not post negative", max_value=-1),
    between("payable_cents", "total is not positive", min_value=1),
    between("issued_year", f"date is before {EARLIEST_YEAR}", min_value=EARLIEST_YEAR),
    between("days_ahead", "date is in the future", max_value=1),
    between("days_to_pay", "due before it was issued", min_value=0),
    one_of("currency_code", "currency is not in ISO 4217", *CURRENCIES),
    one_of("number_given", "document number is missing", True),
    one_of("supplier_in_text", "supplier does not stand in the text", True),
    one_of("number_in_text", "document number does not stand in the text", True),
    one_of("total_in_text", "total does not stand in the text", True),
    one_of("supplier_in_master", "supplier is not in the master", True),
    one_of("iban_checksum", "IBAN has a wrong checksum", True),
    one_of("iban_in_master", "IBAN differs from the supplier master", True),
    one_of("currency_in_master", "currency differs from the supplier master", True, severity="warning"),
    null("duplicate_of", "already posted or in work as a duplicate"),
)


def _invoice_table(rows: Sequence[Row], context: GateContext) -> list[Json]:
    """Turn proposals into facts. Of two duplicates the later in the batch gives way, and any to the key's holder."""
    blank = dict.fromkeys(rule.name for rule in _INVOICE_RULES)
    held: dict[str, str] = {}
    table = []
    for row in rows:
        key = business_key(row.values)
        holder = None if key is None else context.taken.get(key) or held.setdefault(key, row.case_id)
        duplicate_of = None if holder == row.case_id else holder
        table.append({"case_id": row.case_id, **blank, **_invoice_facts(row, context), "duplicate_of": duplicate_of})
    return table


def _invoice_facts(row: Row, context: GateContext) -> Json:
    invoice, facts = read_outcome(Invoice, row.values)
    if invoice is not None:
        facts |= _amounts(invoice) | _dates(invoice, context.today) | _printed(invoice, row.input)
        facts |= _mastered(invoice, context.loaded)
        if invoice.document_kind != "receipt":
            facts["number_given"] = invoice.document_number is not None
    return facts


def _amounts(invoice: Invoice) -> Json:
    """Give the amounts with the signs they would be booked with, in cents."""
    posting = posting_of(invoice)
    total = posting.total
    facts: Json = {}
    if total is not None:
        facts["credit_cents" if invoice.document_kind == "credit_note" else "payable_cents"] = _cents(total)
        if posting.net is not None and posting.tax is not None:
            facts["cents_missing"] = _cents(total - posting.net - posting.tax - (posting.rounding or 0))
    return facts


def _cents(amount: Decimal) -> int:
    return int(amount * 100)


def _dates(invoice: Invoice, today: date) -> Json:
    issued, due = invoice.issued_on, invoice.due_on
    if issued is None:
        return {}
    return {
        "issued_year": issued.year,
        "days_ahead": (issued - today).days,
        "days_to_pay": None if due is None else (due - issued).days,
    }


def _mastered(invoice: Invoice, master: SupplierMaster) -> Json:
    """Compare with the supplier master; a receipt is paid already and its shop need not be in there."""
    currency, account, name = invoice.currency, invoice.iban, invoice.supplier_name
    sound = None if account is None else iban.is_valid(account, check_country=False)
    facts: Json = {"currency_code": currency, "iban_checksum": sound}
    if invoice.document_kind == "receipt" or name is None:
        return facts
    supplier = master.find(name)
    facts["supplier_in_master"] = supplier is not None
    if supplier is not None:
        facts["iban_in_master"] = account == supplier.iban if sound else None
        comparable = currency in CURRENCIES and supplier.currency is not None
        facts["currency_in_master"] = currency == supplier.currency if comparable else None
    return facts


def _printed(invoice: Invoice, document: Json) -> Json:
    """Look the supplier, the number and the total up in the document's text.

    Supplier and number that equal the e-invoice's need not stand there: the XML is the invoice, and its PDF often
    shows the name in a logo only. The total must, because an XML that asks for more than the page shows is a fraud.
    """
    text, exact = text_in(document), _e_invoice(document)
    words = _Words(text)
    told = {"supplier_in_text": "supplier_name", "number_in_text": "document_number"}
    facts: Json = {}
    for fact, field in told.items():
        value = getattr(invoice, field)
        if value is not None and value != exact.get(field):
            facts[fact] = words.hold(value)
    if invoice.total is not None:
        facts["total_in_text"] = amount_pattern(invoice.total).search(words.folded) is not None
    return facts


class _Words:
    """A text as one string of letters and digits that remembers where its words begin and end."""

    def __init__(self, text: str) -> None:
        self.folded = folded(text)
        words = _WORD.findall(self.folded)
        self._joined = "".join(words)
        self._edges = {0, *accumulate(map(len, words))}

    def hold(self, phrase: str) -> bool:
        """Tell whether the phrase stands in the text as whole words, whatever stands between its signs."""
        wanted = "".join(_WORD.findall(folded(phrase)))
        at = self._joined.find(wanted) if wanted else -1
        while at >= 0:
            if at in self._edges and at + len(wanted) in self._edges:
                return True
            at = self._joined.find(wanted, at + 1)
        return False


def amount_pattern(amount: Decimal) -> re.Pattern[str]:
    """Match an amount, without its sign, in any common print: 1,234.50 1.234,50 1 234.5 1'234.50 12,34,567.00 1234,-.

    A whole amount may stand without its decimals from 100 up; below, any quantity or page number would do.
    """
    whole, cents = divmod(_cents(abs(amount)), 100)
    western = f"{whole:,}".split(",")
    head, tail = str(whole)[:-3], str(whole)[-3:]
    indian = [*(part[::-1] for part in re.findall("..?", head[::-1])[::-1]), tail]
    grouped = "|".join(r"[.,'\u2019 ]?".join(groups) for groups in (western, indian))
    digits = f"{cents:02}".rstrip("0")
    bare = "?" if whole >= SMALLEST_BARE else ""
    fraction = (
        rf"[.,]{digits}0{{0,{2 - len(digits)}}}" if digits else rf"(?:[.,](?:0{{1,2}}|-{{1,2}}|[\u2013\u2014])){bare}"
    )
    return re.compile(rf"(?<!\d)(?<!\d[.,'\u2019])(?:{grouped}){'' if whole else '?'}{fraction}(?![.,'\u2019]?\d)")


def unacceptable(values: Json) -> list[str]:
    """Say what no document can make right: a currency or an account that does not exist, a payable below zero."""
    problems = []
    if (currency := values.get("currency")) is not None and currency not in CURRENCIES:
        problems.append("currency: no ISO 4217 code")
    if (account := values.get("iban")) is not None and not iban.is_valid(account, check_country=False):
        problems.append("iban: its check digits are wrong")
    total = _total(values.get("total"))
    if total is not None and total < 0 and values.get("document_kind") != "credit_note":
        problems.append("total: below zero, which only a credit_note may be")
    return problems


def business_key(values: Json) -> str | None:
    """Hash what may be booked only once: supplier, number, total and kind (SHA-256, hex); None when one is missing.

    Supplier and number count without case, accents, spaces and punctuation, a credit note's total without its sign.
    """
    supplier, number, kind = (values.get(field) for field in ("supplier_name", "document_number", "document_kind"))
    total = _total(values.get("total"))
    if not (isinstance(supplier, str) and isinstance(number, str) and isinstance(kind, str)) or total is None:
        return None
    amount = abs(total) if kind == "credit_note" else total
    parts = (normal_name(supplier), normal_name(number), f"{amount:.2f}", kind)
    return sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest() if all(parts) else None


def _total(said: object) -> Decimal | None:
    try:
        total = Decimal(str(said))
    except InvalidOperation:
        return None
    return total if total.is_finite() else None


INVOICE_GATE = Gate(
    name="invoices",
    stage=Stage.OUTCOME,
    rules=(*rules_from_model(Invoice, _LABELS), *_INVOICE_RULES),
    table=_invoice_table,
    # Strangers, changed accounts and bad sums are daily business and go to people one by one; when every other
    # invoice fails, it is the reading that has gone wrong.
    tolerance=Tolerance(share=0.5),
)
"""Judges a proposed invoice before it may be booked; its context's `loaded` is a SupplierMaster."""
