"""The sample help desk beside the local server, where a process that delivers to a webhook delivers to by default."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import ClassVar

from deployments.stack.child import Child
from deployments.stack.environment import plain_environment
from deployments.stack.processes import HOST, free_port, is_free
from deployments.stack.watch import Say
from fulcrum.errors import StackError
from fulcrum.settings import Settings

PATIENCE = 30.0
"""Seconds that the desk may take to answer."""

_POLL = 0.05


class Desk(Child):
    """A sample help desk as a child process of this one, on the port that the settings want or else on a free one.

    `url` is its address. Once it has answered it keeps its port, because blocks name it.
    """

    module: ClassVar[str] = "deployments.desk"
    patience: ClassVar[float] = 5.0

    def __init__(self, settings: Settings) -> None:
        self.port = free_port(settings.desk_port)
        super().__init__(settings, _address(self.port), "help desk")

    def arguments(self) -> Sequence[str]:
        """Keep the tickets in the home."""
        return "--home", str(self._settings.home), "--port", str(self.port)

    def environment(self) -> dict[str, str]:
        """Make the whole environment that it runs in."""
        return plain_environment()

    def opened(self, say: Say) -> str | None:
        """Wait until it answers and return its address; when it does not, stop it, say so and return None."""
        try:
            self.wait()
        except StackError as error:
            self.stop()
            say(f"The sample help desk does not run, and what is delivered to it waits in the outbox. {error}")
            return None
        return self.url

    def wait(self, seconds: float = PATIENCE) -> None:
        """Wait until it answers; raises StackError when it ends first or takes longer.

        When another process has taken its port as it started, it is started again on another.
        """
        end = time.monotonic() + seconds
        while not self._answers():
            if self.exit_code is not None and not self._moved():
                raise self._failure(f"It ended as it started (exit code {self.exit_code}).")
            if time.monotonic() > end:
                raise self._failure(f"It did not answer within {seconds:.0f} s.")
            time.sleep(_POLL)

    def _answers(self) -> bool:
        """Tell whether what answers at its address is this very process; on a shared port it may be another's desk."""
        # A proxy that the environment names is not asked for an address of this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/health", timeout=2.0) as response:
                said = json.loads(response.read(200))
        except (OSError, ValueError, HTTPException):
            return False
        return bool(said == {"pid": self.pid})

    def _moved(self) -> bool:
        if is_free(self.port):
            return False
        self.stop()
        self.port = free_port(0)
        self.url = _address(self.port)
        self.start()
        return True

    def _failure(self, problem: str) -> StackError:
        return StackError(problem=problem, remedy=f"Its last lines, from {self.log}:\n{self.last_lines()}")


def _address(port: int) -> str:
    return f"http://{HOST}:{port}"
