"""What a check of an endpoint tells its operator."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fulcrum.ai.check import check
from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.line import close
from fulcrum.ai.question import Fault


def test_a_sound_endpoint_has_nothing_to_warn_of(faults: Any) -> None:
    """Price, latency, schema and source of confidence are told after one question."""
    report = check(faults.endpoint("ok"))
    assert (report.usable, report.json_schema, report.confidence, report.warnings) == (True, True, "logprobs", ())
    assert (report.model, report.currency) == ("ok-v1", "USD")
    assert (report.input_price, report.output_price) == (Decimal(1), Decimal(2))
    assert report.latency_s > 0
    assert len(faults.seen) == 1


def test_the_embedded_model_can_clear() -> None:
    """The default endpoint is usable as it is."""
    report = check(Endpoint())
    assert (report.usable, report.confidence, report.warnings) == (True, "logprobs", ())
    close()


@pytest.mark.parametrize(
    ("behaviour", "settings", "confidence", "warning"),
    [
        ("no-logprobs", {}, "none", "nothing will ever clear"),
        ("no-logprobs", {"samples": 5}, "agreement of 5 samples", "temperature 0"),
        ("nonsense", {}, "none", "does not fit the JSON schema"),
        ("uncounted", {}, "logprobs", "counts no tokens"),
        ("ok", {"input_price": None, "output_price": None}, "logprobs", "price unknown"),
    ],
)
def test_what_will_go_wrong_is_said(
    faults: Any, behaviour: str, settings: dict[str, Any], confidence: str, warning: str
) -> None:
    """Each lack has its warning."""
    report = check(faults.endpoint(behaviour, **settings))
    assert report.confidence == confidence
    assert any(warning in text for text in report.warnings)


def test_samples_that_differ_need_no_warning(faults: Any) -> None:
    """Agreement of warm samples is a source of confidence."""
    assert check(faults.endpoint("no-logprobs", samples=3, temperature=0.7)).warnings == ()


@pytest.mark.parametrize(
    ("behaviour", "fault"), [("401", Fault.REFUSED), ("400", Fault.BAD_REQUEST), ("cut", Fault.CUT)]
)
def test_an_endpoint_that_does_not_answer_is_reported(faults: Any, behaviour: str, fault: Fault) -> None:
    """The fault and its remedy are in the report; nothing is said of what could not be seen."""
    report = check(faults.endpoint(behaviour))
    assert (report.error, report.usable) == (fault, False)
    assert len(report.warnings) == 1
