"""A server of one route on loopback, for the length of a test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any


def wait_for(condition: Callable[[], Any], seconds: float = 40) -> Any:
    """Wait until a condition holds; return what it found."""
    end = monotonic() + seconds
    while not (found := condition()):
        assert monotonic() < end, "the condition never held"
        sleep(0.01)
    return found


@contextmanager
def completions_at(complete: Callable[[Any], Any]) -> Iterator[int]:
    """Answer chat completions by a function, in a thread; give the free port that it listens on."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route

    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    thread.join(timeout=20)
    assert not thread.is_alive()
