"""Pieces of a document, letter for letter: its amounts, dates, accounts, and the sentences that say what happened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 8
_LONGEST = 240
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_FORMS = (
    (
        "amount",
        re.compile(
            r"[$€£]\s?\d[\d,]*(?:\.\d{1,2})?|\b\d[\d,]*(?:\.\d{1,2})? ?(?:dollars|euros|USD|EUR)\b", re.IGNORECASE
        ),
    ),
    (
        "date",
        re.compile(
            rf"\b\d{{4}}-\d\d-\d\d\b|\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b|\b{_MONTH}\.? \d{{1,2}}(?:, ?\d{{4}})?\b"
        ),
    ),
    (
        "account",
        re.compile(
            r"\b(?:account|card|loan|policy)s? (?:number |no\.? )?(?:ending (?:in )?)?[X\d]*\d{3,}\b", re.IGNORECASE
        ),
    ),
)
_SENTENCE = re.compile(r"[^.!?\n]{12,}[.!?]")
_HAPPENED = re.compile(
    r"\b(?:never|not|refus\w+|denied|charged|told|sent|closed|called|took|reported|paid|wrong\w*|without|still|lost|stolen"
    r"|disput\w+|fraud\w*|threat\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text, and what kind of fact it is."""

    kind: str
    start: int
    text: str


def find_quotes(text: str, kinds: tuple[str, ...]) -> list[Piece]:
    """Find at most eight pieces of the kinds that are asked for, in the text's order; each kind gets its turn."""
    found = [Piece(kind, m.start(), m[0]) for kind, form in _FORMS if kind in kinds for m in form.finditer(text)]
    happened = [Piece("event", m.start(), m[0].strip()) for m in _SENTENCE.finditer(text)] if "event" in kinds else []
    found += sorted(
        (one for one in happened if len(one.text) <= _LONGEST), key=lambda one: -len(_HAPPENED.findall(one.text))
    )[:3]
    by_kind = {kind: _distinct(one for one in found if one.kind == kind) for kind in kinds}
    turns = [pieces[turn] for turn in range(_MOST) for pieces in by_kind.values() if turn < len(pieces)]
    return sorted(turns[:_MOST], key=lambda one: (one.start, one.kind))


def _distinct(pieces: Iterable[Piece]) -> list[Piece]:
    first: dict[str, Piece] = {}
    for piece in pieces:
        first.setdefault(piece.text, piece)
    return list(first.values())
