"""The document as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fulcrum.sop.diagram import draw
from fulcrum.sop.document import Sop
from fulcrum.sop.parts import KIND_WORDS


def page(sop: Sop) -> str:
    """Render the document as HTML; everything that a definition or a commit says is escaped."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template("page.html.j2").render(sop=sop, draw=draw, kinds=KIND_WORDS)
