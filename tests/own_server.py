"""A Prefect server that some tests have for themselves: nothing registered on it, or everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deployments.stack import Server
from deployments.stack.connection import hand_over
from deployments.stack.environment import applied, stack_variables
from deployments.stack.processes import free_port
from fulcrum.settings import Settings


@contextmanager
def server_of_its_own(settings: Settings) -> Iterator[Server]:
    """Start one and point this process at it; before it stops it takes what this process still has for it.

    Prefect's thread for events stays with the server of its first event: what followed would wait behind the events of
    a server that is gone. Handed over, the thread ends, and the next event begins one anew.
    """
    hand_over()
    server = Server(settings, free_port(0))
    try:
        server.start()
        server.wait()
        with applied(stack_variables(settings, server.url)):
            yield server
            hand_over()
    finally:
        server.stop()
