"""What stands on the scoreboard, read from the ledger: each process now, against what was before it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from fulcrum.kpis.comparing import compare
from fulcrum.kpis.control import control
from fulcrum.kpis.figures import by_day, measure
from fulcrum.kpis.indicators import Indicator, Name
from fulcrum.kpis.log import EventLog, moment
from fulcrum.ledger import Ledger
from fulcrum.ledger.logs import KeptLog
from fulcrum.process import Basis, Process
from fulcrum.report import Standing
from fulcrum.scoreboard.board import Board, ProcessBoard, Saved, Trend

WINDOW = timedelta(days=28)
"""How far back cases came in that the figures of now rest on: four weeks, so that each weekday counts the same."""

COMPANY = "All processes"


def baseline_of(process: str) -> str:
    """Name the log of the work before a process."""
    return f"baseline:{process}"


def score(ledger: Ledger, processes: Iterable[Process]) -> Board:
    """Make the board of some processes as of now; those that have never run are left out."""
    now = ledger.store.now()
    known = ((process, ledger.runs.standing(process.name)) for process in processes)
    told = [_process(ledger, process, standing, now) for process, standing in known if standing is not None]
    return Board(at=now, company=COMPANY, processes=tuple(told))


def _process(ledger: Ledger, process: Process, standing: Standing, now: datetime) -> ProcessBoard:
    since = now - WINDOW
    log = ledger.logs.of_process(process, since=since)
    kept = ledger.logs.kept(baseline_of(process.name))
    indicators = compare(
        kept.log if kept else process.baseline,
        log,
        now=now,
        objectives=process.objectives,
        costs=process.costs,
        basis=kept.basis if kept else None,
    )
    reviews = ledger.reviews.open(process.name)
    reports = ledger.watching.reports(process.name)
    spend, currency, others = _spend(ledger, process, now)
    return ProcessBoard(
        process=process.name,
        title=process.title,
        owner=process.owner.name,
        period=(since, now),
        cases=len(log.cases),
        indicators=indicators,
        trend=_trend(log),
        saved=_saved(process, log, kept, indicators, now),
        autonomy=process.capped(standing.autonomy).value,
        threshold=standing.threshold,
        open_reviews=len(reviews),
        oldest_review=now - reviews[0].opened_at if reviews else None,
        drift=reports[0]["overall"] if reports else "not judged",
        drift_at=datetime.fromisoformat(reports[0]["at"]) if reports else None,
        ai_spend=spend,
        currency=currency,
        warnings=others,
    )


def _trend(log: EventLog) -> Trend | None:
    chart = control(by_day(log))
    if chart is None:
        return None
    return Trend(
        title="Cycle time: the median of each day",
        unit="s",
        points=tuple(zip(chart.days, chart.values, strict=True)),
        centre=chart.centre,
        low=chart.low,
        high=chart.high,
        out=chart.out,
    )


def _spend(ledger: Ledger, process: Process, now: datetime) -> tuple[Decimal, str, tuple[str, ...]]:
    """Give this month's AI spend in its currency; a second currency is told and not added."""
    spent = ledger.logs.spent(process.name, month_of(now))
    if not spent:
        return Decimal(0), process.currency, ()
    currency = max(sorted(spent), key=lambda each: spent[each])
    others = tuple(
        f"AI was also paid in {each}: {amount:f}" for each, amount in sorted(spent.items()) if each != currency
    )
    return spent[currency], currency, others


def _saved(
    process: Process, log: EventLog, kept: KeptLog | None, indicators: Iterable[Indicator], now: datetime
) -> Saved | None:
    """Say what the cases finished this month would have cost more, and taken people more time, as it was before."""
    finished = _finished_since(log, month_of(now))
    cost = next(each for each in indicators if each.name is Name.COST)
    if not finished or cost.now is None or cost.before is None:
        return None
    per_case = cost.before - cost.now
    hours = _hours(process, log, kept, now)
    return Saved(
        money=_money(per_case * finished),
        currency=process.objectives.currency,
        hours=None if hours is None else round(hours * finished, 1),
        low=None if cost.high is None else _money(-cost.high * finished),
        high=None if cost.low is None else _money(-cost.low * finished),
        method=_method(process, cost, finished, now, timed=hours is not None),
    )


def _method(process: Process, cost: Indicator, finished: int, now: datetime, *, timed: bool) -> str:
    """Say how the saving is computed, in a sentence."""
    currency, basis = process.objectives.currency, {Basis.DECLARED: "declared", Basis.SAMPLE: "of the sample history"}
    before = f"{cost.before:,.2f} {currency} before ({basis.get(cost.basis or Basis.MEASURED, 'measured')})"
    hours = "; hours: people's minutes a case, before less now, the same way" if timed else ""
    return f"{finished} cases finished in {now:%B %Y}, each {before} less {cost.now:,.2f} {currency} now{hours}"


def _hours(process: Process, log: EventLog, kept: KeptLog | None, now: datetime) -> float | None:
    """Give the hours of people that a case takes less than before; None where before was not measured."""
    if kept is None:
        return None
    before = measure(kept.log, now=kept.log.until, costs=process.costs).people_minutes
    after = measure(log, now=now, costs=process.costs).people_minutes
    return None if before is None or after is None else (before - after) / 60


def _finished_since(log: EventLog, since: datetime) -> int:
    return int((log.finished & (log.ended() >= moment(since))).sum()) if len(log) else 0


def month_of(now: datetime) -> datetime:
    """Give the beginning of a moment's month, UTC."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _money(amount: float) -> Decimal:
    return Decimal(str(round(amount, 2)))
