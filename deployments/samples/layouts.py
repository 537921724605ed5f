"""Four ways in which a supplier's document looks: classic, band, letter and bill."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from deployments.samples.papers import Paper
from deployments.samples.pen import GREY, LEFT, RIGHT, WIDTH, Pen
from deployments.samples.wording import LABELS, day, number, spaced

WHITE = "#FFFFFF"
QUANTITY_AT, PRICE_AT = 372.0, 452.0
FOOT = 772.0


def draw(paper: Paper) -> bytes:
    """Make the PDF of a paper, without any attachment."""
    title = f"{_labels(paper)[paper.kind]} {paper.number}"
    pen = Pen(paper.font, paper.accent, title, paper.supplier.name)
    LAYOUTS[paper.layout](pen, paper)
    return pen.done()


def classic(pen: Pen, paper: Paper) -> None:
    """Name and mark on the left, the document's title large on the right, a ruled table."""
    _mark(pen, LEFT + 14, 66)
    pen.write(LEFT + 38, 72, paper.supplier.name, 16, bold=True, ink=pen.accent)
    pen.lines(LEFT + 38, 88, (*paper.address, _vat_id(paper)), 8.5, ink=GREY)
    pen.write_right(RIGHT, 158, _title(paper).upper(), 22, bold=True, ink=pen.accent)
    pen.rule(170, width=1.4, ink=pen.accent)
    _bill_to(pen, paper, 196)
    _facts(pen, paper, 340, 196)
    bottom = _items(pen, paper, 300, ruled=True)
    bottom = _sums(pen, paper, bottom + 18)
    pen.write(LEFT, bottom + 34, paper.note, 9)
    _foot(pen, paper)


def band(pen: Pen, paper: Paper) -> None:
    """Put a band of the supplier's colour over the page's head and stripe the table."""
    pen.box(0, 0, WIDTH, 96)
    pen.write(LEFT, 50, paper.supplier.name, 19, bold=True, ink=WHITE)
    pen.write(LEFT, 70, " | ".join((*paper.address, _vat_id(paper))), 8.5, ink=WHITE)
    pen.write(LEFT, 140, _title(paper), 20, bold=True)
    _facts(pen, paper, LEFT, 166)
    _bill_to(pen, paper, 166, x=340)
    bottom = _items(pen, paper, 290, ruled=False)
    bottom = _sums(pen, paper, bottom + 16)
    pen.box(LEFT, bottom + 22, RIGHT - LEFT, 30, tint=0.10)
    pen.write(LEFT + 10, bottom + 41, paper.note, 9)
    _foot(pen, paper)


def letter(pen: Pen, paper: Paper) -> None:
    """Write a business letter: window address, facts beside it, a sentence, the table, four small words below."""
    pen.write(LEFT, 58, paper.supplier.name, 15, bold=True)
    pen.box(LEFT, 68, RIGHT - LEFT, 3)
    sender = " - ".join((paper.supplier.name, *paper.address))
    pen.write(LEFT, 132, sender, 6.5, ink=GREY)
    pen.rule(136, right=300, width=0.4, ink=GREY)
    _bill_to(pen, paper, 154)
    _facts(pen, paper, 350, 154)
    pen.write(LEFT, 280, _title(paper), 14, bold=True)
    pen.write(LEFT, 306, _labels(paper)["greeting"], 10)
    pen.write(LEFT, 322, paper.note, 10)
    bottom = _items(pen, paper, 362, ruled=True)
    _sums(pen, paper, bottom + 18)
    _foot(pen, paper)


def bill(pen: Pen, paper: Paper) -> None:
    """Show the bill's facts in a box and the use of twelve months as bars."""
    pen.dot(RIGHT - 18, 56, 18)
    pen.dot(RIGHT - 30, 68, 11, "#F2B134")
    pen.write(LEFT, 62, paper.supplier.name, 17, bold=True, ink=pen.accent)
    pen.lines(LEFT, 78, (", ".join(paper.address), _vat_id(paper)), 8.5, ink=GREY)
    _bill_to(pen, paper, 130)
    pen.box(330, 116, RIGHT - 330, 104, tint=0.12)
    pen.write(342, 136, _title(paper), 13, bold=True, ink=pen.accent)
    _facts(pen, paper, 342, 156)
    pen.write(LEFT, 246, paper.note, 9.5)
    bottom = _items(pen, paper, 276, ruled=True)
    bottom = _sums(pen, paper, bottom + 18)
    _bars(pen, paper, bottom + 44)
    _foot(pen, paper)


LAYOUTS: dict[str, Callable[[Pen, Paper], None]] = {"classic": classic, "band": band, "letter": letter, "bill": bill}


def _labels(paper: Paper) -> dict[str, str]:
    return LABELS[paper.language]


def _title(paper: Paper) -> str:
    return _labels(paper)[paper.kind]


def _vat_id(paper: Paper) -> str:
    return f"{_labels(paper)['vat_id']} {paper.supplier.vat_id}"


def _mark(pen: Pen, x: float, y: float) -> None:
    pen.dot(x, y, 15)
    pen.dot(x + 5, y - 4, 8, WHITE)
    pen.box(x - 9, y + 4, 13, 4, ink=WHITE)


def _bill_to(pen: Pen, paper: Paper, y: float, x: float = LEFT) -> None:
    labels = _labels(paper)
    pen.write(x, y, labels["to"], 8, bold=True, ink=GREY)
    pen.lines(x, y + 14, (*paper.buyer, f"{labels['vat_id']} {paper.buyer_vat_id}"))


def _facts(pen: Pen, paper: Paper, x: float, y: float) -> None:
    labels, language = _labels(paper), paper.language
    credit = paper.kind == "credit_note"
    facts = [
        (labels["credit_number" if credit else "number"], paper.number),
        (labels["credit_date" if credit else "issued_on"], day(paper.issued_on, language)),
        (labels["due_on"], day(paper.due_on, language) if paper.due_on else None),
        (labels["purchase_order"], paper.purchase_order),
        (labels["currency"], paper.supplier.currency),
    ]
    for label, value in facts:
        if value:
            pen.write(x, y, f"{label}:", 9.5, ink=GREY)
            pen.write(x + 96, y, value, 9.5, bold=True)
            y += 14


def _items(pen: Pen, paper: Paper, y: float, *, ruled: bool) -> float:
    labels, language = _labels(paper), paper.language
    if not ruled:
        pen.box(LEFT - 6, y - 13, RIGHT - LEFT + 12, 19, tint=0.85)
    ink = GREY if ruled else WHITE
    _row(pen, y, (labels["text"], labels["quantity"], labels["price"], labels["amount"]), ink, bold=True)
    if ruled:
        pen.rule(y + 6)
    for index, line in enumerate(paper.lines):
        y += 20
        if not ruled and index % 2:
            pen.box(LEFT - 6, y - 13, RIGHT - LEFT + 12, 19, tint=0.08)
        figures = (number(line.quantity, language, 0), number(line.price, language), number(line.amount, language))
        _row(pen, y, (line.text, *figures))
    pen.rule(y + 8, ink=GREY, width=0.4)
    return y + 8


def _row(pen: Pen, y: float, cells: tuple[str, str, str, str], ink: str = "#1B1B1B", *, bold: bool = False) -> None:
    pen.write(LEFT, y, cells[0], bold=bold, ink=ink)
    for x, cell in zip((QUANTITY_AT, PRICE_AT, RIGHT), cells[1:], strict=True):
        pen.write_right(x, y, cell, bold=bold, ink=ink)


def _sums(pen: Pen, paper: Paper, y: float) -> float:
    """Write net, tax and total; with several rates each rate's share stands above their sum."""
    labels, language = _labels(paper), paper.language
    rows = [(labels["net"], paper.net)]
    if len(paper.taxes) == 1:
        rows += [(f"{labels['tax']} {_rate(rate, language)}", tax) for rate, (_, tax) in paper.taxes.items()]
    else:
        for rate, (base, tax) in paper.taxes.items():
            shown = f"{_rate(rate, language)} {labels['of']} {number(base, language)}: {number(tax, language)}"
            pen.write_right(300, y + 15, shown, 8.5, ink=GREY)
            y += 12
        y -= 12 * len(paper.taxes)
        rows.append((labels["tax_sum"], paper.tax))
    for label, amount in rows:
        pen.write(330, y, label)
        pen.write_right(RIGHT, y, number(amount, language))
        y += 15
    pen.rule(y - 8, left=330)
    pen.write(330, y + 6, labels["total"], 11, bold=True)
    pen.write_right(RIGHT, y + 6, f"{paper.supplier.currency} {number(paper.total, language)}", 11, bold=True)
    return y + 6


def _rate(rate: Decimal, language: str) -> str:
    return f"{number(rate, language, 0)}%" if language == "en" else f"{number(rate, language, 0)} %"


def _bars(pen: Pen, paper: Paper, y: float) -> None:
    pen.write(LEFT, y, paper.usage_label, 8.5, ink=GREY)
    scale = 84 / max(paper.usage)
    for index, value in enumerate(paper.usage):
        height = value * scale
        pen.box(LEFT + index * 28, y + 100 - height, 18, height, tint=1.0 if index == len(paper.usage) - 1 else 0.45)
        month = (paper.issued_on.month - 2 - len(paper.usage) + 1 + index) % 12
        pen.write(LEFT + index * 28 + 6, y + 112, "JFMAMJJASOND"[month], 7.5, ink=GREY)
    pen.rule(y + 100, right=LEFT + 28 * len(paper.usage) - 10, width=0.5, ink=GREY)


def _foot(pen: Pen, paper: Paper) -> None:
    pen.rule(FOOT - 12, width=0.5, ink=GREY)
    if paper.iban:
        pen.write(LEFT, FOOT + 2, f"IBAN: {spaced(paper.iban)}", 9, bold=True)
    pen.write(LEFT, FOOT + 16, ", ".join((paper.supplier.name, *paper.address, _vat_id(paper))), 7.5, ink=GREY)
