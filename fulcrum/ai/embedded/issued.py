"""Which of a document's dates is the one asked for: the day of issue, the due day, or one with a label of its own."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from fulcrum.ai.embedded.labels import date_class, label_pattern
from fulcrum.ai.embedded.schema import words_of

if TYPE_CHECKING:
    from fulcrum.ai.embedded.dates import PrintedDate
    from fulcrum.ai.embedded.lines import Page

_REACH = 48
_ISSUE = {"issue": 4.0, "date": 3.2, "": 1.4, "reference": -0.6, "order": -0.6, "payment": -0.8, "delivery": -0.8,
          "due": -2.0, "period": 0.0, "expiry": -3.0, "birth": -6.0}  # fmt: skip
_NAMED = {"due": "due", "delivery": "delivery", "delivered": "delivery", "shipped": "delivery", "birth": "birth",
          "born": "birth", "expiry": "expiry", "expires": "expiry", "valid": "expiry", "paid": "payment",
          "payment": "payment", "order": "order", "ordered": "order"}  # fmt: skip
_ISSUE_NAMES = frozenset(
    {"issued", "issue", "date", "invoice", "document", "receipt", "dated", "bill", "created", "on"}
)


@dataclass(frozen=True, slots=True)
class Dated:
    """A chosen day, the chance that it is right, its line and the runners-up."""

    day: date | None
    confidence: float
    line: int | None = None
    others: tuple[tuple[date, float], ...] = ()


def choose_date(page: Page, dates: list[PrintedDate], name: str, labels: tuple[str, ...]) -> Dated:
    """Choose the date that a field asks for by its name and labels; none is better than one of another kind."""
    wanted = _wanted(name, labels)
    scores: dict[date, list[float]] = defaultdict(list)
    lines: dict[date, int] = {}
    for printed in dates[:300]:
        score = _score(page, printed, wanted, labels)
        lines[printed.day] = lines.get(printed.day, printed.line)
        scores[printed.day].append(score * printed.certain)
    ranked = sorted(((_sum(found), day) for day, found in scores.items()), key=lambda p: (-p[0], lines[p[1]]))
    if not ranked or ranked[0][0] < _LEAST:
        return Dated(None, 0.85 if not ranked else 0.6 if wanted == "issue" else 0.8)
    top, day = ranked[0]
    margin = top - ranked[1][0] if len(ranked) > 1 else 3.0
    certain = max(printed.certain for printed in dates if printed.day == day)
    confidence = certain * min(0.98, 0.5 + 0.45 * math.tanh(margin / 1.6) + 0.03 * min(2.0, top / 3))
    share = (1 - confidence) / max(1, len(ranked[1:4]))
    return Dated(day, confidence, lines[day], tuple((other, share) for _, other in ranked[1:4]))


_LEAST = 0.5


def _sum(scores: list[float]) -> float:
    """Add repeated mentions with less and less weight."""
    ordered = sorted(scores, reverse=True)
    return ordered[0] + 0.25 * sum(max(0.0, s) for s in ordered[1:3]) / 2


def _wanted(name: str, labels: tuple[str, ...]) -> str:
    """Name the class of date a field asks for: issue, due, ..., or other where only its own labels count."""
    words = words_of(name)
    for word in words:
        if word in _NAMED:
            return _NAMED[word]
    classes = [date_class(label) for label in labels]
    if set(words) & _ISSUE_NAMES or any(c in {"issue", "date"} for c in classes):
        return "issue"
    return next((c for c in classes if c), "other")


def _score(page: Page, printed: PrintedDate, wanted: str, labels: tuple[str, ...]) -> float:
    text = page.lines[printed.line].text
    before = text[max(0, printed.start - _REACH) : printed.start]
    own = label_pattern(labels)
    kind = date_class(before)
    direct = bool(kind) or own.search(before) is not None
    if not direct and printed.line and len(before.strip(" :\t")) < 2:  # noqa: PLR2004 - nothing but a sign
        above = page.lines[printed.line - 1].text
        if len(above) <= _REACH:
            before, kind = above, date_class(above)
    labelled = 1.5 if own.search(before) else 0.0
    if wanted == "issue":
        place = 0.6 * (1 - printed.line / max(1, len(page.lines)))
        return _ISSUE[kind] + labelled + place + 0.5 * printed.timed
    if wanted == "other":
        return 3.0 if labelled else -1.0
    return 3.0 + labelled if kind == wanted else labelled - 1.0
