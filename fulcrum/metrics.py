"""Every figure that a run gives out: one list for the ledger's row, the event and OpenTelemetry alike (pure).

Units are UCUM's, as OpenTelemetry asks for: `s` a second, `{case}` a count of cases. No figure is broken down by a run
or a case: their ids would make a time series each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from fulcrum.cases import Json
from fulcrum.report import RunReport


class Instrument(StrEnum):
    """How figures of several runs go together: they add up, or the newest one holds."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure with its name, unit and meaning; `value` reads it from a run's report, by `label` where it has parts."""

    name: str
    unit: str
    description: str
    value: Callable[[RunReport], float | Mapping[str, float] | None]
    label: str = ""
    instrument: Instrument = Instrument.COUNTER


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric; `part` says of what, where the metric has a label."""

    metric: Metric
    value: float
    part: str = ""


FAILED = Metric(
    name="fulcrum.run.failed", unit="{run}", description="1 of a run that failed, 0 of one that did not.",
    value=lambda _report: None,
)  # fmt: skip
DURATION = Metric(
    name="fulcrum.run.duration", unit="s", description="From a run's first step to its last.",
    value=lambda report: report.seconds, instrument=Instrument.GAUGE,
)  # fmt: skip


def _cases(name: str, description: str) -> Metric:
    def value(report: RunReport) -> float:
        return float(getattr(report, name))

    return Metric(name=f"fulcrum.cases.{name}", unit="{case}", description=description, value=value)


def _seconds(name: str, field: str, description: str) -> Metric:
    def value(report: RunReport) -> float | None:
        found: float | None = getattr(report, field)
        return found

    return Metric(name=name, unit="s", description=description, value=value, instrument=Instrument.GAUGE)


METRICS: tuple[Metric, ...] = (
    FAILED,
    DURATION,
    _cases("taken_in", "Cases that the run took in."),
    _cases("carried_over", "Cases that were open from before."),
    _cases("duplicates", "Cases of the source that were known before, and not repeated."),
    _cases("quarantined", "Cases set aside because their input is unsound."),
    _cases("proposed", "Proposals that AI steps and rules made."),
    _cases("cleared", "Cases that needed no person."),
    _cases("in_review", "Cases that went to a person."),
    _cases("degraded", "Cases that went to a person because the AI gave no usable answer."),
    _cases("still_open", "Cases that the run could not finish."),
    Metric(
        name="fulcrum.cases.by_reason", unit="{case}", description="Cases that did not clear, by the reason's code.",
        value=lambda report: report.reasons, label="fulcrum.reason",
    ),
    Metric(
        name="fulcrum.deliveries.made", unit="{delivery}", description="Effects that a target has given a receipt for.",
        value=lambda report: report.delivered,
    ),
    Metric(
        name="fulcrum.deliveries.failed", unit="{delivery}", description="Effects that a target refused or left open.",
        value=lambda report: report.delivery_failed,
    ),
    Metric(
        name="fulcrum.ai.calls", unit="{call}", description="Requests to the model endpoint.",
        value=lambda report: report.model_calls,
    ),
    Metric(
        name="fulcrum.ai.tokens", unit="{token}", description="Tokens that the model endpoint has counted, in and out.",
        value=lambda report: {"input": report.tokens_in, "output": report.tokens_out}, label="gen_ai.token.type",
    ),
    Metric(
        name="fulcrum.ai.cost", unit="{currency}", description="What the run's model calls cost, by currency.",
        value=lambda report: {report.currency: float(report.ai_cost)}, label="fulcrum.currency",
    ),
    _seconds("fulcrum.ai.call.duration.p50", "model_seconds_p50", "A model call's median duration."),
    _seconds("fulcrum.ai.call.duration.p95", "model_seconds_p95", "95 of 100 model calls took no longer."),
    _seconds("fulcrum.cycle.duration.p50", "cycle_seconds_p50", "Median from a case's arrival to its delivery."),
    _seconds("fulcrum.cycle.duration.p95", "cycle_seconds_p95", "95 of 100 deliveries came no later after arrival."),
)  # fmt: skip
"""All of them, in the order in which they are shown."""


def points(report: RunReport | None, *, failed: bool) -> list[Point]:
    """Give a run's figures; without a report, as of a run that could not be measured, only that it failed."""
    found = [Point(FAILED, float(failed))]
    for metric in METRICS if report else ():
        value = metric.value(report) if report else None
        if isinstance(value, Mapping):
            found += [Point(metric, float(each), part) for part, each in value.items()]
        elif value is not None:
            found.append(Point(metric, float(value)))
    return found


def as_json(found: Iterable[Point]) -> Json:
    """Give figures by name, those with parts as an object of parts."""
    told: Json = {}
    for point in found:
        if point.metric.label:
            told.setdefault(point.metric.name, {})[point.part] = point.value
        else:
            told[point.metric.name] = point.value
    return told
