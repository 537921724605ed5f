"""A small receiver of alerts on this machine, and of signs of life, whose silence it tells itself.

It stands outside the Prefect server and the database: where those are gone, nothing within them can say so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

HOST = "127.0.0.1"

LARGEST = 100_000
"""Bytes of the largest message that is taken."""

LOOK = 0.5
"""Seconds between two looks at the time."""


class Inbox:
    """Keeps what comes, a line of JSON each, and watches for silence."""

    def __init__(
        self, file: Path, silence: timedelta, say: Callable[[str], None], clock: Callable[[], datetime]
    ) -> None:
        self._file, self._silence, self._say, self._now = file, silence, say, clock
        self._heard: datetime | None = None
        self._quiet = False
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
        if self._quiet:
            self._quiet = False
            self.take("[over] Fulcrum is silent", "A sign of life has come again.")

    def look(self) -> None:
        """Tell a silence once; before the first sign of life there is none."""
        if self._heard is None or self._quiet or self._now() - self._heard <= self._silence:
            return
        self._quiet = True
        self.take(
            "[page] Fulcrum is silent",
            f"No sign of life since {self._heard:%Y-%m-%d %H:%M:%S} UTC: the Prefect server, its workers or the"
            " ledger may be gone, and nothing in them can say so.\n"
            "Is starting them again safe? Yes: nothing is done twice.\n"
            "Look: fulcrum doctor\nMend: fulcrum up\nRunbook: docs/runbooks/silence.md",
        )


def server(inbox: Inbox, port: int) -> ThreadingHTTPServer:
    """Make the server of an inbox, on this machine alone."""

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

    return ThreadingHTTPServer((HOST, port), Handler)


def serve(file: Path, port: int, silence: timedelta, say: Callable[[str], None]) -> None:
    """Receive until Ctrl-C."""
    inbox = Inbox(file, silence, say, lambda: datetime.now(UTC))
    with server(inbox, port) as listening:
        listening.timeout = LOOK
        say(f"Alerts       http://{HOST}:{listening.server_port}/alerts, kept in {file}")
        say(f"Heartbeats   http://{HOST}:{listening.server_port}/heartbeat, a silence of {silence} is told")
        while True:
            listening.handle_request()
            inbox.look()
