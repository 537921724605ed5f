"""The board for a program, and what it sums up."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from fulcrum.kpis.indicators import Name
from fulcrum.scoreboard.board import as_json, indicator, summed
from tests.boards import board, indicators, process

KEYS = {
    "now", "before", "low", "high", "interval_of", "verdict", "objective", "met", "basis", "unit", "cases", "open",
    "warnings",
}  # fmt: skip


def test_each_process_has_its_four_indicators_by_name() -> None:
    """A program finds a process by its name, in it each indicator by its name, and the same keys in all."""
    told = as_json(board())
    assert list(told["processes"]) == ["invoice-intake", "ticket-triage", "complaint-response"]
    for each in told["processes"].values():
        assert all(set(each[name.value]) == KEYS for name in Name)
    first = told["processes"]["invoice-intake"]
    assert first["cycle_time"]["verdict"] == "better"
    assert (first["autonomy"], first["threshold"], first["open_reviews"]) == ("supervised", 0.8, 2)


def test_the_board_is_plain_json() -> None:
    """Everything on it can be written as JSON and comes back as it was."""
    told = as_json(board())
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_owners_answer_for_their_own_processes() -> None:
    """Processes are grouped by owner, and each owner's sums are of these alone."""
    owners = as_json(board())["owners"]
    assert {name: told["names"] for name, told in owners.items()} == {
        "Head of Accounts Payable": ["invoice-intake"],
        "Head of Customer Care": ["ticket-triage", "complaint-response"],
    }
    assert owners["Head of Accounts Payable"]["open_reviews"] == 2
    assert owners["Head of Customer Care"]["open_reviews"] == 26


def test_currencies_are_never_added() -> None:
    """What is saved and spent is summed within a currency, and stands beside the others."""
    whole = board().whole
    assert whole.money_saved == {"EUR": Decimal("3558.20"), "GBP": Decimal(120)}
    assert whole.ai_spend == {"EUR": Decimal("4.31"), "USD": Decimal("8.62")}


def test_an_objective_counts_only_where_a_figure_can_be_held_against_it() -> None:
    """What is not promised, and what has no figure yet, is neither met nor missed."""
    whole = board().whole
    assert (whole.met, whole.promised) == (6, 6)
    assert (whole.better, whole.worse) == (8, 0)


def test_the_oldest_review_is_the_companys_oldest() -> None:
    """The longest that a case waits anywhere is told; None where none waits."""
    assert as_json(board())["company"]["oldest_review_s"] == 31 * 3600
    assert summed([process(open_reviews=0, oldest_review=None)]).oldest_review is None


def test_nothing_is_known_of_no_process() -> None:
    """A company without a process has an empty board, and no figure."""
    whole = summed([])
    assert (whole.promised, whole.hours_saved, whole.money_saved, whole.oldest_review) == (0, None, {}, None)


@pytest.mark.parametrize("name", list(Name))
def test_an_indicator_is_found_by_name(name: Name) -> None:
    """The order in which they stand does not matter."""
    some = process(indicators=indicators()[::-1])
    assert indicator(some, name).name is name
