"""Servers on loopback, for the length of a test: a model's one route, and whatever answers plain HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait until a condition holds; return what it found."""
    end = monotonic() + seconds
    while not (found := condition()):
        assert monotonic() < end, "the condition never held"
        sleep(0.01)
    return found


@contextmanager
def completions_at(complete: Callable[[Any], Any]) -> Iterator[int]:
    """Answer chat completions by a function, in a thread; give the free port that it listens on."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route

    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    thread.join(timeout=20)
    assert not thread.is_alive()


@dataclass(frozen=True)
class Asked:
    """A request as it arrived; `port` is its connection's own, and `headers` have names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int


def http(status: int, body: bytes | str = b"", /, *lines: str) -> bytes:
    """Write an HTTP answer with these header lines; its reason phrase is one that nobody should repeat."""
    content = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status} planted phrase", f"Content-Length: {len(content)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + content


@contextmanager
def receiver(answer: Callable[[Asked], bytes]) -> Iterator[str]:
    """Answer each request by the bytes that a function makes of it, each in its thread; give the address.

    Bytes that are no whole answer, such as none, are followed by the connection's end.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            self.close_connection = True
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = answer(Asked(self.command, self.path, headers, body, self.client_address[1]))
            with suppress(OSError):
                self.wfile.write(said)
                head, _, rest = said.partition(b"\r\n\r\n")
                self.close_connection = f"Content-Length: {len(rest)}".encode() not in head.split(b"\r\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
