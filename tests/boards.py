"""Scoreboards for tests: one process that does well, one that does not, one that has hardly begun."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from fulcrum.kpis.indicators import Finding, Indicator, Name
from fulcrum.process import Basis
from fulcrum.scoreboard.board import Board, ProcessBoard, Saved, Trend

UNITS = {Name.CYCLE_TIME: "s", Name.COST: "EUR", Name.MANUAL_INTERVENTIONS: "share", Name.PREDICTABILITY: "ratio"}


def indicator(name: Name = Name.CYCLE_TIME, **changes: Any) -> Indicator:
    """Make an indicator that got better and keeps its promise; changed as asked."""
    told: dict[str, Any] = {
        "name": name, "unit": UNITS[name], "now": 78_000.0, "before": 492_000.0, "low": -480_000.0, "high": -390_000.0,
        "finding": Finding.BETTER, "objective": 86_400.0, "met": True, "basis": Basis.MEASURED, "cases": 327, "open": 2,
    }  # fmt: skip
    return Indicator(**told | changes)


def indicators(**changes: Any) -> tuple[Indicator, ...]:
    """Make all four, changed alike."""
    return (
        indicator(**changes),
        indicator(Name.COST, **{"now": 0.82, "before": 11.7, "low": -11.4, "high": -10.5, "objective": 1.5} | changes),
        indicator(
            Name.MANUAL_INTERVENTIONS,
            **{"now": 0.3, "before": 1.0, "low": -0.75, "high": -0.65, "objective": 0.4} | changes,
        ),
        indicator(
            Name.PREDICTABILITY,
            **{"now": 8.1, "before": 3.5, "low": 2.4, "high": 6.0, "objective": None, "met": None} | changes,
        ),
    )


def trend() -> Trend:
    """Make four weeks of days with one outside the limits."""
    days = [date(2026, 10, 19) + timedelta(days=day) for day in range(26)]
    points = tuple((day, 57_600.0 if place == 10 else 14_400.0 + 600 * (place % 5)) for place, day in enumerate(days))
    return Trend(
        title="Cycle time, median of a day", unit="s", points=points, centre=18_000.0, low=4_000.0, high=32_000.0,
        out=(10,),
    )  # fmt: skip


def process(name: str = "invoice-intake", **changes: Any) -> ProcessBoard:
    """Make a process's part of a board."""
    told: dict[str, Any] = {
        "process": name, "title": name.replace("-", " ").capitalize(), "owner": "Head of Accounts Payable",
        "period": (datetime(2026, 10, 19, tzinfo=UTC), datetime(2026, 11, 13, 15, tzinfo=UTC)), "cases": 327,
        "indicators": indicators(), "trend": trend(),
        "saved": Saved(
            money=Decimal("3558.20"), currency="EUR", hours=88.4, low=Decimal(3420), high=Decimal(3697),
            method="Mean cost before less mean cost now, times the cases.",
        ),
        "autonomy": "supervised", "threshold": 0.8, "open_reviews": 2, "oldest_review": timedelta(minutes=10),
        "drift": "stable", "drift_at": datetime(2026, 11, 13, tzinfo=UTC), "ai_spend": Decimal("4.31"),
        "currency": "USD",
    }  # fmt: skip
    return ProcessBoard(**told | changes)


def board(*processes: ProcessBoard) -> Board:
    """Make a board, of three processes with two owners unless given."""
    care = {"owner": "Head of Customer Care", "trend": None}
    few = indicators(now=None, low=None, high=None, finding=Finding.NOT_SHOWN, met=None, cases=12)
    saved = Saved(money=Decimal(120), currency="GBP", hours=None, method="As declared.")
    three = (
        process(),
        process("ticket-triage", saved=None, open_reviews=26, oldest_review=timedelta(hours=31), drift="watch", **care),
        process("complaint-response", indicators=few, saved=saved, cases=12, currency="EUR", open_reviews=0,
                oldest_review=None, drift="too few", drift_at=None, **care),
    )  # fmt: skip
    at = datetime(2026, 11, 13, 15, 10, tzinfo=UTC)
    return Board(at=at, company="Brunnoir Espresso Works", processes=processes or three)


def sampled() -> Board:
    """Make a board whose one process shows a sample history."""
    return board(process(indicators=tuple(replace(each, basis=Basis.SAMPLE) for each in indicators())))
