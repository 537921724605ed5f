"""What volume does to a run: time and memory, tenth by tenth, of one Fulcrum run over many invoices.

The run is a process of its own on a Prefect server of its own, in an empty home: intake, both gates, routing, delivery,
events and metrics, as in benchmarks/throughput.py. Its documents clear, so what is measured is the run and not the
making of reviews. How far it is comes from the model server, so nothing but the run reads its ledger. Last line: one
JSON object.

`seconds`, `cpu_s`, `rss_mb`: of each tenth of the cases, by the answers given: wall time, CPU seconds of the run's
process, its resident memory at the tenth's end. `first_to_last`, `cpu_first_to_last`: the last tenth's to the first's.
`yardstick_ms`: what a fixed piece of work took meanwhile, in the mean; `steady_first_to_last`: the CPU seconds measured
by it, the last tenth's to the first's, so that a machine that is shared with others does not count.
`memory_growth_mb`: from the end of the first tenth to the end of the last. `intake_s`: from the process's start to the
first answer. `end_s`, `end_growth_mb`: from the last answer to the process's end, and what memory the report takes on
top of the most before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contenders.work import command, configure
from benchmarks.loopback.home import ROOT, own_home, postgres_database
from benchmarks.loopback.meter import Meter
from benchmarks.loopback.model_server import answered, model_server
from benchmarks.loopback.yardstick import yardstick
from benchmarks.throughput import write

TENTHS = 10
LOOK = 0.25
"""Seconds between two looks at how far the run is."""


@dataclass
class Course:
    """How a run went: the moment, CPU seconds and resident MB at the start of the first tenth and at each end."""

    began: float = field(default_factory=time.time)
    ended: float = 0.0
    marks: list[tuple[float, float, float]] = field(default_factory=list)
    paces: list[list[float]] = field(default_factory=lambda: [[]])
    """What the yardstick took, tenth by tenth, the intake's first."""
    most_mb: float = 0.0
    """The most memory until the last answer."""
    peak_mb: float = 0.0

    @property
    def first_to_last(self) -> float:
        """Say how many times as long as the first tenth the last one takes."""
        return self.of_tenths(0)[-1] / self.of_tenths(0)[0]

    @property
    def cpu_first_to_last(self) -> float:
        """Say how many times as much CPU as the first tenth the last one takes."""
        return self.of_tenths(1)[-1] / self.of_tenths(1)[0]

    @property
    def yardsticks(self) -> list[float]:
        """Give the yardstick's mean seconds in each tenth."""
        return [sum(paces) / len(paces) for paces in self.paces[1 : TENTHS + 1]]

    @property
    def steady_first_to_last(self) -> float:
        """Say how many times as much work the last tenth is as the first, whatever the machine did besides."""
        work = [cpu / pace for cpu, pace in zip(self.of_tenths(1), self.yardsticks, strict=True)]
        return work[-1] / work[0]

    def of_tenths(self, part: int) -> list[float]:
        """Give what each tenth took: of the moments (0) or of the CPU seconds (1)."""
        return [later[part] - earlier[part] for earlier, later in zip(self.marks, self.marks[1:], strict=False)]


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="a multiple of ten")
    parser.add_argument("--ledger", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--latency", type=float, default=0.01, help="seconds that the model takes")
    parser.add_argument("--concurrency", type=int, default=64, help="calls at once")
    chosen = parser.parse_args()
    with own_home() as home, ExitStack() as stack:
        if chosen.ledger == "postgresql":
            os.environ["FULCRUM_LEDGER_URL"] = stack.enter_context(postgres_database())
        course = measure(home, stack.enter_context(model_server(chosen.latency)), chosen)
    print(json.dumps(figures(chosen, course)))


def measure(home: Path, address: str, chosen: argparse.Namespace) -> Course:
    """Run it on a Prefect server of its own."""
    from deployments.stack import api, running

    source = home / "documents.jsonl"
    write(source, chosen.cases, "volume", 0)
    with api():
        configure(address, concurrency=chosen.concurrency)
        record = running()
        assert record is not None
        return _run(source, record.url, address, chosen)


def _run(source: Path, url: str, address: str, chosen: argparse.Namespace) -> Course:
    from deployments.stack.environment import child_environment
    from fulcrum.settings import settings

    contender = command("fulcrum_run", source, address, chosen.concurrency, source.parent)
    course = Course()
    with subprocess.Popen(contender, cwd=ROOT, env=child_environment(settings(), url), stdout=subprocess.PIPE) as child:
        try:
            _follow(child, address, chosen.cases, course)
        finally:
            child.terminate()
    assert child.returncode == 0, child.returncode
    return course


def _follow(child: subprocess.Popen[bytes], address: str, cases: int, course: Course) -> None:
    """Look at the run until it ends, and mark where it passes each tenth."""
    meter = Meter(child.pid)
    while child.poll() is None:
        time.sleep(LOOK)
        meter.look()
        course.paces[-1].append(yardstick())
        course.peak_mb = max(course.peak_mb, meter.rss_mb[-1])
        done = answered(address)
        while len(course.marks) <= TENTHS and done and done * TENTHS >= cases * len(course.marks):
            course.marks.append((meter.at[-1], meter.cpu[-1], meter.rss_mb[-1]))
            course.paces.append([yardstick()])
            course.most_mb = course.peak_mb
            _say(course)
    course.ended = time.time()


def _say(course: Course) -> None:
    at, cpu, rss = course.marks[-1]
    print(
        f"{len(course.marks) - 1}/{TENTHS}: {at - course.began:.1f} s, CPU {cpu:.1f} s, {rss:.0f} MB", file=sys.stderr
    )


def figures(chosen: argparse.Namespace, course: Course) -> dict[str, Any]:
    """Compare the last tenth with the first."""
    assert len(course.marks) == TENTHS + 1, course.marks
    whole = course.marks[-1][0] - course.marks[0][0]
    return {
        "cases": chosen.cases,
        "ledger": chosen.ledger,
        "latency": chosen.latency,
        "concurrency": chosen.concurrency,
        "seconds": [round(each, 1) for each in course.of_tenths(0)],
        "cpu_s": [round(each, 1) for each in course.of_tenths(1)],
        "rss_mb": [round(rss) for _, _, rss in course.marks[1:]],
        "cases_per_s": round(chosen.cases / whole, 1),
        "first_to_last": round(course.first_to_last, 3),
        "cpu_first_to_last": round(course.cpu_first_to_last, 3),
        "yardstick_ms": [round(1000 * each, 2) for each in course.yardsticks],
        "steady_first_to_last": round(course.steady_first_to_last, 3),
        "memory_growth_mb": round(course.marks[-1][2] - course.marks[1][2], 1),
        "intake_s": round(course.marks[0][0] - course.began, 1),
        "end_s": round(course.ended - course.marks[-1][0], 1),
        "end_growth_mb": round(course.peak_mb - course.most_mb, 1),
    }


if __name__ == "__main__":
    main()
