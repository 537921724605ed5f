"""The local Prefect server: its API and UI on one port of this machine, its database in the home."""

from __future__ import annotations

import signal
import time
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar

from deployments.stack.child import Child
from deployments.stack.processes import HOST, is_free, listener
from fulcrum.errors import StackError
from fulcrum.settings import Settings

PATIENCE = 120.0
"""Seconds a server may take to answer: its first start migrates its database, perhaps on a slow disk beside others."""

_POLL = 0.1


def api_url(port: int) -> str:
    """Give the API's URL of a server on a port of this machine."""
    return f"http://{HOST}:{port}/api"


def ui_url(url: str) -> str:
    """Give the UI's address of the server at an API URL."""
    return url.removesuffix("/api")


def answers(url: str, seconds: float = 2.0) -> bool:
    """Tell whether a Prefect server at an API URL says that it is well."""
    # A proxy that the environment names is not asked for an address of this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=seconds) as response:
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False


class Server(Child):
    """A Prefect server as a child process of this one."""

    module: ClassVar[str] = "deployments.stack.prefect_server"
    # Asked to end, a server first waits for its open connections; as an orphan it has none worth waiting for.
    orphaned: ClassVar[signal.Signals] = signal.SIGKILL
    patience: ClassVar[float] = 5.0

    def __init__(self, settings: Settings, port: int) -> None:
        super().__init__(settings, api_url(port), "server")
        self.port = port

    def arguments(self) -> Sequence[str]:
        """Serve this machine alone."""
        return "server", "start", "--host", HOST, "--port", str(self.port)

    def start(self) -> None:
        """Start it and return at once; raises StackError when the port is taken."""
        if not is_free(self.port):
            holder = listener(self.port) or "another process"
            raise StackError(
                problem=f"Port {self.port} is taken by {holder}.",
                remedy="Stop that process, or choose another port: FULCRUM_PORT=4201",
            )
        (self._settings.home / "prefect").mkdir(parents=True, exist_ok=True, mode=0o700)
        super().start()

    def wait(self, seconds: float = PATIENCE) -> None:
        """Wait until it answers; raises StackError when it ends first or takes longer."""
        end = time.monotonic() + seconds
        while not answers(self.url):
            if self.exit_code is not None:
                raise self._failure(f"The Prefect server ended as it started (exit code {self.exit_code}).")
            if time.monotonic() > end:
                self.stop()
                raise self._failure(f"The Prefect server did not answer within {seconds:.0f} s.")
            time.sleep(_POLL)

    def _failure(self, problem: str) -> StackError:
        return StackError(problem=problem, remedy=f"Its last lines, from {self.log}:\n{self.last_lines()}")
