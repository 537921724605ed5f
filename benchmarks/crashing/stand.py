"""A whole stack to be struck: Prefect server, worker, ledger, model and webhook, with the runs that are made on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.crashing.inbox import PROCESS, Inbox
from benchmarks.loopback.home import postgres_database
from benchmarks.loopback.model_server import model_server
from benchmarks.loopback.webhook_server import webhook_server
from deployments.stack import Server, Worker
from deployments.stack.environment import QUIET, applied, stack_variables
from deployments.stack.processes import ProcessId, children, free_port
from fulcrum.settings import Settings

if TYPE_CHECKING:
    from fulcrum.ledger import Ledger

LATENCY, CONCURRENCY, BATCH = 0.2, 6, 25
"""The model's seconds an answer and calls at once: 30 answers a second; and how many cases a task works on at once."""
SHARES = 8
"""Runs that the endpoint has places for: a killed one's are free after a minute, and the next one starts sooner."""
PATIENCE = 180.0
"""Seconds after which something that should have happened is given up."""


@dataclass
class Run:
    """A flow run on the worker."""

    id: str
    process: ProcessId

    def alive(self) -> bool:
        """Tell whether its process still runs."""
        return self.process.alive()


@dataclass
class Stand:
    """The parts, of which server and worker are replaced when they are struck."""

    settings: Settings
    inbox: Inbox
    model: str
    webhook: str
    server: Server
    worker: Worker
    ledger: Ledger

    def start_run(self, source: str) -> Run:
        """Make a run of the process over a source, and wait until the worker has given it a process."""
        from prefect.client.orchestration import get_client

        options = {"model": "crash", "batch_size": BATCH}
        before = {child.pid for child in children(self.worker.pid)}
        with get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name(f"{PROCESS}/{PROCESS}")
            made = client.create_flow_run_from_deployment(
                deployment.id, parameters={"source": source, "options": options}
            )
        found = wait_for(lambda: [child for child in children(self.worker.pid) if child.pid not in before])
        return Run(str(made.id), found[0])

    def state(self, run: Run) -> str:
        """Say how a run stands at the server, as `Failed: LedgerUnavailable: ...`."""
        state = self._read(run).state
        return f"{state.name}: {state.message}" if state.message else str(state.name)

    def state_name(self, run: Run) -> str:
        """Name the state that a run is in at the server."""
        return str(self._read(run).state.name)

    def new_worker(self) -> None:
        """Start a worker in the place of one that is gone."""
        self.worker = Worker(self.settings, self.server.url, pool="fulcrum", limit=2)
        self.worker.start()

    def stop(self) -> None:
        """Stop the server and the worker that there are by now."""
        self.worker.stop()
        self.server.stop()

    def _read(self, run: Run) -> Any:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            return client.read_flow_run(run.id)  # type: ignore[arg-type] # takes its text as well


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until a condition holds; return what it found."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "what was waited for never happened"
        time.sleep(0.02)
    return found


@contextmanager
def stand(home: Path, database: str, *, ledger_in: Path | None = None) -> Iterator[Stand]:
    """Start everything, the ledger on `sqlite`, in a folder of its own where one is named, or on `postgresql`."""
    from fulcrum.ledger import Ledger

    with ExitStack() as stack:
        file = {"ledger_url": f"sqlite:///{ledger_in / 'ledger.db'}"} if ledger_in else {}
        chosen = {"ledger_url": stack.enter_context(postgres_database())} if database == "postgresql" else file
        settings = Settings(home=home, port=0, **chosen)
        server = Server(settings, free_port(0))
        stack.callback(server.stop)
        server.start()
        model = stack.enter_context(model_server(LATENCY))
        webhook = stack.enter_context(webhook_server(0.01))
        variables = {**stack_variables(settings, server.url), **QUIET}
        stack.enter_context(applied(variables))
        _configure(settings, server, model, webhook)
        ledger = stack.enter_context(Ledger.open(settings.ledger_url))
        worker = Worker(settings, server.url, pool="fulcrum", limit=2)
        made = Stand(settings, Inbox(home / "inbox"), model, webhook, server, worker, ledger)
        stack.callback(made.stop)
        worker.start()
        yield made


def _configure(settings: Settings, server: Server, model: str, webhook: str) -> None:
    """Register everything on the server, and point the process at the counting servers."""
    from deployments.bootstrap import bootstrap

    server.wait()
    bootstrap(server.url, settings)
    from blocks import ModelEndpoint, WebhookTarget

    limits = {"concurrency": CONCURRENCY * SHARES, "worker_concurrency": CONCURRENCY}
    ModelEndpoint(base_url=model, model="mock", input_price=1, output_price=2, **limits).save("crash")
    WebhookTarget(url=f"{webhook}/tickets", status_url=f"{webhook}/tickets").save("help-desk")
