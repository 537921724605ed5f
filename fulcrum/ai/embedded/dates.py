"""Dates as business documents print them, in English, German, French, Malay and their neighbours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fulcrum.ai.embedded.lines import Page

_MONTHS = (
    "jan january januar janvier januari ene enero gennaio jän jänner",
    "feb february februar février fevrier fév februari febrero febbraio",
    "mar march märz maerz mrz mär mars mac marzo maart",
    "apr april avril avr abril aprile",
    "may mai mei mayo maggio",
    "jun june juni juin junio giugno",
    "jul july juli juillet juil julai julio luglio",
    "aug august août aout ogos agosto augustus",
    "sep sept september septembre septiembre settembre",
    "oct october okt oktober octobre octubre ottobre",
    "nov november novembre noviembre",
    "dec december dez dezember décembre decembre disember dis diciembre dicembre déc",
)
_MONTH_NUMBER = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}
_NAME = "|".join(sorted(_MONTH_NUMBER, key=len, reverse=True))
_WEEK = 7
_CENTURY_TURN = 70
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_MONTHS_A_YEAR = 12

_YEAR_FIRST = re.compile(r"(?<![\d/.-])((?:19|20)\d\d)([-/.])(\d{1,2})\2(\d{1,2})(?!\d|[/.-]\d)")
_NUMERIC = re.compile(
    r"(?<![\d/-])(?<!\d[.,])(\d{1,2}) ?([-/.]) ?(\d{1,2}) ?\2 ?(\d{4}|\d{2})(?!/\d|-\d(?!\d:)|[.,]\d|\d(?!\d:))"
)
_DAY_NAME = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th|er|\.)?(?:\s+(?:of|de))?[\s./-]*(?<![^\W\d_])({_NAME})(?![^\W\d_])\.?,?[\s./'-]*"
    r"(\d{4}|\d{2})(?!\d|:\d)",
    re.IGNORECASE,
)
_NAME_DAY = re.compile(
    rf"(?<![^\W_])({_NAME})\.?[\s-]+(\d{{1,2}})(?:st|nd|rd|th)?,?[\s-]+(\d{{4}}|'?\d{{2}})(?!\d|:\d)", re.IGNORECASE
)
_COMPACT = re.compile(r"(?<!\d)(20[0-4]\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?!\d)")
_CLOCK = re.compile(r"\b\d{1,2}[:.]\d{2}(?:[:.]\d{2})?\s*(?:[AP]M\b|Uhr\b|H\b)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PrintedDate:
    """A date in a line: the day it may mean, where it stands (characters of the line), how sure the format is."""

    day: date
    line: int
    start: int
    end: int
    timed: bool
    """Whether the line prints a time of day too."""
    certain: float
    """1 for a format with one reading, less where day and month, or the century, may be swapped."""


def find_dates(page: Page) -> list[PrintedDate]:
    """Find the dates of a page in order; day first, unless the page itself shows month first."""
    month_first = _is_month_first(page)
    found: list[PrintedDate] = []
    for line in page.lines:
        if any(c.isdigit() for c in line.text):
            found.extend(_in_line(line.text, line.index, month_first=month_first))
    return found


def to_day(year: str, month: int, day: int) -> date | None:
    """Make a date of printed numbers; two-digit years up to 69 are of this century; None where there is no such day."""
    number = int(year.strip("'"))
    if len(year.strip("'")) == len("yy"):
        number += 2000 if number < _CENTURY_TURN else 1900
    try:
        made = date(number, month, day)
    except ValueError:
        return None
    return made if _FIRST_YEAR <= number < _LAST_YEAR else None


def _is_month_first(page: Page) -> bool:
    """Tell whether some numeric date can only be month first and none can only be day first."""
    month_first = day_first = 0
    for match in _NUMERIC.finditer(page.text):
        if match[2] == ".":
            continue
        month_first += int(match[3]) > _MONTHS_A_YEAR >= int(match[1])
        day_first += int(match[1]) > _MONTHS_A_YEAR >= int(match[3])
    return month_first > 0 and day_first == 0


def _in_line(text: str, index: int, *, month_first: bool) -> Iterator[PrintedDate]:
    timed = None
    taken: list[tuple[int, int]] = []
    for match, day, certain in _readings(text, month_first=month_first):
        start, end = match.span()
        if day is None or any(start < to and end > since for since, to in taken):
            continue
        taken.append((start, end))
        if timed is None:
            timed = _CLOCK.search(text) is not None
        yield PrintedDate(day, index, start, end, timed, certain)


def _readings(text: str, *, month_first: bool) -> Iterator[tuple[re.Match[str], date | None, float]]:
    for m in _YEAR_FIRST.finditer(text):
        yield m, to_day(m[1], int(m[3]), int(m[4])), 1.0
    for m in _NUMERIC.finditer(text):
        yield m, *_numeric(m, month_first=month_first)
    for m in _DAY_NAME.finditer(text):
        yield m, to_day(m[3], _MONTH_NUMBER[m[2].lower()], int(m[1])), 1.0
    for m in _NAME_DAY.finditer(text):
        yield m, to_day(m[3], _MONTH_NUMBER[m[1].lower()], int(m[2])), 1.0
    for m in _COMPACT.finditer(text):
        yield m, to_day(m[1], int(m[2]), int(m[3])), 0.5


def _numeric(match: re.Match[str], *, month_first: bool) -> tuple[date | None, float]:
    """Read day.month.year, month first where the page shows it, and year first where nothing else is possible."""
    first, second, year = int(match[1]), int(match[3]), match[4]
    day, month = (second, first) if month_first and match[2] != "." else (first, second)
    made = to_day(year, month, day)
    if made is not None:
        settled = max(first, second) > _MONTHS_A_YEAR or first == second or match[2] == "." or month_first
        return made, 1.0 if settled else 0.95
    swapped = to_day(year, day, month)
    if swapped is not None:
        return swapped, 0.8
    return (to_day(match[1].zfill(2), second, int(year)), 0.6) if len(year) == len("yy") else (None, 0.0)
