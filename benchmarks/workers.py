"""How throughput grows with workers: one and three workers of a work pool, each a process of its own, one PostgreSQL.

The load is bound by the model: `--latency` seconds a call, and no more than `--per-worker` calls at once for each
worker (`worker_concurrency` of the endpoint). Each worker gets a run of its own over the same source. `per_s` is from
the first call of a run to its last, `growth` how many times more the three do. `handled_twice` counts cases that were
asked about more than once, `most_at_once` the most calls that were under way together. `share_back_s` is how long
after a kill the places of the killed are free again. Last line: one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.contenders.work import ENDPOINT, configure
from benchmarks.loopback.home import ROOT, own_home, postgres_database
from benchmarks.loopback.model_server import counts, model_server, reset
from benchmarks.throughput import write

MANY = 3
HOLDER = """
import sys, time
from prefect.client.orchestration import get_client
from tasks.slots import Holding
with get_client(sync_client=True) as client:
    holding = Holding(client, sys.argv[1], 32)
    holding.declare()
    holding.grow(32)
    print(holding.slots, flush=True)
    time.sleep(600)
"""


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=6000)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--per-worker", type=int, default=16)
    chosen = parser.parse_args()
    with own_home() as home, model_server(chosen.latency) as address, postgres_database() as url:
        os.environ["FULCRUM_LEDGER_URL"] = url
        print(json.dumps(measure(home, address, chosen)))


def measure(home: Path, address: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Let one worker and then three do as much each time."""
    from deployments.stack import api

    with api() as url:
        configure(address, concurrency=64, worker_concurrency=chosen.per_worker)
        rates, twice, most = [], 0, []
        for number, many in enumerate((1, MANY)):
            source = home / f"{many}.jsonl"
            write(source, chosen.cases, f"workers-{many}", number)
            reset(address)
            with pool(home, url, many):
                _run(url, source, many)
            told = counts(address)
            assert told["cases"] == chosen.cases, told["cases"]
            rates.append(chosen.cases / (told["last"] - told["first"]))
            twice += sum(calls > 1 for calls in told["by_case"].values())
            most.append(told["most_at_once"])
        share_back = share_back_s(url)
    return {
        "cases": chosen.cases,
        "latency": chosen.latency,
        "per_worker": chosen.per_worker,
        "one_per_s": round(rates[0], 1),
        "three_per_s": round(rates[1], 1),
        "growth": round(rates[1] / rates[0], 2),
        "handled_twice": twice,
        "most_at_once": most,
        "share_back_s": round(share_back, 1),
    }


@contextmanager
def pool(home: Path, url: str, many: int) -> Iterator[None]:
    """Keep so many workers of the work pool `fulcrum` running, each for one run at a time."""
    from deployments.stack import Worker
    from fulcrum.settings import settings

    class Named(Worker):
        """A worker with a name of its own, as it would have on a machine of its own."""

        def arguments(self) -> Sequence[str]:
            given = list(super().arguments())
            given[given.index("--name") + 1] = self.log.stem
            return given

    with ExitStack() as stack:
        for number in range(many):
            worker = Named(settings(), url, pool="fulcrum", limit=1)
            worker.log = home / "logs" / f"worker-{many}-{number}.log"
            stack.callback(worker.stop)
            worker.start()
        yield


def _run(url: str, source: Path, many: int) -> None:
    """Start a run for each worker and wait until all are done."""
    from prefect.client.orchestration import get_client
    from prefect.settings import temporary_settings

    options = {"model": ENDPOINT, "batch_size": 200}
    with temporary_settings({"api.url": url}), get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("invoice-intake/invoice-intake").id
        parameters = {"source": str(source), "options": options}
        runs = [client.create_flow_run_from_deployment(deployment, parameters=parameters).id for _ in range(many)]
        while not all((state := client.read_flow_run(run).state) and state.is_final() for run in runs):
            time.sleep(1)
        ended = [client.read_flow_run(run).state for run in runs]
        assert all(state is not None and state.is_completed() for state in ended), ended


def share_back_s(url: str) -> float:
    """Kill a process that holds all places of an endpoint; give the seconds until another can hold them."""
    from prefect.client.orchestration import get_client
    from prefect.settings import temporary_settings

    from deployments.stack.environment import child_environment
    from fulcrum.settings import settings
    from tasks.slots import Holding

    command = [sys.executable, "-c", HOLDER, "benchmark-killed"]
    environment = child_environment(settings(), url)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "32"
        holder.kill()
    killed = time.monotonic()
    with temporary_settings({"api.url": url}), get_client(sync_client=True) as client:
        holding = Holding(client, "benchmark-killed", 32)
        while holding.slots < holding.limit:
            time.sleep(1)
            holding.grow(holding.limit)
        back = time.monotonic() - killed
        holding.shrink(0)
    return back


if __name__ == "__main__":
    main()
