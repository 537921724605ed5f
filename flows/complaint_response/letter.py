"""What follows by rule from a complaint and what was said of it: severity, places, deadline, the letter (pure)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from flows.complaint_response.facts import placed
from flows.complaint_response.paragraphs import PARTS, chosen, letter, load_paragraphs, quoted
from flows.complaint_response.severity import severity_of
from fulcrum.cases import Json
from fulcrum.catalogue import Catalogues
from fulcrum.readable import text_in

TERM = timedelta(days=15)
"""From the day a complaint comes in to the day by which it is answered."""

PARAGRAPHS = load_paragraphs(Path(__file__).parent / "paragraphs")
"""The approved paragraphs by their ids."""


def derived(complaint: Json, values: Json, catalogues: Catalogues) -> Json:
    """Give what follows; of what is not known yet, nothing."""
    text = text_in(complaint)
    least = catalogues["issue"].fact(values.get("issue"), "severity")
    severity = severity_of(text, least=least, said=values.get("severity"))
    facts = placed(values.get("facts"), text)
    follows: Json = {"severity": severity, "deadline": _iso(deadline_of(complaint, values))}
    follows |= {"facts": facts} if "facts" in values else {}
    if any(values.get(part) for part in PARTS):
        follows |= _letter(complaint, values | follows)
    return follows


def deadline_of(complaint: Json, values: Json) -> date | None:
    """Count the deadline from the day of receipt; where nobody knows that, take the one that somebody has set."""
    received = day_of(complaint.get("received_on"))
    return received + TERM if received else day_of(values.get("deadline"))


def day_of(said: object) -> date | None:
    """Read a day as JSON holds it; None where it is none."""
    try:
        return date.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None


def written(day: date) -> str:
    """Write a day as letters do: `November 3, 2026`."""
    return f"{day:%B} {day.day}, {day.year}"


def fills_of(complaint: Json, values: Json) -> dict[str, str | None]:
    """Give what paragraphs leave open: days as written, product and issue, the facts in quotation marks."""
    deadline = deadline_of(complaint, values)
    received = deadline - TERM if deadline else None
    return {
        "received_on": written(received) if received else None,
        "deadline": written(deadline) if deadline else None,
        "product": _named(values.get("product")),
        "issue": _named(values.get("issue")),
        "quotes": quoted(fact["quote"] for fact in values.get("facts") or ()),
    }


def _letter(complaint: Json, values: Json) -> Json:
    kind = (values.get("product"), values.get("issue"), values.get("severity"))
    parts = {part: chosen(PARAGRAPHS, part, values.get(part), *kind) for part in PARTS}
    if not all(parts.values()):
        return parts | {"draft": None}
    texts = [PARAGRAPHS[str(part)] for part in parts.values()]
    return parts | {"draft": letter(texts, fills_of(complaint, values))}


def _named(said: object) -> str | None:
    return said[:1].lower() + said[1:] if isinstance(said, str) and said else None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
