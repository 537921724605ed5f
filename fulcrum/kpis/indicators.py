"""The four indicators that a process is judged by, each as it is now against what was before (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fulcrum.cases import Json
from fulcrum.process import Basis


class Name(StrEnum):
    """The four indicators; less is better for each."""

    CYCLE_TIME = "cycle_time"
    COST = "cost"
    MANUAL_INTERVENTIONS = "manual_interventions"
    PREDICTABILITY = "predictability"


class Finding(StrEnum):
    """What the comparison with what was before shows."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One indicator: what it is now and was before, and whether its objective is met.

    `now`, `before` and `objective` are in `unit` (`s`, a currency, `share`, `ratio`); None where there is no figure.
    `low` and `high` bound the change, now less before, with 95% certainty; None where no interval can be given.
    `basis` says where `before` comes from; None where nobody has said what was before. `cases` counts those that
    `now` rests on, the `open` ones among them, whose time is not over yet. `warnings` are sentences for people.
    """

    name: Name
    unit: str
    now: float | None
    before: float | None
    low: float | None
    high: float | None
    finding: Finding
    objective: float | None
    met: bool | None
    basis: Basis | None
    cases: int
    open: int
    warnings: tuple[str, ...] = ()

    def as_json(self) -> Json:
        """Give it for a program; the interval is that of the change, now less before."""
        return {
            "now": self.now,
            "before": self.before,
            "low": self.low,
            "high": self.high,
            "interval_of": "now - before",
            "verdict": self.finding.value,
            "objective": self.objective,
            "met": self.met,
            "basis": self.basis.value if self.basis else None,
            "unit": self.unit,
            "cases": self.cases,
            "open": self.open,
            "warnings": list(self.warnings),
        }
