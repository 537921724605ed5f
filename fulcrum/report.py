"""What a run reports: the figures that an operator, the UI and the scoreboard read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from fulcrum.process import Autonomy


@dataclass(frozen=True, slots=True)
class Standing:
    """What a process may do alone at present: its autonomy, and the confidence that a cleared proposal needs."""

    autonomy: Autonomy
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """What the ledger knows of a run; `taken_in + carried_over = quarantined + cleared + in_review + still_open`."""

    taken_in: int
    carried_over: int
    quarantined: int
    cleared: int
    in_review: int
    still_open: int
    degraded: int
    proposed: int
    delivered: int
    delivery_failed: int
    reasons: dict[str, int]
    faults: dict[str, int]
    """Why cases are still open: the endpoint's last fault, by how many of them met it."""
    cycle_times: Sequence[timedelta]
    model_calls: int
    tokens_in: int
    tokens_out: int
    ai_cost: Decimal
    currency: str | None
    model_seconds: Sequence[float]


class RunReport(BaseModel):
    """A run in figures; the JSON of `fulcrum run --json` is this, field by field."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    process: str
    taken_in: int
    carried_over: int
    duplicates: int
    quarantined: int
    proposed: int
    cleared: int
    in_review: int
    degraded: int
    still_open: int
    delivered: int
    delivery_failed: int
    model_calls: int
    tokens_in: int
    tokens_out: int
    ai_cost: Decimal
    currency: str
    seconds: float
    changed_duplicates: int = 0
    reasons: dict[str, int] = {}
    faults: dict[str, int] = {}
    model_seconds_p50: float | None = None
    model_seconds_p95: float | None = None
    cycle_seconds_p50: float | None = None
    cycle_seconds_p95: float | None = None


def report_of(
    account: RunAccount, *, run_id: str, process: str, duplicates: int, changed: int, currency: str, seconds: float
) -> RunReport:
    """Make the report of a run's account; latencies and cycle times are in seconds, None where there are none."""
    cycle = [moment.total_seconds() for moment in account.cycle_times]
    names = (
        "taken_in", "carried_over", "quarantined", "proposed", "cleared", "in_review", "degraded", "still_open",
        "delivered", "delivery_failed", "model_calls", "tokens_in", "tokens_out", "ai_cost", "reasons", "faults",
    )  # fmt: skip
    return RunReport(
        run_id=run_id,
        process=process,
        duplicates=duplicates,
        changed_duplicates=changed,
        currency=account.currency or currency,
        seconds=round(seconds, 3),
        model_seconds_p50=quantile(account.model_seconds, 0.50),
        model_seconds_p95=quantile(account.model_seconds, 0.95),
        cycle_seconds_p50=quantile(cycle, 0.50),
        cycle_seconds_p95=quantile(cycle, 0.95),
        **{name: getattr(account, name) for name in names},
    )


def quantile(values: Sequence[float], share: float) -> float | None:
    """Give the smallest value that at least `share` of the values do not exceed (nearest rank); None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * share // 1))
    return round(ordered[int(rank) - 1], 3)


def summary(report: RunReport) -> list[tuple[str, str]]:
    """Put a report into words and figures for people: volumes, who decides, what it cost, how long it took."""
    handled = report.taken_in + report.carried_over
    failed = f"{report.delivery_failed} failed" if report.delivery_failed else ""
    return [
        ("Taken in", _count(report.taken_in, f"{report.duplicates} known before" if report.duplicates else "")),
        ("Carried over", _count(report.carried_over)),
        ("Quarantined", _share(report.quarantined, handled)),
        ("Cleared without a person", _share(report.cleared, handled)),
        ("In review", _share(report.in_review, handled)),
        ("- for want of an answer", _count(report.degraded)),
        ("Still open", _count(report.still_open, ", ".join(report.faults).replace("_", " "))),
        ("Delivered", _count(report.delivered, failed)),
        ("AI cost", f"{report.ai_cost:f} {report.currency}"),
        ("Model calls", _count(report.model_calls)),
        ("Tokens in / out", f"{report.tokens_in:,} / {report.tokens_out:,}"),
        ("Model latency p50 / p95", f"{_seconds(report.model_seconds_p50)} / {_seconds(report.model_seconds_p95)}"),
        ("Cycle time p50 / p95", f"{_seconds(report.cycle_seconds_p50)} / {_seconds(report.cycle_seconds_p95)}"),
        ("Duration", _seconds(report.seconds)),
    ]


def markdown(report: RunReport, title: str) -> str:
    """Render a report as the artifact that the UI shows."""
    lines = [f"## {title}: the run in figures", "", "| | |", "| --- | ---: |"]
    lines += [f"| {name} | {value} |" for name, value in summary(report)]
    if report.reasons:
        lines += ["", "| Why people are asked | cases |", "| --- | ---: |"]
        lines += [f"| {code.replace('-', ' ')} | {count} |" for code, count in report.reasons.items()]
    return "\n".join(lines) + "\n"


def _count(number: int, further: str = "") -> str:
    return f"{number:,}" + (f" ({further})" if further else "")


def _share(number: int, whole: int) -> str:
    return f"{number:,} ({number / whole:.0%})" if whole else f"{number:,}"


def _seconds(value: float | None) -> str:
    return "no figure" if value is None else f"{value:,.2f} s"
