"""How a counting server is run and asked: a process of its own on loopback, whose first line is its address."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from benchmarks.loopback.home import ROOT


@contextmanager
def served(module: str, latency: float) -> Iterator[str]:
    """Run a server's module as a process of its own; give its address."""
    command = [sys.executable, "-m", module, "--latency", str(latency)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def told(address: str, path: str) -> Any:
    """Ask a running server for one of its figures, or all of them."""
    with urllib.request.urlopen(f"{address}{path}") as reply:  # noqa: S310 - loopback
        return json.load(reply)


def main(
    description: str | None, routes: Callable[[float], Iterable[web.RouteDef]], *, latency: float, under: str = ""
) -> None:
    """Serve the routes that a latency makes, until the process is stopped; `under` is the path of the address."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--latency", type=float, default=latency, help="seconds before an answer")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    chosen = parser.parse_args()
    asyncio.run(_serve(routes(chosen.latency), chosen.port, under))


async def _serve(routes: Iterable[web.RouteDef], port: int, under: str) -> None:
    app = web.Application(client_max_size=10 << 20)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}{under}", flush=True)
    await asyncio.Event().wait()
