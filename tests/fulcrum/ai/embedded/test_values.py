"""Values by their printed form."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from fulcrum.ai.embedded.dates import find_dates
from fulcrum.ai.embedded.lines import REACH, read_page
from fulcrum.ai.embedded.values import find_amounts, find_currencies, find_ibans, is_iban


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1'234.56", "1234.56"),
        ("12.50", "12.50"),
        ("Summe 17808,00 €", "17808.00"),
        ("RM6.69", "6.69"),
        ("RM-0.20", "-0.20"),
        ("-5.59", "-5.59"),
        ("1.84-", "-1.84"),
        ("(3.00)", "-3.00"),
        ("5.90SR", "5.90"),
        ("- 100,00", "-100.00"),
    ],
)
def test_money_is_read_in_either_notation(printed: str, value: str) -> None:
    """A sum is read with points or commas, with its sign before or after it."""
    assert [amount.value for amount in find_amounts(read_page(printed))] == [Decimal(value)]


@pytest.mark.parametrize(
    "printed", ["27.06.2018", "12:53", "19.00%", "6.00 %", "03-7662 5789", "1.2.3.4", "Musterstr. 12"]
)
def test_what_is_no_money_is_not_read_as_such(printed: str) -> None:
    """Dates, times, rates, telephone and version numbers are no sums."""
    assert find_amounts(read_page(printed)) == []


@pytest.mark.parametrize(
    ("printed", "day"),
    [
        ("27/06/18 10:08", date(2018, 6, 27)),
        ("27-06-2018", date(2018, 6, 27)),
        ("03 JUN 18", date(2018, 6, 3)),
        ("2018-06-03", date(2018, 6, 3)),
        ("3. Oktober 2018", date(2018, 10, 3)),
        ("03.10.2018", date(2018, 10, 3)),
        ("May 5, 2018", date(2018, 5, 5)),
        ("5th of May 2018", date(2018, 5, 5)),
        ("le 14 février 2019", date(2019, 2, 14)),
        ("12 Ogos 2017", date(2017, 8, 12)),
        ("12/06/2016-13:30:10", date(2016, 6, 12)),
        ("SATURDAY, 16 DECEMBER, 2017 6:26:53 PM", date(2017, 12, 16)),
        ("11/17/2017", date(2017, 11, 17)),
        ("31.01 .2014", date(2014, 1, 31)),
    ],
)
def test_a_date_is_read_in_the_ways_it_is_printed(printed: str, day: date) -> None:
    """Numeric dates are day first unless that is impossible; months have their names in several languages."""
    assert [found.day for found in find_dates(read_page(printed))] == [day]


def test_a_page_that_shows_month_first_is_read_month_first() -> None:
    """One date that can only be month first settles the others."""
    days = [found.day for found in find_dates(read_page("Invoice date 11/03/2017\nPaid 11/17/2017"))]
    assert days == [date(2017, 11, 3), date(2017, 11, 17)]


@pytest.mark.parametrize(
    "printed", ["31/02/2018", "99/99/99", "1 - 3 0 0 - 8 8 8 - 3 3 3", "03-7662 5789", "12.345,67"]
)
def test_what_is_no_day_of_the_calendar_is_no_date(printed: str) -> None:
    """Impossible days, telephone numbers and sums give no date."""
    assert find_dates(read_page(printed)) == []


@pytest.mark.parametrize(
    ("printed", "iban", "valid"),
    [
        ("IBAN : DE02120300000000202051", "DE02120300000000202051", True),
        ("IBAN DE02 1203 0000 0000 2020 51 BIC BYLADEM1001", "DE02120300000000202051", True),
        ("IBAN FR14 2004 1010 0505 0001 3M02 606", "FR1420041010050500013M02606", True),
        ("IBAN DE99120300000000202051", "DE99120300000000202051", False),
    ],
)
def test_an_iban_is_read_without_spaces_and_checked(printed: str, iban: str, *, valid: bool) -> None:
    """An account number ends where its country's numbers end; its check digits are computed."""
    assert [(found[0], found[2]) for found in find_ibans(read_page(printed))] == [(iban, valid)]
    assert is_iban(iban) is valid


def test_letters_and_digits_that_are_no_account_are_left_alone() -> None:
    """A wrong account number counts only beside the word IBAN."""
    assert find_ibans(read_page("SH01 ZJ86 T1 R000112043 99")) == []


@pytest.mark.parametrize(
    ("printed", "code"), [("Total 5,00 €", "EUR"), ("RM 4.20", "MYR"), ("Currency: CHF", "CHF"), ("£3.00", "GBP")]
)
def test_a_currency_is_read_from_its_code_or_sign(printed: str, code: str) -> None:
    """Codes of ISO 4217 and common signs name the currency."""
    assert list(find_currencies(read_page(printed))) == [code]


def test_only_the_ends_of_a_long_text_are_read() -> None:
    """The first and last 40,000 characters are looked at, however long the text is."""
    page = read_page("FIRST LINE\n" + "x y\n" * 1_000_000 + "LAST LINE")
    assert page.lines[0].text == "FIRST LINE"
    assert page.lines[-1].text == "LAST LINE"
    assert len(page.text) <= 2 * REACH + 10
