"""The board in words: what each tile says, so that no figure stands without what it rests on (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from fulcrum.kpis.indicators import Finding, Indicator, Name
from fulcrum.kpis.wording import NONE, unit_of
from fulcrum.process import Basis
from fulcrum.scoreboard.board import Board, ProcessBoard, Saved, Summary

ENOUGH = 20
"""Fewer cases say so on their tile."""

TITLES = {
    Name.CYCLE_TIME: "Cycle time",
    Name.COST: "Cost per case",
    Name.MANUAL_INTERVENTIONS: "Manual work",
    Name.PREDICTABILITY: "Predictability",
}
MEANS = {
    Name.CYCLE_TIME: "within which 95 of 100 cases are done",
    Name.COST: "for a case: AI and people's time",
    Name.MANUAL_INTERVENTIONS: "of the cases, a person had in hand",
    Name.PREDICTABILITY: "the typical time, for a slow case",
}
LESS_MORE = {
    Name.CYCLE_TIME: ("shorter", "longer"),
    Name.COST: ("cheaper", "dearer"),
    Name.MANUAL_INTERVENTIONS: ("fewer", "more"),
    Name.PREDICTABILITY: ("lower", "higher"),
}
MARKS = {Finding.BETTER: "✓", Finding.WORSE: "✕", Finding.NOT_SHOWN: "○"}
"""A sign beside each verdict, so that nobody has to tell it by its colour."""
BASES = {
    Basis.MEASURED: "measured",
    Basis.DECLARED: "declared, not measured",
    Basis.SAMPLE: "sample history",
    None: "not known",
}
DRIFT_WORDS = {
    "stable": "stable", "watch": "to be watched", "drifted": "drifted", "too few": "too few cases to judge",
    "not judged": "not judged yet",
}  # fmt: skip

THOUSAND = 1000
"""From here on nobody needs an amount's cents."""

_WHOLE = 100
"""From here up a number needs no decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One indicator as a person reads it."""

    name: Name
    title: str
    now: str
    means: str
    before: str
    basis: str
    """Where `before` comes from; empty where there is none."""
    change: str
    verdict: str
    mark: str
    objective: str
    met: bool | None
    kept: str
    """Whether the objective is met, with a sign; empty where none is promised."""
    few: str
    warnings: tuple[str, ...]


def tile(each: Indicator) -> Tile:
    """Put an indicator into words."""
    return Tile(
        name=each.name,
        title=TITLES[each.name],
        now=figure(each.now, each.unit),
        means=MEANS[each.name],
        before=figure(each.before, each.unit),
        basis="" if each.before is None else BASES[each.basis],
        change=change(each),
        verdict=each.finding.value,
        mark=MARKS[each.finding],
        objective=objective(each),
        met=each.met,
        kept=kept(each),
        few=f"only {counted(each.cases, 'case')}" if each.cases < ENOUGH else "",
        warnings=each.warnings,
    )


def figure(value: float | None, unit: str) -> str:
    """Write a figure in its unit: `s`, `share`, `ratio` or a currency."""
    if value is None:
        return NONE
    if unit == "s":
        return duration(timedelta(seconds=value))
    if unit == "share":
        return percent(value)
    if unit == "ratio":
        return f"{number(value)} times"
    return money(Decimal(str(value)), unit)


def change(each: Indicator) -> str:
    """Write the bounds of the change: `1.9 to 2.3 days shorter`, `2.0 h shorter to 1.1 h longer`, or why not."""
    if each.before is None:
        return "nothing to compare with"
    if each.low is None or each.high is None:
        return "the change cannot be bounded"
    if each.low == each.high == 0:
        return "unchanged"
    less, more = LESS_MORE[each.name]
    if each.high <= 0:
        return f"{_between(-each.high, -each.low, each.unit)} {less}"
    if each.low >= 0:
        return f"{_between(each.low, each.high, each.unit)} {more}"
    return f"{_amount(-each.low, each.unit)} {less} to {_amount(each.high, each.unit)} {more}"


def objective(each: Indicator) -> str:
    """Write what is promised."""
    return "no objective" if each.objective is None else f"objective {figure(each.objective, each.unit)}"


def kept(each: Indicator) -> str:
    """Write whether a promise is kept; empty where there is none."""
    if each.objective is None:
        return ""
    # What is missed by less than the digits shown would read as if it were met.
    close = figure(each.now, each.unit) == figure(each.objective, each.unit)
    return {True: "✓ met", False: f"✕ not met{', just' if close else ''}", None: "not judged"}[each.met]


def duration(span: timedelta) -> str:
    """Write a span in the unit that suits it: `3.1 days`, `5.2 h`, `12 min`, `0.4 s`."""
    unit, size = unit_of(span.total_seconds())
    return f"{number(span.total_seconds() / size)} {unit}"


def money(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency: cents below a thousand, whole units from there on."""
    places = Decimal("0.01") if abs(amount) < THOUSAND else Decimal(1)
    # Adding 0 takes the sign off a negative zero.
    return f"{amount.quantize(places, ROUND_HALF_UP) + 0:,f} {currency}"


def moneys(amounts: Mapping[str, Decimal]) -> str:
    """Write amounts of several currencies beside each other: they are never added."""
    return " + ".join(money(amount, currency) for currency, amount in amounts.items()) or "nothing"


def percent(share: float) -> str:
    """Write a share of 1 in percent."""
    return f"{number(share * 100)}%"


def number(value: float) -> str:
    """Write a number with one decimal below a hundred, where it has any: `24`, `24.4`, `1,234`."""
    tenths = round(value, 1)
    digits = 0 if abs(tenths) >= _WHOLE or tenths == int(tenths) else 1
    # Adding 0 takes the sign off a negative zero.
    return f"{(value if abs(tenths) >= _WHOLE else tenths) + 0:,.{digits}f}"


def counted(count: int, thing: str) -> str:
    """Write a number of things: `1 case`, `20 cases`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def period(process: ProcessBoard) -> str:
    """Write the period that a process's figures rest on."""
    begin, end = process.period
    return f"{begin.day} {begin:%b} to {end.day} {end:%b %Y}"


def saved(of: Saved | None) -> str:
    """Write what a process has saved, with its bounds where they are known."""
    if of is None or (of.money is None and of.hours is None):
        return "not known"
    said = []
    if of.money is not None:
        said.append(money(of.money, of.currency))
        if of.low is not None and of.high is not None:
            said[0] += f" ({_joined(money(of.low, of.currency), money(of.high, of.currency))})"
    if of.hours is not None:
        said.append(f"{number(of.hours)} hours of people's time")
    return " and ".join(said)


def reviews(waiting: int, oldest: timedelta | None) -> str:
    """Write how many cases wait for a person, and how long the oldest has waited."""
    if not waiting:
        return "none waits"
    return counted(waiting, "case") + (f", the oldest for {duration(oldest)}" if oldest is not None else "")


def drift(process: ProcessBoard) -> str:
    """Write what is known of drift, and of when."""
    said = DRIFT_WORDS.get(process.drift, process.drift)
    at = process.drift_at
    return said + (f" ({at.day} {at:%b %Y})" if at is not None else "")


def headline(whole: Summary) -> str:
    """Put the company into one line."""
    said = [f"{whole.met} of {counted(whole.promised, 'objective')} met"] if whole.promised else ["no objective judged"]
    said.append(f"{whole.better} of {counted(4 * whole.processes, 'indicator')} better than before")
    if whole.worse:
        said.append(f"{whole.worse} worse")
    return ", ".join(said)


def facts(whole: Summary) -> list[tuple[str, str]]:
    """Give the company's further facts with their labels."""
    hours = f"{number(whole.hours_saved)} hours" if whole.hours_saved is not None else "not known"
    return [
        ("Saved", moneys(whole.money_saved) if whole.money_saved else "not known"),
        ("People's time saved", hours),
        ("Spent on AI", moneys(whole.ai_spend)),
        ("Waiting for people", reviews(whole.open_reviews, whole.oldest_review)),
    ]


def notes(process: ProcessBoard) -> list[str]:
    """Gather what a reader has to know beside the figures, each thing once."""
    own = [warning for each in process.indicators for warning in each.warnings]
    method = [process.saved.method] if process.saved else []
    said = [note[:1].upper() + note[1:] for note in (*process.warnings, *own, *method) if note]
    return list(dict.fromkeys(said))


def sampled(board: Board) -> str:
    """Say which processes show a sample; empty where none does."""
    names = [process.title for process in board.processes if process.sample]
    return f"{' and '.join(names)}: a sample history of an invented company, no real cases" if names else ""


def _between(low: float, high: float, unit: str) -> str:
    return _joined(_amount(low, unit), _amount(high, unit))


def _joined(first: str, second: str) -> str:
    """Write two bounds, with their unit once where it is the same."""
    if first == second:
        return first
    value, _, unit = first.partition(" ")
    return f"{value} to {second}" if unit == second.partition(" ")[2] else f"{first} to {second}"


def _amount(value: float, unit: str) -> str:
    """Write an amount of change; between shares it is points, since percent of percent is nobody's language."""
    if unit == "share":
        return f"{number(value * 100)} points"
    return number(value) if unit == "ratio" else figure(value, unit)
