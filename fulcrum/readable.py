"""The intake gate of processes over texts: what nobody can read is kept out, all else is a person's to judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice

from fulcrum.cases import Json
from fulcrum.gates import expecting
from fulcrum.process import Gate, GateContext, Row, Rule, Stage

MOST_NOISE = 0.5
"""Share of a text's characters that may be controls, lone surrogates or replacement characters."""

_NOISE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd\ud800-\udfff]+")
_SIGN = re.compile(r"[^\W_]")


def between(name: str, reason: str, **limits: float) -> Rule:
    """Ask that a number lies within `min_value` and `max_value`; null passes."""
    return Rule(name=name, reason=reason, expectation=expecting("ExpectColumnValuesToBeBetween", column=name, **limits))


def null(name: str, reason: str) -> Rule:
    """Ask that a column says nothing: its value is what is wrong."""
    return Rule(name=name, reason=reason, expectation=expecting("ExpectColumnValuesToBeNull", column=name))


def one_of(name: str, reason: str, *values: object, severity: str = "critical") -> Rule:
    """Ask that a value is among some; null passes."""
    allowed = expecting("ExpectColumnValuesToBeInSet", column=name, value_set=list(values))
    return Rule(name=name, reason=reason, expectation=allowed, severity=severity)


def readable_text(
    name: str, *, longest: int, fewest_signs: int = 3, textless: Callable[[Json], bool] = lambda _input: False
) -> Gate:
    """Make the intake gate of cases that have a `text`.

    It has at most `longest` characters and at least `fewest_signs` letters and digits. `textless` tells of an input
    that it needs no text, because something else in it says all.
    """
    rules = (
        null("unsound", "record could not be read"),
        between("characters", "text is blank", min_value=1),
        between("length", "text is too long", max_value=longest),
        between("noise_share", "text is mostly unreadable characters", max_value=MOST_NOISE),
        between("letters_and_digits", "text has hardly any letters or digits", min_value=fewest_signs),
    )
    blank = dict.fromkeys(rule.name for rule in rules)

    def table(rows: Sequence[Row], _context: GateContext) -> list[Json]:
        facts = [_facts(row, longest, fewest_signs, needed=not textless(row.input)) for row in rows]
        return [{"case_id": row.case_id, **blank, **told} for row, told in zip(rows, facts, strict=True)]

    return Gate(name=name, stage=Stage.INTAKE, rules=rules, table=table)


def text_in(case_input: Json) -> str:
    """Give a case's text; empty where it has none."""
    text = case_input.get("text")
    return text if isinstance(text, str) else ""


def _facts(row: Row, longest: int, fewest_signs: int, *, needed: bool) -> Json:
    """Measure a text. A record that could not be read has none."""
    if row.unsound is not None:
        return {"unsound": row.unsound}
    text = text_in(row.input)
    stripped = text.strip()
    facts: Json = {"length": len(text), "characters": len(stripped) or (0 if needed else None)}
    if not stripped or len(text) > longest:
        return facts
    noise = 1 - len(_NOISE.sub("", stripped)) / len(stripped)
    signs = sum(1 for _ in islice(_SIGN.finditer(stripped), fewest_signs))
    return facts | {"noise_share": noise, "letters_and_digits": None if noise > MOST_NOISE else signs}
