"""This process's way to a Prefect API: the one that is configured, the one that runs here, or one of its own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from deployments.stack.desk import Desk
from deployments.stack.environment import QUIET, applied, client_variables, stack_variables
from deployments.stack.processes import ProcessId, free_port
from deployments.stack.record import Home, Record
from deployments.stack.server import Server
from fulcrum.settings import Settings
from fulcrum.settings import settings as read_settings

HAND_OVER = 10.0
"""Seconds that a command waits at its end for its last events and logs to reach the server."""

SOON = {"PREFECT_API_REQUEST_TIMEOUT": "10", "PREFECT_CLIENT_MAX_RETRIES": "0"}
"""For whoever only wants to know whether a server is there, or to tell it something in passing."""

_POLL = 0.2


@contextmanager
def api(
    settings: Settings | None = None,
    *,
    say: Callable[[str], None] = lambda _line: None,
    bootstrapped: bool = True,
) -> Iterator[str]:
    """Point this process's Prefect at an API, yield its URL, and leave things as they were.

    In this order: the API that PREFECT_API_URL names; the server that already runs on this home; else a temporary
    server, bootstrapped, that is stopped at the end, once no other command uses it. To be entered before anything
    imports prefect, which sets up its logging when it is imported. `say` gets a line where there is a wait.

    Whoever bootstraps, or looks what there would be to do, asks for a temporary server that is not `bootstrapped`:
    until it is stopped no other command finds it, nor starts another.
    """
    chosen = settings or read_settings()
    hand_over()
    with ExitStack() as stack:
        configured = os.environ.get("PREFECT_API_URL")
        if configured:
            stack.enter_context(applied({**client_variables(chosen), **QUIET}))
            yield configured
        else:
            url = _shared(chosen, stack, say) if bootstrapped else _as_it_is(chosen, stack, say)
            stack.enter_context(applied({**stack_variables(chosen, url), **QUIET}))
            stack.callback(hand_over)
            yield url


@contextmanager
def api_there(settings: Settings | None = None) -> Iterator[str | None]:
    """Point this process's Prefect at an API that answers, and yield its URL; None where there is none.

    None is started, and nobody waits for one: it is the API that PREFECT_API_URL names, or the server that runs on this
    home. Like `api`, to be entered before anything imports prefect.
    """
    chosen = settings or read_settings()
    own, url = os.environ.get("PREFECT_API_URL"), configured(chosen)
    if url is None:
        yield None
        return
    hand_over()
    # Prefect makes its own folder in the home, and warns where there is none.
    chosen.home.mkdir(parents=True, exist_ok=True)
    with applied({**(client_variables(chosen) if own else stack_variables(chosen, url)), **QUIET, **SOON}):
        from prefect.client.orchestration import get_client  # noqa: PLC0415 - once it is known which server is meant

        with get_client(sync_client=True) as client:
            there = client.api_healthcheck() is None
        yield url if there else None
        hand_over()


def configured(settings: Settings | None = None) -> str | None:
    """Name the API that a command would talk to without starting one; whether it answers is another question."""
    chosen = settings or read_settings()
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    record = running(chosen) if chosen.home.exists() else None
    return record.url if record else None


def running(settings: Settings | None = None) -> Record | None:
    """Find the server that runs on this home."""
    return Home((settings or read_settings()).home).read()


def record_of(server: Server, *, lasting: bool, desk: str | None) -> Record:
    """Describe a server that this process started, with the address of the help desk beside it."""
    process = ProcessId.of(server.pid)
    return Record(server.url, server.port, process.pid, process.started, os.getpid(), lasting, desk)


def _shared(settings: Settings, stack: ExitStack, say: Callable[[str], None]) -> str:
    """Find the home's server or start one that other commands find as well; return its API's URL."""
    home = Home(settings.home)
    with home.deciding():
        record = home.read()
        user = stack.enter_context(home.using())
        if record is None:
            record = _start(settings, home, stack, user, say)
    return record.url


def _as_it_is(settings: Settings, stack: ExitStack, say: Callable[[str], None]) -> str:
    """Find the home's server or start one on what is registered there already; return its API's URL."""
    home = Home(settings.home)
    with ExitStack() as decided:
        decided.enter_context(home.deciding())
        record = home.read()
        if record is not None:
            stack.enter_context(home.using())
            return record.url
        stack.push(decided.pop_all())
    server = Server(settings, free_port(settings.port))
    say("Starting a Prefect server for this command")
    stack.callback(server.stop)
    server.start()
    server.wait()
    return server.url


def _start(settings: Settings, home: Home, stack: ExitStack, user: IO[bytes], say: Callable[[str], None]) -> Record:
    """Start and bootstrap a temporary server with a help desk, to be stopped when the stack of contexts closes."""
    server, desk = Server(settings, free_port(settings.port)), Desk(settings)
    say("Starting a Prefect server for this run")
    stack.callback(desk.stop)  # after the server, which others may use for longer
    stack.callback(_stop, home, server, user, say)
    server.start()
    desk.start()
    with applied({**stack_variables(settings, server.url), **QUIET}):
        from deployments.bootstrap import bootstrap  # noqa: PLC0415 - imports prefect, while the server starts

        server.wait()
        address = desk.opened(say)
        bootstrap(server.url, settings, desk=address)
    record = record_of(server, lasting=False, desk=address)
    home.write(record)
    return record


def hand_over() -> None:
    """Let Prefect's background threads send what they still hold of this process's states, events and logs.

    They would do it as the interpreter ends, when a temporary server is gone.
    """
    if "prefect.events.worker" in sys.modules:
        from prefect.events.worker import EventsWorker  # noqa: PLC0415 - only where it was imported before
        from prefect.logging.handlers import APILogWorker  # noqa: PLC0415 - the same

        EventsWorker.drain_all(timeout=HAND_OVER)
        APILogWorker.drain_all(timeout=HAND_OVER)


def _stop(home: Home, server: Server, user: IO[bytes], say: Callable[[str], None]) -> None:
    """Stop a temporary server once nobody else uses it; whoever comes meanwhile starts one of their own."""
    said = False
    try:
        while True:
            with home.deciding():
                if server.exit_code is not None or home.alone(user):
                    home.clear()
                    server.stop()
                    return
            if not said:
                say("Another command still uses this Prefect server; it stops when that is done")
                said = True
            time.sleep(_POLL)
    finally:
        server.stop()
