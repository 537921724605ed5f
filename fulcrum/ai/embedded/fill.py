"""Filling a schema from a document: which reader answers which field, and how sure each answer is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fulcrum.ai.embedded.choices import choose
from fulcrum.ai.embedded.dates import find_dates
from fulcrum.ai.embedded.issued import choose_date
from fulcrum.ai.embedded.items import Item, find_items
from fulcrum.ai.embedded.limits import fits, least
from fulcrum.ai.embedded.lines import read_page
from fulcrum.ai.embedded.money import Money
from fulcrum.ai.embedded.names import Named, chance, issuers
from fulcrum.ai.embedded.quotes import Piece, find_quotes
from fulcrum.ai.embedded.schema import Node, labels_of, words_of
from fulcrum.ai.embedded.strings import find_identifier, find_pattern, find_text, form_of, is_identifier
from fulcrum.ai.embedded.sums import Sums, role_of
from fulcrum.ai.embedded.tokens import Branch, Filled, Leaf, Row
from fulcrum.ai.embedded.values import NUMBER, find_currencies, find_ibans, number_of

if TYPE_CHECKING:
    from datetime import date

Examples = tuple[tuple[str, dict[str, Any]], ...]
_GUESS = 0.3
_EMPTY = 0.5
_QUOTED = 0.9
_LEAST_NAME, _LEAST_NAME_IN_PROSE = 0.5, 3.0
"""Evidence a supplier's name needs; more in a text without a digit, which is no business document."""
_NAME_WORDS = frozenset(
    {"supplier", "seller", "vendor", "issuer", "merchant", "company", "payee", "store", "shop", "biller"}
)
_BUYER_WORDS = frozenset({"buyer", "customer", "client", "recipient", "purchaser"})
_MONEY_WORDS = frozenset(
    [
        "amount",
        "price",
        "total",
        "net",
        "tax",
        "sum",
        "cost",
        "fee",
        "paid",
        "balance",
        "rounding",
        "gross",
        "subtotal",
        "charge",
    ]
)
_COUNT_WORDS = frozenset(["quantity", "qty", "count", "items", "pieces", "number", "age", "year", "days"])


def fill(node: Node, text: str, examples: Examples = ()) -> Filled:
    """Fill a schema from a document's text and labelled examples; any schema and any text give an answer."""
    return _Filler(text, examples).fill(node, ())


class _Filler:
    """One document with what was read from it so far."""

    def __init__(self, text: str, examples: Examples) -> None:
        self._text = text
        self._examples = examples
        self._page = read_page(text)

    @cached_property
    def _money(self) -> Money:
        return Money(self._page)

    @cached_property
    def _sums(self) -> Sums:
        return Sums(self._money)

    def fill(self, node: Node, path: tuple[str, ...]) -> Filled:
        """Fill one place; `path` are the names that lead to it."""
        if node.kind == "object" and node.properties:
            return Branch(tuple((child.name, self.fill(child, (*path, child.name))) for child in node.properties))
        if node.kind == "object":
            return Leaf({}, _EMPTY)
        if node.kind == "array":
            return self._array(node, path)
        return self._checked(node, self._scalar(node, path))

    def _scalar(self, node: Node, path: tuple[str, ...]) -> Leaf:
        if node.kind in {"enum", "boolean"}:
            return self._choice(node, path)
        labels = labels_of(node.name, node.description)
        if node.kind in {"number", "integer"}:
            return self._number(node, labels)
        return self._string(node, path, labels) if node.kind == "string" else Leaf(None, _EMPTY)

    @staticmethod
    def _checked(node: Node, leaf: Leaf) -> Leaf:
        """Put the least value that is allowed in place of one that the schema refuses, and of nothing."""
        allowed = leaf.value is None or node.kind in {"enum", "boolean"} or fits(node, leaf.value)
        if allowed and leaf.value is not None:
            return replace(leaf, others=tuple(pair for pair in leaf.others if pair[0] is not None))
        if allowed and node.nullable:
            return leaf
        return Leaf(least(node), min(leaf.confidence, _EMPTY) if node.nullable else min(leaf.confidence, _GUESS))

    def _choice(self, node: Node, path: tuple[str, ...]) -> Leaf:
        options = node.options if node.kind == "enum" else (False, True)
        shown = [(text, value) for text, value in ((t, _at(o, path)) for t, o in self._examples) if value is not None]
        ranked = choose(self._text, node.name, node.description, options, shown)
        top = ranked[0][1] if len(ranked) > 1 else 0.99
        return Leaf(ranked[0][0], top, tuple(ranked[1:21]))

    def _number(self, node: Node, labels: tuple[str, ...]) -> Leaf:
        words = set(words_of(node.name))
        if node.kind == "integer" or (words & _COUNT_WORDS and not words & _MONEY_WORDS):
            return self._count(node, labels)
        if not (words & _MONEY_WORDS or role_of(node.name, labels)):
            return self._count(node, labels)
        chosen = self._sums.choose(node.name, labels)
        others = tuple((_printed(node, value), share) for value, share in chosen.others)
        return Leaf(_printed(node, chosen.value), chosen.confidence, others)

    def _count(self, node: Node, labels: tuple[str, ...]) -> Leaf:
        """Read a plain number after one of the labels."""
        found, confidence = find_identifier(self._page, "", labels)
        match = NUMBER.fullmatch(found) if found else None
        if match is None:
            return Leaf(None, 0.7)
        value = number_of(match[0])
        if node.kind == "integer" and value != value.to_integral_value():
            return Leaf(None, 0.6)
        return Leaf(_printed(node, value), 0.8 * confidence)

    def _string(self, node: Node, path: tuple[str, ...], labels: tuple[str, ...]) -> Leaf:
        words = set(words_of(node.name))
        if node.format in {"date", "date-time"} or (not node.format and {"date"} & words) or node.name.endswith("_on"):
            return self._date(node, labels)
        if "iban" in words:
            return self._iban()
        if "currency" in words:
            return self._currency()
        return self._text_of(node, path, labels, words)

    def _text_of(self, node: Node, path: tuple[str, ...], labels: tuple[str, ...], words: set[str]) -> Leaf:
        """Read a name, an identifier, or the words after a label."""
        form = form_of(node.name, node.format)
        if form is not None:
            return Leaf(*find_pattern(self._page, form, labels))
        if words & _NAME_WORDS and not words & {"id", "number", "address", "vat"}:
            return self._name(path)
        if is_identifier(node.name, labels):
            return Leaf(*find_identifier(self._page, node.name, labels))
        value, confidence = find_text(self._page, labels)
        return Leaf(value[: node.limit("maxLength", 200)] if value else None, confidence)

    def _date(self, node: Node, labels: tuple[str, ...]) -> Leaf:
        chosen = choose_date(self._page, self._dates, node.name, labels)
        timed = node.format == "date-time"
        others = tuple((_iso(day, timed=timed), share) for day, share in chosen.others)
        return Leaf(_iso(chosen.day, timed=timed) if chosen.day else None, chosen.confidence, others)

    @cached_property
    def _dates(self) -> list[Any]:
        return find_dates(self._page)

    def _iban(self) -> Leaf:
        found = find_ibans(self._page)
        valid = [iban for iban, _, ok in found if ok]
        if valid:
            return Leaf(valid[0], 0.97 if len(set(valid)) == 1 else 0.6)
        return Leaf(found[0][0], 0.5) if found else Leaf(None, 0.95)

    def _currency(self) -> Leaf:
        found = sorted(find_currencies(self._page).items(), key=lambda pair: -pair[1])
        if not found:
            return Leaf(None, 0.8)
        share = found[0][1] / sum(weight for _, weight in found)
        return Leaf(
            found[0][0], min(0.97, 0.45 + 0.5 * share), tuple((code, (1 - share) / 2) for code, _ in found[1:4])
        )

    def _name(self, path: tuple[str, ...]) -> Leaf:
        known = [value for value in (_at(outcome, path) for _, outcome in self._examples) if isinstance(value, str)]
        ranked: list[Named] = issuers(self._page, known)
        if not ranked or ranked[0].score < (
            _LEAST_NAME if any(c.isdigit() for c in self._text) else _LEAST_NAME_IN_PROSE
        ):
            return Leaf(None, _EMPTY)
        confidence = chance(ranked)
        share = (1 - confidence) / max(1, len(ranked[1:4]))
        return Leaf(ranked[0].name, confidence, tuple((named.name, share) for named in ranked[1:4]))

    def _array(self, node: Node, path: tuple[str, ...]) -> Filled:
        """Fill a list: of lines that can be told apart, of options that the text names, else as few as allowed."""
        inner = node.items
        rows: tuple[Filled, ...] = ()
        confidence = _EMPTY
        if inner is not None and inner.kind == "object" and _is_item(inner):
            items, confidence = find_items(self._page, self._money)
            rows = tuple(_item_row(inner, item, confidence) for item in items[: int(node.limit("maxItems", 1_000))])
        elif inner is not None and (kinds := _quoted_kinds(inner)):
            rows = tuple(_quote_row(inner, piece) for piece in find_quotes(self._text, kinds))
        wanted = int(node.limit("minItems", 0))
        if inner is not None and len(rows) < wanted:
            rows += tuple(self.fill(inner, (*path, "")) for _ in range(min(wanted, 100) - len(rows)))
        if rows:
            return Row(rows)
        return Leaf(None if node.nullable and wanted else [], confidence)


def _at(outcome: object, path: tuple[str, ...]) -> Any:
    """Give the value at a path of an example's answer, None where there is none."""
    for name in path:
        outcome = outcome.get(name) if isinstance(outcome, dict) else None
    return outcome


def _iso(day: date, *, timed: bool) -> str:
    return f"{day.isoformat()}T00:00:00Z" if timed else day.isoformat()


def _printed(node: Node, value: Decimal | None) -> Any:
    """Write a number as the schema takes it: exact text where it may, else a JSON number."""
    if value is None:
        return None
    if node.decimal:
        return format(value, "f")
    return int(value) if node.kind == "integer" or value == value.to_integral_value() else float(value)


def _quoted_kinds(node: Node) -> tuple[str, ...]:
    """Give the kinds of facts that a list of quotes asks for: objects with a `quote` and a choice of its kind."""
    names = {child.name: child for child in node.properties}
    if set(names) != {"quote", "kind"} or names["kind"].kind != "enum":
        return ()
    return tuple(str(option) for option in names["kind"].options)


def _quote_row(node: Node, piece: Piece) -> Filled:
    said = {"quote": piece.text, "kind": piece.kind}
    return Branch(tuple((child.name, Leaf(said[child.name], _QUOTED)) for child in node.properties))


def _is_item(node: Node) -> bool:
    """Tell a line item: an object with an amount or price, and words."""
    roles = [_item_part(child) for child in node.properties]
    return "amount" in roles and "description" in roles


def _item_part(node: Node) -> str:
    words = set(words_of(node.name))
    if node.kind in {"number", "integer"}:
        if words & {"quantity", "qty", "count"}:
            return "quantity"
        if "price" in words:
            return "unit_price"
        return "amount" if words & {"amount", "total", "sum", "value", "net"} else ""
    return "description" if words & {"description", "name", "item", "text", "article", "product"} else ""


def _item_row(node: Node, item: Item, confidence: float) -> Filled:
    members: list[tuple[str, Filled]] = []
    for child in node.properties:
        part = _item_part(child)
        value: Any = getattr(item, part) if part else None
        value = _printed(child, value) if isinstance(value, Decimal) else value
        if value is None or not fits(child, value):
            value = _least_of(child)
        members.append((child.name, value if isinstance(value, (Branch, Row)) else Leaf(value, confidence)))
    return Branch(tuple(members))


def _least_of(node: Node) -> Any:
    """Give the least value of any place, objects included."""
    if node.kind == "object" and not node.nullable:
        return Branch(
            tuple(
                (c.name, v if isinstance(v := _least_of(c), (Branch, Row)) else Leaf(v, _GUESS))
                for c in node.properties
            )
        )
    return least(node)
