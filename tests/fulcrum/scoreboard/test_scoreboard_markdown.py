"""The board as an artifact, and as rows for a terminal."""

from __future__ import annotations

import io
import re

from markdown_it import MarkdownIt
from rich.console import Console
from rich.table import Table

from fulcrum.scoreboard.markdown import render_markdown
from fulcrum.scoreboard.terminal import COLUMNS, lines, rows
from tests.boards import board, indicators, process, sampled

HOSTILE = "a | b ![x](http://evil.example/x.png) <script>alert(1)</script>\n# no heading `x`"


def _html(text: str) -> str:
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    # Prefect's own reader takes pictures of this kind; this one would leave them as text.
    reader.validateLink = lambda _url: True  # type: ignore[method-assign]
    return reader.render(text)


def test_it_renders_as_tables() -> None:
    """Each process has a table of its four indicators, each row as long as the heading."""
    html = _html(render_markdown(board()))
    assert html.count("<table>") == 1 + 2 * 3
    assert html.count("<h2>") == 3
    heading = re.search(r"<thead>.*?<th>indicator</th>.*?</thead>", html, re.DOTALL)
    assert heading is not None
    assert all(f"<td>{cell}</td>" in html for cell in ("Cycle time", "✓ better", "4.5 to 5.6 days shorter"))


def test_pictures_are_data_alone() -> None:
    """The chart is a data URI; nothing else is an image or a link."""
    html = _html(render_markdown(board()))
    assert re.findall(r'src="([^,]+),', html) == ["data:image/svg+xml;base64"]
    assert "href=" not in html


def test_a_hostile_text_is_text() -> None:
    """Whatever a title or a warning says breaks no table and makes no image, heading or code."""
    hostile = process(title=HOSTILE, owner=HOSTILE, trend=None, indicators=indicators(warnings=(HOSTILE,)))
    html = _html(render_markdown(board(hostile)))
    assert "<img" not in html
    assert "<code>" not in html
    assert html.count("<h1>") == 1
    assert html.count("<table>") == 3


def test_a_sample_is_marked() -> None:
    """The artifact of a sample history says so."""
    assert "a sample history of an invented company" in render_markdown(sampled())


def test_rows_fit_eighty_columns() -> None:
    """A terminal of 80 columns shows them with no word broken."""
    drawn = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        drawn.add_column(name, overflow="fold")
    for row in rows(board()):
        assert len(row) == len(COLUMNS)
        drawn.add_row(*row)
    screen = io.StringIO()
    Console(file=screen, width=80).print(drawn)
    shown = screen.getvalue()
    assert all(len(line) <= 80 for line in shown.splitlines())
    words = {word for row in rows(board()) for cell in row for word in cell.split()}
    assert words <= set(shown.split())


def test_the_lines_tell_what_the_table_does_not() -> None:
    """The company, what waits, what each process may do alone, and that a sample is one."""
    told = lines(board())
    assert told[0] == "Brunnoir Espresso Works: 6 of 6 objectives met, 8 of 12 indicators better than before"
    assert any("26 cases, the oldest for 31 h" in line for line in told)
    assert lines(sampled())[-1].endswith("no real cases")
