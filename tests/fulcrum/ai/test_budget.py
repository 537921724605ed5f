"""What a run may spend on AI: reserved before, settled after, never exceeded by calls that keep their estimate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulcrum.ai.budget import Budget

cents = st.integers(0, 500).map(lambda number: Decimal(number) / 100)


@pytest.mark.parametrize(
    ("limit", "spent", "estimate", "covered"),
    [
        (None, "0", "1000000", True),
        ("1", "0", "1", True),
        ("1", "0", "1.01", False),
        ("1", "0.50", "0.50", True),
        ("1", "0.50", "0.51", False),
        ("0", "0", "0.01", False),
        ("0", "0", "0", True),
        ("1", "2", "0", False),
    ],
)
def test_what_is_left_decides(limit: str | None, spent: str, estimate: str, covered: bool) -> None:
    """An estimate is covered up to the last cent of the limit; without a limit always."""
    budget = Budget(None if limit is None else Decimal(limit), Decimal(spent))
    assert budget.reserve(Decimal(estimate)) is covered
    assert budget.limited is (limit is not None)


def test_a_refused_reservation_sets_nothing_aside() -> None:
    """A smaller question may still fit."""
    budget = Budget(Decimal(1))
    assert not budget.reserve(Decimal(2))
    assert budget.reserve(Decimal(1))


def test_what_a_call_did_not_cost_is_free_again() -> None:
    """The reservation is replaced by the cost."""
    budget = Budget(Decimal(1))
    assert budget.reserve(Decimal(1))
    assert not budget.reserve(Decimal("0.01"))
    budget.settle(Decimal(1), Decimal("0.40"))
    assert not budget.reserve(Decimal("0.61"))
    assert budget.reserve(Decimal("0.60"))


@given(cents, st.lists(st.tuples(cents, st.integers(0, 100), st.booleans()), max_size=30))
def test_costs_within_their_estimates_stay_within_the_limit(
    limit: Decimal, calls: list[tuple[Decimal, int, bool]]
) -> None:
    """In whatever order questions are reserved and settled."""
    budget, under_way, spent = Budget(limit), [], Decimal(0)
    for estimate, percent, wait in calls:
        if budget.reserve(estimate):
            under_way.append((estimate, estimate * percent / 100))
        while under_way and not wait:
            reserved, cost = under_way.pop()
            budget.settle(reserved, cost)
            spent += cost
    assert spent + sum((reserved for reserved, _ in under_way), Decimal(0)) <= limit


def test_threads_share_one_budget() -> None:
    """Of 400 reservations at once exactly as many are covered as fit."""
    budget = Budget(Decimal(1))
    with ThreadPoolExecutor(8) as pool:
        covered = list(pool.map(lambda _: budget.reserve(Decimal("0.01")), range(400)))
    assert sum(covered) == 100
