"""A run of a process: what it works with, and what it still has to do."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from threading import Thread
from time import monotonic
from typing import Annotated, Any, TypeVar
from uuid import uuid4

from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from blocks import Target, load_endpoint
from fulcrum.ai.budget import Budget
from fulcrum.cases import Batch
from fulcrum.ledger import Ledger
from fulcrum.metrics import Point
from fulcrum.process import GateContext, Process
from fulcrum.report import RunReport, Standing
from tasks.targets import load_targets

T = TypeVar("T")


AS_NUMBER = WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]})
"""How a form asks for an amount that may be left out: as one number, not as a choice of types."""


class RunOptions(BaseModel):
    """What an operator may choose for one run."""

    model_config = ConfigDict(frozen=True)

    limit: int | None = Field(default=None, ge=1, description="Take in at most so many new cases.")
    max_cost: Annotated[Decimal | None, AS_NUMBER] = Field(
        default=None,
        ge=0,
        description="Spend at most so much on AI, in the endpoint's currency; the rest goes to people.",
    )
    model: str | None = Field(default=None, description="Name of another model-endpoint block than the process's own.")
    batch_size: int = Field(default=500, ge=1, le=5000, description="Cases a task works on at once.")


class ProcessRun:
    """One run at work. Not a dataclass: Prefect would walk through it at every task call."""

    def __init__(self, process: Process, options: RunOptions, ledger: Ledger, imports: Thread) -> None:
        self.process = process
        self.options = options
        self.ledger = ledger
        self.endpoint = load_endpoint(options.model or process.model)
        self.run_id = str(flow_run.id or uuid4())
        self.standing = _standing(ledger, process)
        self.loaded: Any = process.context()
        self.targets: dict[str, Target] = load_targets(process)
        self.budget = Budget(options.max_cost, ledger.runs.spent(self.run_id))
        self.imports = imports
        self.duplicates = 0
        self.changed_duplicates = 0
        self.began = monotonic()
        self.report: RunReport | None = None
        """The run's report, once it has been measured."""
        self.points: Sequence[Point] = ()
        """Its figures as they are given out."""
        self._first_look = True

    @property
    def result(self) -> RunReport:
        """Give the report of a run that has ended."""
        assert self.report is not None  # noqa: S101 - `process_run` measures before it ends
        return self.report

    def gate_context(self, taken: dict[str, str] | None = None) -> GateContext:
        """Give a gate what it checks against, as of today; by then its library is imported.

        Two threads that import Great Expectations at once break each other (a circular import half done).
        """
        self.imports.join()
        today = self.ledger.store.now().date()
        return GateContext(loaded=self.loaded, today=today, taken=taken or {}, catalogues=self.process.options)

    def has_work(self) -> bool:
        """Tell whether cases may be open; from the second time on only after what other runs held has lapsed."""
        if self._first_look:
            self._first_look = False
            return True
        return self._lapsed_elsewhere()

    def open_batches(self) -> Iterator[Batch]:
        """Claim open cases, the oldest first, until none is free."""
        while batch := self.ledger.leases.claim(self.process.name, self.run_id, self.options.batch_size):
            yield batch

    def _lapsed_elsewhere(self) -> bool:
        """Wait until each lease that others hold was renewed (they live) or has ended; tell whether one has lapsed."""
        seen = self.ledger.leases.held_elsewhere(self.process.name, self.run_id)
        lapsed = False
        if seen:
            get_run_logger().info("Waiting up to a minute for cases that another run holds")
        while seen:
            time.sleep(1.0)
            now_held = self.ledger.leases.held_elsewhere(self.process.name, self.run_id)
            now = self.ledger.store.now()
            lapsed = lapsed or any(until <= now for token, until in seen.items() if token not in now_held)
            seen = {token: until for token, until in seen.items() if now_held.get(token) == until}
        return lapsed


def ahead(futures: Iterable[PrefectFuture[T]], *, batches: int = 1) -> Iterator[T]:
    """Give results in order while up to `batches` further ones are under way.

    When making the next future fails, what is under way is finished first.
    """
    waiting: deque[PrefectFuture[T]] = deque()
    stream = iter(futures)
    failure: Exception | None = None
    while failure is None:
        try:
            waiting.append(next(stream))
        except StopIteration:
            break
        except Exception as error:  # noqa: BLE001 - raised again below, after what is under way
            failure = error
        if len(waiting) > batches:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
    if failure is not None:
        raise failure


def _standing(ledger: Ledger, process: Process) -> Standing:
    """Find what the process may do alone; the first run writes down what its definition says."""
    standing = ledger.runs.standing(process.name)
    if standing is None:
        defined = Standing(process.autonomy, process.review.threshold)
        why = "as the process is defined"
        standing = ledger.runs.first_standing(process.name, defined, by=process.owner.name, reason=why)
    return Standing(process.capped(standing.autonomy), standing.threshold)
