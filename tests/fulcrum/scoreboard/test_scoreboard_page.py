"""The board as a page: one file, readable by anybody, and no way out of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from fulcrum.scoreboard.page import render_html
from tests.boards import board, indicators, process, sampled

HOSTILE = '<img src=x onerror="alert(1)"></h3><script>alert(2)</script>&"\'{{ 7 * 7 }}'
LOADS = {"src", "href", "srcset", "data", "poster", "action", "background", "xlink:href", "ping", "formaction"}


class _Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.tags if re.fullmatch(r"h[1-6]", tag)]


def test_the_page_loads_nothing() -> None:
    """No tag names an address to load from, no style imports one, and the page forbids it besides."""
    text = render_html(board())
    page = _Page(text)
    addresses = [value for _, attrs in page.tags for name, value in attrs.items() if name in LOADS]
    assert addresses == ["#processes"]
    assert not {"script", "link", "iframe", "object", "img", "base", "form"} & {tag for tag, _ in page.tags}
    assert not re.search(r"url\(|@import|http-equiv=.refresh", text)
    # What is left of addresses are the names of the SVG format.
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in text


def test_a_hostile_title_is_text() -> None:
    """Whatever a title, an owner, a warning or a method says is shown and does nothing."""
    hostile = process(
        title=HOSTILE, owner=HOSTILE, warnings=(HOSTILE,), autonomy=HOSTILE, indicators=indicators(warnings=(HOSTILE,))
    )
    page = _Page(render_html(board(hostile)))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert sum(HOSTILE in said for said in page.said) >= 4


def test_headings_have_an_order() -> None:
    """Who listens to the page finds company, owners, processes and tiles, with no level left out."""
    levels = _Page(render_html(board())).headings()
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert (levels.count(2), levels.count(3), levels.count(4)) == (2, 3, 12)
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_chart_says_what_it_shows() -> None:
    """Each picture has its alt text, in which the day outside is counted."""
    pictures = [attrs for tag, attrs in _Page(render_html(board())).tags if tag == "svg"]
    assert len(pictures) == 2
    assert all(attrs["role"] == "img" and "1 day outside" in str(attrs["aria-label"]) for attrs in pictures)


def test_ids_are_unique_and_labels_lead_to_them() -> None:
    """Two processes do not share an id, and what names a label has one."""
    twice = board(process(), process(owner="Somebody else"), process(owner="Somebody else"))
    page = _Page(render_html(twice))
    ids = [str(attrs["id"]) for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {str(attrs["aria-labelledby"]) for _, attrs in page.tags if "aria-labelledby" in attrs} <= set(ids)


@pytest.mark.parametrize("said", ["not met", "only 12 cases", "no figure", "to be watched", "3,558 EUR + 120.00 GBP"])
def test_what_is_not_well_is_said(said: str) -> None:
    """A missed promise, few cases, a missing figure and drift stand on the page in words."""
    missed = process("late", indicators=indicators(met=False), saved=None)
    text = " ".join(_Page(render_html(board(*board().processes, missed))).said)
    assert said in text


def test_a_sample_is_marked() -> None:
    """A page that shows the sample history says so at its head; another does not."""
    assert "a sample history of an invented company" in render_html(sampled())
    assert "a sample history" not in render_html(board())
