"""What a message must be before it is read, and what its routing must be before a ticket is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.ticket_triage.messages import Routing
from fulcrum.catalogue import NONE_OF_THESE
from fulcrum.gates import read_outcome, rules_from_model
from fulcrum.process import Gate, Stage, Tolerance
from fulcrum.readable import one_of, readable_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fulcrum.cases import Json
    from fulcrum.process import GateContext, Row

LONGEST_TEXT = 20_000
"""Characters; a longer text is no message to a service desk."""

SPOKEN = ("en", "de", "fr")
"""The languages that the desk answers in."""

MESSAGE_GATE = readable_text("messages", longest=LONGEST_TEXT)
"""Judges a customer's message before the model reads it."""

_RULES = (
    one_of("intent_in_catalogue", "intent is not in the catalogue", True),
    one_of("fits_an_intent", "message fits no intent of the catalogue", True),
    one_of("team_known", "no team answers this intent", True),
    one_of("language_spoken", "the desk does not answer in this language", True),
)


def _table(rows: Sequence[Row], context: GateContext) -> list[Json]:
    """Turn routings into facts; null is not to be judged, because another rule says what is wrong."""
    blank = dict.fromkeys(rule.name for rule in _RULES)
    return [{"case_id": row.case_id, **blank, **_facts(row, context)} for row in rows]


def _facts(row: Row, context: GateContext) -> Json:
    routing, facts = read_outcome(Routing, row.values)
    if routing is None:
        return facts
    known = routing.intent in context.catalogues["intent"].names
    fits = routing.intent != NONE_OF_THESE
    return facts | {
        "intent_in_catalogue": known,
        "fits_an_intent": fits if known else None,
        "team_known": bool(routing.team and routing.priority) if known and fits else None,
        "language_spoken": routing.language in SPOKEN,
    }


ROUTING_GATE = Gate(
    name="routings",
    stage=Stage.OUTCOME,
    rules=(*rules_from_model(Routing, {}), *_RULES),
    table=_table,
    # Strangers' messages come in waves, and each goes to a person by itself; when every other message fits nothing,
    # the catalogue or the model is wrong.
    tolerance=Tolerance(share=0.5),
)
"""Judges a proposed routing before a ticket is opened."""
