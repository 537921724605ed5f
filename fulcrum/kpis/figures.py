"""A process in figures, computed from its event log alone (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from fulcrum.kpis.control import Control, control
from fulcrum.kpis.log import PEOPLE, EventLog, at, moment
from fulcrum.kpis.people import CAP, minutes
from fulcrum.kpis.survival import Times
from fulcrum.process import Costs

if TYPE_CHECKING:
    from fulcrum.kpis.log import Bools, Floats

SETBACKS = frozenset(
    {
        "reject", "repair", "reopen", "return", "escalate", "approve corrected", "quarantine", "deliver: refused",
        "discard",
    }
)  # fmt: skip
"""Activities of Fulcrum's own log which say that a case was not right the first time."""

_SECOND = 1_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Cases:
    """What the figures are computed from, one value a case: seconds, minutes of people, money, marks."""

    times: Times
    over: Bools
    minutes: Floats
    touches: Floats
    cost: Floats | None
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        """Count the cases."""
        return len(self.over)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time of an activity over all cases: median and sum, of waiting before it and of working at it."""

    waiting_median: timedelta
    waiting_total: timedelta
    working_median: timedelta
    working_total: timedelta
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpis:
    """A process in figures. Times of cases that are still open count as at least so long.

    `handovers` are changes between two who work on a case, one of them a person. `rework` is the share of cases in
    which a person or the AI does an activity again. `first_time_right` is the share without rework and without a
    setback (SETBACKS). `manual_rate` is the share of cases that a person touches. `within_objective` is the share that
    keeps the promised time. `paid` is what events cost, `cost` people's minutes and what is fixed as well. `variation`
    is the coefficient of variation of finished cases' times. None where there is no figure.
    """

    cases: int
    open: int
    events: int
    cycle_p50: timedelta | None
    cycle_p90: timedelta | None
    cycle_p95: timedelta | None
    spans: Mapping[str, Span]
    touches: float | None
    handovers: float | None
    rework: float | None
    manual_rate: float | None
    first_time_right: float | None
    within_objective: float | None
    cost: float | None
    paid: float | None
    people_minutes: float | None
    currency: str
    predictability: float | None
    variation: float | None
    trend: Control | None
    warnings: tuple[str, ...]


def measure(
    log: EventLog,
    *,
    now: datetime,
    objective: timedelta | None = None,
    costs: Costs | None = None,
    currency: str = "EUR",
    cap: timedelta = CAP,
) -> Kpis:
    """Compute all figures of a log as of a moment; costs are in one currency or there are none."""
    found = cases_of(log, now=now, costs=costs, currency=currency, cap=cap)
    again, setback = _rework(log), _setbacks(log)
    p50, p90, p95 = (_span(found.times.quantiles(share)[0]) for share in (0.50, 0.90, 0.95))
    return Kpis(
        cases=len(found),
        open=int((~found.over).sum()),
        events=len(log),
        cycle_p50=p50,
        cycle_p90=p90,
        cycle_p95=p95,
        spans=_spans(log),
        touches=_mean(found.touches),
        handovers=_mean(_handovers(log)),
        rework=_mean(again),
        manual_rate=_mean(found.touches > 0),
        first_time_right=_mean(~(again | setback)),
        within_objective=None if objective is None else _within(found, objective),
        cost=None if found.cost is None else _mean(found.cost),
        paid=_mean(log.each(log.cost)) if _one_currency(log, currency) else None,
        people_minutes=_mean(found.minutes),
        currency=currency,
        predictability=p95 / p50 if p50 and p95 else None,
        variation=_variation(found),
        trend=control(by_day(log)),
        warnings=found.warnings,
    )


def cases_of(log: EventLog, *, now: datetime, costs: Costs | None, currency: str, cap: timedelta = CAP) -> Cases:
    """Compute by case what all figures come from."""
    import numpy as np  # noqa: PLC0415 - only who computes figures needs it

    over = log.finished
    last = np.where(over, log.ended(), max(moment(now), 0)) if len(log) else log.end
    seconds = np.maximum(last - log.began(), 0) / _SECOND if len(log) else np.zeros(0)
    worked = minutes(log, cap=cap)
    cost, warnings = _cost(log, worked, costs, currency)
    return Cases(
        times=Times.of(seconds, over),
        over=over,
        minutes=worked,
        touches=log.each(log.by_people),
        cost=cost,
        warnings=warnings,
    )


def by_day(log: EventLog) -> list[tuple[date, float]]:
    """Give the median seconds of the cases finished on each day, UTC, in order."""
    if not len(log):
        return []
    days: dict[date, list[float]] = defaultdict(list)
    for began, ended, over in zip(log.began(), log.ended(), log.finished, strict=True):
        if over:
            days[at(int(ended)).date()].append(max(0.0, (int(ended) - int(began)) / _SECOND))
    return [(day, median(days[day])) for day in sorted(days)]


def _cost(log: EventLog, worked: Floats, costs: Costs | None, currency: str) -> tuple[Floats | None, tuple[str, ...]]:
    """Add up AI, people's time and what is fixed by case; several currencies are never added."""
    if not _one_currency(log, currency):
        return None, (f"no cost: paid in {' and '.join(log.currencies)}, reckoned in {currency}",)
    paid = log.each(log.cost)
    if costs is None:
        return paid, ("people's time is not in the cost: nobody has said what an hour costs",)
    return paid + worked / 60 * float(costs.person_per_hour) + float(costs.fixed_per_case), ()


def _one_currency(log: EventLog, currency: str) -> bool:
    return set(log.currencies) <= {currency}


def _handovers(log: EventLog) -> Floats:
    """Count by case the changes between two who work on it, one of them a person; who has no name is their kind."""
    import numpy as np  # noqa: PLC0415 - see above

    if not len(log):
        return np.zeros(0)
    # Machines are told apart by their kind, people by their name: numbers below -1 are kinds.
    named = log.by_people & (log.actor >= 0)
    who = np.where(named, log.actor, -2 - log.resource)
    same_case = np.diff(log.case, prepend=-1) == 0
    either = log.by_people | np.concatenate(([False], log.by_people[:-1]))
    return log.each(same_case & either & (np.diff(who, prepend=who[0]) != 0))


def _rework(log: EventLog) -> Bools:
    """Tell by case whether a person or the AI has done an activity again."""
    import numpy as np  # noqa: PLC0415 - see above

    if not len(log):
        return np.zeros(0, bool)
    kinds = [place for place, name in enumerate(log.resources) if name in {PEOPLE, "ai"}]
    done = np.isin(log.resource, kinds)
    pairs = log.case[done] * len(log.activities) + log.activity[done]
    found, times = np.unique(pairs, return_counts=True)
    again = np.zeros(len(log.cases), bool)
    again[found[times > 1] // len(log.activities)] = True
    return again


def _setbacks(log: EventLog) -> Bools:
    import numpy as np  # noqa: PLC0415 - see above

    told = [place for place, name in enumerate(log.activities) if name in SETBACKS]
    return log.each(np.isin(log.activity, told)) > 0


def _spans(log: EventLog) -> dict[str, Span]:
    """Give waiting before and working at each activity; a case's first event waits for nothing."""
    import numpy as np  # noqa: PLC0415 - see above

    if not len(log):
        return {}
    working = np.maximum(log.end - log.start, 0)
    follows = np.diff(log.case, prepend=-1) == 0
    before = np.concatenate(([log.start[0]], log.end[:-1]))
    waiting = np.where(follows, np.maximum(log.start - before, 0), 0)
    order = np.argsort(log.activity, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(log.activity[order])) + 1)
    return {log.activities[int(log.activity[part[0]])]: _activity(waiting[part], working[part]) for part in parts}


def _activity(waiting: Floats, working: Floats) -> Span:
    import numpy as np  # noqa: PLC0415 - see above

    def span(microseconds: float) -> timedelta:
        return timedelta(microseconds=float(microseconds))

    return Span(
        waiting_median=span(np.median(waiting)),
        waiting_total=span(waiting.sum()),
        working_median=span(np.median(working)),
        working_total=span(working.sum()),
        times=len(waiting),
    )


def _within(found: Cases, objective: timedelta) -> float | None:
    """Give the share of cases that keep the time, of those that have kept it or can keep it no more."""
    limit = objective.total_seconds()
    times = found.times
    kept = times.over & (times.seconds <= limit)
    decided = times.over | (times.seconds > limit)
    return float(kept.sum() / decided.sum()) if decided.any() else None


def _variation(found: Cases) -> float | None:
    seconds = found.times.seconds[found.times.over]
    mean = float(seconds.mean()) if len(seconds) else 0.0
    return float(seconds.std() / mean) if mean else None


def _mean(values: Floats | Bools) -> float | None:
    return float(values.mean()) if len(values) else None


def _span(seconds: float) -> timedelta | None:
    return None if seconds != seconds else timedelta(seconds=float(seconds))  # noqa: PLR0124 - NaN is no figure
