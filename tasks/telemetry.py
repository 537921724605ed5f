"""Figures out to OpenTelemetry, where the environment names a receiver."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from prefect.logging import get_run_logger

from fulcrum.metrics import Instrument, Point

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""The standard's variables: one of them says where figures go, none that they go nowhere."""

PATIENCE = 5.0
"""Seconds that a run waits at its end for a receiver to take its figures."""


def export(points: Sequence[Point], attributes: Mapping[str, str]) -> None:
    """Send a run's figures by OTLP over HTTP, and wait until they are out; a receiver that is away stops no run."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        get_run_logger().warning("Figures do not go to OpenTelemetry: install Fulcrum's extra, fulcrum[telemetry]")
    elif not _pushed(points, attributes):
        get_run_logger().warning("The OpenTelemetry receiver did not take the run's figures")


def _pushed(points: Sequence[Point], attributes: Mapping[str, str]) -> bool:
    """Push figures before the run ends, and tell whether the receiver took them.

    A run is a short job, so it has a provider of its own. What else the standard's variables say (headers, temporality,
    the service's name) holds.
    """
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import (  # noqa: PLC0415
        MetricExportResult,
        MetricsData,
        PeriodicExportingMetricReader,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

    results: list[MetricExportResult] = []

    class Exporter(OTLPMetricExporter):
        """The standard's exporter; flushing does not say whether the receiver took what was sent, so it keeps that."""

        def export(
            self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
        ) -> MetricExportResult:
            results.append(super().export(metrics_data, timeout_millis, **kwargs))
            return results[-1]

    reader = PeriodicExportingMetricReader(Exporter(timeout=PATIENCE), export_interval_millis=float("inf"))
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "fulcrum"}
    provider = MeterProvider([reader], resource=Resource.create(named))
    try:
        record(provider.get_meter("fulcrum"), points, attributes)
        return provider.force_flush(PATIENCE * 1000) and MetricExportResult.SUCCESS in results
    finally:
        provider.shutdown()


def record(meter: Meter, points: Sequence[Point], attributes: Mapping[str, str]) -> None:
    """Write figures to a meter: what adds up as counters, the others as gauges."""
    for point in points:
        metric = point.metric
        told = dict(attributes) | ({metric.label: point.part} if metric.label else {})
        if metric.instrument is Instrument.COUNTER:
            meter.create_counter(metric.name, metric.unit, metric.description).add(point.value, told)
        else:
            meter.create_gauge(metric.name, metric.unit, metric.description).set(point.value, told)
