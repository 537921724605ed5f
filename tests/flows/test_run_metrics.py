"""What a run says of itself: the same figures in the ledger, in its event and at an OpenTelemetry receiver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fulcrum.errors import GateFailed
from fulcrum.metrics import METRICS
from tests.intake_office import Office, Record, documents, names, write_jsonl
from tests.loopback import Asked, http, receiver, wait_for


@dataclass
class Collector:
    """An OTLP receiver: it takes what is pushed to it over HTTP and reads it as the protocol's own messages."""

    address: str = ""
    status: int = 200
    paths: list[str] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    told: dict[str, tuple[str, str]] = field(default_factory=dict)
    attributes: list[dict[str, str]] = field(default_factory=list)

    def take(self, asked: Asked) -> bytes:
        """Read one export."""
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        if self.status != 200:
            return http(self.status, b"")
        self.paths.append(asked.path)
        for resource in ExportMetricsServiceRequest.FromString(_plain(asked)).resource_metrics:
            self.services |= {a.value.string_value for a in resource.resource.attributes if a.key == "service.name"}
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self._keep(metric)
        return http(200, b"", "Content-Type: application/x-protobuf")

    def _keep(self, metric: Any) -> None:
        self.told[metric.name] = (metric.unit, metric.description)
        labels = {each.name: each.label for each in METRICS}
        for point in (*metric.sum.data_points, *metric.gauge.data_points):
            found = {a.key: a.value.string_value for a in point.attributes}
            self.attributes.append(found)
            part = found.get(labels[metric.name], "") if labels[metric.name] else ""
            self.figures.setdefault(metric.name, {})[part] = point.as_double or float(point.as_int)


def _plain(asked: Asked) -> bytes:
    import gzip

    return gzip.decompress(asked.body) if asked.headers.get("content-encoding") == "gzip" else asked.body


@contextmanager
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    found = Collector()
    with receiver(found.take) as address:
        found.address = address.removesuffix("/hooks")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.address)
        yield found


@pytest.fixture
def office(prefect_server: Any, tmp_path: Path) -> Office:
    return Office.found(tmp_path / "home", tmp_path / "erp.db")


def kept(office: Office, run_id: str) -> dict[str, dict[str, float]]:
    """Read a run's rows in the ledger."""
    query = text("SELECT name, part, value FROM run_metrics WHERE run_id = :run")
    found: dict[str, dict[str, float]] = {}
    with office.ledger() as ledger, ledger.store.read() as tx:
        for name, part, value in tx.execute(query, {"run": run_id}):
            found.setdefault(name, {})[part] = value
    return found


def in_event(client: Any, run_id: str) -> dict[str, dict[str, float]]:
    told = Record(client, run_id).measured()["metrics"]
    return {name: value if isinstance(value, dict) else {"": value} for name, value in told.items()}


def test_the_same_figures_go_three_ways(office: Office, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledger, event and receiver agree on names, values, units and descriptions, and the run's end waited for them."""
    source = write_jsonl(office.home / "in.jsonl", documents(names(3, "figures")))
    with collector(monkeypatch) as received:
        report = office.run(source)
    assert received.figures == kept(office, report.run_id) == in_event(client, report.run_id)
    assert received.figures["fulcrum.cases.taken_in"] == {"": 3.0}
    assert received.figures["fulcrum.run.failed"] == {"": 0.0}
    listed = {metric.name: (metric.unit, metric.description) for metric in METRICS}
    assert received.told == {name: listed[name] for name in received.told}
    assert (set(received.paths), received.services) == ({"/v1/metrics"}, {"fulcrum"})
    assert {a["fulcrum.process"] for a in received.attributes} == {"invoice-intake"}
    assert not {value for a in received.attributes for value in a.values()} & {report.run_id}


def test_a_failed_run_says_its_figures_as_well(office: Office, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it failed, and what became of its cases until then."""
    source = write_jsonl(office.home / "in.jsonl", [{"id": f"blank-{i}", "text": " "} for i in range(6)])
    with collector(monkeypatch) as received, pytest.raises(GateFailed):
        office.run(source)
    run_id = office.newest_run()["id"]
    assert received.figures == kept(office, run_id) == in_event(client, run_id)
    incident = Record(client, run_id).artifacts()["invoice-intake-incident"]
    assert "Gate documents refused a batch" in incident
    assert "| waiting for a person: they stay in the queue | 6 |" in incident
    assert "**Is a plain retry safe?** Yes" in incident
    assert received.figures["fulcrum.run.failed"] == {"": 1.0}
    assert received.figures["fulcrum.cases.quarantined"] == {"": 6.0}


def test_a_receiver_that_refuses_stops_no_run(office: Office, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run completes with its figures in the ledger, and its log says that the receiver did not take them."""
    source = write_jsonl(office.home / "in.jsonl", documents(names(1, "refused")))
    with collector(monkeypatch) as received:
        received.status = 403
        report = office.run(source)
    assert (report.cleared, received.figures) == (1, {})
    assert kept(office, report.run_id)["fulcrum.cases.cleared"] == {"": 1.0}
    record = Record(client, report.run_id)
    assert wait_for(lambda: "The OpenTelemetry receiver did not take the run's figures" in record.logs())


def test_the_views_tell_runs_and_cases_to_any_tool(office: Office) -> None:
    """One row a run with its figures as columns, one a case with its times, cost and people's part."""
    source = write_jsonl(office.home / "in.jsonl", documents(names(2, "viewed")))
    report = office.run(source)
    with office.ledger() as ledger, ledger.store.read() as tx:
        run = dict(tx.execute(text("SELECT * FROM v_run_kpis")).mappings().one())
        cases = [dict(row) for row in tx.execute(text("SELECT * FROM v_case_facts")).mappings()]
    assert (run["run_id"], run["state"], run["failed"]) == (report.run_id, "completed", 0.0)
    assert (run["taken_in"], run["cleared"], run["model_calls"]) == (2.0, 2.0, report.model_calls)
    assert [(case["status"], case["model_calls"], case["human_events"]) for case in cases] == [("delivered", 1, 0)] * 2
    assert all(0 < case["cycle_seconds"] < 600 for case in cases)
