"""The machine-readable half of an e-invoice: the XML of profile EN 16931, and how it gets into the PDF."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

from deployments.samples.papers import Line, Paper

_SPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
EN16931 = "urn:cen.eu:en16931:2017"
_TYPE_CODES = {"invoice": "380", "credit_note": "381"}


def attach(pdf: bytes, paper: Paper) -> bytes:
    """Put the paper's XML into its PDF, with the document's date in place of the clock's."""
    import facturx  # noqa: PLC0415

    title = f"{paper.supplier.name}: {paper.number}"
    made = facturx.generate_from_binary(
        pdf,
        xml_of(paper),
        flavor="factur-x",
        level="en16931",
        pdf_metadata={"author": paper.supplier.name, "title": title, "subject": title, "keywords": "Factur-X"},
        lang=paper.language,
        xmp_compression=False,
    )
    return _dated(bytes(made), paper.issued_on)


def _dated(pdf: bytes, day: date) -> bytes:
    """Overwrite each time stamp with one of equal length, so that no offset in the file moves."""
    stamp = day.strftime("%Y%m%d").encode()
    # The library's PDF writer escapes a colon as \072.
    pdf = re.sub(rb"(D:|D\\072)\d{14}", rb"\g<1>" + stamp + b"080000", pdf)
    return re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+", day.isoformat().encode() + b"T08:00:00+", pdf)


def xml_of(paper: Paper) -> bytes:
    """Write the cross industry invoice."""
    for prefix, uri in _SPACES.items():
        ET.register_namespace(prefix, uri)
    root = ET.Element(_name("rsm:CrossIndustryInvoice"))
    _put(root, "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID", EN16931)
    document = _put(root, "rsm:ExchangedDocument")
    _put(document, "ram:ID", paper.number)
    _put(document, "ram:TypeCode", _TYPE_CODES[paper.kind])
    _date(document, "ram:IssueDateTime", paper.issued_on)
    _put(document, "ram:IncludedNote/ram:Content", paper.note)
    trade = _put(root, "rsm:SupplyChainTradeTransaction")
    for position, line in enumerate(paper.lines, start=1):
        _line(trade, position, line)
    _agreement(trade, paper)
    delivery = _put(trade, "ram:ApplicableHeaderTradeDelivery")
    ship_to = "ram:ShipToTradeParty/ram:PostalTradeAddress/ram:CountryID"
    _put(delivery, ship_to, paper.buyer_vat_id[:2])
    _date(_put(delivery, "ram:ActualDeliverySupplyChainEvent"), "ram:OccurrenceDateTime", paper.issued_on)
    _settlement(trade, paper)
    written: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


def _name(prefixed: str) -> str:
    prefix, _, tag = prefixed.partition(":")
    return f"{{{_SPACES[prefix]}}}{tag}"


def _put(parent: ET.Element, path: str, text: str | Decimal | None = None, **attributes: str) -> ET.Element:
    """Add the elements of a path, one inside the other; the last one holds the text and the attributes."""
    for tag in path.split("/"):
        parent = ET.SubElement(parent, _name(tag))
    parent.text = None if text is None else str(text)
    parent.attrib.update(attributes)
    return parent


def _date(parent: ET.Element, path: str, value: date) -> None:
    _put(parent, f"{path}/udt:DateTimeString", value.strftime("%Y%m%d"), format="102")


def _line(trade: ET.Element, position: int, line: Line) -> None:
    item = _put(trade, "ram:IncludedSupplyChainTradeLineItem")
    _put(item, "ram:AssociatedDocumentLineDocument/ram:LineID", str(position))
    _put(item, "ram:SpecifiedTradeProduct/ram:Name", line.text)
    _put(item, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount", line.price)
    _put(item, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", line.quantity, unitCode="C62")
    settlement = _put(item, "ram:SpecifiedLineTradeSettlement")
    _tax_kind(_put(settlement, "ram:ApplicableTradeTax"), line.vat)
    _put(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount", line.amount)


def _tax_kind(tax: ET.Element, rate: Decimal) -> None:
    """Name the tax: a rate of 0 between our suppliers and us is the intra-community supply (K)."""
    if tax.find(_name("ram:TypeCode")) is None:
        _put(tax, "ram:TypeCode", "VAT")
    _put(tax, "ram:CategoryCode", "S" if rate else "K")
    _put(tax, "ram:RateApplicablePercent", f"{rate:.2f}")


def _agreement(trade: ET.Element, paper: Paper) -> None:
    agreement = _put(trade, "ram:ApplicableHeaderTradeAgreement")
    seller = _put(agreement, "ram:SellerTradeParty")
    _party(seller, paper.supplier.name, paper.address, paper.supplier.country, paper.supplier.vat_id)
    buyer = _put(agreement, "ram:BuyerTradeParty")
    _party(buyer, paper.buyer[0], paper.buyer[1:], paper.buyer_vat_id[:2], paper.buyer_vat_id)
    if paper.purchase_order:
        _put(agreement, "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID", paper.purchase_order)


def _party(party: ET.Element, name: str, address: tuple[str, ...], country: str, vat_id: str) -> None:
    _put(party, "ram:Name", name)
    postal = _put(party, "ram:PostalTradeAddress")
    _put(postal, "ram:LineOne", address[0])
    _put(postal, "ram:CityName", address[1])
    _put(postal, "ram:CountryID", country)
    _put(party, "ram:SpecifiedTaxRegistration/ram:ID", vat_id, schemeID="VA")


def _settlement(trade: ET.Element, paper: Paper) -> None:
    settlement = _put(trade, "ram:ApplicableHeaderTradeSettlement")
    _put(settlement, "ram:InvoiceCurrencyCode", paper.supplier.currency)
    if paper.iban:
        means = _put(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
        _put(means, "ram:TypeCode", "58")
        _put(means, "ram:PayeePartyCreditorFinancialAccount/ram:IBANID", paper.iban)
    for rate, (base, tax) in paper.taxes.items():
        trade_tax = _put(settlement, "ram:ApplicableTradeTax")
        _put(trade_tax, "ram:CalculatedAmount", tax)
        _put(trade_tax, "ram:TypeCode", "VAT")
        if not rate:
            _put(trade_tax, "ram:ExemptionReason", "Intra-community supply")
        _put(trade_tax, "ram:BasisAmount", base)
        _tax_kind(trade_tax, rate)
    terms = _put(settlement, "ram:SpecifiedTradePaymentTerms")
    if paper.due_on:
        _date(terms, "ram:DueDateDateTime", paper.due_on)
    else:
        _put(terms, "ram:Description", "To be set off against the next payment")
    _summation(settlement, paper)


def _summation(settlement: ET.Element, paper: Paper) -> None:
    sums = _put(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    _put(sums, "ram:LineTotalAmount", paper.net)
    _put(sums, "ram:TaxBasisTotalAmount", paper.net)
    _put(sums, "ram:TaxTotalAmount", paper.tax, currencyID=paper.supplier.currency)
    _put(sums, "ram:GrandTotalAmount", paper.total)
    _put(sums, "ram:DuePayableAmount", paper.total)
