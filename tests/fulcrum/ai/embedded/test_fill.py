"""Filling schemas of pydantic models from documents."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel, ConfigDict, Field

from flows.invoice_intake.documents import Invoice
from fulcrum.ai.embedded.fill import fill
from fulcrum.ai.embedded.schema import read_schema
from fulcrum.ai.embedded.tokens import Branch, plain_value, tokens_of

DATA = Path(__file__).resolve().parents[4] / "../shared/data"
GERMAN = """Muster Werkzeuge GmbH - Hauptstraße 1 - 12345 Stadt
Kunden AG
Am Weg 3
Rechnung Nr. 2024-17
Rechnungsdatum: 03.05.2024
Zahlbar bis 02.06.2024
Bestellnummer: PO-7781
Bohrmaschine\t2\t500,00\t1.000,00
Nettobetrag\t1.000,00 €
USt. 21 %\t210,00 €
Gesamtbetrag\t1.210,00 €
IBAN DE02 1203 0000 0000 2020 51"""
RECEIPT = """CORNER BOOKS SDN BHD (123456-X)
NO. 3, JALAN BESAR, 50000 KUALA LUMPUR
TAX INVOICE
RECEIPT NO: R-0042
27/06/18 10:08
NOVEL\t12.03
SUB TOTAL\t12.03
ROUNDING\t0.02
TOTAL\t12.05
CASH\t20.00
CHANGE\t7.95"""
CREDIT = """Moulin Vert SARL - 12 rue du Lac - 69001 Lyon
Avoir AV-2024-5
Date de facture 16/11/2024
Total HT -100,00 €
TVA 20% -20,00 €
Total TTC -120,00 €"""


class Inner(BaseModel):
    """A nested thing with a list of its own kind."""

    model_config = ConfigDict(extra="forbid")
    label: str
    weight: float | None
    children: list[Inner]


class Odd(BaseModel):
    """Constructs of many makes."""

    model_config = ConfigDict(extra="forbid")
    state: Literal["open", "closed"] | None
    fixed: Literal["always"]
    mixed: str | int | None
    count: Annotated[int, Field(ge=3, le=9)]
    ratio: Annotated[float, Field(gt=0, lt=1)]
    price: Annotated[Decimal, Field(gt=0, decimal_places=2)]
    code: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    short: Annotated[str, Field(min_length=4, max_length=6)]
    when: datetime
    on: date | None
    yes: bool
    tags: Annotated[list[str], Field(min_length=2)]
    one: Inner
    many: list[Inner]
    table: dict[str, int]
    anything: Any


def _filled(model: type[BaseModel], text: str, examples: tuple[Any, ...] = ()) -> Any:
    content = "".join(
        token.text for token in tokens_of(fill(read_schema(to_strict_json_schema(model)), text, examples))
    )
    return model.model_validate_json(content)


def test_a_german_invoice_is_read_whole() -> None:
    """Labels, number format and dates of a German invoice fill every field, lines included."""
    invoice = _filled(Invoice, GERMAN)
    assert invoice.model_dump(exclude={"line_items"}) == {
        "document_kind": "invoice",
        "supplier_name": "Muster Werkzeuge GmbH",
        "document_number": "2024-17",
        "issued_on": date(2024, 5, 3),
        "due_on": date(2024, 6, 2),
        "purchase_order": "PO-7781",
        "iban": "DE02120300000000202051",
        "currency": "EUR",
        "net": Decimal("1000.00"),
        "tax": Decimal("210.00"),
        "rounding": None,
        "total": Decimal("1210.00"),
    }
    line = invoice.line_items[0]
    assert (line.description, line.quantity, line.unit_price, line.amount) == ("Bohrmaschine", 2, 500, 1000)


def test_a_receipt_is_told_by_its_cash_and_its_rounded_total_is_taken() -> None:
    """Cash and change make a receipt; the total is the sum after rounding, not what was tendered."""
    receipt = _filled(Invoice, RECEIPT)
    assert receipt.document_kind == "receipt"
    assert receipt.supplier_name == "CORNER BOOKS SDN BHD"
    assert receipt.issued_on == date(2018, 6, 27)
    assert receipt.total == Decimal("12.05")
    assert receipt.document_number == "R-0042"
    assert receipt.iban is None


def test_a_credit_note_keeps_its_printed_signs() -> None:
    """A French avoir is a credit note and its amounts stay negative."""
    note = _filled(Invoice, CREDIT)
    assert (note.document_kind, note.net, note.tax, note.total) == (
        "credit_note", Decimal("-100.00"), Decimal("-20.00"), Decimal("-120.00"),
    )  # fmt: skip


def test_a_document_whose_sums_do_not_add_up_is_read_as_printed() -> None:
    """A wrong total is reported, not mended."""
    invoice = _filled(Invoice, GERMAN.replace("1.210,00", "1.220,00"))
    assert (invoice.net, invoice.tax, invoice.total) == (Decimal("1000.00"), Decimal("210.00"), Decimal("1220.00"))


def test_what_a_document_does_not_say_is_null() -> None:
    """Nothing is invented for a text that says nothing."""
    invoice = _filled(Invoice, "hello there")
    values = invoice.model_dump(exclude={"document_kind"})
    assert {name: value for name, value in values.items() if value} == {}


def test_the_buyer_is_not_taken_for_the_supplier() -> None:
    """A company after `bill to` is not the one that is paid."""
    text = "INVOICE\nBill to:\nGreat Buyer Ltd\n1 High Street\n\nFrom: Small Seller Ltd\nTotal 5.00"
    assert _filled(Invoice, text).supplier_name == "Small Seller Ltd"


class Ticket(BaseModel):
    """A routed message."""

    model_config = ConfigDict(extra="forbid")
    queue: Literal["card_lost", "exchange_rate", "pin_change"] = Field(
        description="card_lost: stolen or missing card. exchange_rate: foreign currency conversion."
        " pin_change: new PIN."
    )


def test_options_are_told_by_their_words_without_examples() -> None:
    """With nothing to compare with, the words of the options and of the description decide."""
    assert _filled(Ticket, "My card was stolen yesterday").queue == "card_lost"
    assert _filled(Ticket, "the conversion of foreign currency looks off").queue == "exchange_rate"


def test_examples_outweigh_the_words_of_the_options() -> None:
    """A message like a labelled example gets its option, also where its words speak for another."""
    examples = (
        ("how do i pick another secret code for the card", {"queue": "pin_change"}),
        ("wallet gone, somebody took it", {"queue": "card_lost"}),
    )
    assert _filled(Ticket, "i want to pick another secret code for my card", examples).queue == "pin_change"


def test_a_confirmed_name_helps_with_the_next_document() -> None:
    """A supplier that people confirmed before is preferred where the page prints it."""
    text = "TAN AH KOW\nSILVER THREADS\n12, JALAN BUNGA\nTOTAL 4.00"
    assert _filled(Invoice, text, (("x", {"supplier_name": "SILVER THREADS"}),)).supplier_name == "SILVER THREADS"


@given(text=st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_an_answer_that_any_model_accepts(text: str) -> None:
    """Whatever the document, the answer is valid under the schema of the model that asked."""
    assert _filled(Odd, text).fixed == "always"
    assert _filled(Invoice, text).document_kind in {"invoice", "credit_note", "receipt"}


_WORDS = st.sampled_from(
    [
        "total",
        "TOTAL:",
        "gst",
        "incl",
        "date",
        "invoice no",
        "bill to",
        "SDN BHD",
        "12.30",
        "(1.00)",
        "12/3/18",
        "RM",
        "\n",
        "\t",
        "IBAN DE02120300000000202051",
        "x 3",
        "@",
        "cash",
        "change",
        "rounding",
        "0.01",
        "GmbH",
        "</document>",
        "\x00",
        "\U0001f4b6",
    ]
)


@given(parts=st.lists(_WORDS, max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_heap_of_business_words_gives_a_valid_answer(parts: list[str]) -> None:
    """Labels and values in any order never break the answer or its confidence."""
    tokens = tokens_of(fill(read_schema(to_strict_json_schema(Invoice)), " ".join(parts)))
    Invoice.model_validate_json("".join(token.text for token in tokens))
    assert all(token.logprob < 0 for token in tokens)


_SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["a", 1, None]},
        {"const": {"deep": [1]}},
        {"type": "string", "format": "date"},
        {"type": ["string", "null"]},
        {},
        True,
        {"type": "string", "minLength": 3},
        {"type": "integer", "minimum": 5, "maximum": 7},
        {"type": "number", "exclusiveMinimum": 2},
    ]
)
_SCHEMAS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4).map(
            lambda p: {"type": "object", "properties": p, "required": list(p), "additionalProperties": False}
        ),
        inner.map(lambda i: {"type": "array", "items": i, "minItems": 1}),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
    ),
    max_leaves=8,
)


@given(schema=_SCHEMAS, text=st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_schema_gets_an_answer_that_is_valid_under_it(schema: Any, text: str) -> None:
    """Schemas need not come from a model of this project."""
    value = plain_value(fill(read_schema(schema), text))
    jsonschema.validate(json.loads(json.dumps(value)), schema)


@pytest.mark.parametrize(
    "schema", [None, 3, [], {"$ref": "#/nowhere"}, {"type": "unheard"}, {"anyOf": []}, {"properties": 4}, {"enum": []}]
)
def test_a_schema_that_is_none_still_gets_json(schema: Any) -> None:
    """Unknown constructs come out as the least JSON, never as an error."""
    json.loads("".join(token.text for token in tokens_of(fill(read_schema(schema), RECEIPT))))


def test_naughty_strings_as_documents_give_valid_answers() -> None:
    """Strings that break programs do not break this one."""
    path = DATA / "adversarial/naughty_strings.json"
    if not path.exists():
        pytest.skip("the shared naughty strings are not on this machine")
    for text in json.loads(path.read_text(encoding="utf-8")):
        assert _filled(Invoice, text).document_kind in {"invoice", "credit_note", "receipt"}


@pytest.mark.parametrize(
    "line",
    ["Customer PO   PO-7781", "Your order: PO-7781", "Votre commande : PO-7781", "Bon de commande n° PO-7781",
     "Ihre Bestellung: PO-7781", "Bestell-Nr. PO-7781", "Uw order: PO-7781", "P.O. No. PO-7781", "PO: PO-7781"],
)  # fmt: skip
def test_the_buyers_order_number_is_found_by_its_common_names(line: str) -> None:
    """Suppliers name it in their own language."""
    assert _filled(Invoice, f"Alder Works Ltd\nInvoice 17\n{line}\nTotal 5.00").purchase_order == "PO-7781"


def test_a_post_office_box_is_no_order() -> None:
    """An address is not taken for an order number."""
    assert _filled(Invoice, "Alder Works Ltd\nPO Box 404\nInvoice 17\nTotal 5.00").purchase_order is None


@pytest.mark.parametrize(
    "head",
    ["Alder Works Ltd\nP.B. 12, L-2999 Town\n\nGreat Buyer Services S.A.\n14, rue du Lac\nL-4123 Ville",
     "Alder Works Ltd, Town\nACCOUNT\nCustomer 10 Great Buyer S.A."],
)  # fmt: skip
def test_the_letterhead_names_the_supplier(head: str) -> None:
    """Who stands first with a legal form wrote the letter; what follows a comma is a place."""
    assert _filled(Invoice, f"{head}\n2 May 2024\nTotal 5.00").supplier_name == "Alder Works Ltd"


def _leaves(text: str) -> dict[str, Any]:
    filled = fill(read_schema(to_strict_json_schema(Invoice)), text)
    assert isinstance(filled, Branch)
    return dict(filled.members)


def test_a_reference_to_an_older_invoice_is_not_the_day_of_issue() -> None:
    """A credit note names the invoice that it corrects, with its day."""
    text = "Alder Works Ltd\nCredit note 5\nDate: 22 May 2024\nCredit for invoice 17 of 9 March 2024\nTotal 5.00"
    named = _leaves(text)
    assert named["issued_on"].value == "2024-05-22"
    assert named["issued_on"].confidence > 0.9


def test_a_shipment_number_is_no_currency_and_a_pressure_no_cash() -> None:
    """`RP-88120736` is not in rupiah, and `16 bar, 6` is not paid in cash."""
    text = GERMAN.replace("Bohrmaschine", "Manometer 16 bar, RP-88120736")
    named = _leaves(text)
    assert named["currency"].confidence > 0.9
    assert (named["document_kind"].value, named["document_kind"].confidence > 0.9) == ("invoice", True)
