"""The review desk under load: how fast reviews are queued, and how soon a person's answer has taken effect.

Prefect's server and the ledger are on PostgreSQL, the worker is the review desk's. Invoices are brought before people
and shown, then some are answered as the UI does it: the form's fields as they stand and a verdict, to the server's own
route. Between two answers somebody reads: the pause is drawn, so that answers meet the worker's looks at any point.
Last line: one JSON object.

`queued_per_s`: reviews shown a second, from the first to the last, runs and forms made. `submit_to_delivered_*_s`: from
the request that carries the answer until the posting's receipt is in the ledger. `cpu_s_per_decision`: CPU seconds of
worker and server together while answers come, idle looks for work among them; `worker_cpu_s`, `server_cpu_s`: of each.
`stock`: the same of a few answers that a stock process worker takes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any
from uuid import UUID

from benchmarks.loopback.home import own_home, postgres_database
from benchmarks.loopback.meter import metered

PATIENCE = 120.0
LOOK = 0.02
"""Seconds between two looks whether an answer has taken effect."""
SEED = 20261126


@dataclass
class Office:
    """A server with reviews, and the ways to them."""

    url: str
    server_pid: int
    ledger: Any
    client: Any
    queued_per_s: float = 0.0
    waiting: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Answered:
    """What came of some answers: seconds until each had taken effect, and the CPU that they took."""

    seconds: Sequence[float]
    worker_cpu: float
    server_cpu: float

    @property
    def p95(self) -> float:
        """Give the 95th percentile; of few the longest."""
        return quantiles(self.seconds, n=20)[-1] if len(self.seconds) > 20 else max(self.seconds)

    def figures(self) -> dict[str, float]:
        """Give them by name."""
        count = len(self.seconds)
        return {
            "submit_to_delivered_p50_s": round(median(self.seconds), 2),
            "submit_to_delivered_p95_s": round(self.p95, 2),
            "cpu_s_per_decision": round((self.worker_cpu + self.server_cpu) / count, 3),
            "worker_cpu_s": round(self.worker_cpu / count, 3),
            "server_cpu_s": round(self.server_cpu / count, 3),
        }


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=1000, help="reviews that wait")
    parser.add_argument("--decisions", type=int, default=100, help="answers that the review desk's worker takes")
    parser.add_argument("--stock", type=int, default=5, help="answers that a stock process worker takes")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two answers in the mean")
    chosen = parser.parse_args()
    with own_home(), office() as found:
        queue(found, chosen.open)
        print(f"{chosen.open} reviews queued at {found.queued_per_s:.1f}/s", file=sys.stderr)
        desk = answered(found, "ReviewWorker", chosen.decisions, chosen.pause)
        stock = answered(found, "Worker", chosen.stock, chosen.pause) if chosen.stock else None
    print(
        json.dumps(
            {
                "open_reviews": chosen.open,
                "queued_per_s": round(found.queued_per_s, 1),
                **desk.figures(),
                "decisions": chosen.decisions,
                "stock": stock.figures() if stock else None,
            }
        )
    )


@contextmanager
def office() -> Iterator[Office]:
    """Start a Prefect server on PostgreSQL with everything registered, and open a ledger beside it."""
    import os

    from prefect.client.orchestration import get_client

    from deployments.bootstrap import bootstrap
    from deployments.stack.environment import applied, stack_variables
    from deployments.stack.processes import free_port
    from fulcrum.ledger import Ledger
    from fulcrum.settings import settings
    from tests.people import register

    with postgres_database() as ledger_url, postgres_database() as prefect_url:
        os.environ["FULCRUM_LEDGER_URL"] = ledger_url
        chosen = settings()
        server = _server(prefect_url)(chosen, free_port(0))
        with applied(stack_variables(chosen, server.url)):
            server.start()
            try:
                server.wait()
                bootstrap(server.url, chosen)
                with Ledger.open(ledger_url) as ledger, get_client(sync_client=True) as client:
                    register(ledger, "Ada Okafor", "Bela Novak")
                    yield Office(server.url, server.pid, ledger, client)
            finally:
                server.stop()


def _server(url: str) -> Any:
    from deployments.stack import Server

    class OnPostgres(Server):
        """A Prefect server whose database is PostgreSQL."""

        def environment(self) -> dict[str, str]:
            """Point it at the database."""
            database = url.replace("postgresql+psycopg", "postgresql+asyncpg")
            return super().environment() | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database}

    return OnPostgres


def queue(found: Office, count: int) -> None:
    """Bring invoices before people, and measure how fast they are shown."""
    from flows.invoice_intake.process import INVOICE_INTAKE
    from tasks.review import publish
    from tests.review_desk import ReviewDesk, proposed

    desk = ReviewDesk(found.ledger)
    found.waiting = [desk.ask(proposed(total="1210.00")) for _ in range(count)]
    began = time.perf_counter()
    made = publish(found.ledger, INVOICE_INTAKE, client=found.client)
    assert made == count, made
    found.queued_per_s = count / (time.perf_counter() - began)


def answered(found: Office, kind: str, count: int, pause: float) -> Answered:
    """Answer some reviews while a worker of a kind runs."""
    from deployments import stack
    from fulcrum.settings import settings

    worker = getattr(stack, kind)(settings(), found.url, pool="reviews", limit=4)
    worker.start()
    try:
        _decide(found, found.waiting.pop())  # until it has started
        draw = random.Random(SEED)  # noqa: S311 - a drawn pause
        with metered(worker.pid, found.server_pid) as (own, servers):
            seconds = []
            for _ in range(count):
                time.sleep(draw.uniform(0, 2 * pause))
                seconds.append(_decide(found, found.waiting.pop()))
        return Answered(seconds, own.cpu[-1] - own.cpu[0], servers.cpu[-1] - servers.cpu[0])
    finally:
        worker.stop()


def _decide(found: Office, review: Any) -> float:
    """Approve a review as it stands; give the seconds until its case is delivered."""
    from fulcrum.cases import Status

    run = found.client.read_flow_run(UUID(found.ledger.reviews.find(review.id).flow_run_id))
    key = run.state.state_details.run_input_keyset["schema"]
    schema = json.loads(found.client.read_flow_run_input(run.id, key))
    form = {name: one["default"] for name, one in schema["properties"].items() if "default" in one}
    began = time.perf_counter()
    result = found.client.resume_flow_run(run.id, run_input=form | {"verdict": "approve", "reviewer": "Ada Okafor"})
    assert result.status == "ACCEPT", result.details
    _until(lambda: found.ledger.reading.history(review.case_id).case.status is Status.DELIVERED)
    return time.perf_counter() - began


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "an answer has not taken effect"
        time.sleep(LOOK)


if __name__ == "__main__":
    main()
