"""Cases as they are watched, drawn with a seed: what the tests compare."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fulcrum.drift import DriftReport, Observed, compare, hashed
from fulcrum.drift.report import Check

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORDS = [f"word{chr(97 + first)}{chr(97 + second)}" for first in range(20) for second in range(20)]


def cases(number: int, seed: int, **changed: Any) -> list[Observed]:
    """Make cases of one kind; `changed` fields are set on each."""
    chosen = random.Random(seed)  # noqa: S311 - cases that are the same each time
    return [replace(_case(index, chosen), **changed) for index in range(number)]


def _case(index: int, chosen: random.Random) -> Observed:
    reason = chosen.choice(["low-confidence", "low-confidence", "audit", "sufficient"])
    return Observed(
        case_id=f"case-{index}",
        at=NOW + timedelta(minutes=index),
        numbers={
            "input length": float(round(chosen.lognormvariate(4, 0.5))),
            "output total": chosen.lognormvariate(6, 1),
            "confidence": chosen.betavariate(8, 2),
            "model seconds": chosen.lognormvariate(-1, 0.4),
        },
        categories={
            "input language": chosen.choices(["en", "de"], [98, 2])[0],
            "output label": chosen.choices("abcdef", [30, 25, 20, 10, 8, 7])[0],
            "model version": "reader-1",
            "segment": chosen.choice(["north", "south"]),
        },
        flags={"empty iban": chosen.random() < 0.04, "gate: total does not add up": chosen.random() < 0.03},
        words=hashed(" ".join(chosen.choices(WORDS, range(1, 401), k=12)), "salt"),
        reason=reason,
        changed=None if reason == "sufficient" else ("total",) * (chosen.random() < 0.1),
        level="supervised",
        threshold=0.8,
    )


def judged(reference: list[Observed], window: list[Observed]) -> DriftReport:
    return compare(reference, window, now=NOW)


def check(report: DriftReport, name: str) -> Check:
    """Find the check of that name, of which there is one."""
    (found,) = [each for each in report.checks if each.name == name]
    return found
