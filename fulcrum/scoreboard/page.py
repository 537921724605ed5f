"""The board as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from fulcrum.pages import template
from fulcrum.scoreboard import charts, wording
from fulcrum.scoreboard.board import Board, Trend, summed

_PAGE = Path(__file__).with_name("page.html.j2")


def render_html(board: Board) -> str:
    """Render the board as HTML; whatever a title or a warning says is shown as text."""
    return template(_PAGE).render(board=board, whole=board.whole, say=wording, summed=summed, drawn=_drawn)


def _drawn(trend: Trend) -> list[tuple[str, Markup]]:
    """Draw a trend twice: for a desk and for a phone."""
    sizes = (("wide", charts.WIDE), ("narrow", charts.NARROW))
    # What vl-convert draws is sound SVG, with every text in it escaped.
    return [(name, Markup(charts.svg(trend, width=width))) for name, width in sizes]  # noqa: S704
