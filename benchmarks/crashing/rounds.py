"""The course of a crash test: runs that are started, struck while they are at work, and followed by the next."""

from __future__ import annotations

import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.crashing.stand import Run, Stand, wait_for
from benchmarks.crashing.strikes import STRIKES
from benchmarks.crashing.tally import Tally
from benchmarks.loopback import model_server

WORKING = 2.5
"""A strike falls so many seconds after a model call at most."""
FURTHER = 20
"""Messages that arrive when a run has nothing to do before it could be struck."""


@dataclass
class Rounds:
    """The runs of one crash test, of which one is at work at a time."""

    stand: Stand
    tally: Tally
    draw: random.Random
    struck: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)
    _run: Run | None = None
    _by: str = "undisturbed"
    _ended: list[tuple[str, Run]] = field(default_factory=list)

    def strike(self, kind: str, until: int) -> None:
        """Strike the run that is at work, or the next one, over so many messages in all."""
        while True:
            run = self._at_work(until)
            time.sleep(self.draw.uniform(0, WORKING))
            if run.alive():
                break
        self._say(f"{kind} strikes")
        self.tally.strike()
        STRIKES[kind](self.stand, run, self.draw)
        # Counted again: until the strike falls, the run goes on asking.
        self.tally.strike()
        self.struck[kind] += 1
        self._by = kind

    def finish(self, until: int) -> None:
        """Let the run at work end, and then one over everything that ever arrived; nobody disturbs them."""
        self._let_end()
        self._arrive(until)
        self._start(str(self.stand.inbox.folder))
        self._let_end()

    def states(self) -> dict[str, dict[str, int]]:
        """Count by the last strike on a run how it stands at the server, with its error."""
        found: dict[str, Counter[str]] = {}
        for kind, run in self._ended:
            found.setdefault(kind, Counter())[_named(self.stand.state(run))] += 1
        return {kind: dict(states) for kind, states in found.items()}

    def _at_work(self, until: int) -> Run:
        """Find a run that has just asked the model, a new one unless one lives."""
        while True:
            if self._run is None or not self._run.alive():
                self._over()
                self._start(self._arrive(until))
            run = self._run
            assert run is not None
            before = model_server.counts(self.stand.model)["calls"]
            wait_for(lambda: model_server.counts(self.stand.model)["calls"] > before or not run.alive())  # noqa: B023
            if run.alive():
                return run

    def _arrive(self, until: int) -> str:
        missing = until - self.stand.inbox.arrived
        return self.stand.inbox.arrive(missing if missing > 0 else FURTHER)

    def _start(self, source: str) -> None:
        self._run = self.stand.start_run(source)
        self._by = "undisturbed"
        self._say("a run starts")

    def _let_end(self) -> None:
        run = self._run
        if run is not None:
            wait_for(lambda: not run.alive(), seconds=600)
        self._over()

    def _over(self) -> None:
        if self._run is not None:
            self.tally.run_is_over()
            self._ended.append((self._by, self._run))
            self._say(f"its run is over: {_named(self.stand.state(self._run))}")
        self._run = None

    def _say(self, line: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {line}", file=sys.stderr, flush=True)


def _named(state: str) -> str:
    """Shorten a state to its name and the error's class."""
    name, _, message = state.partition(": ")
    kind = re.search(r"\b[A-Z]\w*(?:Error|Exception|Unavailable|Lost|NotShown|Failed|Failure)\b", message)
    return f"{name}: {kind[0]}" if kind else name
