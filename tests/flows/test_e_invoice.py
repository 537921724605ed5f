"""The invoice inside a Factur-X or ZUGFeRD PDF, taken at its word or not at all."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from flows.invoice_intake.documents import Invoice, SupplierDocument
from flows.invoice_intake.e_invoice import e_invoice
from fulcrum.cases import Json
from fulcrum.sources import read

DOCUMENTS = Path(__file__).resolve().parents[2] / "../shared/data/documents"

NAMESPACE = "urn:un:unece:uncefact:data:standard:"
FACTUR_X = f"""<rsm:CrossIndustryInvoice xmlns:rsm="{NAMESPACE}CrossIndustryInvoice:100"
  xmlns:ram="{NAMESPACE}ReusableAggregateBusinessInformationEntity:100" xmlns:udt="{NAMESPACE}UnqualifiedDataType:100">
 <rsm:ExchangedDocument>
  <ram:ID>R-17</ram:ID>
  <ram:TypeCode>{{kind}}</ram:TypeCode>
  <ram:IssueDateTime><udt:DateTimeString format="{{form}}">{{day}}</udt:DateTimeString></ram:IssueDateTime>
 </rsm:ExchangedDocument>
 <rsm:SupplyChainTradeTransaction>
  <ram:IncludedSupplyChainTradeLineItem>
   <ram:SpecifiedTradeProduct><ram:Name>Bolts</ram:Name></ram:SpecifiedTradeProduct>
   <ram:SpecifiedLineTradeAgreement><ram:NetPriceProductTradePrice><ram:ChargeAmount>25</ram:ChargeAmount>
     <ram:BasisQuantity>100</ram:BasisQuantity></ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement>
   <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity>400</ram:BilledQuantity></ram:SpecifiedLineTradeDelivery>
   <ram:SpecifiedLineTradeSettlement><ram:SpecifiedTradeSettlementLineMonetarySummation>
     <ram:LineTotalAmount>100.0</ram:LineTotalAmount></ram:SpecifiedTradeSettlementLineMonetarySummation>
   </ram:SpecifiedLineTradeSettlement>
  </ram:IncludedSupplyChainTradeLineItem>
  <ram:ApplicableHeaderTradeAgreement>
   <ram:SellerTradeParty><ram:Name>Seller
     &amp; Sons</ram:Name></ram:SellerTradeParty>
   <ram:BuyerTradeParty><ram:Name>Buyer</ram:Name></ram:BuyerTradeParty>
   <ram:BuyerOrderReferencedDocument>
    <ram:IssuerAssignedID>PO 9</ram:IssuerAssignedID>
   </ram:BuyerOrderReferencedDocument>
  </ram:ApplicableHeaderTradeAgreement>
  <ram:ApplicableHeaderTradeSettlement>
   <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
   <ram:SpecifiedTradeSettlementPaymentMeans>
    <ram:PayerPartyDebtorFinancialAccount><ram:IBANID>DE00000000000000000000</ram:IBANID></ram:PayerPartyDebtorFinancialAccount>
    <ram:PayeePartyCreditorFinancialAccount><ram:IBANID>{{iban}}</ram:IBANID></ram:PayeePartyCreditorFinancialAccount>
   </ram:SpecifiedTradeSettlementPaymentMeans>
   <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime><udt:DateTimeString format="102">20240315</udt:DateTimeString>
     </ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>
   <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime><udt:DateTimeString format="102">20240301</udt:DateTimeString>
     </ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>
   <ram:SpecifiedTradeSettlementHeaderMonetarySummation>{{sums}}</ram:SpecifiedTradeSettlementHeaderMonetarySummation>
  </ram:ApplicableHeaderTradeSettlement>
 </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""
SUMS = """<ram:TaxBasisTotalAmount>100</ram:TaxBasisTotalAmount>
 <ram:TaxTotalAmount currencyID="USD">21.00</ram:TaxTotalAmount>
 <ram:TaxTotalAmount currencyID="EUR">19.020</ram:TaxTotalAmount>
 <ram:RoundingAmount>-0.02</ram:RoundingAmount><ram:GrandTotalAmount currencyID="EUR">119.02</ram:GrandTotalAmount>
 <ram:DuePayableAmount>119.00</ram:DuePayableAmount>"""


def pdf_with(xml: bytes | str | None, name: str = "factur-x.xml") -> bytes:
    """Make a PDF of one empty page with this attached."""
    writer = PdfWriter()
    writer.add_blank_page(72, 72)
    if xml is not None:
        writer.add_attachment(name, xml.encode() if isinstance(xml, str) else xml)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def factur_x(
    kind: str = "380",
    day: str = "20240229",
    form: str = "102",
    iban: str = "DE88 2008 0000 0970 3757 00",
    sums: str = SUMS,
) -> str:
    """Write an invoice as Factur-X."""
    return FACTUR_X.format(kind=kind, day=day, form=form, iban=iban, sums=sums)


def grand(total: str) -> str:
    """Write sums that are a grand total alone."""
    return f"<ram:GrandTotalAmount>{total}</ram:GrandTotalAmount>"


def problem(pdf: bytes) -> str:
    """Read a PDF whose XML cannot be taken at its word."""
    said = e_invoice(pdf, "a.pdf")
    assert list(said) == ["e_invoice_problem"]
    return str(said["e_invoice_problem"])


def truths() -> list[Json]:
    """Load what the XML of the shared PDFs is known to say."""
    path = DOCUMENTS / "invoices_zugferd.dev.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_field_of_real_e_invoices_is_exact() -> None:
    """ZUGFeRD 1 and 2 and Factur-X, from MINIMUM's fields to EXTENDED's: what the truth says is what is read."""
    known = {f"{truth['id']}.pdf": truth["truth"] for truth in truths()}
    if not known:
        pytest.skip(f"no data at {DOCUMENTS}")
    cases = list(read(str(DOCUMENTS / "pdf"), case=SupplierDocument, attachment=e_invoice))
    assert {case.external_id for case in cases} == set(known)
    wrong: dict[str, Any] = {}
    for case in cases:
        assert case.unsound is None
        found = case.input["e_invoice"]
        assert Invoice.model_validate(found).document_kind in {"invoice", "credit_note"}
        for field, said in known[case.external_id].items():
            expected = " ".join(said.split()) if said is not None else None
            if found[field] != expected:
                wrong[f"{case.external_id}: {field}"] = (expected, found[field])
    assert wrong == {}


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        (
            "zugferd-XML_Rechnung_FX_EN16931_Rechnungskorrektur",
            {"document_kind": "credit_note", "purchase_order": "B123456789", "iban": None, "due_on": None},
        ),
        (
            "zugferd-ZUGFeRDv2_correct_FNFE_factur_x_examples_Avoir_FR_type381_BASIC",
            {"document_kind": "credit_note", "purchase_order": "PO445", "due_on": "2017-11-16"},
        ),
        (
            "zugferd-ZUGFeRDv1_correct_Mustangproject_MustangGnuaccountingBeispielRE_20151008_504",
            {"document_kind": "invoice", "iban": "DE88200800000970375700", "due_on": "2014-10-29", "rounding": None},
        ),
        (
            "zugferd-ZUGFeRDv2_correct_intarsys_EXTENDED_zugferd_2p0_EXTENDED_Fremdwaehrung",
            {"document_kind": "invoice", "iban": "DE1212344321987600", "due_on": "2018-11-20", "purchase_order": None},
        ),
    ],
)
def test_the_other_fields_of_real_e_invoices(stem: str, expected: Json) -> None:
    """Kind, order, account and due day, in both vocabularies; the payer's account is not taken for the payee's."""
    path = DOCUMENTS / "pdf" / f"{stem}.pdf"
    if not path.exists():
        pytest.skip(f"no data at {path}")
    found = e_invoice(path.read_bytes(), path.name)["e_invoice"]
    assert {field: found[field] for field in expected} == expected


def test_an_invoice_is_read_in_full() -> None:
    """Tax in the invoice's currency, the last due day, the price of one; the total is with the rounding."""
    assert e_invoice(pdf_with(factur_x()), "a.pdf")["e_invoice"] == {
        "document_kind": "invoice",
        "supplier_name": "Seller & Sons",
        "document_number": "R-17",
        "issued_on": "2024-02-29",
        "due_on": "2024-03-15",
        "purchase_order": "PO 9",
        "iban": "DE88200800000970375700",
        "currency": "EUR",
        "net": "100.00",
        "tax": "19.02",
        "rounding": "-0.02",
        "total": "119.00",
        "line_items": [{"description": "Bolts", "quantity": "400", "unit_price": "0.25", "amount": "100.00"}],
    }


@pytest.mark.parametrize(
    ("code", "total", "kind"),
    [
        ("380", "1", "invoice"),
        ("389", "1", "invoice"),
        ("383", "1", "invoice"),
        ("751", "1", "invoice"),
        ("381", "1", "credit_note"),
        ("261", "1", "credit_note"),
        ("396", "1", "credit_note"),
        ("381", "-1", "credit_note"),
        ("384", "1", "invoice"),
        ("384", "-1", "credit_note"),
        ("380", "-1", "credit_note"),
        ("384", "0", "invoice"),
    ],
)
def test_the_kind_is_by_code_and_sign(code: str, total: str, kind: str) -> None:
    """UNTDID 1001 decides; an invoice or a correction that gives money back is a credit note."""
    assert e_invoice(pdf_with(factur_x(kind=code, sums=grand(total))), "a.pdf")["e_invoice"]["document_kind"] == kind


@pytest.mark.parametrize(
    ("form", "day", "issued_on"),
    [("102", "20240229", "2024-02-29"), ("203", "202402292359", "2024-02-29"), ("610", "202402", None)],
)
def test_a_day_is_read_by_its_format(form: str, day: str, issued_on: str | None) -> None:
    """UNTDID 2379; a month is no day, so the XML does not say one."""
    assert e_invoice(pdf_with(factur_x(form=form, day=day)), "a.pdf")["e_invoice"]["issued_on"] == issued_on


@pytest.mark.parametrize("name", ["factur-x.xml", "ZUGFeRD-invoice.xml", "zugferd-invoice.xml", "xrechnung.xml"])
def test_the_xml_goes_by_several_names(name: str) -> None:
    """Each version of the format has its own name for the attachment."""
    assert "e_invoice" in e_invoice(pdf_with(factur_x(), name), "a.pdf")


@pytest.mark.parametrize("pdf", [pdf_with(None), pdf_with("<a/>", "notes.xml"), pdf_with("hello", "terms.txt")])
def test_a_pdf_without_such_an_xml_says_nothing(pdf: bytes) -> None:
    """Any other attachment is none of ours."""
    assert e_invoice(pdf, "a.pdf") == {}


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("<rsm:CrossIndustry", "no well-formed"),
        ("", "no well-formed"),
        ("<a/>", "no well-formed"),
        (factur_x(kind="325"), "type code is of no invoice"),
        (factur_x(kind="SECRET"), "type code is of no invoice"),
        (factur_x(sums=""), "says no grand total"),
        (factur_x(sums=grand("SECRET")), "amount that is no number"),
        (factur_x(sums=grand("NaN")), "amount that is no number"),
        (factur_x(sums=grand("1e400000")), "amount that is no number"),
        (factur_x(sums=grand("1.001")), "no valid total"),
        (factur_x(sums='<ram:GrandTotalAmount currencyID="USD">1</ram:GrandTotalAmount>'), "not in its currency"),
        (factur_x(day="20240230"), "a date that is no day"),
        (factur_x(iban="SECRET"), "no valid iban"),
        ("<!DOCTYPE x>" + factur_x(), "declares a document type"),
    ],
)
def test_xml_that_cannot_be_taken_at_its_word_says_why(xml: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """There is no half of an invoice: a reason without content, in the input and in the log."""
    with caplog.at_level(logging.DEBUG):
        assert reason in problem(pdf_with(xml))
    assert reason in caplog.text
    assert "a.pdf" in caplog.text
    assert "SECRET" not in caplog.text


def test_entities_are_not_resolved(tmp_path: Path) -> None:
    """Neither a file of this machine nor a bomb of entities gets into an invoice."""
    (tmp_path / "secret").write_text("SECRET")
    outside = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path / "secret"}">]>'
    bomb = '<!DOCTYPE x [<!ENTITY a "' + "x" * 1000 + '"><!ENTITY b "' + "&a;" * 1000 + '"><!ENTITY e "' + "&b;" * 1000
    for doctype in (outside, bomb + '">]>'):
        said = e_invoice(pdf_with(doctype + factur_x().replace("R-17", "&e;")), "a.pdf")
        assert list(said) == ["e_invoice_problem"]
        assert "SECRET" not in str(said)


def test_what_is_no_pdf_raises_nothing() -> None:
    """A file that no reader opens is a problem in words."""
    assert "could not be read" in problem(b"no pdf")
    assert "could not be read" in problem(b"")


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_xml_raises_nothing(data: st.DataObject) -> None:
    """Whatever is overwritten in the XML, there is an invoice that the model takes, or a problem."""
    xml = bytearray(factur_x().encode())
    start = data.draw(st.integers(0, len(xml)))
    xml[start : start + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8) | st.just(b"</ram:ID>"))
    said = e_invoice(pdf_with(bytes(xml)), "a.pdf")
    assert len(said) == 1
    if "e_invoice" in said:
        Invoice.model_validate(said["e_invoice"])


def test_importing_is_light() -> None:
    """The PDF libraries are loaded when a PDF is read, not when the process is defined."""
    program = (
        "import sys, fulcrum.sources, flows.invoice_intake.e_invoice;"
        "print([m for m in ('pypdf', 'facturx', 'lxml', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
