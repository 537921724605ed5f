"""A local Prefect worker: takes the runs of one work pool and gives each a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence

from deployments.stack.child import Child
from fulcrum.settings import Settings


class Worker(Child):
    """A Prefect process worker as a child process of this one; it waits by itself for a server that is away.

    Stopping it stops the runs it started; the cases they held are carried on by the next run.
    """

    def __init__(self, settings: Settings, url: str, *, pool: str, limit: int) -> None:
        super().__init__(settings, url, f"worker {pool}")
        self.pool = pool
        self.limit = limit

    def arguments(self) -> Sequence[str]:
        """Take at most `limit` runs of the pool at once, and never install a package for it."""
        name = f"{self.pool}-{os.getpid()}"
        pool = ("--pool", self.pool, "--type", "process", "--name", name, "--limit", str(self.limit))
        return "worker", "start", *pool, "--install-policy", "never"


def workers(settings: Settings, url: str) -> list[Worker]:
    """Make the workers of the local stack, one a pool, not yet started."""
    return [
        Worker(settings, url, pool="fulcrum", limit=settings.runs_at_once),
        Worker(settings, url, pool="reviews", limit=settings.reviews_at_once),
    ]
