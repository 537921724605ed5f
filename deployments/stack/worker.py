"""A local Prefect worker: takes the runs of one work pool, each in a process of its own or in the worker's."""

from __future__ import annotations

import os
from collections.abc import Sequence

from deployments.stack.child import Child
from fulcrum.settings import Settings

REVIEW_DESK = "review-desk"
"""The type of the worker that runs reviews within its own process (deployments/review_worker.py)."""


class Worker(Child):
    """A Prefect worker as a child process of this one; it waits by itself for a server that is away.

    Stopping it stops the runs it started; the cases they held are carried on by the next run.
    """

    def __init__(self, settings: Settings, url: str, *, pool: str, limit: int, kind: str = "process") -> None:
        super().__init__(settings, url, f"worker {pool}")
        self.pool = pool
        self.limit = limit
        self.kind = kind

    def environment(self) -> dict[str, str]:
        """Make its environment; the worker of the reviews keeps its own pace."""
        variables = super().environment()
        if self.kind == REVIEW_DESK:
            variables.pop("PREFECT_WORKER_QUERY_SECONDS", None)
        return variables

    def arguments(self) -> Sequence[str]:
        """Take at most `limit` runs of the pool at once, and never install a package for it."""
        name = f"{self.pool}-{os.getpid()}"
        pool = ("--pool", self.pool, "--type", self.kind, "--name", name, "--limit", str(self.limit))
        return "worker", "start", *pool, "--install-policy", "never"


def workers(settings: Settings, url: str) -> list[Worker]:
    """Make the workers of the local stack, one a pool, not yet started."""
    return [
        Worker(settings, url, pool="fulcrum", limit=settings.runs_at_once),
        Worker(settings, url, pool="reviews", limit=settings.reviews_at_once, kind=REVIEW_DESK),
    ]
