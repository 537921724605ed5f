"""What a process does now against what was before: an interval and a plain finding for each indicator (pure).

All four indicators come from the same resamples of cases (percentile bootstrap; Efron and Tibshirani, An Introduction
to the Bootstrap, 1993, chapter 13). The loop is our own, because a resample here is a count of each case, under which
quantiles with open cases stay right; SciPy's bootstrap draws values, and with its defaults takes 3 GB on 12,000 cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fulcrum.kpis.figures import Cases, cases_of
from fulcrum.kpis.indicators import Finding, Indicator, Name
from fulcrum.kpis.log import EventLog
from fulcrum.process import Baseline, Basis, Costs, Objectives

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator

    from fulcrum.kpis.log import Floats

RESAMPLES = 2_000
BATCH = 200
"""Resamples at a time: of 12,000 cases 20 MB for each array."""

ENOUGH = 20
"""Fewer cases than that show nothing."""

SEED = 20_260_901

MIX_FLOOR = 0.10
"""Less than that a kind's share of the cases may move without a word."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the comparison: each indicator's figure and its resamples; a declared one has no resamples."""

    figures: dict[Name, float | None]
    drawn: dict[Name, Floats]
    cases: int
    open: int


def compare(
    before: EventLog | Baseline | None,
    after: EventLog,
    *,
    now: datetime,
    objectives: Objectives,
    costs: Costs | None,
    basis: Basis | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[Indicator, ...]:
    """Compare a process with what was before, indicator by indicator, in the order of `Name`.

    `before` is a measured log, a declared baseline, or None. `basis` says what the log is; measured unless it says so.
    """
    import numpy as np  # noqa: PLC0415 - only who computes figures needs it

    random = np.random.default_rng(seed)
    found = cases_of(after, now=now, costs=costs, currency=objectives.currency)
    mine = _measured(found, random, resamples)
    if isinstance(before, EventLog):
        # What was open at the end of that log is open as of then.
        theirs = cases_of(before, now=before.until, costs=costs, currency=objectives.currency)
        other, basis = _measured(theirs, random, resamples), basis or Basis.MEASURED
        warnings = _mix(before, after)
    else:
        other, basis = _declared(before, objectives), before.basis if before else None
        warnings = () if before else ("nobody has said how it was before",)
    return tuple(
        _indicator(name, mine, other, objectives, basis, (*_of_cost(name, found), *warnings, *_open(mine)))
        for name in Name
    )


def objective_of(name: Name, objectives: Objectives) -> float | None:
    """Give what is promised of an indicator, in its unit."""
    promised = {
        Name.CYCLE_TIME: objectives.cycle_time_p95.total_seconds() or None,
        Name.COST: float(objectives.cost_per_case) or None,
        Name.MANUAL_INTERVENTIONS: objectives.manual_rate,
        Name.PREDICTABILITY: objectives.predictability,
    }
    return promised[name]


def _measured(found: Cases, random: Generator, resamples: int) -> Side:
    import numpy as np  # noqa: PLC0415 - see above

    whole = _figures(found, None)
    figures = {name: _number(values[0]) for name, values in whole.items()}
    parts = [_figures(found, weights) for weights in _weights(len(found), random, resamples)]
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in Name} if parts else {}
    return Side(figures, drawn, len(found), int((~found.over).sum()))


def _weights(cases: int, random: Generator, resamples: int) -> Iterator[Floats]:
    """Draw resamples in batches: how often each case is in each."""
    import numpy as np  # noqa: PLC0415 - see above

    for begin in range(0, resamples if cases else 0, BATCH):
        size = min(BATCH, resamples - begin)
        drawn = random.integers(0, cases, (size, cases)) + np.arange(size)[:, None] * cases
        yield np.bincount(drawn.ravel(), minlength=size * cases).reshape(size, cases).astype(np.float64)


def _figures(found: Cases, weights: Floats | None) -> dict[Name, Floats]:
    """Compute the indicators of each resample, or of the cases as they are."""
    import numpy as np  # noqa: PLC0415 - see above

    drawn = np.ones((1, len(found))) if weights is None else weights
    with np.errstate(invalid="ignore", divide="ignore"):
        total = drawn.sum(axis=1)
        p50, p95 = found.times.quantiles(0.50, weights), found.times.quantiles(0.95, weights)
        none = np.full(len(drawn), np.nan)
        return {
            Name.CYCLE_TIME: p95,
            Name.COST: none if found.cost is None else drawn @ found.cost / total,
            Name.MANUAL_INTERVENTIONS: drawn @ (found.touches > 0) / total,
            Name.PREDICTABILITY: np.where(p50 > 0, p95 / p50, np.nan),
        }


def _declared(before: Baseline | None, objectives: Objectives) -> Side:
    """Take a declared baseline as it stands: a constant, where it says anything in the same currency."""
    if before is None:
        return Side(dict.fromkeys(Name), {}, 0, 0)
    same = before.currency == objectives.currency
    figures = {
        Name.CYCLE_TIME: before.cycle_time_p95.total_seconds() or None,
        Name.COST: float(before.cost_per_case) or None if same else None,
        Name.MANUAL_INTERVENTIONS: before.manual_rate,
        Name.PREDICTABILITY: before.predictability,
    }
    return Side(figures, {}, ENOUGH, 0)


def _indicator(
    name: Name, mine: Side, other: Side, objectives: Objectives, basis: Basis | None, warnings: tuple[str, ...]
) -> Indicator:
    objective, figure = objective_of(name, objectives), mine.figures[name]
    low, high = _interval(name, mine, other)
    few = _few(mine, other)
    return Indicator(
        name=name,
        unit={Name.CYCLE_TIME: "s", Name.COST: objectives.currency, Name.MANUAL_INTERVENTIONS: "share"}.get(
            name, "ratio"
        ),
        now=figure,
        before=other.figures[name],
        low=low,
        high=high,
        finding=Finding.NOT_SHOWN if few else _finding(low, high),
        objective=objective,
        met=None if figure is None or objective is None else figure <= objective,
        basis=basis,
        cases=mine.cases,
        open=mine.open,
        warnings=(*few, *_spread(name, mine, other), *warnings),
    )


def _interval(name: Name, mine: Side, other: Side) -> tuple[float | None, float | None]:
    """Bound the change with 95% certainty; None where a figure is missing, or a resample has none."""
    import numpy as np  # noqa: PLC0415 - see above

    before, after = other.figures[name], mine.figures[name]
    if before is None or after is None or not mine.drawn:
        return None, None
    change = mine.drawn[name] - (other.drawn[name] if other.drawn else before)
    change = change[np.isfinite(change)]
    # A quantile that a resample does not reach is later than all that is known: its interval has no end to tell.
    if len(change) < 0.95 * len(mine.drawn[name]):
        return None, None
    low, high = np.quantile(change, (0.025, 0.975))
    return float(low), float(high)


def _finding(low: float | None, high: float | None) -> Finding:
    if low is None or high is None or low <= 0 <= high:
        return Finding.NOT_SHOWN
    return Finding.BETTER if high < 0 else Finding.WORSE


def _few(mine: Side, other: Side) -> tuple[str, ...]:
    told = [(mine.cases, "now")] + ([(other.cases, "before")] if other.drawn else [])
    return tuple(
        f"only {cases} cases {when}: fewer than {ENOUGH} show nothing" for cases, when in told if cases < ENOUGH
    )


def _open(mine: Side) -> tuple[str, ...]:
    if not mine.open:
        return ()
    return (f"{mine.open} of {mine.cases} cases are still open, and count with the time they have taken so far",)


def _of_cost(name: Name, found: Cases) -> tuple[str, ...]:
    return found.warnings if name is Name.COST else ()


def _spread(name: Name, mine: Side, other: Side) -> tuple[str, ...]:
    """Say where a ratio misleads: most cases have become much quicker, the slow ones less so."""
    after, before = mine.figures[Name.CYCLE_TIME], other.figures[Name.CYCLE_TIME]
    ratio, was = mine.figures[name], other.figures[name]
    if name is not Name.PREDICTABILITY or None in {after, before, ratio, was}:
        return ()
    if after < before and ratio > was:  # type: ignore[operator] # none of them is None
        return (
            "the slow cases are quicker than before, and the typical ones quicker still: the ratio grows with both",
        )
    return ()


def _mix(before: EventLog, after: EventLog) -> tuple[str, ...]:
    """Warn where the kinds of cases are others than before, so that like is not compared with like."""
    if not before.segments or not after.segments:
        return ()
    moved = {
        kind: _share(after, kind) - _share(before, kind)
        for kind in {*before.segments.values(), *after.segments.values()}
    }
    kind = max(sorted(moved), key=lambda each: abs(moved[each]))
    if abs(moved[kind]) < MIX_FLOOR or not _unlikely(before, after):
        return ()
    return (f"other cases than before: {kind} was {_share(before, kind):.0%} of them and is {_share(after, kind):.0%}",)


def _share(log: EventLog, kind: str) -> float:
    return sum(each == kind for each in log.segments.values()) / max(1, len(log.segments))


def _unlikely(before: EventLog, after: EventLog) -> bool:
    """Tell whether two mixes differ by more than chance: chi-square, at 1%."""
    from scipy.stats import chi2_contingency  # noqa: PLC0415 - see above

    kinds = sorted({*before.segments.values(), *after.segments.values()})
    table = [[sum(each == kind for each in log.segments.values()) for kind in kinds] for log in (before, after)]
    return len(kinds) > 1 and float(chi2_contingency(table).pvalue) < 0.01  # noqa: PLR2004 - the level that it says


def _number(value: np.float64) -> float | None:
    return float(value) if value == value else None  # noqa: PLR0124 - NaN is no figure
