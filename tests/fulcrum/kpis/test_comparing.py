"""Now against before: an interval and a finding for each indicator, and a word where like is not compared with like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from fulcrum.kpis.comparing import compare
from fulcrum.kpis.indicators import Finding, Indicator, Name
from fulcrum.kpis.log import EventLog, LogEvent
from fulcrum.process import Baseline, Basis, Costs, Objectives

MONDAY = datetime(2026, 9, 7, 8, tzinfo=UTC)
NOW = MONDAY + timedelta(days=60)
COSTS = Costs(person_per_hour=Decimal(60))
PROMISED = Objectives(
    cycle_time_p95=timedelta(hours=24), cost_per_case=Decimal(5), currency="EUR", manual_rate=0.5, error_rate=0.05
)


def log(
    cases: int, hours: float, *, touched: float = 1.0, minutes: float = 6, seed: int = 1, open_share: float = 0.0,
    currency: str = "EUR", kinds: tuple[str, ...] = (),
) -> EventLog:  # fmt: skip
    """Make a log of cases that take about so many hours, of which people touch a share, for so many minutes."""
    random = Random(seed)  # noqa: S311 - a seeded stream of test cases
    events, finished, segments = [], set(), {}
    for number in range(cases):
        name = f"{seed}-{number}"
        start = MONDAY + timedelta(hours=random.uniform(0, 500))
        end = start + timedelta(hours=hours * random.uniform(0.5, 1.5))
        events.append(
            LogEvent(
                case=name, activity="ask", resource="ai", actor="m", start=start, end=start, cost=Decimal("0.01"),
                currency=currency,
            )
        )  # fmt: skip
        if random.random() < touched:
            began = end - timedelta(minutes=minutes)
            events.append(LogEvent(case=name, activity="decide", resource="human", actor="Ada", start=began, end=end))
        if random.random() >= open_share:
            events.append(LogEvent(case=name, activity="deliver", resource="system", start=end, end=end))
            finished.add(name)
        if kinds:
            segments[name] = random.choice(kinds)
    return EventLog.of(events, finished=finished, segments=segments)


def compared(before: EventLog | Baseline | None, after: EventLog, **more: object) -> dict[Name, Indicator]:
    return {
        each.name: each
        for each in compare(before, after, now=NOW, objectives=PROMISED, costs=COSTS, **more)  # type: ignore[arg-type]
    }


def test_a_quicker_cheaper_process_with_fewer_hands_is_better() -> None:
    """Intervals exclude nought, objectives are met, and the basis is said."""
    found = compared(log(120, 60, minutes=12), log(150, 6, touched=0.3, seed=2))
    for name in (Name.CYCLE_TIME, Name.COST, Name.MANUAL_INTERVENTIONS):
        each = found[name]
        assert (each.finding, each.met, each.basis) == (Finding.BETTER, True, Basis.MEASURED)
        assert each.low is not None
        assert each.high is not None
        assert each.now is not None
        assert each.before is not None
        assert each.low < each.now - each.before < each.high < 0
    assert found[Name.PREDICTABILITY].finding is Finding.NOT_SHOWN
    assert found[Name.PREDICTABILITY].met is None


def test_a_slower_one_is_worse_and_the_same_is_not_shown() -> None:
    """What could be chance is no finding."""
    assert compared(log(120, 6), log(120, 60, seed=2))[Name.CYCLE_TIME].finding is Finding.WORSE
    assert compared(log(120, 6), log(120, 6, seed=2))[Name.CYCLE_TIME].finding is Finding.NOT_SHOWN


def test_the_same_comparison_gives_the_same_interval() -> None:
    """Resamples are seeded."""
    one, other = (compared(log(60, 9), log(60, 6, seed=2)) for _ in range(2))
    assert one == other


def test_few_cases_show_nothing_and_say_so() -> None:
    """Fewer than twenty on either side."""
    found = compared(log(120, 60), log(19, 6, seed=2))[Name.CYCLE_TIME]
    assert found.finding is Finding.NOT_SHOWN
    assert "only 19 cases now: fewer than 20 show nothing" in found.warnings
    assert "only 8 cases before: fewer than 20 show nothing" in compared(log(8, 60), log(60, 6))[Name.COST].warnings


def test_open_cases_are_counted_and_told() -> None:
    """They are never left out; a quantile that is not reached has no figure and no finding."""
    found = compared(log(120, 60), log(100, 6, seed=2, open_share=0.04))[Name.CYCLE_TIME]
    assert found.open > 0
    assert any("are still open" in warning for warning in found.warnings)
    many = compared(log(120, 60), log(100, 6, seed=2, open_share=0.4))[Name.CYCLE_TIME]
    assert (many.now, many.low, many.met, many.finding) == (None, None, None, Finding.NOT_SHOWN)


def test_a_declared_baseline_is_a_constant_and_is_marked() -> None:
    """Its interval is that of what was measured now, less what was declared."""
    declared = Baseline(
        basis=Basis.DECLARED, source="the team", cycle_time_p95=timedelta(days=6), cost_per_case=Decimal("9.80"),
        currency="EUR", manual_rate=1.0, error_rate=0.03,
    )  # fmt: skip
    found = compared(declared, log(100, 6, touched=0.4))
    assert {each.basis for each in found.values()} == {Basis.DECLARED}
    assert found[Name.CYCLE_TIME].before == 6 * 86400
    assert found[Name.CYCLE_TIME].finding is Finding.BETTER
    assert (found[Name.PREDICTABILITY].before, found[Name.PREDICTABILITY].low) == (None, None)


def test_without_a_baseline_nothing_is_compared() -> None:
    """The figures of now stand, and it is said that nobody knows what was."""
    found = compared(None, log(100, 6))[Name.CYCLE_TIME]
    assert (found.before, found.finding, found.basis) == (None, Finding.NOT_SHOWN, None)
    assert "nobody has said how it was before" in found.warnings


def test_costs_in_other_currencies_are_not_compared() -> None:
    """No figure, and the reason."""
    found = compared(log(60, 9), log(60, 6, seed=2, currency="USD"))[Name.COST]
    assert (found.now, found.finding) == (None, Finding.NOT_SHOWN)
    assert "no cost: paid in USD, reckoned in EUR" in found.warnings


@pytest.mark.parametrize(
    ("kinds", "warned"), [(("invoice", "invoice", "receipt"), True), (("invoice", "receipt"), False)]
)
def test_a_changed_mix_of_cases_is_a_warning(kinds: tuple[str, ...], warned: bool) -> None:
    """A kind whose share has moved by more than a tenth, and by more than chance."""
    before = log(400, 60, kinds=("invoice", "receipt"))
    after = log(400, 6, seed=2, kinds=kinds)
    told = [w for w in compared(before, after)[Name.COST].warnings if w.startswith("other cases than before")]
    assert bool(told) is warned


def test_a_ratio_that_grows_because_the_typical_case_is_so_quick_says_so() -> None:
    """The 95th percentile fell, the median fell further: worse by the ratio, and no reader is misled."""
    before = log(200, 60)
    quick, slow = log(150, 0.2, seed=2), log(50, 30, seed=3)
    after = EventLog.of(
        [e for part in (quick, slow) for e in _events(part)],
    )
    found = compared(before, after)[Name.PREDICTABILITY]
    assert found.finding is Finding.WORSE
    assert any("the ratio grows with both" in warning for warning in found.warnings)


def _events(found: EventLog) -> list[LogEvent]:
    from fulcrum.kpis.log import at

    return [
        LogEvent(
            case=found.cases[case], activity=found.activities[activity], resource=found.resources[resource],
            start=at(start), end=at(end),
        )
        for case, activity, resource, start, end in zip(
            found.case, found.activity, found.resource, found.start, found.end, strict=True
        )
    ]  # fmt: skip


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 120 comparisons of a share whose true change is known, at least 88% have it within their 95% interval."""
    inside = 0
    for seed in range(120):
        before, after = log(60, 9, touched=0.9, seed=2 * seed), log(60, 9, touched=0.4, seed=2 * seed + 1)
        found = compared(before, after, resamples=400)[Name.MANUAL_INTERVENTIONS]
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= -0.5 <= found.high
    assert inside >= 0.88 * 120
