"""A process as a drawing: boxes in order, as numbers; the page's template makes them SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from fulcrum.process import Step
from fulcrum.sop.parts import KIND_WORDS

WIDTH = 360
"""Units across; a phone shows about one unit a pixel, so that the text stays readable there."""

_LINE, _NAME_LINE, _PADDING, _GAP = 17, 20, 12, 26
_LETTERS, _NAME_LETTERS = 44, 28
"""Letters on a line of a box; the name shares its line with the kind."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its baseline."""

    text: str
    y: int


@dataclass(frozen=True, slots=True)
class Box:
    """A step's box, as high as its text needs; `y` is its upper edge."""

    step: Step
    kind_words: str
    y: int
    height: int
    name: tuple[Line, ...]
    what: tuple[Line, ...]

    @property
    def bottom(self) -> int:
        """Give the lower edge."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes from top to bottom, `width` by `height` units, and the same in words."""

    boxes: tuple[Box, ...]
    width: int
    height: int
    words: str


def draw(steps: Sequence[Step]) -> Drawing:
    """Lay steps out from top to bottom, so that a drawing fits a phone, a page and half a screen alike."""
    boxes: list[Box] = []
    y = 1
    for number, step in enumerate(steps, start=1):
        boxes.append(_box(number, step, y))
        y = boxes[-1].bottom + _GAP
    words = " ".join(f"{n}. {step.name} ({KIND_WORDS[step.kind]}): {step.what}" for n, step in enumerate(steps, 1))
    return Drawing(tuple(boxes), WIDTH, (boxes[-1].bottom if boxes else 0) + 1, words)


def _box(number: int, step: Step, y: int) -> Box:
    name = wrap(f"{number}. {step.name}", _NAME_LETTERS)
    what = wrap(step.what, _LETTERS)
    first = y + _PADDING + 12
    below = first + _NAME_LINE * (len(name) - 1) + _NAME_LINE
    return Box(
        step=step,
        kind_words=KIND_WORDS[step.kind],
        y=y,
        height=2 * _PADDING + _NAME_LINE * len(name) + _LINE * len(what) - 4,
        name=tuple(Line(text, first + _NAME_LINE * i) for i, text in enumerate(name)),
        what=tuple(Line(text, below + _LINE * i) for i, text in enumerate(what)),
    )
