"""Seconds from each cause to its message over HTTP, on a Prefect server of its own. Last line: one JSON object.

What Fulcrum tells itself, from the event on, and a crash, from the server's note on until a worker has looked into it:
five times each, medians. A pool whose worker falls silent, from its last sign of life on: once, for it takes minutes.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

from deployments.listener import Inbox, server
from deployments.stack import ReviewWorker, api
from fulcrum.settings import Settings

TIMES = 5


class Arrivals:
    """Waits for messages by a part of their subject."""

    def __init__(self) -> None:
        self.wanted = ""
        self._arrived = Event()

    def take(self, said: str) -> None:
        """Note what has come."""
        if self.wanted and self.wanted in said:
            self._arrived.set()

    def seconds(self, wanted: str, cause: Callable[[], object]) -> float:
        """Bring a cause about and measure until its message is there."""
        self.wanted = wanted
        self._arrived.clear()
        began = time.perf_counter()
        cause()
        assert self._arrived.wait(600), wanted
        return time.perf_counter() - began


def main() -> None:
    """Run it and print what was measured."""
    arrivals = Arrivals()
    with tempfile.TemporaryDirectory() as home:
        inbox = Inbox(Path(home) / "alerts.jsonl", timedelta(days=1), arrivals.take, lambda: datetime.now(UTC))
        with server(inbox, 0) as listening:
            Thread(target=listening.serve_forever, daemon=True).start()
            settings = Settings(home=Path(home), port=0, desk_port=0, alerts_port=listening.server_port)
            with api(settings) as url:
                print(json.dumps({"seconds": _told(settings, arrivals) | _noticed(settings, url, arrivals)}))
            listening.shutdown()


def _told(settings: Settings, arrivals: Arrivals) -> dict[str, float]:
    from flows.invoice_intake.process import INVOICE_INTAKE
    from fulcrum.alerts import CAUSES
    from fulcrum.ledger import Ledger
    from tasks.alarms import tell

    with Ledger.open(settings.ledger_url) as ledger:
        return {
            kind: _median(
                arrivals.seconds(kind.replace(".", " "), lambda kind=kind: tell(ledger, INVOICE_INTAKE, kind, {}))
                for _ in range(TIMES)
            )
            for kind in CAUSES
        }


def _noticed(settings: Settings, url: str, arrivals: Arrivals) -> dict[str, float]:
    from prefect.client.orchestration import get_client

    worker = ReviewWorker(settings, url, pool="reviews", limit=2)
    worker.start()
    try:
        with get_client(sync_client=True) as client:
            crashed = _median(arrivals.seconds("run crashed", lambda: _crash(settings, client)) for _ in range(TIMES))
            lost = round(_lost(client, arrivals), 1)
    finally:
        worker.stop()
    return {"a run is killed": crashed, "a pool's worker falls silent": lost}


def _crash(settings: Settings, client: Any) -> None:
    """Let a run be noted as crashed, of which nothing was told before."""
    from prefect.states import Crashed

    from fulcrum.ledger import Ledger

    with Ledger.open(settings.ledger_url) as ledger:
        ledger.alarms.end("invoice-intake", "run.crashed")
    deployment = client.read_deployment_by_name("invoice-intake/invoice-intake")
    run = client.create_flow_run_from_deployment(deployment.id)
    client.set_flow_run_state(run.id, Crashed(), force=True)


def _lost(client: Any, arrivals: Arrivals) -> float:
    """Measure from the last sign of life of a pool's only worker; that a new pool has none is told as well."""
    from prefect.client.schemas.actions import WorkPoolCreate

    def sign() -> None:
        told = {"name": "one", "heartbeat_interval_seconds": 30}
        client.request("POST", "/work_pools/lonely/workers/heartbeat", json=told)

    pool = WorkPoolCreate(name="lonely", type="process")
    arrivals.seconds("[page] pool lonely", lambda: client.create_work_pool(pool))
    since = arrivals.seconds("[over] pool lonely", sign)
    return since + arrivals.seconds("[page] pool lonely", lambda: None)


def _median(seconds: Any) -> float:
    return round(median(seconds), 2)


if __name__ == "__main__":
    main()
