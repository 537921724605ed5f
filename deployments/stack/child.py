"""The processes of the stack: each in a session of its own, logged to a file, stopped with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from deployments.stack.environment import child_environment
from deployments.stack.processes import children, descendants
from fulcrum.errors import StackError
from fulcrum.settings import Settings, project_root

_TETHER = Path(__file__).with_name("tether.py")
_POLL = 0.05
_LOG_LIMIT = 5_000_000
"""Bytes after which a log is set aside as `.log.1` when its process starts."""


class Child(ABC):
    """A process of the stack that lives no longer than this one."""

    module: ClassVar[str] = "prefect"
    """The module that it runs, as `python -m` does."""
    orphaned: ClassVar[signal.Signals] = signal.SIGTERM
    """What the kernel sends it when this process dies without stopping it."""
    patience: ClassVar[float] = 10.0
    """Seconds it gets to end by itself before it is killed."""

    def __init__(self, settings: Settings, url: str, name: str) -> None:
        self.name = name
        self.url = url
        self.log = settings.logs / f"{name.replace(' ', '-')}.log"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def arguments(self) -> Sequence[str]:
        """Give the arguments of the module that it runs."""

    def environment(self) -> dict[str, str]:
        """Make the whole environment that it runs in: Prefect's, pointed at the stack's server."""
        return child_environment(self._settings, self.url)

    @property
    def pid(self) -> int:
        """Name its process, which leads its session and its group."""
        if self._process is None:
            raise StackError(problem=f"The {self.name} was not started.", remedy="Start it first.")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Tell how it ended; None while it runs and before the start."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it and return at once."""
        tether = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(int(self.orphaned))]
        command = [*tether, sys.executable, "-m", self.module, *self.arguments()]
        self._process = _spawn(command, self.environment(), self.log)

    def stop(self) -> None:
        """Ask what it started to end, then itself, and kill what is left after a while. Safe at any time."""
        if self._process is None:
            return
        started = descendants(self._process.pid)
        self._end_runs()
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self.patience)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in started:
            process.kill()
        self._process.wait()

    def _end_runs(self) -> None:
        """End its children while it and the server are there; a run ended with its worker stays "Running" for good."""
        runs = children(self.pid)
        for run in runs:
            run.terminate()
        end = time.monotonic() + self.patience
        while time.monotonic() < end and any(run.alive() for run in runs):
            time.sleep(_POLL)

    def last_lines(self, count: int = 15) -> str:
        """Read the end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])


def _spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - the stack's own command, never a shell's
            command,
            cwd=project_root(),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
