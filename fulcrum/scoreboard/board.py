"""What stands on the scoreboard: processes, grouped by owner, and the company as a whole (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from fulcrum.cases import Json
from fulcrum.kpis.indicators import Finding, Indicator, Name
from fulcrum.process import Basis

DRIFT = ("stable", "watch", "drifted", "too few", "not judged")
"""What a board says of drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A figure day by day, with the centre and the natural limits of its ordinary variation.

    `out` are the places in `points` of those outside it. All figures are in `unit`, as an indicator's.
    """

    title: str
    unit: str
    points: tuple[tuple[date, float], ...]
    centre: float
    low: float
    high: float
    out: tuple[int, ...] = ()

    def as_json(self) -> Json:
        """Give it for a program."""
        points = [{"on": day.isoformat(), "value": value} for day, value in self.points]
        return {
            "title": self.title, "unit": self.unit, "points": points, "centre": self.centre, "low": self.low,
            "high": self.high, "out": list(self.out),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a process has saved in the period; `method` is the sentence that says how it was computed.

    `low` and `high` bound the money where that is known. `hours` are people's.
    """

    money: Decimal | None
    currency: str
    hours: float | None
    method: str
    low: Decimal | None = None
    high: Decimal | None = None

    def as_json(self) -> Json:
        """Give it for a program; money as text, so that nothing of it is lost."""
        return {
            "money": _text(self.money), "low": _text(self.low), "high": _text(self.high), "currency": self.currency,
            "hours": self.hours, "method": self.method,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessBoard:
    """One process on the board; its indicators are four, in the order of `Name`.

    `period` is what they rest on. `currency` is that of `ai_spend`. `drift` is one of DRIFT.
    """

    process: str
    title: str
    owner: str
    period: tuple[datetime, datetime]
    cases: int
    indicators: tuple[Indicator, ...]
    trend: Trend | None
    saved: Saved | None
    autonomy: str
    threshold: float
    open_reviews: int
    oldest_review: timedelta | None
    drift: str
    drift_at: datetime | None
    ai_spend: Decimal
    currency: str
    warnings: tuple[str, ...] = ()

    @property
    def sample(self) -> bool:
        """Tell whether its figures are those of the sample history."""
        return any(each.basis is Basis.SAMPLE for each in self.indicators)

    def as_json(self) -> Json:
        """Give it for a program: each indicator under its name, then the further facts."""
        return {each.name.value: each.as_json() for each in self.indicators} | {
            "title": self.title,
            "owner": self.owner,
            "period": {"from": self.period[0].isoformat(), "to": self.period[1].isoformat()},
            "cases": self.cases,
            "trend": self.trend.as_json() if self.trend else None,
            "saved": self.saved.as_json() if self.saved else None,
            "autonomy": self.autonomy,
            "threshold": self.threshold,
            "open_reviews": self.open_reviews,
            "oldest_review_s": _seconds(self.oldest_review),
            "drift": self.drift,
            "drift_at": self.drift_at.isoformat() if self.drift_at else None,
            "ai_spend": str(self.ai_spend),
            "ai_currency": self.currency,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Some processes taken together. Amounts are by currency, because two currencies are never added."""

    processes: int
    promised: int
    """Objectives that a figure can be held against."""
    met: int
    better: int
    worse: int
    money_saved: Mapping[str, Decimal]
    hours_saved: float | None
    ai_spend: Mapping[str, Decimal]
    open_reviews: int
    oldest_review: timedelta | None

    def as_json(self) -> Json:
        """Give it for a program."""
        return {
            "processes": self.processes,
            "objectives": {"met": self.met, "of": self.promised},
            "indicators": {"better": self.better, "worse": self.worse},
            "money_saved": {currency: str(amount) for currency, amount in self.money_saved.items()},
            "hours_saved": self.hours_saved,
            "ai_spend": {currency: str(amount) for currency, amount in self.ai_spend.items()},
            "open_reviews": self.open_reviews,
            "oldest_review_s": _seconds(self.oldest_review),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The whole scoreboard as of a moment."""

    at: datetime
    company: str
    processes: tuple[ProcessBoard, ...]

    @property
    def owners(self) -> dict[str, tuple[ProcessBoard, ...]]:
        """Group the processes by who answers for them, in the order in which they stand."""
        groups: dict[str, list[ProcessBoard]] = defaultdict(list)
        for process in self.processes:
            groups[process.owner].append(process)
        return {owner: tuple(group) for owner, group in groups.items()}

    @property
    def whole(self) -> Summary:
        """Take all processes together."""
        return summed(self.processes)


def summed(processes: Iterable[ProcessBoard]) -> Summary:
    """Take some processes together."""
    some = tuple(processes)
    indicators = [each for process in some for each in process.indicators]
    hours = [process.saved.hours for process in some if process.saved and process.saved.hours is not None]
    return Summary(
        processes=len(some),
        promised=sum(each.met is not None for each in indicators),
        met=sum(each.met is True for each in indicators),
        better=sum(each.finding is Finding.BETTER for each in indicators),
        worse=sum(each.finding is Finding.WORSE for each in indicators),
        money_saved=_by_currency((p.saved.currency, p.saved.money) for p in some if p.saved),
        hours_saved=sum(hours) if hours else None,
        ai_spend=_by_currency((process.currency, process.ai_spend) for process in some),
        open_reviews=sum(process.open_reviews for process in some),
        oldest_review=max((p.oldest_review for p in some if p.oldest_review is not None), default=None),
    )


def as_json(board: Board) -> Json:
    """Give the board for a program: each process by its name, each owner, and the company as a whole."""
    return {
        "at": board.at.isoformat(),
        "processes": {process.process: process.as_json() for process in board.processes},
        "owners": {
            owner: {"names": [process.process for process in group], **summed(group).as_json()}
            for owner, group in board.owners.items()
        },
        "company": {"name": board.company, **board.whole.as_json()},
    }


def indicator(process: ProcessBoard, name: Name) -> Indicator:
    """Find one of a process's indicators."""
    return next(each for each in process.indicators if each.name is name)


def _by_currency(amounts: Iterable[tuple[str, Decimal | None]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for currency, amount in amounts:
        if amount is not None:
            sums[currency] = sums.get(currency, Decimal(0)) + amount
    return dict(sorted(sums.items()))


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
