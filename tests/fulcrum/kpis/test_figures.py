"""A process in figures: each of them on logs so small that it can be told by hand, and what holds of any log."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulcrum.kpis.control import control
from fulcrum.kpis.figures import Kpis, measure
from fulcrum.kpis.log import EventLog, LogEvent
from fulcrum.kpis.people import minutes
from fulcrum.kpis.wording import number, share, span
from fulcrum.process import Costs

MONDAY = datetime(2026, 9, 7, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def event(case: str, hours: float, activity: str = "work", resource: str = "human", **more: Any) -> LogEvent:
    """Make an event so many hours after Monday; `long` is how many hours it took, Ada did it unless somebody did."""
    start = MONDAY + hours * HOUR
    end = start + more.pop("long", 0) * HOUR
    named = {"actor": "Ada" if resource == "human" else None} | more
    return LogEvent(case=case, activity=activity, resource=resource, start=start, end=end, **named)


def paid(amount: str, currency: str = "EUR") -> LogEvent:
    return event("a", 0, "propose", "ai", cost=Decimal(amount), currency=currency)


def figures(
    *events: LogEvent, finished: set[str] | None = None, costs: Costs | None = None, hours: float = 100
) -> Kpis:
    log = EventLog.of(events, finished=finished)
    return measure(log, now=MONDAY + hours * HOUR, objective=timedelta(hours=10), costs=costs)


def test_a_log_without_cases_has_no_figures() -> None:
    """And no zeros that could be taken for some."""
    found = figures()
    assert (found.cases, found.cycle_p50, found.cost, found.manual_rate, found.trend) == (0, None, None, None, None)


def test_cycle_times_are_nearest_ranks() -> None:
    """Of 1 to 20 hours the 10th, the 18th and the 19th."""
    found = figures(*(e for n in range(1, 21) for e in (event(str(n), 0), event(str(n), n))))
    assert (found.cycle_p50, found.cycle_p90, found.cycle_p95) == (10 * HOUR, 18 * HOUR, 19 * HOUR)
    assert (found.within_objective, found.predictability) == (0.5, 1.9)


def test_open_cases_count_as_long_as_they_have_taken_so_far() -> None:
    """Four done after an hour, one open for a hundred: the median is an hour, and nobody knows the 95th percentile."""
    done = [e for n in range(4) for e in (event(str(n), 0), event(str(n), 1))]
    found = figures(*done, event("open", 0), finished={"0", "1", "2", "3"})
    assert (found.cases, found.open, found.cycle_p50, found.cycle_p95) == (5, 1, HOUR, None)
    assert found.within_objective == 0.8
    assert figures(*done, event("new", 99.5), finished={"0", "1", "2", "3"}).within_objective == 1.0


def test_touches_handovers_rework_and_what_is_right_the_first_time() -> None:
    """Counted a case; between machines nothing is handed over, and to or from a person it is."""
    found = figures(
        event("a", 0, "receive", "system"), event("a", 1, "propose", "ai"), event("a", 2, "approve"),
        event("a", 3, "approve", actor="Bo"), event("a", 4, "deliver", "system"),
        event("b", 0, "receive", "system"), event("b", 1, "propose", "ai"), event("b", 2, "deliver", "system"),
    )  # fmt: skip
    assert (found.touches, found.manual_rate) == (1.0, 0.5)
    assert found.handovers == 1.5  # the AI to Ada, Ada to Bo, Bo to the system; none in the other case
    assert (found.rework, found.first_time_right) == (0.5, 0.5)
    assert figures(event("c", 0, "reject")).first_time_right == 0


def test_waiting_and_working_times_by_activity() -> None:
    """Waiting is from the end of what was before; what begins before that waits for nothing."""
    found = figures(event("a", 0, "first", long=1), event("a", 4, "second", long=2), event("a", 5, "second", long=3))
    second = found.spans["second"]
    assert (second.times, second.waiting_total, second.working_total) == (2, 3 * HOUR, 5 * HOUR)
    assert found.spans["first"].waiting_total == timedelta(0)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("a", 0, long=0.5)], [30.0]),
        ([event("a", 0)], [15.0]),
        ([event("a", 0), event("b", 0.05), event("c", 0.1)], [3.0, 3.0, 3.0]),
        ([event("a", 0), event("b", 0.1), event("c", 9)], [10.5, 6.0, 15.0]),
        ([event("a", 0), event("b", 0.1, actor="Bo"), event("b", 0.2)], [12.0, 27.0]),
        ([event("a", 0, resource="ai")], [0.0]),
    ],
)
def test_peoples_minutes_come_from_the_stream_of_their_decisions(events: list[LogEvent], expected: list[float]) -> None:
    """What is timed counts so; else the interval to the one before, capped; a first one as the median of the others."""
    assert minutes(EventLog.of(events)).tolist() == pytest.approx(expected)


def test_cost_is_ai_and_peoples_minutes_and_what_is_fixed() -> None:
    """30 minutes at 42 an hour, 0.25 of AI, 0.10 fixed."""
    costs = Costs(person_per_hour=Decimal(42), fixed_per_case=Decimal("0.10"))
    found = figures(paid("0.25"), event("a", 1, long=0.5), costs=costs)
    assert (found.cost, found.paid, found.people_minutes) == (pytest.approx(21.35), 0.25, 30.0)
    told = figures(paid("0.25"))
    assert (told.cost, told.warnings) == (
        0.25, ("people's time is not in the cost: nobody has said what an hour costs",),
    )  # fmt: skip


def test_currencies_are_never_mixed() -> None:
    """What was paid in another currency leaves no cost, and says so; nothing paid is in no currency."""
    found = figures(paid("0.25", "USD"), costs=Costs(person_per_hour=Decimal(1)))
    assert (found.cost, found.paid) == (None, None)
    assert found.warnings == ("no cost: paid in USD, reckoned in EUR",)
    assert figures(paid("0", "USD")).cost == 0


def test_the_control_chart() -> None:
    """Mean, and 2.66 mean moving ranges to each side; a point beyond, and the end of a run of eight, are out."""
    days = [date(2026, 9, n) for n in range(1, 13)]
    calm = control([(day, 10.0 + n % 2) for n, day in enumerate(days)])
    assert calm is not None
    assert (calm.centre, calm.low, calm.high, calm.out) == (10.5, pytest.approx(7.84), pytest.approx(13.16), ())
    jump = control([(day, 40.0 if n == 6 else 10.0 + n % 2) for n, day in enumerate(days)])
    assert jump is not None
    assert jump.out == (6,)
    shift = control([(day, 10.0 if n < 4 else 10.4) for n, day in enumerate(days)])
    assert shift is not None
    assert 11 in shift.out
    assert control([(days[0], 1.0)]) is None


words = st.sampled_from(["a", "b", "c"])
events_of_any_kind = st.builds(
    event, words, st.floats(0, 50), words, st.sampled_from(["ai", "human", "rule", "system"]),
    actor=st.sampled_from([None, "Ada", "Bo"]), long=st.floats(0, 5),
)  # fmt: skip


@given(st.lists(events_of_any_kind, max_size=20, unique_by=lambda e: e.start), st.randoms(use_true_random=False))
def test_the_order_of_a_logs_lines_changes_nothing(events: list[LogEvent], random: object) -> None:
    """Figures are of what happened when, not of where it stands."""
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = figures(*events), figures(*shuffled)
    assert (one.cycle_p95, one.handovers, one.rework, one.touches) == (
        other.cycle_p95, other.handovers, other.rework, other.touches,
    )  # fmt: skip
    assert one.people_minutes == pytest.approx(other.people_minutes)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=20), st.floats(0, 50))
def test_an_open_case_never_makes_a_process_look_quicker(done: list[float], waits: float) -> None:
    """Left out, it would: that is what counting it as censored is for."""
    events = [e for n, hours in enumerate(done) for e in (event(str(n), 0), event(str(n), hours))]
    finished = {str(n) for n in range(len(done))}
    before = figures(*events, finished=finished)
    after = figures(*events, event("open", 50 - waits), finished=finished, hours=50)
    assert before.cycle_p50 is not None
    assert after.cycle_p50 is None or after.cycle_p50 >= before.cycle_p50
    assert before.cycle_p95 is None or after.cycle_p95 is None or after.cycle_p95 >= before.cycle_p95


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0.4 s"),
        (90, "90 s"),
        (150, "2.5 min"),
        (5.2 * 3600, "5.2 h"),
        (30 * 3600, "30 h"),
        (6 * 86400, "6.0 days"),
    ],
)
def test_times_are_told_in_the_unit_that_suits_them(seconds: float, said: str) -> None:
    """With two digits."""
    assert span(timedelta(seconds=seconds)) == said


def test_what_is_no_figure_is_said_so() -> None:
    """And small shares keep a digit."""
    assert (span(None), share(None), number(None), share(0.034), share(0.34), number(1234.5, "EUR")) == (
        "no figure", "no figure", "no figure", "3.4%", "34%", "1,234.50 EUR",
    )  # fmt: skip
