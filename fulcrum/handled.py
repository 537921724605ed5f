"""A case as a run has judged it and people have decided it: what drift checks look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fulcrum.cases import Case, Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A case as a run has judged it: what came in, what was proposed, how it was routed, what people made of it.

    `reason` is the route's in words, with those of the rules that it broke. `changed` are the fields that a person
    corrected, None where no person has decided yet. `seconds` and `cost` are those of its model calls; None where no
    model was asked.
    """

    case: Case
    proposal: Proposal | None
    at: datetime
    code: str
    reason: str
    changed: tuple[str, ...] | None
    seconds: float | None
    cost: float | None
    autonomy: str
    threshold: float
