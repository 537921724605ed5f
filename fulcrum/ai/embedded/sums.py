"""The parts of a document's total: net, tax, rounding; and any other amount by its label."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

from fulcrum.ai.embedded.labels import label_pattern, money_class
from fulcrum.ai.embedded.money import Choice, Labelled, Money
from fulcrum.ai.embedded.schema import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOTHING = Decimal(0)
_CENT = Decimal("0.01")
_ROLES = {"total": "total", "grand": "total", "including": "total", "rounded": "total", "excluding": "net",
          "subtotal": "net", "tax": "tax", "rounding": "rounding", "change": "change", "tendered": "tendered",
          "discount": "discount", "charge": "charge", "deposit": "deposit", "remaining": "remaining",
          "card": "tendered"}  # fmt: skip
_NAMED = {"net": "net", "subtotal": "net", "tax": "tax", "vat": "tax", "gst": "tax", "rounding": "rounding",
          "total": "total", "gross": "total"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Split:
    """One way to read net, tax and rounding so that they add up to the total, and how well it is labelled."""

    net: Labelled
    tax: Labelled
    rounding: Decimal
    score: float


def role_of(name: str, labels: tuple[str, ...]) -> str:
    """Name the amount that a field asks for: total, net, tax, rounding, ... or empty for one with its own label."""
    words = words_of(name)
    if len(words) == 1 and words[0] in _NAMED:
        return _NAMED[words[0]]
    roles = [role for role in (_ROLES.get(money_class(label)) for label in labels) if role]
    if not roles:
        return ""
    return max(dict.fromkeys(roles), key=roles.count) if roles.count(roles[-1]) < len(roles) else roles[-1]


class Sums:
    """The amounts of a page by what a field asks for."""

    def __init__(self, money: Money) -> None:
        self._money = money

    def choose(self, name: str, labels: tuple[str, ...]) -> Choice:
        """Choose the amount for a field; an absent one has no value."""
        role = role_of(name, labels)
        if role == "total":
            return self._money.total
        if role in {"net", "tax", "rounding"}:
            return {"net": self.net, "tax": self.tax, "rounding": self.rounding}[role]
        if role:
            return _first(self._money.of(*[kind for kind, named in _ROLES.items() if named == role]))
        pattern = label_pattern(labels)
        return _first(item for item in self._money.items if pattern.search(item.label))

    @cached_property
    def net(self) -> Choice:
        """The sum before tax: what adds up with a tax, else what a plain label says."""
        if self._split is not None:
            return Choice(self._split.net.value, 0.93, self._split.net.amount.line)
        strong = [i for i in self._money.of("excluding") if "capital" not in i.label.lower()]
        if strong:
            return Choice(strong[-1].value, 0.7, strong[-1].amount.line)
        return self._printed_subtotal or Choice(None, 0.8)

    @cached_property
    def _printed_subtotal(self) -> Choice | None:
        """A subtotal followed by a tax and a total is a net, also where the three do not add up.

        Not one that equals the total although there is a tax, for it has the tax in it; nor, of those that exceed it,
        one from which something is taken off on the way.
        """
        total = self._money.total
        if total.value is None or total.line is None:
            return None
        for item in reversed(self._money.of("subtotal")):
            between = [i for i in self._money.items if item.amount.line < i.amount.line <= total.line]
            taxes = [i.value for i in between if i.kind == "tax" and not i.in_summary]
            changed = any(i.kind in {"discount", "charge", "deposit"} for i in between)
            smaller = _NOTHING < abs(item.value) < abs(total.value)
            larger = abs(item.value) > abs(total.value) and not changed
            if taxes and item.value and (smaller or larger or not any(taxes)):
                return Choice(item.value, 0.6, item.amount.line)
        return None

    @cached_property
    def tax(self) -> Choice:
        """The sum of the taxes: what adds up with a net, else the sum the labels name, else the only one."""
        if self._split is not None:
            return Choice(self._split.tax.value, 0.93, self._split.tax.amount.line)
        taxes = [i for i in self._money.items if i.kind in {"tax", "included"} and i.column == i.columns - 1]
        total = self._money.total.value
        taxes = [i for i in taxes if total is None or abs(i.value) < abs(total)]
        if not taxes:
            return Choice(None, 0.8)
        return self._summed_taxes(taxes) or self._labelled_tax(taxes)

    def _summed_taxes(self, taxes: list[Labelled]) -> Choice | None:
        """Add the taxes of several rates where the sum is what lies between net and total."""
        total, net = self._money.total.value, self.net.value
        rates = [item for item in taxes if not item.in_summary]
        if total is None or net is None or len(rates) < 2:  # noqa: PLR2004 - one rate is no sum
            return None
        added = sum((item.value for item in rates), _NOTHING)
        matches = abs(total - net - added - (self._steps[-1] if self._steps else _NOTHING)) <= _CENT
        return Choice(added, 0.85, rates[-1].amount.line) if matches else None

    @staticmethod
    def _labelled_tax(taxes: list[Labelled]) -> Choice:
        summed = [i for i in taxes if any(w in i.label.lower() for w in ("total", "gesamt", "steuerbetrag"))]
        chosen = (summed or [i for i in taxes if not i.in_summary] or taxes)[-1]
        values = {i.value for i in taxes if i.value}
        return Choice(chosen.value, 0.8 if len(values) <= 1 else 0.5, chosen.amount.line)

    @cached_property
    def rounding(self) -> Choice:
        """What the total was rounded by; none where the parts add up without it."""
        items = [i for i in self._money.of("rounding") if abs(i.value) < 1]
        if not items:
            return Choice(None, 0.95)
        item = items[-1]
        if self._split is None:
            return Choice(item.value, 0.75, item.amount.line)
        if self._split.rounding == 0 and item.value:
            return Choice(None, 0.7, item.amount.line)
        return Choice(self._split.rounding, 0.92, item.amount.line)

    @cached_property
    def _steps(self) -> list[Decimal]:
        return [item.value for item in self._money.of("rounding") if item.value and abs(item.value) < 1]

    @cached_property
    def _split(self) -> _Split | None:
        """Find the best labelled net and tax that add up to the total, to the cent, with or without a rounding."""
        total = self._money.total.value
        if total is None:
            return None
        steps = [_NOTHING, *[sign * step for step in self._steps[-2:] for sign in (1, -1)]]
        found = [
            _Split(net, tax, step, _labelled_as(net, tax) - 0.1 * (step != 0) - 0.5 * (step in self._turned))
            for net, tax, step in product(self._nets, self._taxes, steps)
            if net is not tax
            and net.value + tax.value + step == total
            and abs(tax.value) <= abs(net.value) * Decimal("0.35")
        ]
        best = max(found, key=lambda split: split.score, default=None)
        return best if best is not None and best.score >= 1 else None

    @cached_property
    def _turned(self) -> set[Decimal]:
        """Roundings against their printed sign."""
        return {-step for step in self._steps} - set(self._steps)

    @cached_property
    def _nets(self) -> list[Labelled]:
        kinds = {"excluding", "subtotal", "partial"}
        named = [i for i in self._money.items if i.kind == "grand" and i.label.lower().startswith("net")]
        rows = [i for i in self._money.items if i.kind in kinds or i.in_summary or (i.kind == "tax" and i.columns > 1)]
        return [*rows[-60:], *named]

    @cached_property
    def _taxes(self) -> list[Labelled]:
        return [i for i in self._money.items if i.kind in {"tax", "included", "excluding"} or i.in_summary][-60:]


def _labelled_as(net: Labelled, tax: Labelled) -> float:
    """Weigh how well labels support a net and a tax: their own words, or both in one row of the tax table."""
    row = net.amount.line == tax.amount.line and net.column < tax.column
    score = {"excluding": 1.5, "grand": 1.2, "subtotal": 0.7}.get(net.kind, 0.0) * (not net.in_summary) + 1.2 * row
    score += 1.0 * (tax.kind in {"tax", "included"} and not tax.in_summary and tax.column == tax.columns - 1)
    return score + 0.2 * ("total" in tax.label.lower()) - 0.6 * (tax.value == 0 and not row)


def _first(items: Iterable[Labelled]) -> Choice:
    """Choose the first amount with a label, surer where it is the only value."""
    found = [item for item in items if item.column == item.columns - 1] or list(items)
    if not found:
        return Choice(None, 0.8)
    values = {item.value for item in found}
    return Choice(found[0].value, 0.85 if len(values) == 1 else 0.5, found[0].amount.line)
