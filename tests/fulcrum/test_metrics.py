"""A run's figures: one list, so that the ledger, the event and OpenTelemetry say the same under the same names."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from fulcrum.metrics import METRICS, as_json, points
from fulcrum.report import RunReport

UCUM = re.compile(r"^(s|\{[a-z]+\})$")


def report(**changes: Any) -> RunReport:
    figures = dict.fromkeys(
        (
            "taken_in", "carried_over", "duplicates", "quarantined", "proposed", "cleared", "in_review", "degraded",
            "still_open", "delivered", "delivery_failed", "model_calls", "tokens_in", "tokens_out",
        ),
        0,
    ) | {"run_id": "r", "process": "p", "ai_cost": Decimal("0.25"), "currency": "EUR", "seconds": 1.5}  # fmt: skip
    return RunReport.model_validate(figures | changes)


def test_each_metric_has_a_name_a_unit_and_a_meaning_of_its_own() -> None:
    """Names are OpenTelemetry's kind of names, units are UCUM's, and nothing stands twice."""
    assert len({metric.name for metric in METRICS}) == len({metric.description for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"fulcrum(\.[a-z0-9_]+)+", metric.name)
        assert UCUM.match(metric.unit)
        assert metric.description.endswith(".")


def test_every_figure_of_a_report_is_given_out() -> None:
    """Each count and each time of the report changes some metric: none is forgotten in the list."""
    named = {"run_id", "process", "currency", "faults", "changed_duplicates"}
    base = as_json(points(report(), failed=False))
    for name in set(RunReport.model_fields) - named:
        value: Any = {"gate": 3} if name == "reasons" else Decimal(7) if name == "ai_cost" else 7
        assert as_json(points(report(**{name: value}), failed=False)) != base, name


@pytest.mark.parametrize(("failed", "said"), [(True, 1.0), (False, 0.0)])
def test_a_run_that_cannot_be_measured_still_says_whether_it_failed(failed: bool, said: float) -> None:
    """Without a report there are no other figures: none is made up."""
    assert as_json(points(None, failed=failed)) == {"fulcrum.run.failed": said}


def test_parts_are_told_by_their_label() -> None:
    """Tokens by direction, cost by currency, reasons by their code; times that nobody knows are left out."""
    told = as_json(points(report(tokens_in=5, tokens_out=2, reasons={"gate": 3}), failed=False))
    assert told["fulcrum.ai.tokens"] == {"input": 5.0, "output": 2.0}
    assert told["fulcrum.ai.cost"] == {"EUR": 0.25}
    assert told["fulcrum.cases.by_reason"] == {"gate": 3.0}
    assert "fulcrum.cycle.duration.p50" not in told
