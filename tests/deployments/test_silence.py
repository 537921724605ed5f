"""Silence, told from outside: the real review desk's clock beats, and its database and its server are taken away."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from deployments.listener import receiving
from deployments.stack import ReviewWorker
from deployments.stack.processes import HOST, free_port
from fulcrum.settings import Settings
from tests.loopback import wait_for
from tests.own_server import server_of_its_own

SILENCE = timedelta(seconds=15)
DATABASE = (HOST, 5432)


class Line:
    """The way to the database: a port of this machine that leads there until it is cut."""

    def __init__(self) -> None:
        self.port = free_port(0)
        self._listening: socket.socket | None = None
        self._open: list[socket.socket] = []

    def join(self) -> None:
        """Lead to the database from now on."""
        self._listening = socket.create_server((HOST, self.port))
        Thread(target=self._serve, args=[self._listening], daemon=True).start()

    def cut(self) -> None:
        """Lead nowhere, as a database that is gone."""
        assert self._listening is not None
        for each in (self._listening, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                here, _ = listening.accept()
                there = socket.create_connection(DATABASE)
            except OSError:
                return
            self._open += [here, there]
            for source, target in ((here, there), (there, here)):
                Thread(target=_carry, args=[source, target], daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def clock(client: Any) -> Iterator[None]:
    """Start the review desk's clock every two seconds, as its schedule does every five minutes."""
    from httpx import HTTPError
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    ended = Event()
    deployment = client.read_deployment_by_name("review-desk/review-desk")

    def tick() -> None:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            while not ended.wait(2):
                # A server that is gone starts nothing, as none of its schedules does.
                with suppress(HTTPError):
                    client.create_flow_run_from_deployment(deployment.id)

    thread = Thread(target=tick)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.fixture
def line() -> Iterator[Line]:
    found = Line()
    found.join()
    yield found
    found.cut()


def test_a_silence_is_told_when_the_database_and_when_the_server_is_gone(
    make_home: Callable[[Path], Path],
    tmp_path: Path,
    postgres_database: str,
    line: Line,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once each, and that it is over once the database is back; nothing within them could have said so."""
    from prefect.client.orchestration import get_client

    from deployments.bootstrap import bootstrap

    kept, port = tmp_path / "alerts.jsonl", free_port(0)
    monkeypatch.setenv("FULCRUM_HEARTBEAT_URL", f"http://{HOST}:{port}/heartbeat")
    ledger = postgres_database.replace(":5432/", f":{line.port}/") + "?connect_timeout=3"
    settings = Settings(home=make_home(tmp_path / "home"), ledger_url=ledger)

    def told(*subjects: str) -> bool:
        lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
        return [json.loads(each)["subject"] for each in lines] == list(subjects)

    silent, over = "[page] Fulcrum is silent", "[over] Fulcrum is silent"
    with server_of_its_own(settings) as server, get_client(sync_client=True) as client:
        bootstrap(server.url, settings)
        worker = ReviewWorker(settings, server.url, pool="reviews", limit=2)
        worker.start()
        try:
            with receiving(kept, port, SILENCE, lambda _: None), clock(client):
                wait_for(lambda: _completed(client))
                assert told()
                line.cut()
                wait_for(lambda: told(silent))
                line.join()
                wait_for(lambda: told(silent, over))
                os.kill(server.pid, signal.SIGKILL)
                wait_for(lambda: told(silent, over, silent))
        finally:
            # Asked to end without a server it would wait for it.
            os.kill(worker.pid, signal.SIGKILL)
            worker.stop()


def _completed(client: Any) -> bool:
    """Tell whether the clock has gone round once, and so has given a sign of life."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["review-desk"])))
    return any(run.state is not None and run.state.is_completed() for run in runs)
