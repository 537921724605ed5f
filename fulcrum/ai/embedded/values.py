"""Values by their format: money, plain numbers, IBAN, currency codes, e-mail addresses, links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fulcrum.ai.embedded.lines import Line, Page

# ISO 4217, the codes in use.
_CODES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF"
    " CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD"
    " HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD"
    " MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN"
    " PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD"
    " TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES = frozenset(_CODES.split())
# Codes that are English words or legal suffixes as often as money.
_WORDS = frozenset(
    {"ALL", "TOP", "TRY", "BHD", "CUP", "MAD", "LAK", "PEN", "RON", "SOS", "BAM", "DOP", "MOP", "GEL", "SAR"}
)
SIGNS = {
    "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₺": "TRY", "zł": "PLN", "₽": "RUB", "฿": "THB",
    "rm": "MYR", "rp": "IDR", "us$": "USD", "s$": "SGD", "a$": "AUD", "hk$": "HKD", "c$": "CAD", "$": "USD",
    "euro": "EUR", "euros": "EUR", "fr.": "CHF", "ringgit": "MYR",
}  # fmt: skip
_CODE = re.compile(r"(?<![A-Za-z0-9])([A-Z]{3})(?![A-Za-z])")
_SIGN = re.compile(
    r"€|£|¥|₹|₩|₺|₽|฿|(?<![A-Za-z])(?:US|HK|[SAC])?\$|(?<![A-Za-z])(?:RM|Rp)(?![A-Za-z]|-\d{4})|\b(?:euros?|ringgit)\b|\bzł",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"(?<![\d.,/])(?<!\d[-:])"
    r"(?P<sign>[-\u2212(]\s?)?(?P<cur>(?:RM|MYR|EUR|USD|GBP|CHF|SGD|US\$|S\$|Rp|[$€£])[.:]?\s?)?(?P<sign2>[-\u2212(]\s?)?"
    r"(?P<num>\d{1,3}(?:(?P<sep>[.,'\u2019\u02bc\u202f])\d{3})(?:(?P=sep)\d{3})*[.,]\d{2}"
    r"|\d{1,2}(?:,\d{2})+,\d{3}\.\d{2}|(?P<spaced>\d{1,3}(?: \d{3})+[.,]\d{2})"
    r"|\d{1,9}(?:[.,]| \.|\. )\d{2}|\.\d{2})"
    r"(?!\d|[.,/:]\d|\s?%|-\d)(?P<after>-(?![\w-])|\)|\s?CR\b)?",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"(?<![\w.,/-])(?P<sign>-)?(?P<cur>RM|MYR|EUR|USD|GBP|JPY|IDR|Rp|CHF|[$€£¥])?\s?"
    r"(?P<num>\d{1,3}(?:[.,]\d{3})+|\d{1,7})(?![\d%]|[.,/:-]\d)(?:,-|\.-)?\s?(?P<after>€|EUR|USD|GBP|CHF)?",
)
_RATED = re.compile(
    r"\b(?:vat|gst|sst|tax|mwst|ust|tva|iva|btw|moms|umsatzsteuer|mehrwertsteuer)\b[\W_]*$", re.IGNORECASE
)
_UNTIL = re.compile(r"\b(?:bis|am|vom|zum|ab|per|den|dem|seit|und)\s*$", re.IGNORECASE)
_LEAST_RATE, _LARGEST_RATE = 3, 27
"""Rates of tax on sales, in percent, as they are printed without their sign."""
NUMBER = re.compile(r"(?<![\w.,])-?\d{1,12}(?:[.,]\d{1,6})?(?![\d%]|[.,/:]\d)")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ \t\u202f]{0,2}[A-Z0-9]){11,30}")
_IBAN_LENGTH = {"DE": 22, "FR": 27, "GB": 22, "AT": 20, "CH": 21, "NL": 18, "BE": 16, "ES": 24, "IT": 27, "PL": 28,
                "LU": 20, "PT": 25, "IE": 22, "DK": 18, "SE": 24, "NO": 15, "FI": 18, "CZ": 24, "SK": 24,
                "HU": 28}  # fmt: skip
_IBAN_SHORTEST, _IBAN_LONGEST = 15, 34
EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"]{1,200}", re.IGNORECASE)
PHONE = re.compile(r"(?<!\w)\+?\(?\d[\d ()/.-]{5,18}\d(?!\w)")


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of money in a line: its signed value in units of the currency and its place in characters."""

    value: Decimal
    line: int
    start: int
    end: int
    signed: bool
    currency: str | None = None


def find_amounts(page: Page) -> list[Amount]:
    """Find the sums with two decimals, in order: 1,234.56 and 1.234,56; -1.00, 1.00- and (1.00) are negative."""
    return [amount for line in page.lines for amount in amounts_in(line, spaced=page.spaced)]


def amounts_in(line: Line, *, spaced: bool = True) -> Iterator[Amount]:
    """Find the sums of one line; `spaced` says whether plain spaces may group thousands."""
    for m in _sums(line.text, spaced=spaced):
        value = decimal_of(m["num"])
        before = (m["sign"] or m["sign2"] or "").strip()
        after = (m["after"] or "").strip()
        negative = before in {"-", "\u2212"} or after in {"-", "CR", "cr"} or (before == "(" and after == ")")
        yield Amount(-value if negative else value, line.index, m.start(), m.end(), negative, currency_of(m["cur"]))


def _sums(text: str, *, spaced: bool) -> Iterator[re.Match[str]]:
    match = _MONEY.search(text)
    while match:
        if match["spaced"] and not (spaced and _is_one_number(text, match)):
            match = _MONEY.search(text, text.rindex(" ", match.start(), match.end("num")) + 1)
            continue
        if not _is_day(text, match):
            yield match
        match = _MONEY.search(text, match.end())


def _is_one_number(text: str, match: re.Match[str]) -> bool:
    """Tell 4 832,40 as one sum from a quantity, or a rate of tax, that stands before its price or amount.

    With a decimal point, a space is taken for a grouping only after a currency or alone in its cell.
    """
    head, _, tail = match["spaced"].rpartition(" ")
    before, after = text[: match.start("num")], text[match.end("num") :]
    if tail[-3] == "." and not (match["cur"] or (before.endswith("\t") and not after.partition("\t")[0].strip())):
        return False
    if " " in head:
        return True
    product = int(head) * decimal_of(tail)
    if any(decimal_of(m["num"]) == product for m in _MONEY.finditer(after)):
        return False
    return not (_LEAST_RATE <= int(head) <= _LARGEST_RATE and _RATED.search(before))


def _is_day(text: str, match: re.Match[str]) -> bool:
    """Tell `bis 30.11.`, a day and a month without a year, from a sum."""
    return text[match.end() : match.end() + 1] == "." and _UNTIL.search(text[: match.start()]) is not None


def whole_amounts(page: Page) -> list[Amount]:
    """Find sums printed without decimals; only for documents and lines that have no other."""
    found = []
    for line in page.lines:
        for m in _WHOLE.finditer(line.text):
            value = Decimal(re.sub(r"[.,]", "", m["num"]))
            currency = currency_of(m["cur"] or m["after"])
            found.append(
                Amount(-value if m["sign"] else value, line.index, m.start(), m.end(), bool(m["sign"]), currency)
            )
    return found


def decimal_of(printed: str) -> Decimal:
    """Read a printed number whose last two digits are decimals."""
    digits = re.sub(r"\D", "", printed)
    return Decimal(f"{digits[:-2] or '0'}.{digits[-2:]}")


def number_of(printed: str) -> Decimal:
    """Read a plain number: a point or a comma is the decimal sign."""
    return Decimal(printed.replace(",", "."))


def currency_of(printed: str | None) -> str | None:
    """Give the ISO 4217 code of a printed sign or code, None for none."""
    sign = (printed or "").strip(" .:").lower()
    return SIGNS.get(sign) or (sign.upper() if sign.upper() in CURRENCIES else None)


def find_currencies(page: Page) -> dict[str, float]:
    """Weigh the currencies a page names: a code counts 2, a sign 1."""
    found: dict[str, float] = {}
    for m in _CODE.finditer(page.text):
        if m[1] in CURRENCIES and m[1] not in _WORDS:
            found[m[1]] = found.get(m[1], 0.0) + 2.0
    for m in _SIGN.finditer(page.text):
        code = currency_of(m[0]) or "USD"
        found[code] = found.get(code, 0.0) + 1.0
    return found


def find_ibans(page: Page) -> list[tuple[str, int, bool]]:
    """Find account numbers as (IBAN without spaces, line, whether its checksum holds).

    One that does not check counts only in a line that says IBAN.
    """
    found = []
    for line in page.lines:
        for m in _IBAN.finditer(line.text):
            iban, valid = _iban_of(re.sub(r"\s", "", m[0]))
            if valid or (iban and "iban" in line.text.lower()):
                found.append((iban, line.index, valid))
    return found


def is_iban(iban: str) -> bool:
    """Check an IBAN's two check digits (ISO 13616: the rearranged number is 1 modulo 97)."""
    if not _IBAN_SHORTEST <= len(iban) <= _IBAN_LONGEST:
        return False
    rearranged = iban[4:] + iban[:4]
    if not 2 <= int(iban[2:4]) <= 98:  # noqa: PLR2004 - check digits are 98 less a remainder of 0 to 96
        return False
    return int("".join(str(int(c, 36)) for c in rearranged)) % 97 == 1


def _iban_of(run: str) -> tuple[str, bool]:
    """Cut a run of letters and digits to the IBAN it begins with: the country's length, or the longest that checks."""
    length = _IBAN_LENGTH.get(run[:2])
    if length is not None:
        iban = run[:length]
        return iban, is_iban(iban)
    for end in range(min(len(run), _IBAN_LONGEST), _IBAN_SHORTEST - 1, -1):
        if is_iban(run[:end]):
            return run[:end], True
    return run[:_IBAN_LONGEST] if len(run) >= _IBAN_SHORTEST else "", False
