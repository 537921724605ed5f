"""What an operator waits for: a command's start, and a run's way to its first model call. One line of JSON.

Each figure is the median of processes of their own, in a home whose ledger has some cases. `X_s` is `fulcrum X`.
`first_call_s`: from the start of a run's process to its first question at a model server, with the Prefect server and
the blocks already there. `gx_pandas_import_s`: a process that imports Great Expectations and pandas and does nothing
else. `overhead_s`: the difference of the two, turn by turn. `imports`: a process that imports one library (Great
Expectations with the pandas that it imports), less Python's own start. `cpu`: all these in seconds of CPU, which other
work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contenders.work import command, configure
from benchmarks.loopback.home import ROOT, own_home
from benchmarks.loopback.meter import metered
from benchmarks.loopback.model_server import counts, model_server, reset
from benchmarks.throughput import write

PROCESS = "invoice-intake"
COMMANDS = {
    "help": ["--help"],
    "version": ["--version"],
    "cases": ["cases", PROCESS],
    "reviews": ["reviews"],
}
LIBRARIES = {
    "pandas": "pandas",
    "prefect": "prefect.flows",
    "openai": "openai",
    "sqlalchemy": "sqlalchemy.orm",
    "sklearn": "sklearn.feature_extraction.text",
}
"""What else takes long to import, and the module of it that is used."""


class Taken(NamedTuple):
    """What something took, in seconds: by the clock, and of CPU."""

    wall: float
    cpu: float


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="how often each is measured")
    parser.add_argument("--documents", type=int, default=5, help="documents of a run")
    chosen = parser.parse_args()
    with own_home() as home:
        with model_server(latency=0.05) as address:
            taken = first_calls(home, address, chosen.times, chosen.documents)
        taken |= {name: several(chosen.times, _fulcrum, *arguments) for name, arguments in COMMANDS.items()}
    bare = several(chosen.times, _python, "pass")
    alone = {name: _python(f"import {module}") for name, module in LIBRARIES.items()}
    imports = {"great_expectations": taken["gx_pandas_import"], **alone}
    print(json.dumps(figures(taken, bare, imports)))


def first_calls(home: Path, address: str, times: int, documents: int) -> dict[str, Taken]:
    """Run the process several times on one Prefect server, in turns with the imports that are no overhead."""
    from deployments.stack import api
    from deployments.stack.environment import child_environment
    from fulcrum.settings import settings

    with api() as url:
        configure(address)
        environment = child_environment(settings(), url)
        runs, imports = [], []
        for number in range(times):
            source = home / f"{number}.jsonl"
            write(source, documents, "run", number)
            runs.append(_first_call(source, address, environment))
            imports.append(_python("import great_expectations, pandas"))
    # Of each turn, because a machine that others use is slower in one than in the next.
    overheads = [Taken(a.wall - b.wall, a.cpu - b.cpu) for a, b in zip(runs, imports, strict=True)]
    return {"first_call": _median(runs), "gx_pandas_import": _median(imports), "overhead": _median(overheads)}


def _first_call(source: Path, address: str, environment: Mapping[str, str]) -> Taken:
    reset(address)
    contender = command("fulcrum_run", source, address, 8, source.parent)
    began = time.time()
    child = subprocess.Popen(contender, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    with child, metered(child.pid) as (meter,):
        assert child.wait() == 0
    first: float = counts(address)["first"]
    return Taken(first - began, meter.cpu_between(began, first))


def several(times: int, measure: Callable[..., Taken], *arguments: str) -> Taken:
    """Measure something several times; give the medians."""
    return _median([measure(*arguments) for _ in range(times)])


def _median(taken: Sequence[Taken]) -> Taken:
    return Taken(statistics.median(each.wall for each in taken), statistics.median(each.cpu for each in taken))


def _fulcrum(*arguments: str) -> Taken:
    return _process(str(Path(sys.executable).with_name("fulcrum")), *arguments)


def _python(code: str) -> Taken:
    return _process(sys.executable, "-c", code)


def _process(*command: str) -> Taken:
    before, began = _children(), time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return Taken(time.perf_counter() - began, _children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def figures(taken: Mapping[str, Taken], bare: Taken, imports: Mapping[str, Taken]) -> dict[str, Any]:
    """Name what was measured, in seconds."""
    return {**_told(taken, bare, imports, "wall"), "cpu": _told(taken, bare, imports, "cpu")}


def _told(taken: Mapping[str, Taken], bare: Taken, imports: Mapping[str, Taken], kind: str) -> dict[str, Any]:
    seconds = {f"{name}_s": round(getattr(each, kind), 2) for name, each in taken.items()}
    own = {name: round(getattr(each, kind) - getattr(bare, kind), 2) for name, each in imports.items()}
    return {**seconds, "imports": own}


if __name__ == "__main__":
    main()
