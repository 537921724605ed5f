"""The board as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from fulcrum.scoreboard import charts, wording
from fulcrum.scoreboard.board import Board, Trend, summed


def render_html(board: Board) -> str:
    """Render the board as HTML; whatever a title or a warning says is shown as text."""
    return _template().render(board=board, whole=board.whole, say=wording, summed=summed, drawn=_drawn)


@cache
def _template() -> Template:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template("page.html.j2")


def _drawn(trend: Trend) -> list[tuple[str, Markup]]:
    """Draw a trend twice: for a desk and for a phone."""
    sizes = (("wide", charts.WIDE), ("narrow", charts.NARROW))
    # What vl-convert draws is sound SVG, with every text in it escaped.
    return [(name, Markup(charts.svg(trend, width=width))) for name, width in sizes]  # noqa: S704
