"""A local Prefect worker: takes the runs of one work pool, each in a process of its own or in the worker's."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import ClassVar

from deployments.stack.child import Child
from fulcrum.settings import Settings


class Worker(Child):
    """A Prefect worker as a child process of this one; it waits by itself for a server that is away.

    Stopping it stops the runs it started; the cases they held are carried on by the next run.
    """

    kind: ClassVar[str] = "process"
    """The worker's type, as `prefect worker start` knows it."""

    def __init__(self, settings: Settings, url: str, *, pool: str, limit: int) -> None:
        super().__init__(settings, url, f"worker {pool}")
        self.pool = pool
        self.limit = limit

    def arguments(self) -> Sequence[str]:
        """Take at most `limit` runs of the pool at once, and never install a package for it."""
        name = f"{self.pool}-{os.getpid()}"
        pool = ("--pool", self.pool, "--type", self.kind, "--name", name, "--limit", str(self.limit))
        return "worker", "start", *pool, "--install-policy", "never"


class ReviewWorker(Worker):
    """The worker that runs reviews within its own process (deployments/review_worker.py)."""

    kind: ClassVar[str] = "review-desk"
    # It starts no process that would outlive it; asked to end without a server, it has been seen to wait for ever.
    orphaned: ClassVar[signal.Signals] = signal.SIGKILL

    def environment(self) -> dict[str, str]:
        """Make its environment, in which it keeps its own pace."""
        variables = super().environment()
        variables.pop("PREFECT_WORKER_QUERY_SECONDS", None)
        return variables


def workers(settings: Settings, url: str) -> list[Worker]:
    """Make the workers of the local stack, one a pool, not yet started."""
    return [
        Worker(settings, url, pool="fulcrum", limit=settings.runs_at_once),
        ReviewWorker(settings, url, pool="reviews", limit=settings.reviews_at_once),
    ]
