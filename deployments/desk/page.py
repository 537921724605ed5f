"""The desk's page: its newest tickets as HTML that needs nothing else, no script and no network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from deployments.desk.ticket import Posted, Ticket
from fulcrum.pages import template

_PAGE = Path(__file__).with_name("page.html.j2")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def page(tickets: Sequence[Ticket], total: int) -> str:
    """Render tickets as HTML; whatever they say is shown as text. `total` is how many the desk has."""
    return template(_PAGE).render(tickets=tickets, total=total, facts=_facts)


def _facts(posted: Posted) -> Iterator[tuple[str, str]]:
    """Give the posting's fields that say something, then who decided and why, with their labels."""
    for name, value in (*posted.posting.items(), ("decided_by", posted.decided_by), ("note", posted.note)):
        if value not in (None, "", [], {}):
            yield _plain(name.replace("_", " ").strip().capitalize()), _plain(_words(value))


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> str:
    """Replace control characters, tabs and line ends aside, by U+FFFD."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))
