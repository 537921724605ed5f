"""The amounts of a document and what each is: total, net, tax, rounding; labels, repetition and arithmetic agree."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from fulcrum.ai.embedded.labels import money_class
from fulcrum.ai.embedded.values import Amount, currency_of, find_amounts, whole_amounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fulcrum.ai.embedded.lines import Page

_REACH = 60
_MOST_AMOUNTS = 1_500
_HOPELESS = -0.9
_UNLABELLED = 0.4
"""Above the most that a place alone gives: what no label and no arithmetic calls a total is none."""
_MOST_PARTS = 12
_LARGEST_ROUNDING = Decimal("0.99")
_WORDLESS = re.compile(r"^[\W\d_]*(?:(?:RM|MYR|EUR|USD|GBP|CHF|SGD|S|SR|ZR|T|X|TX)\b[\W\d_]*)*$", re.IGNORECASE)
_SUMMARY = re.compile(
    r"\b(?:gst|vat|tax|sst|mwst|ust|tva)\b\W*(?:code|rate)?\W*(?:summary|analysis|breakdown|details|amount\b.*\btax)"
    r"|steueraufschl|umsatzsteueraufschl|\btax (?:code|summary)|\btaxe\b.*\bbase\b|\btax\b.*\bbase\b|ust\. satz"
    r"|\bamount\W+(?:\w+\W+)?(?:tax|gst)\b|\bgoods\b.*\btax\b|\bcode\b.*\bamount\b|\bgst excl\b|\btax amt\b",
    re.IGNORECASE,
)
# Evidence a label gives that its amount is the total, in units of log-odds.
_TOTAL_WEIGHT = {
    "rounded": 5.0, "grand": 4.6, "including": 3.6, "total": 3.4, "card": 1.6, "subtotal": 0.9, "tendered": 0.4,
    "amount": 0.9, "remaining": 0.2, "excluding": -0.6, "price": -1.0, "partial": 1.6, "included": 1.2, "count": -0.5,
    "": 0.0,
    "charge": -3.0,
    "change": -4.0, "rounding": -4.0, "discount": -3.0, "ignored": -3.0, "tax": -2.5, "deposit": -2.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labelled:
    """An amount with what its surroundings say: the label's words, their class, the column in the row, the section."""

    amount: Amount
    label: str
    kind: str
    column: int
    columns: int
    direct: bool
    """Whether the label stands in the same line."""
    in_summary: bool
    """Whether it stands in the table that breaks the taxes down."""

    @property
    def value(self) -> Decimal:
        """The signed sum."""
        return self.amount.value


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen amount: its value, where it stands (line, None for nowhere) and the chance that it is right, 0 to 1."""

    value: Decimal | None
    confidence: float
    line: int | None = None
    others: tuple[tuple[Decimal, float], ...] = ()


@dataclass
class Ledgered:
    """All that a total's candidates are weighed with."""

    score: float = 0.0
    best: float = -9.0
    labels: set[str] = field(default_factory=set)
    proofs: int = 0
    line: int = 0


class Money:
    """The amounts of one page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.items = _told_nets(_label(page, find_amounts(page)[:_MOST_AMOUNTS]))
        if not any(_TOTAL_WEIGHT[item.kind] > 1 for item in self.items):
            extra = _label(page, whole_amounts(page)[:_MOST_AMOUNTS])
            self.items += [
                item for item in extra if item.kind in {"total", "grand", "rounded", "including", "tax", "excluding"}
            ]

    def of(self, *kinds: str) -> list[Labelled]:
        """Give the amounts of some classes outside the tax table, in order."""
        return [item for item in self.items if item.kind in kinds and not item.in_summary]

    @cached_property
    def total(self) -> Choice:
        """Choose the amount of the document."""
        found = self._candidates()
        if not found:
            return Choice(None, 0.75 if not self.items else 0.4)
        ranked = sorted(found.items(), key=lambda pair: (pair[1].score, pair[1].line), reverse=True)
        value, best = ranked[0]
        second = ranked[1][1].score if len(ranked) > 1 else 0.0
        if best.score <= 0 or (best.best < _UNLABELLED and not best.proofs):
            return Choice(None, 0.4)
        confidence = _sureness(best, best.score - second)
        share = (1 - confidence) / max(1, min(3, len(ranked) - 1))
        return Choice(value, confidence, best.line, tuple((v, share) for v, _ in ranked[1:4]))

    def _candidates(self) -> dict[Decimal, Ledgered]:
        found: dict[Decimal, Ledgered] = defaultdict(Ledgered)
        for item in self.items:
            weight = self._weight(item)
            entry = found[item.value]
            if weight > entry.best:
                entry.best, entry.line = weight, item.amount.line
            if item.kind and weight > 0:
                entry.labels.add(item.kind)
        for value, entry in found.items():
            entry.score = entry.best + 0.35 * max(0, len(entry.labels) - 1)
            if value != 0:
                self._prove(value, entry)
        zero = found.get(Decimal("0.00"))
        if zero is not None:
            zero.score -= 2.0
        return {value: entry for value, entry in found.items() if entry.best > _HOPELESS}

    def _weight(self, item: Labelled) -> float:
        weight = _TOTAL_WEIGHT[item.kind]
        if weight > 0 and item.in_summary:
            weight -= 3.0
        if weight > 0 and not item.direct:
            weight *= 0.7
        if weight > 0 and item.columns > 1 and item.column < item.columns - 1:
            weight -= 0.6
        place = item.amount.line / max(1, len(self._page.lines))
        return weight + 0.3 * place

    def _prove(self, value: Decimal, entry: Ledgered) -> None:
        """Add what arithmetic says for a value: cash less change, net and tax, subtotal and rounding."""
        proofs = [value in self._paid, value in self._summed, value in self._rounded, value in self._joined]
        entry.proofs = sum(proofs)
        entry.score += 2.2 * proofs[0] + 1.1 * proofs[1] + 2.0 * proofs[2] + 1.0 * (proofs[3] and not proofs[1])

    @cached_property
    def _paid(self) -> set[Decimal]:
        cash = {abs(item.value) for item in self.of("tendered", "card", "total", "amount", "")[-60:] if item.label}
        change = {abs(item.value) for item in self.of("change")} - {Decimal(0)}
        return {c - d for c in cash for d in change if c > d}

    @cached_property
    def _summed(self) -> set[Decimal]:
        taxes = {item.value for item in self.items if item.kind == "tax" or item.in_summary} - {Decimal(0)}
        nets = {item.value for item in self.items if item.kind in {"excluding", "subtotal"} or item.in_summary}
        return {n + t for n in _few(nets) for t in _few(taxes) if abs(t) < abs(n)}

    @cached_property
    def _rounded(self) -> set[Decimal]:
        """Sums printed after a rounding that are an earlier sum and that rounding."""
        sums = self.of(
            "subtotal", "including", "total", "grand", "excluding", "amount", "rounded", "tendered", "card", ""
        )
        found = set()
        for step in self.of("rounding")[:5]:
            if step.value == 0:
                continue
            before = {item.value for item in sums if item.amount.line < step.amount.line}
            after = {item.value for item in sums if item.amount.line > step.amount.line or item.kind == "rounded"}
            found |= {b + sign * step.value for b in _few(before) for sign in (1, -1)} & (after - before)
        return found

    @cached_property
    def _joined(self) -> set[Decimal]:
        """Sums of two partial totals."""
        parts = [i for i in self.of("partial", "including", "total", "excluding") if i.value]
        values = _few({item.value for item in parts})
        return {a + b for n, a in enumerate(values) for b in values[n + 1 :]} if len(values) < _MOST_PARTS else set()


def _few(values: Iterable[Decimal]) -> list[Decimal]:
    return sorted(values)[-40:]


def _sureness(best: Ledgered, margin: float) -> float:
    """Turn the winner's evidence into a chance."""
    return min(0.99, max(0.05, 0.5 + 0.12 * margin + 0.05 * best.proofs))


def _label(page: Page, amounts: list[Amount]) -> list[Labelled]:
    """Give each amount its label: the words before it, else the row's first words, else the line above."""
    rows: dict[int, list[Amount]] = defaultdict(list)
    for amount in amounts:
        rows[amount.line].append(amount)
    found: list[Labelled] = []
    summary_since = _LONG_AGO
    plain = {index for index, row in rows.items() if len(row) == 1}
    for index, row in rows.items():
        for line in range(max(0, index - 3), index + 1):
            if line > summary_since and line not in plain and _SUMMARY.search(page.lines[line].text):
                summary_since = line
        found.extend(_label_row(page, row, in_summary=_within(summary_since, index)))
    return found


def _told_nets(items: list[Labelled]) -> list[Labelled]:
    """Class a bare `Net`, `Net total` or `Total net` by what stands around it; alone, it may be what is to be paid.

    `Net` beside a tax is the sum before it; `Net total` only where the tax and then another total follow.
    """
    taxes = {item.amount.line for item in items if item.kind == "tax" and not item.in_summary}
    totals = {item.amount.line for item in items if item.kind in _TOTALS and not _NET.fullmatch(_words(item.label))}
    return [_told_net(item, taxes, totals) if item.kind in _MAY_BE_NET else item for item in items]


_MAY_BE_NET = frozenset({"amount", "grand", "total"})
_TOTALS = frozenset({"total", "grand", "including", "rounded"})
_NEAR, _FOLLOWS = 2, 5
_NET = re.compile(
    r"(?:(?P<total>total\w*|sum\w*|amount) )?nett?o?(?(total)| (?P<after>total|sum|amount))?", re.IGNORECASE
)


def _told_net(item: Labelled, taxes: set[int], totals: set[int]) -> Labelled:
    match = _NET.fullmatch(_words(item.label))
    if match is None:
        return item
    line = item.amount.line
    following = [tax for tax in taxes if line < tax <= line + _NEAR]
    if match["total"] or match["after"]:
        told = any(tax < total <= line + _FOLLOWS for tax in following for total in totals)
    else:
        told = bool(following) or (bool(totals) and line - 1 in taxes)
    return replace(item, kind="excluding", in_summary=item.in_summary and item.columns > 1) if told else item


def _words(label: str) -> str:
    """Reduce a label to its words: no currency, rate or punctuation."""
    return " ".join(word for word in re.findall(r"[^\W\d_]+", label) if currency_of(word) is None)


_LONG_AGO = -1_000
_SUMMARY_LINES = 8


def _within(since: int, index: int) -> bool:
    return 0 <= index - since <= _SUMMARY_LINES


def _label_row(page: Page, row: list[Amount], *, in_summary: bool) -> list[Labelled]:
    text = page.lines[row[0].line].text
    found: list[Labelled] = []
    end, leading, direct = 0, "", True
    for column, amount in enumerate(row):
        words = text[max(end, amount.start - _REACH) : amount.start].strip()
        if _WORDLESS.match(words):
            words = leading
            if column == 0 and not leading:
                words, direct = _above(page, amount.line), False
        else:
            direct = True
        leading = words or leading
        end = amount.end
        kind = _kind(words, amount.value)
        alone = len(row) == 1 and kind in {"excluding", "subtotal"}
        inside = in_summary and not alone and kind not in {"including", "grand", "rounded", "tendered", "change"}
        found.append(Labelled(amount, words, kind, column, len(row), direct, inside))
    return found


def _kind(words: str, value: Decimal) -> str:
    """Class a label; what is too large for a rounding is the rounded sum."""
    kind = money_class(words)
    return "rounded" if kind == "rounding" and abs(value) > _LARGEST_ROUNDING else kind


def _above(page: Page, index: int) -> str:
    """Take the line above as a label when it has words and no amount of its own."""
    if index == 0:
        return ""
    text = page.lines[index - 1].text
    return "" if re.search(r"\d[.,]\d\d", text) else text[-_REACH:]
