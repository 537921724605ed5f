"""The board is read from the ledger alone: what is now, what was before, what is saved, what waits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from fulcrum.kpis.importing import Row
from fulcrum.kpis.indicators import Finding, Name
from fulcrum.kpis.log import LogEvent
from fulcrum.process import Basis
from fulcrum.scoreboard.board import as_json, indicator
from fulcrum.scoring import baseline_of, month_of, score
from tests.ticket_shop import PROCESS, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.opened(tmp_path)


def before(shop: Shop, cases: int = 60) -> list[Row]:
    """Give the log of messages that people answered in a day, half an hour each."""
    start = shop.now - timedelta(days=90)
    done = [start + timedelta(hours=24 + number) for number in range(cases)]
    return [
        Row(
            LogEvent(case=f"old-{n}", activity=step, resource="human", actor="Ines", start=moment, end=moment + work),
            None,
        )
        for n, end in enumerate(done)
        for step, moment, work in (
            ("sort", end - timedelta(hours=24), timedelta(minutes=1)),
            ("answer", end - timedelta(minutes=30), timedelta(minutes=29)),
        )
    ]


def test_a_process_that_never_ran_is_not_on_the_board(shop: Shop) -> None:
    """There is nothing to say of it yet."""
    with shop.ledger() as ledger:
        assert score(ledger, [PROCESS]).processes == ()


def test_a_process_stands_against_its_declared_baseline(shop: Shop) -> None:
    """Marked as declared; open cases are counted; what waits is told with the oldest."""
    shop.handle(30)
    with shop.ledger() as ledger:
        (told,) = score(ledger, [PROCESS]).processes
    assert {each.basis for each in told.indicators} == {Basis.DECLARED}
    assert [each.name for each in told.indicators] == list(Name)
    assert (told.cases, told.autonomy, told.drift, told.open_reviews) == (30, "supervised", "not judged", 0)
    assert indicator(told, Name.CYCLE_TIME).before == PROCESS.baseline.cycle_time_p95.total_seconds()
    assert told.saved is None


def test_an_imported_log_takes_the_place_of_what_was_declared(shop: Shop) -> None:
    """Measured by the same code, and what it says of money and hours saved has its method beside it."""
    shop.handle(40, finish=True)
    with shop.ledger() as ledger:
        name = baseline_of(PROCESS.name)
        ledger.logs.keep(name, before(shop), source="old.csv", sha256="0" * 64, by="Ada")
        (told,) = score(ledger, [PROCESS]).processes
    cost = indicator(told, Name.COST)
    assert (cost.basis, cost.finding) == (Basis.MEASURED, Finding.BETTER)
    assert cost.before == pytest.approx(18.0)  # 30 minutes at 36 an hour
    assert cost.now is not None
    assert told.saved is not None
    assert told.saved.money == pytest.approx(Decimal(str(round((cost.before - cost.now) * 40, 2))))
    assert told.saved.low is not None
    assert told.saved.high is not None
    assert told.saved.low <= told.saved.money <= told.saved.high
    assert told.saved.hours == pytest.approx(20, abs=1)
    assert told.saved.method.startswith("40 cases finished in September 2026, each 18.00 EUR before (measured) less")


def test_older_cases_are_not_of_now(shop: Shop) -> None:
    """The figures of now rest on four weeks."""
    shop.handle(25)
    shop.now += timedelta(days=40)
    shop.handle(5)
    with shop.ledger() as ledger:
        (told,) = score(ledger, [PROCESS]).processes
    assert told.cases == 5
    assert "only 5 cases now: fewer than 20 show nothing" in indicator(told, Name.COST).warnings


def test_the_json_has_the_four_indicators_by_name(shop: Shop) -> None:
    """Each with what a program needs to decide by."""
    shop.handle(30)
    with shop.ledger() as ledger:
        told = as_json(score(ledger, [PROCESS]))["processes"][PROCESS.name]
    keys = {"now", "before", "low", "high", "verdict", "objective", "met", "basis"}
    for name in ("cycle_time", "cost", "manual_interventions", "predictability"):
        assert keys <= set(told[name])


def test_the_month_begins_at_its_first_midnight(shop: Shop) -> None:
    """In UTC."""
    assert month_of(shop.now).isoformat() == "2026-09-01T00:00:00+00:00"
