"""What the system says of processes and ports. Linux answers from /proc; elsewhere most answers are unknown."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
"""The stack listens to this machine alone."""

_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that is not mistaken for a later one with the same number.

    `started` is its start in clock ticks since boot; None where the system does not say.
    """

    pid: int
    started: int | None

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """Identify a running process."""
        return cls(pid, _start_ticks(pid))

    def alive(self) -> bool:
        """Tell whether it still runs; a zombie does not."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return self.started is None or _start_ticks(self.pid) == self.started

    def terminate(self) -> None:
        """Ask it to end, if it is still the same process."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, if it is still the same process."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.alive():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)


def children(pid: int) -> list[ProcessId]:
    """List the processes that a process started and that still run; empty where the system does not say."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    try:
        return [ProcessId.of(int(child)) for started in lists for child in started.read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[ProcessId]:
    """List the processes that a process started, and theirs; empty where the system does not say."""
    found: list[ProcessId] = []
    for child in children(pid):
        found += [child, *descendants(child.pid)]
    return found


def free_port(preferred: int) -> int:
    """Choose the preferred port when nothing listens on it, else any free one."""
    return preferred if preferred and is_free(preferred) else _any_port()


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def listener(port: int) -> str | None:
    """Name who listens on a port, as `process 4711 (nginx: master)`; None when the system does not say."""
    sockets = _listening_sockets(port)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(handle.readlink()) in sockets for handle in (folder / "fd").iterdir()):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"process {folder.name} ({command[:60]})"
    return None


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _listening_sockets(port: int) -> set[str]:
    """Collect the names that /proc gives to the sockets listening on a port (see proc(5), /proc/net/tcp)."""
    found: set[str] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            rows = [line.split() for line in table.read_text().splitlines()[1:]]
            found |= {f"socket:[{row[9]}]" for row in rows if row[3] == _LISTEN and row[1].endswith(f":{port:04X}")}
    return found


def _start_ticks(pid: int) -> int | None:
    """Read field 22 of /proc/PID/stat (proc(5)), counted after the name, which may hold anything; None for a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])
