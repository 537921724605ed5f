"""How fast invoices are read: the plain loop, Prefect with a task a case, and a Fulcrum run, side by side.

All three ask the same model server (a process of its own, a fixed latency, so many calls at once) about the same
documents and keep every result durably in SQLite; the Fulcrum run also has its intake, both gates, routing, delivery,
event log, Prefect events and metrics. The documents are ones that clear and that no audit draws. Turns alternate;
figures are medians over `--turns`. Last line: one JSON object.

`_per_s`: cases a second from the first call to the last case done. `_whole_per_s`: of the whole process, imports and
all. `_sustained_per_s`: until the Prefect server is idle again. `efficiency`: Fulcrum's to the plain loop's, in the
loop. `speedup`, `sustained_speedup`: Fulcrum's to Prefect's. `cpu_ms_per_case`: Fulcrum's in the loop, with what the
Prefect server uses beyond its idle use until it is idle again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.contenders.work import command, configure
from benchmarks.loopback.home import ROOT, own_home
from benchmarks.loopback.invoice import invoice
from benchmarks.loopback.meter import idle_again, metered
from benchmarks.loopback.model_server import model_server

SIDES = {"raw": "plain_loop", "prefect_map": "prefect_map", "fulcrum": "fulcrum_run"}


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's figures in one turn; seconds, and CPU seconds beyond the server's idle use."""

    loop: float
    whole: float
    sustained: float
    cpu: float
    server_cpu: float
    peak_mb: float


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds that the model takes")
    parser.add_argument("--concurrency", type=int, default=32, help="calls at once")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    chosen = parser.parse_args()
    with own_home() as home, model_server(chosen.latency) as address:
        turns = measure(home, address, chosen)
    print(json.dumps(figures(chosen, turns)))


def measure(home: Path, address: str, chosen: argparse.Namespace) -> dict[str, list[Turn]]:
    """Let each side have its turns on one Prefect server."""
    from deployments.stack import api, running

    turns: dict[str, list[Turn]] = {side: [] for side in chosen.sides}
    with api():
        configure(address, concurrency=chosen.concurrency)
        record = running()
        assert record is not None
        idle = _idle(record.pid)
        for number, side in itertools.product(range(chosen.turns), chosen.sides):
            source = home / f"{side}-{number}.jsonl"
            write(source, chosen.cases, side, number)
            turns[side].append(_turn(side, source, address, chosen, record, idle))
            print(f"{side}: {asdict(turns[side][-1])}", file=sys.stderr, flush=True)
    return turns


def write(source: Path, cases: int, side: str, turn: int) -> None:
    """Write documents that clear, under ids that no audit draws; their numbers differ from turn to turn."""
    from flows.invoice_intake.process import INVOICE_INTAKE
    from fulcrum.cases import case_id_of
    from fulcrum.routing import draw

    name, version, share = INVOICE_INTAKE.name, INVOICE_INTAKE.sop_version, INVOICE_INTAKE.review.audit_share
    ids = (f"{side}-{turn}-{number}" for number in itertools.count())
    unaudited = (i for i in ids if draw(case_id_of(name, i), version) >= share)
    with source.open("w", encoding="utf-8") as file:
        for number, document in enumerate(itertools.islice(unaudited, cases)):
            text = invoice(f"{turn + 1}{number:07}")
            file.write(json.dumps({"id": document, "text": text}) + "\n")


def _idle(server: int) -> float:
    """Measure the server's CPU share of a core while nobody asks it anything."""
    time.sleep(5)
    with metered(server) as (meter,):
        time.sleep(10)
    return meter.cpu_between(meter.at[0], meter.at[-1]) / (meter.at[-1] - meter.at[0])


def _turn(side: str, source: Path, address: str, chosen: argparse.Namespace, record: Any, idle: float) -> Turn:
    from deployments.stack.environment import child_environment
    from fulcrum.settings import settings

    with tempfile.TemporaryDirectory() as home:
        contender = command(SIDES[side], source, address, chosen.concurrency, Path(home))
        environment = child_environment(settings(), record.url)
        began = time.time()
        # The log goes to the server alone, as from a worker.
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(contender, cwd=ROOT, env=environment, text=True, **streams) as child:
            with metered(child.pid, record.pid) as (mine, server):
                said, _ = child.communicate()
                ended = time.time()
                quiet = max(ended, idle_again(record.pid, idle))
            assert child.returncode == 0, side
    told = json.loads(said.splitlines()[-1])
    served = max(0.0, server.cpu_between(began, quiet) - idle * (quiet - began))
    return Turn(
        loop=told["last"] - told["first"],
        whole=ended - began,
        sustained=max(quiet, told["last"]) - told["first"],
        cpu=mine.cpu_between(told["first"], told["last"]) + served,
        server_cpu=served,
        peak_mb=mine.peak_mb,
    )


def figures(chosen: argparse.Namespace, turns: dict[str, list[Turn]]) -> dict[str, Any]:
    """Take the medians, and compare."""

    def median(side: str, name: str) -> float:
        return statistics.median(getattr(turn, name) for turn in turns[side])

    rates: dict[str, float] = {}
    for side in turns:
        for suffix, name in (("", "loop"), ("_whole", "whole"), ("_sustained", "sustained")):
            rates[f"{side}{suffix}_per_s"] = round(chosen.cases / median(side, name), 1)
    told: dict[str, Any] = {
        "cases": chosen.cases,
        "latency": chosen.latency,
        "concurrency": chosen.concurrency,
        **rates,
    }
    if "fulcrum" in turns:
        told["cpu_ms_per_case"] = round(1000 * median("fulcrum", "cpu") / chosen.cases, 2)
        told["server_cpu_ms_per_case"] = round(1000 * median("fulcrum", "server_cpu") / chosen.cases, 2)
        told["peak_rss_mb"] = round(median("fulcrum", "peak_mb"))
        if "raw" in turns:
            told["efficiency"] = round(rates["fulcrum_per_s"] / rates["raw_per_s"], 3)
        if "prefect_map" in turns:
            told["speedup"] = round(rates["fulcrum_per_s"] / rates["prefect_map_per_s"], 2)
            sustained = rates["fulcrum_sustained_per_s"] / rates["prefect_map_sustained_per_s"]
            told["sustained_speedup"] = round(sustained, 2)
    if "raw" in turns:
        told["raw_cpu_ms_per_case"] = round(1000 * median("raw", "cpu") / chosen.cases, 2)
    return told


if __name__ == "__main__":
    main()
