"""What a complaint must be before it is read, and what each AI step's answer must be before the next one is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.complaint_response.complaints import ComplaintAnswer
from flows.complaint_response.facts import amounts_in, dates_in
from flows.complaint_response.letter import PARAGRAPHS, TERM, day_of, fills_of, written
from flows.complaint_response.paragraphs import PARTS, filled, sentences
from flows.complaint_response.promises import promises_in
from fulcrum.gates import read_outcome, rules_from_model
from fulcrum.process import Gate, Stage, Tolerance
from fulcrum.readable import null, one_of, readable_text, text_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fulcrum.cases import Json
    from fulcrum.process import GateContext, Row

LONGEST_TEXT = 60_000
"""Characters; a longer complaint is a file, which a person reads."""
FEWEST_SIGNS = 40
"""Letters and digits; what is shorter says nothing that could be answered."""

# People look at every answer, so that no share of failures makes the batch as a whole suspect.
_DAILY = Tolerance(share=0.8)

COMPLAINT_GATE = readable_text("complaints", longest=LONGEST_TEXT, fewest_signs=FEWEST_SIGNS)
"""Judges a complaint before the model reads it."""


_CLASS_RULES = (
    one_of("product_in_catalogue", "product is not in the catalogue", True),
    one_of("issue_in_catalogue", "issue is not in the catalogue", True),
    one_of("issue_of_product", "issue does not belong to the product", True),
)


def _class_table(rows: Sequence[Row], context: GateContext) -> list[Json]:
    products, issues = context.catalogues["product"], context.catalogues["issue"]
    table: list[Json] = []
    for row in rows:
        product, issue = products.find(row.values.get("product")), issues.find(row.values.get("issue"))
        belongs = issue.facts.get("products") if issue else None
        known = product is not None and isinstance(belongs, list)
        facts = {
            "product_in_catalogue": product is not None,
            "issue_in_catalogue": issue is not None,
            "issue_of_product": product.name in belongs if known and product and belongs else None,
        }
        table.append({"case_id": row.case_id, **facts})
    return table


CLASS_GATE = Gate(
    name="classes", stage=Stage.OUTCOME, after="classify", rules=_CLASS_RULES, table=_class_table, tolerance=_DAILY
)
"""Judges what a complaint is said to be about."""


_FACT_RULES = (
    one_of("facts_found", "no fact was quoted", True),
    one_of("facts_verbatim", "a quoted fact does not stand in the complaint", True),
)


def _verbatim(facts: Sequence[Json], text: str) -> bool:
    return all(fact["start"] >= 0 and text[fact["start"] : fact["end"]] == fact["quote"] for fact in facts)


def _fact_table(rows: Sequence[Row], _context: GateContext) -> list[Json]:
    return [
        {
            "case_id": row.case_id,
            "facts_found": bool(facts := row.values.get("facts") or []),
            "facts_verbatim": _verbatim(facts, text_in(row.input)),
        }
        for row in rows
    ]


FACTS_GATE = Gate(
    name="facts", stage=Stage.OUTCOME, after="facts", rules=_FACT_RULES, table=_fact_table, tolerance=_DAILY
)
"""Judges the facts that were quoted from a complaint."""


_ANSWER_RULES = (
    one_of("received_known", "the day of receipt is not known, so the deadline cannot be told", True),
    one_of("deadline_right", f"the deadline is not {TERM.days} days after receipt", True),
    one_of("letter_drafted", "the letter could not be put together", True),
    null("other_amounts", "the letter names an amount that is not among the facts"),
    null("other_dates", "the letter names a date that is not among the facts"),
    null("other_promises", "the letter promises something that no approved paragraph says"),
)


def _answer_table(rows: Sequence[Row], _context: GateContext) -> list[Json]:
    blank = dict.fromkeys(rule.name for rule in _ANSWER_RULES)
    return [{"case_id": row.case_id, **blank, **_answer_facts(row)} for row in rows]


def _answer_facts(row: Row) -> Json:
    answer, facts = read_outcome(ComplaintAnswer, row.values)
    if answer is None:
        return facts
    received = day_of(row.input.get("received_on"))
    facts |= {"received_known": received is not None, "letter_drafted": bool(answer.draft) if received else None}
    if received is not None:
        facts["deadline_right"] = answer.deadline == received + TERM
    return facts | (_beyond(row, answer) if answer.draft else {})


def _beyond(row: Row, answer: ComplaintAnswer) -> Json:
    """Find what a letter says beyond the facts that it quotes, its own two days, and the approved paragraphs."""
    own = answer.draft or ""
    quotes = [" ".join(fact.quote.split()) for fact in answer.facts]
    for quote in sorted(quotes, key=len, reverse=True):
        own = own.replace(quote, "")
    told = " ".join(quotes)
    days = {written(day) for day in (answer.deadline, answer.deadline - TERM if answer.deadline else None) if day}
    approved = _approved(row)
    return {
        "other_amounts": _first(str(a) for a in amounts_in(own) if a not in amounts_in(told)),
        "other_dates": _first(d for d in dates_in(own) if d not in days and d not in dates_in(told)),
        "other_promises": _first(s for s in promises_in(own) if s not in approved),
    }


def _approved(row: Row) -> set[str]:
    """List the sentences that the answer's paragraphs say, filled in."""
    fills = fills_of(row.input, row.values) | {"quotes": " "}
    said = (PARAGRAPHS.get(str(row.values.get(part))) for part in PARTS)
    return {sentence for one in said if one for sentence in sentences(filled(one.body, fills) or "")}


def _first(found: Iterable[str]) -> str | None:
    """Say that there is something, not what: a gate's results hold no content."""
    return "found" if any(True for _ in found) else None


ANSWER_GATE = Gate(
    name="answers",
    stage=Stage.OUTCOME,
    rules=(*rules_from_model(ComplaintAnswer, {}), *_ANSWER_RULES),
    table=_answer_table,
    tolerance=_DAILY,
)
"""Judges the answer before a person gets it."""
