"""The scoreboard in a real browser: on a phone, on a desk, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fulcrum.scoreboard.page import render_html
from tests.boards import board, indicators, process

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """Give a function that opens the board in a window of a size, and counts what the page asks the network for."""
    long = process(
        "long", title="Zwischenlieferantenrechnungsprüfung und Nachbearbeitung", indicators=indicators(now=9e9)
    )
    file = tmp_path / "board.html"
    file.write_text(render_html(board(*board().processes, long)), encoding="utf-8")
    contexts = []

    def open_at(width: int, height: int, scheme: str = "light") -> tuple[Any, list[str]]:
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page, asked = context.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        return page, asked

    yield open_at
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [320, 360, 414, 768, 1280])
def test_no_width_makes_the_page_scroll_sideways(opened: Any, width: int) -> None:
    """From a small phone to a desk the page is as wide as the screen, and nothing sticks out of its tile."""
    page, asked = opened(width, 760)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKING_OUT) == []
    assert [url for url in asked if not url.startswith("file:")] == []


@pytest.mark.parametrize(("width", "shown", "hidden"), [(360, ".narrow", ".wide"), (1280, ".wide", ".narrow")])
def test_a_phone_has_a_chart_of_its_own(opened: Any, width: int, shown: str, hidden: str) -> None:
    """One of the two charts is on the screen: the one whose letters can be read there."""
    page, _ = opened(width, 900)
    assert page.locator(f"{shown} svg").first.is_visible()
    assert not page.locator(f"{hidden} svg").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(opened: Any, scheme: str) -> None:
    """Each text's contrast is 4.5 to 1 at least, on a light screen and on a dark one (WCAG 2.2, AA)."""
    page, _ = opened(1280, 900, scheme)
    assert page.evaluate(CONTRASTS) >= 4.5


def test_paper_is_white(opened: Any) -> None:
    """Printed from a dark screen the page is black on white, with the wide chart."""
    page, _ = opened(690, 1000, "dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".wide svg").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 690


STICKING_OUT = """() => {
  const right = e => e.getBoundingClientRect().right;
  const inside = [...document.querySelectorAll('.tile *, .standing *')];
  return inside.filter(e => right(e) > right(e.closest('.tile, .standing')) + 1).map(e => e.textContent);
}"""
"""What reaches beyond the frame that it stands in."""

CONTRASTS = """() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => {
    for (let at = e; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll('main *, header *, footer *')].filter(e =>
    !e.closest('svg') && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return Math.min(...texts.map(e => {
    const [one, other] = [light(channels(getComputedStyle(e).color)), light(ground(e))];
    return (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
  }));
}"""
"""The least contrast of any text on the page."""
