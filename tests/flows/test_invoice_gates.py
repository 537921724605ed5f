"""The invoice process's gates: lenient with documents, strict with what is to be booked; one fault, one reason."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.invoice_intake.gates import (
    DOCUMENT_GATE,
    INVOICE_GATE,
    LONGEST_TEXT,
    amount_pattern,
    business_key,
)
from flows.invoice_intake.suppliers import COLUMNS, Supplier, SupplierMaster, load_suppliers, normal_name
from fulcrum.errors import MasterDataUnusable
from fulcrum.gates import evaluate, markdown
from fulcrum.process import GateContext, Row, Stage, Tolerance

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "../shared/data"
TODAY = date(2026, 3, 1)
IBAN = "DE89370400440532013000"
OTHER_IBAN = "GB33BUKB20201555555555"

MASTER = SupplierMaster(
    {
        normal_name(name): Supplier(
            supplier_id=f"S-{n}",
            name=name,
            country="DE",
            vat_id=None,
            iban=account,
            currency=currency,
            payment_days=30,
        )
        for n, (name, account, currency) in enumerate(
            [("Müller Werkzeug GmbH", IBAN, "EUR"), ("Papier & Söhne KG", None, None)]
        )
    }
)
CONTEXT = GateContext(loaded=MASTER, today=TODAY)

TEXT = f"""Müller Werkzeug GmbH
Rechnung Nr. RE-2026/17 vom 12.02.2026
Netto 1.000,00 EUR, USt. 19 % 210,00 EUR
Gesamtbetrag 1.210,00 EUR
IBAN {IBAN}"""

SOUND: dict[str, Any] = {
    "document_kind": "invoice",
    "supplier_name": "Müller Werkzeug GmbH",
    "document_number": "RE-2026/17",
    "issued_on": "2026-02-12",
    "due_on": "2026-03-14",
    "iban": IBAN,
    "currency": "EUR",
    "net": "1000.00",
    "tax": "210.00",
    "total": "1210.00",
}
CREDIT = SOUND | {"document_kind": "credit_note"}
RECEIPT = {
    "document_kind": "receipt",
    "supplier_name": "Corner Shop",
    "issued_on": "2026-02-28",
    "currency": "MYR",
    "total": "9.90",
}
RECEIPT_TEXT = "CORNER SHOP\n28/02/2026\nTOTAL 9.90"


def invoice_row(values: dict[str, Any], text: str = TEXT, case_id: str = "case", **document: Any) -> Row:
    """Make the row of a proposal for a document of that text."""
    return Row(case_id=case_id, input={"id": case_id, "text": text, **document}, values=values)


def reasons(rows: Sequence[Row], context: GateContext = CONTEXT) -> list[str]:
    """Give each row's reasons at the invoice gate."""
    result = evaluate(INVOICE_GATE, rows, context)
    return [result.reasons(row.case_id) for row in rows]


PASSING = {
    "an invoice": invoice_row(SOUND),
    "an invoice without what is optional": invoice_row(
        {key: value for key, value in SOUND.items() if key not in {"due_on", "iban", "net", "tax"}}
    ),
    "tax without net": invoice_row(SOUND | {"net": None}),
    "a rounded total": invoice_row(SOUND | {"net": "1000.02", "rounding": "-0.02"}),
    "dated tomorrow, another time zone's today": invoice_row(SOUND | {"issued_on": "2026-03-02"}),
    "due the day it was issued": invoice_row(SOUND | {"due_on": "2026-02-12"}),
    "the first day of 2000": invoice_row(SOUND | {"issued_on": "2000-01-01"}),
    "the supplier in other letters": invoice_row(SOUND | {"supplier_name": "MULLER  WERKZEUG G.m.b.H."}),
    "a number with other punctuation": invoice_row(SOUND | {"document_number": "RE 2026-17"}),
    "a credit note printed positive": invoice_row(CREDIT),
    "a credit note printed negative": invoice_row(
        CREDIT | {"net": "-1000.00", "tax": "-210.00", "total": "-1210.00"}, text=TEXT.replace("1.210", "-1.210")
    ),
    "a credit note whose signs are mixed": invoice_row(CREDIT | {"total": "-1210.00"}),
    "a receipt of a stranger, without a number": invoice_row(RECEIPT, text=RECEIPT_TEXT),
    "a supplier whose master has no account, none printed": invoice_row(
        SOUND | {"supplier_name": "Papier & Söhne KG", "iban": None, "currency": "CHF"},
        text=TEXT + "\nPapier & Söhne KG",
    ),
}


@pytest.mark.parametrize("row", PASSING.values(), ids=PASSING)
def test_what_may_be_booked_passes(row: Row) -> None:
    """No rule objects to what a clerk would book."""
    assert reasons([row]) == [""]


FAILING = {
    "no supplier": (SOUND | {"supplier_name": None}, "supplier is missing"),
    "no date": (SOUND | {"issued_on": None}, "date is missing"),
    "no total": (SOUND | {"total": None}, "total is missing"),
    "no currency": (SOUND | {"currency": None}, "currency is missing"),
    "no kind": (SOUND | {"document_kind": None}, "kind of document is missing"),
    "another kind": (SOUND | {"document_kind": "letter"}, "values do not fit the form"),
    "a tenth of a cent": (SOUND | {"total": "1210.005"}, "values do not fit the form"),
    "an amount that is no number": (SOUND | {"net": "NaN"}, "values do not fit the form"),
    "an unknown field": (SOUND | {"bonus": "1"}, "values do not fit the form"),
    "a cent too much": (SOUND | {"net": "1000.01"}, "total does not add up"),
    "a float's trap": (SOUND | {"net": "1209.80", "tax": "0.10"}, "total does not add up"),
    "the rounding forgotten": (SOUND | {"net": "1000.02"}, "total does not add up"),
    "a credit note of nothing": (
        CREDIT | {"net": None, "tax": None, "total": "0.00"},
        "credit note does not post negative",
    ),
    "an invoice of nothing": (SOUND | {"net": None, "tax": None, "total": "0.00"}, "total is not positive"),
    "a negative invoice": (
        SOUND | {"net": "-1000.00", "tax": "-210.00", "total": "-1210.00"},
        "total is not positive",
    ),
    "before 2000": (SOUND | {"issued_on": "1999-12-31"}, "date is before 2000"),
    "the day after tomorrow": (SOUND | {"issued_on": "2026-03-03"}, "date is in the future"),
    "due before issued": (SOUND | {"due_on": "2026-02-11"}, "due before it was issued"),
    "a currency that is none": (SOUND | {"currency": "EUX"}, "currency is not in ISO 4217"),
    "a currency of old": (SOUND | {"currency": "DEM"}, "currency is not in ISO 4217"),
    "gold": (SOUND | {"currency": "XAU"}, "currency is not in ISO 4217"),
    "an invoice without number": (SOUND | {"document_number": None}, "document number is missing"),
    "a credit note without number": (CREDIT | {"document_number": None}, "document number is missing"),
    "a number that is not printed": (
        SOUND | {"document_number": "RE-2026/18"},
        "document number does not stand in the text",
    ),
    "a part of a number": (SOUND | {"document_number": "E-2026/17"}, "document number does not stand in the text"),
    "a total that is not printed": (SOUND | {"net": None, "total": "1210.10"}, "total does not stand in the text"),
    "a supplier that is not printed": (
        SOUND | {"supplier_name": "Papier & Söhne KG", "iban": None},
        "supplier does not stand in the text",
    ),
    "a supplier nobody knows": (SOUND | {"supplier_name": "Werkzeug GmbH"}, "supplier is not in the master"),
    "a wrong digit in the account": (SOUND | {"iban": "DE89370400440532013001"}, "IBAN has a wrong checksum"),
    "another's account": (SOUND | {"iban": OTHER_IBAN}, "IBAN differs from the supplier master"),
    "another's account on a credit note": (CREDIT | {"iban": OTHER_IBAN}, "IBAN differs from the supplier master"),
    "another currency": (SOUND | {"currency": "USD"}, "currency differs from the supplier master"),
}


@pytest.mark.parametrize(("values", "reason"), FAILING.values(), ids=FAILING)
def test_one_fault_gives_exactly_its_reason(values: dict[str, Any], reason: str) -> None:
    """A reviewer reads what is wrong and nothing beside it."""
    zero_is_printed = TEXT + "\n0,00"
    assert reasons([invoice_row(values, text=zero_is_printed)]) == [reason]


def test_an_account_the_master_does_not_have_goes_to_a_person() -> None:
    """Where the master has no account, a printed one is not taken on trust."""
    values = SOUND | {"supplier_name": "Papier & Söhne KG"}

    assert reasons([invoice_row(values, text=TEXT + "\nPapier & Söhne KG")]) == [
        "IBAN differs from the supplier master"
    ]


def test_a_currency_that_differs_from_the_masters_is_a_warning() -> None:
    """The rule's native severity is warning: a person looks, and the record says it weighs less."""
    result = evaluate(INVOICE_GATE, [invoice_row(SOUND | {"currency": "USD"})], CONTEXT)

    assert [rule.severity for rule in result.broken["case"]] == ["warning"]
    assert result.failed == ("case",)


def test_receipts_are_judged_by_what_concerns_them() -> None:
    """A receipt needs no master and no number, but a total, a date and its shop's name in the text."""
    rows = [
        invoice_row(RECEIPT | change, text=RECEIPT_TEXT, case_id=f"c{n}")
        for n, change in enumerate(
            [
                {"total": "-9.90"},
                {"document_number": "77"},
                {"supplier_name": "Corner"},
                {"iban": OTHER_IBAN},
                {"total": "9.00"},
            ]
        )
    ]

    assert reasons(rows) == [
        "total is not positive",
        "document number does not stand in the text",
        "",
        "",
        "total does not stand in the text",
    ]


def test_an_e_invoices_supplier_and_number_need_not_be_printed_but_its_total_must() -> None:
    """What the XML says exactly is not looked up on the page, except the amount; what differs from the XML is."""
    page = "See the attachment. 1.210,00"
    told = {"supplier_name": SOUND["supplier_name"], "document_number": SOUND["document_number"], "total": "1210.00"}

    assert reasons([invoice_row(SOUND, text=page, e_invoice=told)]) == [""]
    unseen = [invoice_row(SOUND, text="See the attachment.", e_invoice=told)]
    assert reasons(unseen) == ["total does not stand in the text"]
    changed = [invoice_row(SOUND | {"document_number": "RE-1"}, text=page, e_invoice=told)]
    assert reasons(changed) == ["document number does not stand in the text"]


def test_of_two_duplicates_in_a_batch_the_later_fails() -> None:
    """The first of a batch keeps the key; copies in other letters and punctuation are copies all the same."""
    copy = SOUND | {"supplier_name": "MÜLLER WERKZEUG GMBH", "document_number": "RE 2026 17", "total": 1210}
    rows = [
        invoice_row(values, case_id=name) for name, values in (("first", SOUND), ("copy", copy), ("credit", CREDIT))
    ]

    assert reasons(rows) == ["", "already posted or in work as a duplicate", ""]
    assert reasons(rows[1::-1]) == ["", "already posted or in work as a duplicate"]


def test_a_key_held_by_another_case_fails_and_ones_own_does_not() -> None:
    """A case that is posted or in work holds its key against all others, whatever their order in the batch."""
    key = business_key(SOUND)
    assert key is not None
    rows = [invoice_row(SOUND, case_id=name) for name in ("late", "holder", "later")]
    duplicate = "already posted or in work as a duplicate"

    assert reasons(rows, GateContext(loaded=MASTER, today=TODAY, taken={key: "holder"})) == [duplicate, "", duplicate]
    assert reasons(rows, GateContext(loaded=MASTER, today=TODAY, taken={key: "elsewhere"})) == [duplicate] * 3


def test_receipts_without_a_number_are_no_duplicates_of_each_other() -> None:
    """Two coffees at the same price are two coffees: without a number nothing can be told."""
    assert reasons([invoice_row(RECEIPT, text=RECEIPT_TEXT, case_id=name) for name in "ab"]) == ["", ""]


@pytest.mark.parametrize(
    "change",
    [
        {"supplier_name": "muller werkzeug gmbh"},
        {"document_number": "re 2026 17"},
        {"total": 1210},
        {"total": "1210.0"},
        {"issued_on": "2026-02-13", "currency": "USD", "iban": None},
    ],
    ids=["supplier's letters", "number's punctuation", "a number", "one decimal", "other fields"],
)
def test_a_business_key_depends_on_what_identifies_an_invoice(change: dict[str, Any]) -> None:
    """Print and the other fields do not change the key."""
    assert business_key(SOUND | change) == business_key(SOUND)


def test_business_keys_differ_by_supplier_number_total_and_kind() -> None:
    """Each of the four makes another key; a credit note's sign does not."""
    changes = [
        {},
        {"supplier_name": "Other"},
        {"document_number": "2"},
        {"total": "1"},
        {"document_kind": "credit_note"},
    ]
    keys = {business_key(SOUND | change) for change in changes}

    assert len(keys) == 5
    assert all(key is not None and len(key) == 64 for key in keys)
    assert business_key(CREDIT | {"total": "-1210.00"}) == business_key(CREDIT)


@pytest.mark.parametrize("field", ["supplier_name", "document_number", "total", "document_kind"])
@pytest.mark.parametrize("unusable", [None, "", [], {}], ids=repr)
def test_there_is_no_business_key_without_its_parts(field: str, unusable: object) -> None:
    """What is absent or of another type gives no key, rather than one that many cases share."""
    assert business_key(SOUND | {field: unusable}) is None


@pytest.mark.parametrize(
    "change", [{"supplier_name": "!!"}, {"document_number": "-"}, {"total": "NaN"}, {"total": "x"}]
)
def test_there_is_no_business_key_of_what_says_nothing(change: dict[str, str]) -> None:
    """A name without letters and a total without a value identify nothing."""
    assert business_key(SOUND | change) is None


PRINTED = {
    "1210.00": [
        "1,210.00",
        "1.210,00",
        "1 210,00",
        "1'210.00",
        "1\u2019210.00",
        "1\u00a0210,00",
        "1210",
        "1210.-",
        "€1,210",
    ],
    "1234567.50": ["1,234,567.50", "1.234.567,5", "12,34,567.50", "1234567.5", "1\u202f234\u202f567,50"],
    "5.90": ["RM5.90", "5,90 €", "5.9", "total:5.90."],
    "0.05": ["0.05", ".05", "0,05"],
    "9.00": ["9.00", "9,00", "9,-"],
    "-8.79": ["-8,79", "8.79-", "(8.79)"],
}
NOT_PRINTED = {
    "1210.00": ["11,210.00", "1,210.50", "1210.001", "12100", "1.21", "1,210,000.00"],
    "5.90": ["15.90", "5.91", "5.900", "1,5.90"],
    "0.05": ["10.05", "0.050"],
    "9.00": ["9", "19.00", "9.001", "9,000.00"],
    "234.56": ["1,234.56", "1'234.56"],
}


@pytest.mark.parametrize(("amount", "text"), [(a, t) for a, texts in PRINTED.items() for t in texts])
def test_an_amount_is_recognised_in_any_common_print(amount: str, text: str) -> None:
    """Separators, signs and left-out decimals are the printer's; the amount is the same."""
    assert reasons([invoice_row(RECEIPT | {"total": amount.lstrip("-")}, text=f"Corner Shop {text} EUR")]) == [""]


@pytest.mark.parametrize(("amount", "text"), [(a, t) for a, texts in NOT_PRINTED.items() for t in texts])
def test_another_amount_is_not_mistaken_for_it(amount: str, text: str) -> None:
    """A part of a longer number, or a bare small digit, is not the amount."""
    assert amount_pattern(Decimal(amount)).search(f"Corner Shop {text} EUR") is None


@given(st.decimals("0", "9999999999999.99", places=2), st.sampled_from(["{:.2f}", "{:,.2f}"]))
def test_every_amount_is_found_as_it_is_printed(amount: Decimal, print_as: str) -> None:
    """Plain and with thousands separators, English or continental, each amount stands in its own print."""
    printed = print_as.format(amount)
    continental = printed.translate(str.maketrans(",.", ".,"))

    assert amount_pattern(amount).search(f"Total {printed}") is not None
    assert amount_pattern(amount).search(f"Summe {continental} EUR") is not None


def document(text: object, **fields: Any) -> Row:
    """Make the row of a document that nothing was proposed for yet."""
    return Row(case_id="case", input={"id": "case", "text": text, **fields})


DOCUMENTS = {
    "a document": (document(TEXT), ""),
    "the fewest signs": (document("A 1\n2"), ""),
    "a script without capitals": (document("請求書 合計 一千円"), ""),
    "blank": (document(" \n\t\u00a0"), "text is blank"),
    "no text": (document(None), "text is blank"),
    "no text at all": (Row(case_id="case", input={}), "text is blank"),
    "no text, but an exact e-invoice": (document("", e_invoice={"total": "1.00"}), ""),
    "only lines": (document("----- ..... =====  7"), "text has hardly any letters or digits"),
    "as long as may be": (document("x" * LONGEST_TEXT), ""),
    "too long": (document("x" * (LONGEST_TEXT + 1)), "text is too long"),
    "replacement characters": (document("abc " + "\ufffd" * 20), "text is mostly unreadable characters"),
    "control characters": (document("abc" + "\x00\x01" * 20), "text is mostly unreadable characters"),
    "lone surrogates": (document("abc" + "\ud800" * 20), "text is mostly unreadable characters"),
    "some damage": (document("Invoice 12 \ufffd\ufffd 5.00"), ""),
    "a record that could not be read": (
        Row(case_id="case", input={}, unsound="line 3 is not a JSON object"),
        "record could not be read",
    ),
}


@pytest.mark.parametrize(("row", "reason"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_only_unusable_documents_are_kept_out(row: Row, reason: str) -> None:
    """Whatever a person or a model could read comes in; the rest is refused for one reason."""
    assert evaluate(DOCUMENT_GATE, [row], CONTEXT).reasons("case") == reason


@cache
def naughty_strings() -> list[str]:
    """Read the strings that break programs, or skip."""
    path = DATA / "adversarial/naughty_strings.json"
    if not path.is_file():
        pytest.skip("the shared data are not here")
    return [str(text) for text in json.loads(path.read_text(encoding="utf-8"))]


def test_naughty_documents_are_judged_and_only_the_unusable_kept_out() -> None:
    """Every string is judged; what has three letters or digits comes in, unless it is mostly control characters."""
    strings = naughty_strings()
    result = evaluate(DOCUMENT_GATE, [Row(case_id=f"c{n}", input={"text": s}) for n, s in enumerate(strings)], CONTEXT)

    refused = {strings[int(case_id[1:])] for case_id in result.failed}
    assert result.total == len(strings)
    assert all(sum(char.isalnum() for char in text) < 3 for text in refused)
    assert all(text in refused for text in strings if not text.strip())


def test_naughty_suppliers_numbers_and_texts_are_judged_without_being_quoted() -> None:
    """As supplier, number and text, each string gets a verdict: none is known, and none shows in the result."""
    rows = [
        invoice_row(SOUND | {"supplier_name": text, "document_number": text}, text=text + TEXT, case_id=f"c{n}")
        for n, text in enumerate(naughty_strings())
    ]
    result = evaluate(INVOICE_GATE, rows, CONTEXT)

    assert (result.total, result.passed) == (len(rows), ())
    told = json.dumps(result.to_json()) + markdown(result, Stage.OUTCOME, Tolerance())
    assert "Werkzeug" not in told
    assert "<script" not in told


def test_nothing_of_an_invoice_shows_in_the_result() -> None:
    """Reasons and counts only: no name, number or amount, even when every rule has something to say."""
    secret = SOUND | {"supplier_name": "PLANTED-NAME", "document_number": "PLANTED-NUMBER", "iban": OTHER_IBAN}
    result = evaluate(INVOICE_GATE, [invoice_row(secret), invoice_row({"total": "PLANTED"}, case_id="other")], CONTEXT)

    assert len(result.failed) == 2
    told = json.dumps(result.to_json()) + markdown(result, Stage.OUTCOME, Tolerance()) + repr(result)
    assert all(planted not in told for planted in ("PLANTED", OTHER_IBAN, "1210"))


def test_a_batch_of_which_nothing_fits_is_judged() -> None:
    """When no row is an invoice, all columns are null and each row still gets its reasons."""
    missing = "kind of document is missing; supplier is missing; date is missing; currency is missing; total is missing"
    rows = [invoice_row({}, case_id="none"), invoice_row({"total": []}, case_id="odd")]

    assert reasons(rows) == [missing, missing.replace("; total is missing", "; values do not fit the form")]


def test_real_receipts_with_their_true_values_pass_wherever_the_truth_is_printed() -> None:
    """Of the real receipts only those fail whose true values are absent, not positive, or not in the text."""
    path = DATA / "documents/receipts_sroie.dev.jsonl"
    if not path.is_file():
        pytest.skip("the shared data are not here")
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [
        Row(
            case_id=record["id"],
            input={"text": record["text"]},
            values={"document_kind": "receipt", "currency": "MYR", **record["truth"]},
        )
        for record in records
    ]
    result = evaluate(INVOICE_GATE, rows, CONTEXT)
    unanswerable = {
        record["id"]
        for record in records
        if not all(record["answerable"].values())
        or not record["truth"]["total"]
        or Decimal(record["truth"]["total"]) <= 0
    }

    assert set(result.failed) <= unanswerable
    assert evaluate(DOCUMENT_GATE, rows, CONTEXT).failed == ()


def test_the_samples_true_values_clear_where_they_should_and_only_there() -> None:
    """What the samples say of themselves and what the gates say of their true values agree, document by document."""
    folder = ROOT / "flows/invoice_intake"
    records = [json.loads(line) for line in (folder / "golden.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [Row(case_id=record["id"], input={"text": record["text"]}, values=record["truth"]) for record in records]
    context = GateContext(loaded=load_suppliers(folder / "samples/suppliers.csv"), today=date(2026, 11, 23))

    assert evaluate(DOCUMENT_GATE, rows, context).failed == ()
    result = evaluate(INVOICE_GATE, rows, context)
    assert set(result.passed) == {record["id"] for record in records if record["expect"] == "cleared"}
    assert not result.exceeded(INVOICE_GATE.tolerance)


HEADING = ",".join(COLUMNS)
LINE = f"S-1,Müller GmbH,de,DE1,{IBAN},EUR,30"


def master_file(folder: Path, *lines: str) -> Path:
    """Write a supplier master of these lines."""
    path = folder / "suppliers.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_master_is_read_and_searched_by_normal_name(tmp_path: Path) -> None:
    """Case, accents, punctuation and the spacing of legal forms do not matter; any other letter does."""
    master = load_suppliers(
        master_file(tmp_path, HEADING, LINE, "S-2,Kedai Sdn. Bhd.,MY,,,,", 'S-3,"Roth, Weiß & Co. KG",AT,,,EUR,0')
    )

    assert len(master) == 3
    assert master.find("MULLER G.m.b.H.") == Supplier(
        supplier_id="S-1", name="Müller GmbH", country="DE", vat_id="DE1", iban=IBAN, currency="EUR", payment_days=30
    )
    kedai = master.find("kedai SDN BHD")
    assert kedai is not None
    assert (kedai.iban, kedai.currency, kedai.payment_days) == (None, None, None)
    assert master.find("ROTH WEISS & CO KG") is not None
    assert [master.find(name) for name in ("Mueller GmbH", "Müller", "", "!!")] == [None] * 4


def test_vowel_signs_are_part_of_a_name() -> None:
    """Scripts that write vowels as marks keep them: two names that differ in one are two names."""
    assert normal_name("की") != normal_name("कि")
    assert normal_name("Café") == normal_name("CAFE\u0301") == "cafe"


UNUSABLE = {
    "an empty file": ([""], "column supplier_id, name, country"),
    "a column short": ([HEADING.replace(",iban", ""), LINE], "column iban is missing"),
    "no name": ([HEADING, "S-1, ,DE,,,,"], "line 2 has no supplier_id or no name"),
    "a wrong account": ([HEADING, LINE.replace("3000", "3001")], "line 2 has an iban with a wrong checksum"),
    "odd days": ([HEADING, LINE.replace(",30", ",soon")], "line 2 has payment_days that are no whole number"),
    "one name twice": ([HEADING, LINE, LINE.replace("S-1", "S-2").upper()], "line 3 repeats a supplier's name or id"),
    "one id twice": ([HEADING, LINE, LINE.replace("Müller", "Maier")], "line 3 repeats a supplier's name or id"),
    "an open quote": ([HEADING, '"S-1'], "cannot be read as UTF-8 CSV"),
}


@pytest.mark.parametrize(("lines", "problem"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_master_that_cannot_be_trusted_is_refused(tmp_path: Path, lines: list[str], problem: str) -> None:
    """The error names the file and the line, before any case is touched."""
    with pytest.raises(MasterDataUnusable, match=problem) as caught:
        load_suppliers(master_file(tmp_path, *lines))

    assert "suppliers.csv" in str(caught.value)


def test_a_master_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    """A missing file and one in another encoding are told apart."""
    with pytest.raises(MasterDataUnusable, match="there is no such file"):
        load_suppliers(tmp_path / "nowhere.csv")
    latin = tmp_path / "latin.csv"
    latin.write_bytes(f"{HEADING}\n{LINE}\n".encode("latin-1"))
    with pytest.raises(MasterDataUnusable, match="UnicodeDecodeError"):
        load_suppliers(latin)


def test_the_shipped_master_is_sound() -> None:
    """The samples' supplier master can be read, and finds its suppliers by name."""
    path = ROOT / "flows/invoice_intake/samples/suppliers.csv"
    master = load_suppliers(path)

    assert len(master) >= 10
    assert all(master.find(supplier.name.upper()) == supplier for supplier in master.by_name.values())
