"""The stack for the length of one command: an API and, unless they run already, the workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from deployments.stack.connection import api, running
from deployments.stack.server import ui_url
from deployments.stack.watch import Say
from deployments.stack.worker import Worker, workers
from fulcrum.settings import Settings
from fulcrum.settings import settings as read_settings


@dataclass(frozen=True)
class LocalStack:
    """What a command has at hand: an API with workers, and which of these are its own and end with it."""

    url: str
    workers: tuple[Worker, ...]
    lasting: bool
    """True when the stack was there before and stays: an `up`, or a server that PREFECT_API_URL names."""

    @property
    def ui(self) -> str:
        """Give the UI's address."""
        return ui_url(self.url)


@contextmanager
def local_stack(settings: Settings | None = None, *, say: Say = lambda _line: None) -> Iterator[LocalStack]:
    """Yield a stack that runs deployments: the one that `up` keeps on this home, else one that ends with the block."""
    chosen = settings or read_settings()
    with ExitStack() as stack:
        url = stack.enter_context(api(chosen, say=say))
        found = running(chosen)
        # A server that this home does not know was named by PREFECT_API_URL; it has its own workers.
        lasting = found is None or found.lasting
        started = () if lasting else tuple(workers(chosen, url))
        for worker in started:
            stack.callback(worker.stop)
            worker.start()
        yield LocalStack(url, started, lasting)
