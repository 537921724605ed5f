"""The invoice as the XML inside a Factur-X or ZUGFeRD PDF says it: exact, so that no model is asked."""

from __future__ import annotations

import fnmatch
import logging
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from io import BytesIO
from typing import Any, TypeAlias

from pydantic import ValidationError

from flows.invoice_intake.documents import Invoice
from fulcrum.cases import Json

Element: TypeAlias = Any
"""An element of lxml, which ships no types."""

FILE_NAMES = ["factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"]
"""What the XML is called inside the PDF: Factur-X and ZUGFeRD 2.1 on, ZUGFeRD 1.0 and 2.0, its profile XRECHNUNG."""

ROOTS = {"CrossIndustryInvoice", "CrossIndustryDocument"}
"""The document elements of Factur-X and ZUGFeRD 2, and of ZUGFeRD 1."""

# UNTDID 1001 as EN 16931 admits it, without what asks for no payment: pro forma (325) and reversals (457, 458).
CREDIT_NOTES = frozenset(("81", "83", "261", "262", "296", "308", "381", "396", "420", "502", "503", "532"))
INVOICES = frozenset(
    "71 80 82 84 102 130 202 203 204 211 218 219 295 326 331 380 382 383 384 385 386 387 388 389 390 393 394 395 456"  # noqa: SIM905
    " 471 472 473 500 501 527 553 575 623 633 751 780 817 870 875 876 877 935".split()
)

MAX_XML_BYTES = 5_000_000
CENT = Decimal("0.01")
FORMATS = {"102": "%Y%m%d", "203": "%Y%m%d%H%M", "204": "%Y%m%d%H%M%S"}
"""UNTDID 2379: how a date is written, by its code; any other is of no day."""

log = logging.getLogger(__name__)


class _Unsound(Exception):
    """The XML cannot be taken at its word; the message says why, without content."""


def e_invoice(pdf: bytes, name: str) -> Json:
    """Read the invoice inside a PDF: {"e_invoice": the values of `Invoice` as JSON}, or {} when there is no XML inside.

    XML that cannot be taken at its word gives {"e_invoice_problem": why} instead, and a warning in the log that
    names the document. Amounts are as printed: the total is the grand total and, where there is one, the rounding.
    Reads ZUGFeRD 1 and 2 and Factur-X in every profile (UN/CEFACT CII, semantics of EN 16931). Never raises.
    """
    try:
        xml = _xml_inside(pdf)
        return {"e_invoice": _invoice(_root(xml))} if xml else {}
    except _Unsound as unsound:
        reason = str(unsound)
    except Exception as error:  # noqa: BLE001 - whatever a broken PDF does to its readers, the document goes on
        reason = f"it could not be read ({type(error).__name__})"
    log.warning("The XML inside %r is not used: %s", name, reason)
    return {"e_invoice_problem": reason}


def _xml_inside(pdf: bytes) -> bytes | None:
    for library in ("pypdf", "factur-x"):
        # They log what they find, which may be content.
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    from facturx import get_xml_from_pdf  # noqa: PLC0415 - 0.6 s

    _, xml = get_xml_from_pdf(pdf, check_xsd=False, filenames=FILE_NAMES)
    if xml and len(xml) > MAX_XML_BYTES:
        raise _Unsound(f"it is {len(xml):,} bytes long, more than {MAX_XML_BYTES:,}")
    if xml:
        return bytes(xml)
    if _named_inside(pdf):
        raise _Unsound("it is no well-formed Factur-X or ZUGFeRD XML")
    return None


def _named_inside(pdf: bytes) -> bool:
    """Tell whether the PDF has an attachment by one of the names, which the library passed over as unsound."""
    from pypdf import PdfReader  # noqa: PLC0415

    names = [attached.name.lower() for attached in PdfReader(BytesIO(pdf)).attachment_list]
    return any(fnmatch.fnmatch(name, pattern) for name in names for pattern in FILE_NAMES)


def _root(xml: bytes) -> Element:
    """Parse without entities, a DTD or the network; what needs them is no invoice."""
    from lxml import etree  # type: ignore[import-untyped] # noqa: PLC0415

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    root = etree.fromstring(xml, parser)
    if root.getroottree().docinfo.doctype:
        raise _Unsound("it declares a document type, which an invoice does not need")
    if etree.QName(root).localname not in ROOTS:
        raise _Unsound("it is neither Factur-X nor ZUGFeRD")
    return root


def _invoice(root: Element) -> Json:
    document = _part(root, "ExchangedDocument", "HeaderExchangedDocument")
    trade = _part(root, "SupplyChainTradeTransaction", "SpecifiedSupplyChainTradeTransaction")
    agreement = _part(trade, "ApplicableHeaderTradeAgreement", "ApplicableSupplyChainTradeAgreement")
    settlement = _part(trade, "ApplicableHeaderTradeSettlement", "ApplicableSupplyChainTradeSettlement")
    currency = _text(settlement, "InvoiceCurrencyCode")
    amounts = _amounts(settlement, currency)
    values = {
        "document_kind": _kind(_text(document, "TypeCode"), amounts["total"]),
        "supplier_name": _text(agreement, "SellerTradeParty/Name"),
        "document_number": _text(document, "ID"),
        "issued_on": next(iter(_dates(document, "IssueDateTime/DateTimeString")), None),
        "due_on": max(_dates(settlement, "SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString"), default=None),
        "purchase_order": _text(agreement, "BuyerOrderReferencedDocument/IssuerAssignedID")
        or _text(agreement, "BuyerOrderReferencedDocument/ID"),
        "iban": _iban(settlement),
        "currency": currency,
        **amounts,
        "line_items": [_line_item(line) for line in _all(trade, "IncludedSupplyChainTradeLineItem")],
    }
    try:
        return Invoice.model_validate(values).model_dump(mode="json")
    except ValidationError as error:
        named = dict.fromkeys(str(part["loc"][0]) for part in error.errors(include_input=False))
        raise _Unsound(f"it has no valid {', '.join(named)}") from None


def _kind(code: str | None, total: Decimal | None) -> str:
    """Tell the kind by UNTDID 1001; an invoice (a correction, 384) that gives money back is a credit note."""
    if code in CREDIT_NOTES:
        return "credit_note"
    if code not in INVOICES:
        raise _Unsound("its type code is of no invoice and no credit note")
    return "credit_note" if total is not None and total < 0 else "invoice"


def _amounts(settlement: Element, currency: str | None) -> dict[str, Decimal | None]:
    """Read the sums of the header.

    The grand total (EN 16931, BT-112) is net and tax alone; the rounding (BT-114) is what the amount due adds to it.
    Our total is with it.
    """
    sums = _part(
        settlement,
        "SpecifiedTradeSettlementHeaderMonetarySummation",
        "SpecifiedTradeSettlementMonetarySummation",
    )
    grand, rounding = (_money(_in_currency(sums, tag, currency)) for tag in ("GrandTotalAmount", "RoundingAmount"))
    if grand is None:
        raise _Unsound("it says no grand total")
    return {
        "net": _money(_in_currency(sums, "TaxBasisTotalAmount", currency)),
        "tax": _money(_in_currency(sums, "TaxTotalAmount", currency)),
        "rounding": rounding,
        "total": grand + (rounding or 0),
    }


def _in_currency(sums: Element, tag: str, currency: str | None) -> str | None:
    """Choose the amount in the invoice's currency: taxes may be said once more in that of the books."""
    found = _all(sums, tag)
    chosen = [amount for amount in found if amount.get("currencyID") in {None, currency}]
    if found and not chosen and currency:
        raise _Unsound("its amounts are not in its currency")
    return _content((chosen or found)[0]) if found else None


def _iban(settlement: Element) -> str | None:
    """Give the first account that may be paid to, without spaces."""
    said = _text(settlement, "SpecifiedTradeSettlementPaymentMeans/PayeePartyCreditorFinancialAccount/IBANID")
    return "".join(said.split()).upper() if said else None


def _line_item(line: Element) -> Json:
    agreement = _part(line, "SpecifiedLineTradeAgreement", "SpecifiedSupplyChainTradeAgreement")
    delivery = _part(line, "SpecifiedLineTradeDelivery", "SpecifiedSupplyChainTradeDelivery")
    settlement = _part(line, "SpecifiedLineTradeSettlement", "SpecifiedSupplyChainTradeSettlement")
    sums = "SpecifiedTradeSettlementLineMonetarySummation", "SpecifiedTradeSettlementMonetarySummation"
    return {
        "description": _text(line, "SpecifiedTradeProduct/Name") or "",
        "quantity": _number(_text(delivery, "BilledQuantity")),
        "unit_price": _unit_price(agreement),
        "amount": _money(_text(_part(settlement, *sums), "LineTotalAmount")),
    }


def _unit_price(agreement: Element) -> Decimal | None:
    """Read the net price of one; it may be said for a quantity of more (EN 16931, BT-149)."""
    price = _number(_text(agreement, "NetPriceProductTradePrice/ChargeAmount"))
    of = _number(_text(agreement, "NetPriceProductTradePrice/BasisQuantity"))
    return price / of if price is not None and of else price


def _money(said: str | None) -> Decimal | None:
    """Read an amount to the cent; a finer one is refused later, never rounded."""
    amount = _number(said)
    if amount is None:
        return None
    cents = amount.quantize(CENT)
    return cents if cents == amount else amount


def _number(said: str | None) -> Decimal | None:
    if said is None:
        return None
    try:
        number = Decimal(said)
    except InvalidOperation:
        raise _Unsound("it has an amount that is no number") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 15:
        raise _Unsound("it has an amount that is no number")
    return number


def _dates(element: Element, path: str) -> list[date]:
    return [day for said in _all(element, path) if (day := _day(said)) is not None]


def _day(said: Element) -> date | None:
    text, form = _content(said), FORMATS.get(said.get("format", "102"))
    if text is None or form is None:
        return None
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise _Unsound("it has a date that is no day") from None


def _part(element: Element, *names: str) -> Element:
    """Find a part by the name it has in one of the two vocabularies; an empty element where there is none."""
    return next((found for name in names for found in _all(element, name)), element.makeelement("none"))


def _all(element: Element, path: str) -> list[Element]:
    """Find what lies at a path of local names: the namespaces differ between the versions, the names do not."""
    steps = "/".join(f"{{*}}{name}" for name in path.split("/"))
    return list(element.findall(steps))


def _text(element: Element, path: str) -> str | None:
    """Give the first text at a path that is not empty."""
    return next((text for found in _all(element, path) if (text := _content(found))), None)


def _content(element: Element) -> str | None:
    return " ".join("".join(element.itertext()).split()) or None
