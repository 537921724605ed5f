"""A run in figures: the ranks, the contract of its JSON, and that it tells no content."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulcrum.report import RunAccount, RunReport, markdown, quantile, report_of, summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fulcrum.conftest import Office

CONTRACT = [
    "run_id", "process", "taken_in", "carried_over", "duplicates", "quarantined", "proposed", "cleared", "in_review",
    "degraded", "still_open", "delivered", "delivery_failed", "model_calls", "tokens_in", "tokens_out", "ai_cost",
    "currency", "seconds",
]  # fmt: skip
FURTHER = {
    "changed_duplicates", "reasons", "faults", "model_seconds_p50", "model_seconds_p95", "cycle_seconds_p50",
    "cycle_seconds_p95",
}  # fmt: skip

values = st.lists(st.integers(0, 10**6).map(lambda number: number / 1000), min_size=1, max_size=60)
shares = st.sampled_from([0.05, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0])


def account(**changes: Any) -> RunAccount:
    figures: dict[str, Any] = dict.fromkeys(
        (
            "taken_in", "carried_over", "quarantined", "cleared", "in_review", "still_open", "degraded", "proposed",
            "delivered", "delivery_failed", "model_calls", "tokens_in", "tokens_out",
        ),
        0,
    )  # fmt: skip
    further = {
        "reasons": {},
        "faults": {},
        "cycle_times": (),
        "ai_cost": Decimal(0),
        "currency": None,
        "model_seconds": (),
    }
    return RunAccount(**figures | further | changes)


def report(**changes: Any) -> RunReport:
    return report_of(
        account(**changes), run_id="r", process="p", duplicates=0, changed=0, currency="EUR", seconds=1.23456
    )


@given(values, shares)
def test_a_quantile_is_the_smallest_value_that_enough_do_not_exceed(found: list[float], share: float) -> None:
    """It is one of the values; at least the share is at most it, and less than the share lies below it."""
    rank = quantile(found, share)
    assert rank in found
    needed = ceil(Fraction(str(share)) * len(found))
    assert sum(value <= rank for value in found) >= needed
    assert sum(value < rank for value in found) < needed


@given(values, shares, shares)
def test_a_higher_share_has_no_lower_quantile(found: list[float], one: float, other: float) -> None:
    """Quantiles do not cross."""
    low, high = quantile(found, min(one, other)), quantile(found, max(one, other))
    assert low is not None
    assert high is not None
    assert low <= high


@given(values, shares, st.randoms())
def test_the_order_of_the_values_does_not_matter(found: list[float], share: float, random: Any) -> None:
    """Whatever order the ledger gives them in."""
    shuffled = list(found)
    random.shuffle(shuffled)
    assert quantile(shuffled, share) == quantile(found, share)


@pytest.mark.parametrize(
    ("found", "share", "rank"),
    [([], 0.5, None), ([7.0], 0.95, 7.0), ([1, 2], 0.5, 1), ([1, 2, 3], 0.5, 2), (range(1, 101), 0.95, 95)],
)
def test_small_samples(found: Any, share: float, rank: float | None) -> None:
    """Of nothing there is no figure; of a hundred the 95th is the 95% quantile."""
    assert quantile(list(found), share) == rank


def test_the_json_has_the_fields_of_the_contract() -> None:
    """Those of the contract, first and in its order, and a few more."""
    told = json.loads(report(ai_cost=Decimal("0.00042")).model_dump_json())
    assert list(told)[: len(CONTRACT)] == CONTRACT
    assert set(told) - set(CONTRACT) == FURTHER
    assert told["ai_cost"] == "0.00042"
    assert told["seconds"] == 1.235


def test_a_report_is_read_back_as_it_was_written() -> None:
    """The ledger keeps it as JSON."""
    written = report(model_seconds=(0.1, 0.2), cycle_times=(timedelta(hours=2),), reasons={"audit": 1}, currency="USD")
    assert RunReport.model_validate_json(written.model_dump_json()) == written
    assert (written.currency, written.cycle_seconds_p95, written.model_seconds_p50) == ("USD", 7200, 0.1)


def test_a_run_without_calls_reports_the_processs_currency() -> None:
    """There is no call to take it from, and no latency."""
    found = report()
    assert (found.currency, found.model_seconds_p50, found.cycle_seconds_p95) == ("EUR", None, None)


def test_the_summary_is_in_words_and_shares() -> None:
    """Shares are of all that the run had in hand; what there is no figure of says so."""
    told = dict(summary(report(taken_in=3, carried_over=1, cleared=3, in_review=1, delivered=2, delivery_failed=1)))
    assert told["Cleared without a person"] == "3 (75%)"
    assert told["In review"] == "1 (25%)"
    assert told["Delivered"] == "2 (1 failed)"
    assert told["Model latency p50 / p95"] == "no figure / no figure"
    assert dict(summary(report()))["Cleared without a person"] == "0"


def test_the_markdown_has_every_figure_and_no_content(office: Office, an_invoice: Callable[..., Any]) -> None:
    """Ids, counts and reasons' codes, never what a document says, who sent it, or a reason's words."""
    office.in_review(an_invoice(supplier_name="SECRET-supplier", document_number="SECRET-number"))
    office.quarantined()
    for run_id in office.runs:
        found = office.ledger.runs.account(run_id)
        told = report_of(found, run_id=run_id, process="p", duplicates=1, changed=0, currency="EUR", seconds=2)
        assert told.taken_in + told.carried_over == (told.quarantined + told.cleared + told.in_review + told.still_open)
        text = markdown(told, "Invoice intake")
        for secret in ("SECRET", "Acme", "a document", "has no text", "d0", "q0"):
            assert secret not in text
        for name, value in summary(told):
            assert f"| {name} | {value} |" in text
    assert "| degraded | 1 |" in markdown(
        report(taken_in=1, in_review=1, reasons={"degraded": 1, "low-confidence": 2}), "t"
    )
    assert "| low confidence | 2 |" in markdown(report(reasons={"low-confidence": 2}), "t")


def test_what_stays_open_says_why() -> None:
    """The figure of the open cases names the endpoint's faults in words."""
    rows = dict(summary(report(taken_in=3, still_open=3, faults={"rate_limited": 1, "timeout": 2})))
    assert rows["Still open"] == "3 (rate limited, timeout)"
