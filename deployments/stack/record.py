"""What a home says of the server that runs on it, so that a second command finds the first one's server.

Two locks, both the kernel's own and so gone with their holder: `stack.lock` is held while a server is looked for,
started or stopped; `stack.users` is shared by all who use a server, so that its owner knows when it may stop it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from deployments.stack.processes import ProcessId
from deployments.stack.server import answers


@dataclass(frozen=True, slots=True)
class Record:
    """The server of a home: where it answers, which process it is, and whether `up` keeps it running."""

    url: str
    port: int
    pid: int
    started: int | None
    owner: int
    """The process id of the command that started it and will stop it."""
    lasting: bool
    """True for `up`, False for a server that ends with the command that needed one."""
    desk: str | None = None
    """The address of the sample help desk beside it; None when none runs."""

    @property
    def server(self) -> ProcessId:
        """Identify the server's process."""
        return ProcessId(self.pid, self.started)

    def holds(self) -> bool:
        """Tell whether that very process still runs and answers; a record outlives a crash."""
        return self.server.alive() and answers(self.url)


class Home:
    """The folder of a stack's state, with its record and its locks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self) -> Record | None:
        """Read the record of a server that runs; None when there is none, whatever an old record says."""
        try:
            record = Record(**json.loads(self._file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return record if record.holds() else None

    def write(self, record: Record) -> None:
        """Record the server, so that a reader sees the whole record or none."""
        new = self._file.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps(asdict(record)), encoding="utf-8")
        new.replace(self._file)

    def clear(self) -> None:
        """Forget the server."""
        self._file.unlink(missing_ok=True)

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Be the only one to look for, start or stop this home's server; waits for whoever is at it."""
        with self._lock("stack.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def using(self) -> Iterator[IO[bytes]]:
        """Count as a user of the server. To be entered while deciding, or the server may be gone before."""
        with self._lock("stack.users") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield lock

    @staticmethod
    def alone(user: IO[bytes]) -> bool:
        """Tell a user whether it is the only one left."""
        with suppress(BlockingIOError):
            fcntl.flock(user, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    @property
    def _file(self) -> Path:
        return self.folder / "stack.json"

    @contextmanager
    def _lock(self, name: str) -> Iterator[IO[bytes]]:
        with (self.folder / name).open("ab") as lock:
            yield lock
