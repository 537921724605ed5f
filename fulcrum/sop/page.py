"""The document as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

from pathlib import Path

from fulcrum.pages import template
from fulcrum.sop.diagram import draw
from fulcrum.sop.document import Sop
from fulcrum.sop.parts import KIND_WORDS

_PAGE = Path(__file__).with_name("page.html.j2")


def page(sop: Sop) -> str:
    """Render the document as HTML; everything that a definition or a commit says is escaped."""
    return template(_PAGE).render(sop=sop, draw=draw, kinds=KIND_WORDS)
