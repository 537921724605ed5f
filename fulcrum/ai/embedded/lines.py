"""The layout of a document: lines and cells, in a text cut to a bounded length."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

REACH = 40_000
"""Characters looked at from each end of a text; what lies between is not read."""
LINES = 4_000
_SURROGATES = re.compile("[\ud800-\udfff]")
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060\ufeff\ufffd]")
# A blank that may not break a line, between a digit and three digits, groups thousands; it stays as U+202F.
_GROUPING = re.compile(r"(?<=\d)[\xa0\u2009\u202f](?=\d{3}(?!\d))")
_TAB = re.compile(r" *\t\s*|[^\S\t]{3,}|(?<=\d) {2}(?=\d)")
_SPACE = re.compile(r"[^\S\t\u202f]+|(?<!\d)\u202f|\u202f(?!\d)")
# A line longer than any printed one is read in pieces, so that no pattern meets an unbounded text.
_WIDTH = 300
_PIECE = re.compile(rf".{{1,{_WIDTH}}}(?:\s+|$)|.{{1,{_WIDTH}}}")
_OTHER_GROUPING = re.compile(r"(?<![\d.,])\d{1,3}(?:[.,'\u2019]\d{3})+[.,]\d{2}(?!\d)")
_BREAK = re.compile(r"[\n\r\f\v\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line: its place among the lines that are not empty, and its text with single spaces and tabs."""

    index: int
    text: str

    @property
    def cells(self) -> list[str]:
        """Split the line at its tabs."""
        return self.text.split("\t")


@dataclass(frozen=True)
class Page:
    """A document as its lines."""

    lines: tuple[Line, ...]

    @cached_property
    def text(self) -> str:
        """Join the lines by newlines."""
        return "\n".join(line.text for line in self.lines)

    @cached_property
    def spaced(self) -> bool:
        """Whether a plain space may group thousands: a document has one sign for it, and no sum shows another."""
        return _OTHER_GROUPING.search(self.text) is None

    def after(self, index: int, count: int) -> tuple[Line, ...]:
        """Give at most `count` lines that follow the line at `index`."""
        return self.lines[index + 1 : index + 1 + count]


def cut(text: str) -> str:
    """Keep the first and the last 40,000 characters, without lone surrogates."""
    if len(text) > 2 * REACH:
        text = f"{text[:REACH]}\n{text[-REACH:]}"
    return _SURROGATES.sub("\ufffd", text) if _SURROGATES.search(text) else text


def read_page(text: str) -> Page:
    """Read a text of any length into at most 4,000 lines; control characters and repeated blanks are dropped."""
    rows = (_tidy(row) for row in _BREAK.split(cut(text)))
    kept = [
        piece.strip()
        for row in rows
        for piece in ([row] if len(row) <= _WIDTH else _PIECE.findall(row))
        if piece.strip()
    ]
    if len(kept) > LINES:
        kept = kept[: LINES // 2] + kept[-LINES // 2 :]
    return Page(tuple(Line(index, row) for index, row in enumerate(kept)))


def _tidy(row: str) -> str:
    grouped = _GROUPING.sub("\u202f", _INVISIBLE.sub(" ", row))
    return _SPACE.sub(" ", _TAB.sub("\t", grouped)).strip()
