"""A small receiver of alerts on this machine, and of signs of life, whose silence it tells itself.

It stands outside the Prefect server and the database: where those are gone, nothing within them can say so.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from fulcrum.errors import StackError

HOST = "127.0.0.1"

LARGEST = 100_000
"""Bytes of the largest message that is taken."""

LOOK = 0.5
"""Seconds between two looks at the time."""

PATIENCE = timedelta(minutes=15)
"""How long after a silence was told it is told again, for the deputies."""


class Inbox:
    """Keeps what comes, a line of JSON each, and watches for silence."""

    def __init__(
        self, file: Path, silence: timedelta, say: Callable[[str], None], clock: Callable[[], datetime]
    ) -> None:
        self._file, self._silence, self._say, self._now = file, silence, say, clock
        self._heard: datetime | None = None
        self._told = 0
        self._lock = Lock()

    def take(self, subject: str, body: str) -> None:
        """Keep an alert, durable before it returns, and say it."""
        line = json.dumps({"at": self._now().isoformat(), "subject": subject, "body": body}, ensure_ascii=False)
        with self._lock:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        self._say(f"{self._now():%H:%M:%S} {subject}")

    def beat(self) -> None:
        """Note a sign of life; after a silence, say that it is over."""
        self._heard = self._now()
        if self._told:
            self._told = 0
            self.take("[over] Fulcrum is silent", "A sign of life has come again.")

    def look(self) -> None:
        """Tell a silence, and once more when it lasts; before the first sign of life there is none."""
        if self._heard is None:
            return
        due = (self._silence, self._silence + PATIENCE)
        if self._told < len(due) and self._now() - self._heard > due[self._told]:
            self._told += 1
            self.take(_SUBJECTS[self._told - 1], _BODY.format(heard=self._heard))


_SUBJECTS = ("[page] Fulcrum is silent", "[page] Fulcrum is still silent, for the deputies")

_BODY = """\
No sign of life since {heard:%Y-%m-%d %H:%M:%S} UTC: the Prefect server, its workers or the ledger may be gone, and \
nothing in them can say so.
Every process stands still; owners and deputies: fulcrum sop PROCESS
Cases: none is lost, none goes on
Is starting them again safe? Yes: nothing is done twice.
Look: fulcrum doctor
Mend: fulcrum up
Halt: no need, nothing is cleared while nothing runs
Runbook: docs/runbooks/silence.md"""


def server(inbox: Inbox, port: int, host: str = HOST) -> ThreadingHTTPServer:
    """Make the server of an inbox, on this machine alone unless told otherwise."""

    class Handler(BaseHTTPRequestHandler):
        """Answers POST /alerts and POST /heartbeat."""

        def do_POST(self) -> None:
            """Take what comes; 404 for another path, 400 for what is no message."""
            if self.path == "/heartbeat":
                inbox.beat()
                self._answer(204)
            elif self.path == "/alerts":
                self._answer(204 if self._taken() else 400)
            else:
                self._answer(404)

        def _taken(self) -> bool:
            length = int(self.headers.get("Content-Length") or 0)
            try:
                told: Any = json.loads(self.rfile.read(length)) if 0 < length <= LARGEST else None
                inbox.take(str(told["subject"]), str(told["body"]))
            except (ValueError, TypeError, KeyError):
                return False
            return True

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing of requests; alerts are said."""

    return ThreadingHTTPServer((host, port), Handler)


@contextmanager
def receiving(
    file: Path, port: int, silence: timedelta, say: Callable[[str], None], *, host: str = HOST
) -> Iterator[None]:
    """Receive while the block goes on, and say where; raise StackError when the port is taken."""
    inbox = Inbox(file, silence, say, lambda: datetime.now(UTC))
    try:
        listening = server(inbox, port, host)
    except OSError as error:
        raise StackError(
            problem=f"Alerts cannot be received on {host}:{port} ({error.strerror}).",
            remedy="Another receiver may run there; choose a port with FULCRUM_ALERTS_PORT, or --port.",
        ) from None
    ended = Event()

    def receive() -> None:
        while not ended.is_set():
            listening.handle_request()
            inbox.look()

    listening.timeout = LOOK
    with listening:
        at = f"http://{host}:{listening.server_port}"
        say(f"Alerts                 {at}/alerts")
        say(f"  are kept in          {file}")
        say(f"Signs of life          {at}/heartbeat")
        say(f"  a silence is told    after {silence.total_seconds():,.0f} s")
        thread = Thread(target=receive, name="alerts", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def serve(file: Path, port: int, silence: timedelta, say: Callable[[str], None], *, host: str = HOST) -> None:
    """Receive until Ctrl-C."""
    with receiving(file, port, silence, say, host=host):
        while True:
            time.sleep(LOOK)
