"""Net, tax and total as documents of several countries print them; nothing is worked out or repaired."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flows.invoice_intake.documents import Invoice
from fulcrum.ai.embedded.fill import fill
from fulcrum.ai.embedded.lines import read_page
from fulcrum.ai.embedded.money import Money
from fulcrum.ai.embedded.schema import read_schema
from fulcrum.ai.embedded.tokens import plain_value
from fulcrum.ai.embedded.values import find_amounts
from fulcrum.ai.schema import response_format

SCHEMA = read_schema(response_format(Invoice)["json_schema"]["schema"])
SUMS = [
    ("Net   1,000.00", "VAT 20%   200.00", "Total   1,200.00"),
    ("Net   EUR   1,000.00", "VAT   EUR   200.00", "Total   EUR   1,200.00"),
    ("Net 1,000.00", "VAT 200.00", "Gross 1,200.00"),
    ("Net total  1,000.00", "VAT  200.00", "Total  1,200.00"),
    ("Total net   1,000.00", "VAT 20%   200.00", "Total to pay   1,200.00"),
    ("Subtotal   1,000.00", "Sales tax   200.00", "Amount due   1,200.00"),
    ("Taxable amount   1,000.00", "GST   200.00", "Total   1,200.00"),
    ("Total ex. VAT   1,000.00", "VAT   200.00", "Total   1,200.00"),
    ("Netto   1.000,00", "MwSt 20 %   200,00", "Brutto   1.200,00"),
    ("Nettosumme EUR   1.000,00", "USt   200,00", "Gesamtbetrag   1.200,00"),
    ("Zwischensumme   1.000,00", "MwSt   200,00", "Gesamtsumme   1.200,00"),
    ("Netto CHF   1'000.00", "MWST 20%   200.00", "Total CHF   1'200.00"),
    ("Montant HT   1 000,00", "TVA 20 %   200,00", "Net à payer   1 200,00"),
    ("Total H.T.   1 000,00", "TVA 20 %   200,00", "Total TTC   1 200,00"),
    ("Montant net HT 1 000,00", "TVA 20 % 200,00", "Net à payer EUR 1 200,00"),
    ("Sous-total   1\u202f000,00", "TVA   200,00", "Total TTC   1\u202f200,00"),
    ("Subtotaal   1.000,00", "BTW 20%   200,00", "Te betalen   1.200,00"),
    ("Totaal excl. BTW   1.000,00", "BTW   200,00", "Totaal   1.200,00"),
    ("Base imponible   1.000,00", "IVA 20%   200,00", "Total   1.200,00"),
    ("Imponibile   1.000,00", "IVA   200,00", "Totale   1.200,00"),
    ("Beløb ekskl. moms   1.000,00", "Moms 20%   200,00", "Total   1.200,00"),
]


def _read(*lines: str) -> tuple[Decimal | int | None, ...]:
    text = "\n".join(("Alder Works Ltd", "Invoice 17", "Date 2 May 2024", "Two benches", *lines))
    values = plain_value(fill(SCHEMA, text))
    return tuple(None if values[name] is None else Decimal(values[name]) for name in ("net", "tax", "total"))


@pytest.mark.parametrize("lines", SUMS)
def test_the_sums_are_told_by_their_labels(lines: tuple[str, str, str]) -> None:
    """The three sums at a document's foot are net, tax and total, in the words and figures of several countries."""
    assert _read(*lines) == (1000, 200, 1200)


@pytest.mark.parametrize("lines", SUMS)
@pytest.mark.parametrize("wrong", ["100", "300"])
def test_sums_that_do_not_add_up_are_given_as_printed(lines: tuple[str, str, str], wrong: str) -> None:
    """A total that is too small or too large is not mended, and net and tax stay, so that the gate sees it."""
    net, tax, total = lines
    assert _read(net, tax, total.replace("200", wrong)) == (1000, 200, 1000 + int(wrong))


@pytest.mark.parametrize(
    "lines",
    [("Total   121.00", "VAT   21.00", "Net   100.00"), ("TOTAL EUR   121.00", "Net   100.00", "VAT 21%   21.00")],
)
def test_a_net_below_the_total_is_a_net(lines: tuple[str, ...]) -> None:
    """Receipts break the total down after it."""
    assert _read(*lines) == (100, 21, 121)


@pytest.mark.parametrize(
    "lines", [("Subtotal   50.00", "Discount   5.00", "Nett total   45.00"), ("Nett   45.00", "Cash   50.00")]
)
def test_a_net_that_is_to_be_paid_is_the_total(lines: tuple[str, ...]) -> None:
    """Without a tax beside it, `Nett` is what remains to be paid."""
    net, _, total = _read(*lines)
    assert (net, total) == (None, 45)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (
            "4 x 12.30   49.2",
            "Toner",
        ),
        ("Bill 17 of 04/09/2026   EUR   998.14",),
    ],
)
def test_an_amount_without_a_label_is_no_total(lines: tuple[str, ...]) -> None:
    """A document whose foot is torn off has no total; the nearest amount is not taken for it."""
    assert _read(*lines)[2] is None


@pytest.mark.parametrize(
    ("printed", "values"),
    [
        ("Net à payer 4 832,40", ["4832.40"]),
        ("Net à payer EUR 1 234 567,00", ["1234567.00"]),
        ("Total 4\u202f832,40", ["4832.40"]),
        ("Total 4\xa0832.40", ["4832.40"]),
        ("Total\u20094\u2009832,40", ["4832.40"]),
        ("Total -4 832,40 €", ["-4832.40"]),
        ("Total CHF 1'234.50", ["1234.50"]),
        ("Total CHF 1\u2019234.50", ["1234.50"]),
        ("Total USD 1 234.50", ["1234.50"]),
        ("Total    1 234.50", ["1234.50"]),
        ("Total 12,34,567.00", ["1234567.00"]),
        ("Tôle 36 88,50 3 186,00", ["88.50", "3186.00"]),
        ("Découpe 1 310,00 310,00", ["310.00", "310.00"]),
        ("Découpe 2 310,00 620,00", ["310.00", "620.00"]),
        ("2  310,00   620,00", ["310.00", "620.00"]),
        ("TVA 20 804,20", ["804.20"]),
        ("Rice 2 120.00 240.00", ["120.00", "240.00"]),
        ("gilt bis 30.11. als anerkannt", []),
    ],
)
def test_a_space_groups_thousands_where_nothing_speaks_against_it(printed: str, values: list[str]) -> None:
    """A quantity before its price and a rate before its tax are not taken for thousands."""
    assert [amount.value for amount in find_amounts(read_page(printed))] == [Decimal(value) for value in values]


def test_a_document_has_one_sign_for_thousands() -> None:
    """Where sums are grouped by points, a number before a sum is another number."""
    page = read_page("Pos 3 150,00\nGesamtbetrag 1.150,00")
    assert [amount.value for amount in find_amounts(page)] == [Decimal("150.00"), Decimal("1150.00")]


def test_a_grouped_total_is_sure() -> None:
    """What is printed once with its label is not made unsure by its spaces."""
    total = Money(read_page("Montant net HT 4 027,00\nTVA 20 % 805,40\nNet à payer 4 832,40")).total
    assert total.value == Decimal("4832.40")
    assert total.confidence > 0.9
