"""The stack in the foreground: server, desk and workers, watched and started again, until the terminal says stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from types import FrameType

from deployments.stack.child import Child
from deployments.stack.connection import record_of
from deployments.stack.desk import Desk
from deployments.stack.environment import QUIET, applied, stack_variables
from deployments.stack.processes import free_port
from deployments.stack.record import Home
from deployments.stack.server import Server, ui_url
from deployments.stack.watch import Say, Watched
from deployments.stack.worker import Worker, workers
from fulcrum.errors import StackError
from fulcrum.settings import Settings
from fulcrum.settings import settings as read_settings

SILENCE = timedelta(minutes=15)
"""How long no sign of life may come before that is told."""

LOOK = 0.5
"""Seconds between two looks at the children."""


def up(settings: Settings | None = None, *, say: Say = print, allow_draft: bool = False) -> None:
    """Run the stack until Ctrl-C, SIGTERM or SIGHUP, then stop every process of it. A second one says so and returns.

    Raises StackError when the port is taken or the server does not start.
    """
    chosen = settings or read_settings()
    home = Home(chosen.home)
    with _until_signalled(say), ExitStack() as stack:
        own = _own_server(chosen, home, stack, say, allow_draft=allow_draft)
        if own is None:
            return
        server, desk = own
        _receive_alerts(chosen, stack, say)
        started = workers(chosen, server.url)
        for worker in started:
            stack.callback(worker.stop)
            worker.start()
        _introduce(chosen, server, desk, started, say)
        _watch(home, server, desk, started, say)


def _own_server(
    settings: Settings, home: Home, stack: ExitStack, say: Say, *, allow_draft: bool
) -> tuple[Server, Desk | None] | None:
    """Start and bootstrap the home's server, and its help desk where that starts; None when another `up` has one.

    Waits while a run has a temporary one.
    """
    waited = False
    while True:
        with home.deciding():
            found = home.read()
            if found is None:
                return _start(settings, home, stack, say, allow_draft=allow_draft)
        if found.lasting:
            say(f"The stack already runs here (process {found.owner}): {ui_url(found.url)}")
            return None
        if not waited:
            say(f"Waiting for the command that uses a server of its own here (process {found.owner})")
            waited = True
        time.sleep(LOOK)


def _start(
    settings: Settings, home: Home, stack: ExitStack, say: Say, *, allow_draft: bool
) -> tuple[Server, Desk | None]:
    server, desk = Server(settings, settings.port or free_port(0)), Desk(settings)
    say("Starting the Prefect server")
    stack.callback(home.clear)
    stack.callback(server.stop)
    server.start()
    stack.callback(desk.stop)
    desk.start()
    stack.enter_context(applied({**stack_variables(settings, server.url), **QUIET}))
    from deployments.bootstrap import bootstrap, summary  # noqa: PLC0415 - imports prefect, while the server starts

    server.wait()
    address = desk.opened(say)
    for line in summary(bootstrap(server.url, settings, desk=address, allow_draft=allow_draft)):
        say(f"  {line}")
    home.write(record_of(server, lasting=True, desk=address))
    return server, desk if address else None


def _receive_alerts(settings: Settings, stack: ExitStack, say: Say) -> None:
    """Show alerts in this terminal, and let the workers' signs of life come here; where the port is taken, say so."""
    from deployments.listener import HOST, receiving  # noqa: PLC0415 - it brings the web server

    port = settings.alerts_port
    if not port:
        return
    try:
        stack.enter_context(receiving(settings.home / "alerts.jsonl", port, SILENCE, say))
    except StackError as error:
        say(str(error))
        return
    if settings.heartbeat_url is None:
        stack.enter_context(applied({"FULCRUM_HEARTBEAT_URL": f"http://{HOST}:{port}/heartbeat"}))


def _introduce(settings: Settings, server: Server, desk: Desk | None, started: list[Worker], say: Say) -> None:
    from fulcrum.ledger.store import shown  # noqa: PLC0415 - SQLAlchemy

    ui = ui_url(server.url)
    say(f"Review queue           {ui}/runs?state=Suspended")
    say(f"Runs and all else      {ui}  (newer UI: /v2)")
    if desk is not None:
        say(f"Help desk (sample)     {desk.url}")
    for worker in started:
        say(f"Worker                 pool {worker.pool}, up to {worker.limit} runs at once")
    say(f"Ledger                 {shown(settings.ledger_url)}")
    say(f"Logs                   {settings.logs}")
    say("Ctrl-C stops all of it.")


def _watch(home: Home, server: Server, desk: Desk | None, started: list[Worker], say: Say) -> None:
    """Look after the children for good. A server that was started again is recorded as the new process it is."""
    children: list[Child] = [server, *([desk] if desk else []), *started]
    watched = [Watched(child) for child in children]
    while True:
        time.sleep(LOOK)
        for one in watched:
            if one.look(say) and one.child is server:
                with suppress(StackError), home.deciding():
                    server.wait()
                    home.write(record_of(server, lasting=True, desk=desk.url if desk else None))


@contextmanager
def _until_signalled(say: Say) -> Iterator[None]:
    """Leave the block at the first Ctrl-C, SIGTERM or SIGHUP; later ones do not disturb the stopping."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def leave(_number: int, _frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        say("Stopping")
        raise KeyboardInterrupt

    before = {each: signal.signal(each, leave) for each in signals}
    try:
        yield
    except KeyboardInterrupt:
        say("Stopped")
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
