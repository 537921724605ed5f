"""Small charts of a check, as SVG in a data URI: readable on a light and on a dark page (pure)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from fulcrum.drift.report import Quantiles, Share, Spread

WIDTH, ROW = 260, 15
"""Pixels: of a chart, and of one bar or strip with its gap."""
BEFORE, NOW = "#8a8f98", "#d9730d"
"""Of middling lightness: each has a contrast of 3 to 1 or more with white and with near black."""
TEXT = "#777b82"
_LEFT, _RIGHT = 96, 40
HELD = 16
"""Letters of a name that the left margin holds."""


def bars(shares: Sequence[Share]) -> str:
    """Draw two bars for each value, before above now; a single value needs no name, its bars have."""
    most = max((max(share.before, share.now) for share in shares), default=0) or 1.0
    names = [(share.value, "") for share in shares] if len(shares) > 1 else [("before", "now")]
    drawn = [
        piece
        for index, (share, (above, below)) in enumerate(zip(shares, names, strict=False))
        for part, name, colour, row in ((share.before, above, BEFORE, 0), (share.now, below, NOW, 1))
        for piece in _bar(part / most, part, name, colour, (index * 2 + row) * ROW)
    ]
    return _image(drawn, len(shares) * 2 * ROW)


def strips(spread: Spread) -> str:
    """Draw two strips from the 5th to the 95th percentile, thick between the quartiles, a tick at the median."""
    scale = max(map(abs, (*spread.before, *spread.now))) or 1.0
    before, now = ([each / scale for each in quantiles] for quantiles in (spread.before, spread.now))
    low, high = min(*before, *now), max(*before, *now)
    width = WIDTH - _LEFT - 8

    def at(quantiles: Sequence[float]) -> list[float]:
        return [_LEFT + (each - low) / ((high - low) or 1.0) * width for each in quantiles]

    drawn = [*_strip("before", at(before), 0, BEFORE), *_strip("now", at(now), ROW, NOW)]
    return _image(drawn, 2 * ROW)


def _bar(length: float, share: float, name: str, colour: str, top: int) -> list[str]:
    end = _LEFT + length * (WIDTH - _LEFT - _RIGHT)
    return [
        _text(_LEFT - 4, top + 11, name if len(name) <= HELD else name[: HELD - 1] + "…", anchor="end"),
        f'<rect x="{_LEFT}" y="{top + 2}" width="{end - _LEFT:.1f}" height="{ROW - 3}" fill="{colour}"/>',
        _text(end + 4, top + 11, f"{share * 100:.1f}%"),
    ]


def _strip(name: str, at: Sequence[float] | Quantiles, top: int, colour: str) -> list[str]:
    low, lower, middle, upper, high = at
    y = top + ROW / 2
    return [
        _text(_LEFT - 4, y + 4, name, anchor="end"),
        f'<path d="M{low:.1f} {y}H{high:.1f}" stroke="{colour}" stroke-width="2"/>',
        f'<path d="M{lower:.1f} {y}H{upper:.1f}" stroke="{colour}" stroke-width="8"/>',
        f'<path d="M{middle:.1f} {y - 7}V{y + 7}" stroke="{colour}" stroke-width="3"/>',
    ]


def _text(x: float, y: float, words: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def _image(drawn: Sequence[str], height: int) -> str:
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="10" fill="{TEXT}">{"".join(drawn)}</svg>'
    )
    # A lone half of a surrogate pair cannot be written; its picture may lack it.
    return "data:image/svg+xml;base64," + b64encode(svg.encode("utf-8", "replace")).decode()
