"""What each tile says in words."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulcrum.kpis.indicators import Finding, Name
from fulcrum.process import Basis
from fulcrum.scoreboard import wording
from fulcrum.scoreboard.board import Saved
from tests.boards import board, indicator, process, sampled


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.4, "0.4 s"),
        (100, "100 s"),
        (720, "12 min"),
        (5.2 * 3600, "5.2 h"),
        (30 * 3600, "30 h"),
        (87_726, "24.4 h"),
        (3.1 * 86_400, "3.1 days"),
        (12 * 86_400, "12 days"),
    ],
)
def test_a_duration_is_in_the_unit_that_suits_it(seconds: float, said: str) -> None:
    """Two digits and a unit are enough for a person."""
    assert wording.duration(timedelta(seconds=seconds)) == said


@given(st.floats(min_value=0, max_value=1e9))
def test_any_duration_reads_back_to_within_its_digits(seconds: float) -> None:
    """What is written is the span, rounded to two digits or to whole units; never a bare number."""
    said = wording.duration(timedelta(seconds=seconds))
    value, unit = re.fullmatch(r"([\d,]+(?:\.\d)?) (days|h|min|s)", said).groups()  # type: ignore[union-attr]
    size = {"days": 86_400, "h": 3_600, "min": 60, "s": 1}[unit]
    assert float(value.replace(",", "")) * size == pytest.approx(seconds, rel=0.03, abs=0.06)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4), st.sampled_from(["EUR", "GBP", "JPY"]))
def test_any_money_has_its_currency_and_no_negative_zero(amount: Decimal, currency: str) -> None:
    """An amount is never without its currency, and rounds to cents below a thousand and to units above."""
    said = wording.money(amount, currency)
    value, unit = said.split(" ")
    assert unit == currency
    assert value not in {"-0", "-0.00"}
    assert abs(Decimal(value.replace(",", "")) - amount) <= (
        Decimal("0.5") if abs(amount) >= 1000 else Decimal("0.005")
    )


@given(
    st.sampled_from(list(Name)),
    st.floats(min_value=-1e6, max_value=1e6),
    st.floats(min_value=0, max_value=1e6),
)
def test_any_change_is_told_by_both_its_bounds(name: Name, low: float, width: float) -> None:
    """Words, never signs, say which way a change goes, and both ways where the interval has both."""
    told = wording.change(indicator(name, low=low, high=low + width))
    less, more = wording.LESS_MORE[name]
    if low < 0 < low + width:
        assert less in told
        assert more in told
    assert "-" not in told


@pytest.mark.parametrize(
    ("name", "low", "high", "said"),
    [
        (Name.CYCLE_TIME, -480_000, -390_000, "4.5 to 5.6 days shorter"),
        (Name.CYCLE_TIME, -60_000, 4_000, "16.7 h shorter to 66.7 min longer"),
        (Name.COST, -11.4, -10.5, "10.50 to 11.40 EUR cheaper"),
        (Name.COST, 0.25, 1.5, "0.25 to 1.50 EUR dearer"),
        (Name.MANUAL_INTERVENTIONS, -0.75, -0.65, "65 to 75 points fewer"),
        (Name.PREDICTABILITY, 2.4, 6.0, "2.4 to 6 higher"),
        (Name.COST, 0, 0, "unchanged"),
        (Name.COST, None, None, "the change cannot be bounded"),
    ],
)
def test_a_change_is_told_in_the_indicators_own_words(name: Name, low: float, high: float, said: str) -> None:
    """Shorter, cheaper, fewer: what less means follows from the indicator, and points are not percent."""
    assert wording.change(indicator(name, low=low, high=high)) == said


def test_without_a_before_there_is_nothing_to_compare_with() -> None:
    """A tile says so, and names no basis of what nobody has said."""
    told = wording.tile(indicator(before=None, low=None, high=None, basis=None))
    assert (told.change, told.before, told.basis) == ("nothing to compare with", "no figure", "")


@pytest.mark.parametrize(
    ("basis", "said"),
    [
        (Basis.MEASURED, "measured"),
        (Basis.DECLARED, "declared, not measured"),
        (Basis.SAMPLE, "sample history"),
    ],
)
def test_a_tile_says_where_its_before_comes_from(basis: Basis, said: str) -> None:
    """What somebody said is not taken for what was measured, and a sample for neither."""
    assert wording.tile(indicator(basis=basis)).basis == said


@pytest.mark.parametrize(("cases", "few"), [(1, "only 1 case"), (19, "only 19 cases"), (20, ""), (327, "")])
def test_a_tile_of_few_cases_says_so(cases: int, few: str) -> None:
    """Fewer than twenty cases are named on the tile itself."""
    assert wording.tile(indicator(cases=cases)).few == few


@pytest.mark.parametrize(
    ("changes", "objective", "kept"),
    [
        ({"met": True}, "objective 24 h", "✓ met"),
        ({"met": False}, "objective 24 h", "✕ not met"),
        ({"met": False, "now": 86_420.0}, "objective 24 h", "✕ not met, just"),
        ({"met": None, "now": None}, "objective 24 h", "not judged"),
        ({"objective": None, "met": None}, "no objective", ""),
    ],
)
def test_a_promise_is_kept_or_not(changes: dict[str, Any], objective: str, kept: str) -> None:
    """Met, not met, not judged yet, or nothing promised: four things, told apart in words."""
    told = wording.tile(indicator(**changes))
    assert (told.objective, told.kept) == (objective, kept)


@pytest.mark.parametrize("finding", list(Finding))
def test_a_verdict_has_a_sign_of_its_own(finding: Finding) -> None:
    """Nobody has to tell a verdict by its colour."""
    told = wording.tile(indicator(finding=finding))
    assert told.verdict == finding.value
    assert [each for each in Finding if wording.MARKS[each] == told.mark] == [finding]


def test_what_is_saved_has_its_bounds() -> None:
    """Money with its bounds, and people's time; nothing where neither is known."""
    assert wording.saved(process().saved) == "3,558 EUR (3,420 to 3,697 EUR) and 88.4 hours of people's time"
    assert wording.saved(Saved(money=None, currency="EUR", hours=None, method="")) == "not known"
    assert wording.saved(None) == "not known"


def test_the_headline_is_the_company_in_one_line() -> None:
    """How many promises are kept comes first."""
    assert wording.headline(board().whole) == "6 of 6 objectives met, 8 of 12 indicators better than before"


def test_a_sample_is_named_as_one() -> None:
    """A board of the sample history says that no case of it is real; others say nothing."""
    assert wording.sampled(sampled()) == "Invoice intake: a sample history of an invented company, no real cases"
    assert wording.sampled(board()) == ""


def test_a_note_is_told_once() -> None:
    """What all four indicators warn of stands once below them."""
    warned = tuple(indicator(name, warnings=("open cases",)) for name in Name)
    assert wording.notes(process(indicators=warned, saved=None, warnings=("first",))) == ["First", "Open cases"]
