"""The samples of invoice intake are what they say: counted, summed, checked against the master, made again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from stdnum import iban

from deployments.samples import make
from deployments.samples.einvoice import EN16931, xml_of
from deployments.samples.papers import INBOX, SAMPLES, Paper, papers, supplier_master
from flows.invoice_intake.documents import Invoice
from fulcrum.sources.pdf import pdf_text

FIELDS = set(Invoice.model_fields) - {"line_items"}
WRONG_SUM = "total does not add up"
E_INVOICES = [paper for paper in papers() if paper.e_invoice]
REAL_COMPANIES = re.compile(
    r"\b(amazon|aws|microsoft|google|apple|adobe|oracle|dropbox|slack|dhl|ups|fedex|tnt|dpd|schenker|maersk|siemens|bosch"
    r"|abb|festo|wago|w[uü]rth|telekom|vodafone|orange|proximus|e\.?on|rwe|enovos|edf|engie|shell|uber|lufthansa|luxair"
    r"|ikea|lidl|aldi|rewe|auchan|cactus|carrefour|leclerc|obi|hornbach|bauhaus|hagebau|staples|lyreco|delonghi|jura"
    r"|saeco|philips|melitta|lavazza|illy|nespresso|nestl[eé]|rancilio|marzocco|cimbali|paypal|visa|mastercard|deloitte"
    r"|kpmg|pwc|sodexo|iss|securitas|commerzbank|ing|bnp|bil|spuerkeess)\b"
)


@cache
def golden() -> dict[str, dict[str, Any]]:
    """Read golden.jsonl by id."""
    lines = make.GOLDEN.read_text(encoding="utf-8").splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def files(*suffixes: str) -> list[Path]:
    """List the inbox's files of some kinds by name."""
    return sorted(path for path in INBOX.iterdir() if path.suffix in suffixes)


def mails() -> list[dict[str, Any]]:
    """Read the records of the e-mail export."""
    return [json.loads(line) for line in (INBOX / "mail_export.jsonl").read_text(encoding="utf-8").splitlines()]


def documents() -> set[str]:
    """Name every document of the inbox, readable or not."""
    return {path.name for path in files(".txt", ".pdf")} | {mail["id"] for mail in mails()}


def ids(expect: str) -> list[str]:
    """Name the readable documents that one thing is expected of."""
    return [name for name, record in golden().items() if record["expect"] == expect]


def printed(amount: str) -> Iterator[str]:
    """Write an amount as the samples' countries do."""
    western = f"{Decimal(amount):,.2f}"
    for thousands, point in ((",", "."), (".", ","), (" ", ","), ("'", ".")):
        yield western.translate({ord(","): thousands, ord("."): point})


def test_there_are_enough_documents_of_each_kind() -> None:
    """The inbox holds at least 48 documents: text, PDF and mail, and nothing of another kind."""
    assert len(documents()) >= 48
    assert len(files(".txt")) >= 30
    assert len(files(".pdf")) >= 14
    assert len(mails()) >= 5
    assert {path.suffix for path in INBOX.iterdir()} == {".txt", ".pdf", ".jsonl"}


def test_every_file_is_small() -> None:
    """No sample is larger than 40 kB."""
    assert [path.name for path in INBOX.iterdir() if path.stat().st_size > 40_000] == []


def test_few_documents_are_unreadable() -> None:
    """The empty file, the cut PDF and the scan have no truth; they are fewer than the intake gate tolerates."""
    unreadable = documents() - set(golden())
    assert unreadable == {
        "2026-10-29_fax_0418.txt",
        "2026-11-13_okkerveld_ON26-22011.pdf",
        "2026-11-16_scan_0031.pdf",
    }
    assert len(unreadable) < 5
    assert len(unreadable) < 0.20 * len(documents())


def test_the_empty_file_is_empty() -> None:
    """A fax that came without a page is a file of 0 bytes."""
    assert (INBOX / "2026-10-29_fax_0418.txt").read_bytes() == b""


def test_the_cut_pdf_cannot_be_opened_and_the_scan_has_no_text() -> None:
    """A PDF reader fails on one of the two and finds no words in the other."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    with pytest.raises(PyPdfError):
        PdfReader(INBOX / "2026-11-13_okkerveld_ON26-22011.pdf")
    (page,) = PdfReader(INBOX / "2026-11-16_scan_0031.pdf").pages
    assert page.extract_text().strip() == ""
    assert len(page.images) == 1


def test_most_documents_are_plain() -> None:
    """Between 60 and 66 percent of all are to clear without a person."""
    assert 0.60 <= len(ids("cleared")) / len(documents()) <= 0.66
    assert set(ids("cleared")) | set(ids("review")) == set(golden())


def test_golden_has_the_truth_of_every_readable_document() -> None:
    """Each record names the fields of an invoice, with None for what the document does not say."""
    assert set(golden()) <= documents()
    assert len(golden()) >= 45
    assert all(set(record["truth"]) == FIELDS for record in golden().values())
    assert all(record["why"] for record in golden().values())


def test_texts_in_golden_are_those_of_the_files() -> None:
    """A record's text is its file's, its mail's, or what a PDF reader extracts."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in files(".txt")}
    texts |= {mail["id"]: mail["text"] for mail in mails()}
    texts |= {path.name: pdf_text(path.read_bytes()) for path in files(".pdf") if path.name in golden()}
    assert {name: record["text"] for name, record in golden().items()} == {name: texts[name] for name in golden()}


@pytest.mark.parametrize("name", sorted(golden()))
def test_truth_is_an_invoice_or_says_that_there_is_none(name: str) -> None:
    """The truth fits the outcome's model; only what is no invoice at all has no kind."""
    truth, why = golden()[name]["truth"], golden()[name]["why"]
    if truth["document_kind"] is None:
        assert why in {"dunning letter", "delivery note", "advertising", "statement of account"}
        truth = truth | {"document_kind": "invoice"}
    assert Invoice.model_validate(truth).model_dump(mode="json", exclude={"line_items"}) == truth


@pytest.mark.parametrize("name", sorted(golden()))
def test_truth_stands_in_the_text(name: str) -> None:
    """Supplier, number, order, account, currency and amounts can be read in the document itself."""
    truth, text = golden()[name]["truth"], golden()[name]["text"]
    for field in ("supplier_name", "document_number", "purchase_order", "currency"):
        assert truth[field] is None or truth[field] in text, field
    assert truth["iban"] is None or truth["iban"] in re.sub(r"\s", "", text)
    for field in ("net", "tax", "rounding", "total"):
        assert truth[field] is None or any(form in text for form in printed(truth[field])), field


@pytest.mark.parametrize("name", sorted(golden()))
def test_truth_adds_up_unless_it_is_wrong_on_purpose(name: str) -> None:
    """Net, tax and rounding are the total to the cent, except where the record says that they are not."""
    truth = golden()[name]["truth"]
    if truth["total"] is None:
        assert golden()[name]["expect"] == "review"
        return
    missing = Decimal(truth["total"]) - sum(Decimal(truth[field] or 0) for field in ("net", "tax", "rounding"))
    assert (missing != 0) == (golden()[name]["why"] == WRONG_SUM)


def test_master_is_sound() -> None:
    """About 20 suppliers with different ids, names and accounts, each account's checksum right."""
    master = supplier_master()
    assert len(master) >= 20
    assert len({supplier.name for supplier in master.values()}) == len(master)
    assert len({supplier.iban for supplier in master.values()}) == len(master)
    assert [supplier.iban for supplier in master.values() if not iban.is_valid(supplier.iban)] == []


def test_what_clears_is_from_the_master() -> None:
    """A document that is to clear names a supplier of the master, in its currency and with no other account."""
    known = {supplier.name: supplier for supplier in supplier_master().values()}
    for name in ids("cleared"):
        truth = golden()[name]["truth"]
        supplier = known[truth["supplier_name"]]
        assert truth["currency"] == supplier.currency, name
        assert truth["iban"] in {supplier.iban, None}, name
        assert truth["iban"] or truth["document_kind"] != "invoice", name


def test_what_clears_is_unique_and_of_autumn_2026() -> None:
    """No two documents that are to clear say the same number, and all are dated in the same weeks."""
    cleared = [golden()[name]["truth"] for name in ids("cleared")]
    assert len({(truth["supplier_name"], truth["document_number"]) for truth in cleared}) == len(cleared)
    assert all("2026-09-01" <= truth["issued_on"] <= "2026-11-20" for truth in cleared)
    assert all(truth["due_on"] is None or truth["due_on"] > truth["issued_on"] for truth in cleared)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("2026-10-15_delmarro_supplies.txt", "supplier"),
        ("2026-11-12_sornwick_SM-26-0099.pdf", "supplier"),
        ("mail-20261109-1107", "supplier"),
        ("2026-10-16_ferlanche_facture.txt", "account"),
        ("2026-10-26_quillbrook_inserts.txt", "account"),
        ("2026-11-03_rhenaport_2026-5218.pdf", "account"),
    ],
)
def test_frauds_differ_from_the_master(name: str, wrong: str) -> None:
    """An unknown supplier is not in the master; a changed account is sound but not the master's."""
    known = {supplier.name: supplier for supplier in supplier_master().values()}
    truth = golden()[name]["truth"]
    assert iban.is_valid(truth["iban"])
    assert (truth["supplier_name"] in known) == (wrong == "account")
    assert truth["iban"] not in {supplier.iban for supplier in known.values()}


def test_an_invoice_was_sent_twice() -> None:
    """The copy says the same supplier, number and total in other words, and comes after the first by name."""
    first, copy = golden()["2026-10-05_brzezarnia_invoice.txt"], golden()["2026-10-19_brzezarnia_copy.txt"]
    assert first["truth"] == copy["truth"]
    assert first["text"] != copy["text"]
    assert (first["expect"], copy["expect"]) == ("cleared", "review")


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("currency", None, "2026-10-21_okkerveld_storage.txt"),
        ("document_number", None, "2026-10-22_clairmoulin_extra.txt"),
        ("issued_on", "2036-10-20", "2026-10-20_kvaernholt_burrs.txt"),
        ("total", None, "2026-10-27_vaubrillon_faded_receipt.txt"),
    ],
)
def test_one_field_is_wrong(field: str, value: str | None, name: str) -> None:
    """Where one field is missing or cannot be, the document goes to a person for that."""
    assert golden()[name]["truth"][field] == value
    assert golden()[name]["expect"] == "review"


def test_no_sign_gives_the_missing_currency_away() -> None:
    """The document without a currency has neither code nor sign of one."""
    text = golden()["2026-10-21_okkerveld_storage.txt"]["text"]
    assert re.search(r"€|£|\$|EUR|GBP|CHF|USD|euro|currency", text, re.IGNORECASE) is None


def test_kinds_and_currencies_are_varied() -> None:
    """There are credit notes, receipts, one with rounding, and foreign currencies."""
    truths = [record["truth"] for record in golden().values()]
    assert {truth["document_kind"] for truth in truths} == {"invoice", "credit_note", "receipt", None}
    assert {"EUR", "GBP", "CHF"} <= {truth["currency"] for truth in truths}
    assert any(truth["rounding"] for truth in truths)
    assert sum(truth["purchase_order"] is not None for truth in truths) >= 12
    assert sum(truth["due_on"] is not None for truth in truths) >= 25


@pytest.mark.parametrize("paper", E_INVOICES, ids=lambda paper: paper.file)
def test_e_invoices_say_the_same_twice(paper: Paper) -> None:
    """The XML in a PDF is valid for its profile and agrees with the golden truth, field by field."""
    import facturx

    name, xml = facturx.get_xml_from_pdf((INBOX / paper.file).read_bytes(), check_xsd=True)
    assert name == "factur-x.xml"
    root = ET.fromstring(xml)  # noqa: S314 - written by our own generator
    assert root.findtext(".//{*}GuidelineSpecifiedDocumentContextParameter/{*}ID") == EN16931

    def said(path: str) -> str | None:
        return root.findtext(f".//{{*}}{path}")

    days = {"issued_on": said("IssueDateTime/*"), "due_on": said("DueDateDateTime/*")}
    truth = golden()[paper.file]["truth"]
    assert {field: day and f"{day[:4]}-{day[4:6]}-{day[6:]}" for field, day in days.items()} == {
        field: truth[field] for field in days
    }
    assert {
        "document_kind": {"380": "invoice", "381": "credit_note"}[str(said("ExchangedDocument/{*}TypeCode"))],
        "supplier_name": said("SellerTradeParty/{*}Name"),
        "document_number": said("ExchangedDocument/{*}ID"),
        "purchase_order": said("BuyerOrderReferencedDocument/{*}IssuerAssignedID"),
        "iban": said("IBANID"),
        "currency": said("InvoiceCurrencyCode"),
        "net": said("TaxBasisTotalAmount"),
        "tax": said("TaxTotalAmount"),
        "rounding": said("RoundingAmount"),
        "total": said("GrandTotalAmount"),
    } == {field: value for field, value in truth.items() if field not in days}


def test_there_are_several_e_invoices() -> None:
    """At least four PDFs carry their XML, a credit note and a changed account among them."""
    assert len(E_INVOICES) >= 4
    assert {paper.kind for paper in E_INVOICES} == {"invoice", "credit_note"}
    assert {paper.expect for paper in E_INVOICES} == {"cleared", "review"}
    assert all(xml_of(paper).startswith(b"<?xml") for paper in E_INVOICES)


def test_the_pdfs_are_made_again_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the clock nor the time zone gets into a PDF: what the generator makes elsewhere is what is shipped."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        made = make.pdfs()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert made.keys() == {path.name for path in files(".pdf")}
    assert [name for name, content in made.items() if content != (INBOX / name).read_bytes()] == []


def test_golden_is_made_again(tmp_path: Path) -> None:
    """The generator writes the PDFs and the golden file that are shipped."""
    make.main(inbox=tmp_path, golden_file=tmp_path / "golden.jsonl")
    assert (tmp_path / "golden.jsonl").read_bytes() == make.GOLDEN.read_bytes()
    assert len(list(tmp_path.glob("*.pdf"))) == len(files(".pdf"))


def test_everything_is_invented() -> None:
    """No real company is named, and every address on the net ends in the reserved .example."""
    text = "\n".join(record["text"] for record in golden().values())
    text += (SAMPLES / "suppliers.csv").read_text(encoding="utf-8") + "\n".join(mail["sender"] for mail in mails())
    hosts = re.findall(r"(?:@|www\.)([\w.-]*\w)", text)
    assert len(hosts) >= len(mails())
    assert [host for host in hosts if not host.endswith(".example")] == []
    named = companies(text)
    assert "brunnoir" in named
    assert REAL_COMPANIES.findall(named) == []


def companies(text: str) -> str:
    """Give the lines in which a company stands by its legal form, in small letters."""
    legal = r"\b(GmbH|AG|KG|SARL|S\.A\.|S\.r\.l\.|B\.?V\.?|N\.V\.|Ltd|Limited|LLP|ApS|Sp\. z o\.o\.)"
    return "\n".join(line for line in text.splitlines() if re.search(legal, line)).lower()
