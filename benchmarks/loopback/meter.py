"""What processes use: their CPU and memory over time, read from /proc (Linux), so that a stretch can be cut out."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tasks.meanwhile import meanwhile

TICK = os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
EVERY = 0.1
"""Seconds between two looks."""
QUIET = 3.0
"""Seconds without work after which a process counts as idle."""


@dataclass
class Meter:
    """One process's CPU seconds and resident memory, looked at ten times a second; its children count as its own."""

    pid: int
    at: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Take one sample; a process that is gone adds none."""
        try:
            cpu, rss = zip(*(_read(pid) for pid in (self.pid, *_children(self.pid))), strict=True)
        except OSError:
            return
        self.at.append(time.time())
        self.cpu.append(sum(cpu))
        self.rss_mb.append(sum(rss))

    def cpu_between(self, first: float, last: float) -> float:
        """Give the CPU seconds used between two moments of the epoch."""
        return self._cpu_at(last) - self._cpu_at(first)

    @property
    def peak_mb(self) -> float:
        """Give the most resident memory seen."""
        return max(self.rss_mb, default=0.0)

    def _cpu_at(self, moment: float) -> float:
        return self.cpu[min(bisect_left(self.at, moment), len(self.at) - 1)]


@contextmanager
def metered(*pids: int) -> Iterator[Sequence[Meter]]:
    """Look at processes for as long as the block goes on."""
    meters = [Meter(pid) for pid in pids]

    def look() -> None:
        for meter in meters:
            meter.look()

    look()
    try:
        with meanwhile(look, every=EVERY, name="meter"):
            yield meters
    finally:
        look()


def idle_again(pid: int, idle: float, *, patience: float = 120.0) -> float:
    """Wait until a process uses no more CPU than when idle (a share of one core, and 5% more); give that moment."""
    end = time.time() + patience
    quiet_since = time.time()
    before = _cpu(pid)
    while time.time() < end and time.time() - quiet_since < QUIET:
        time.sleep(0.5)
        now = _cpu(pid)
        if now - before > 0.5 * (idle + 0.05):
            quiet_since = time.time()
        before = now
    return quiet_since


def _cpu(pid: int) -> float:
    return sum(_read(each)[0] for each in (pid, *_children(pid)))


def _read(pid: int) -> tuple[float, float]:
    """Read CPU seconds and resident MB of a process; its waited-for children are in its CPU."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(int(fields[n]) for n in (11, 12, 13, 14)) / TICK, int(fields[21]) * PAGE_MB


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            mine = [int(child) for child in task.read_text(encoding="ascii").split()]
        except OSError:
            continue
        found += [*mine, *(grand for child in mine for grand in _children(child))]
    return found
