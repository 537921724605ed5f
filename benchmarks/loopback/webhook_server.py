"""A webhook that counts: it takes deliveries as a help desk does, each once by its key, as a process of its own.

`POST /tickets` answers 201 with the ticket's id, 200 and `Idempotency-Replayed: true` for a key that it has, 409 for a
key that comes with other content. `GET /tickets?key=...` tells whether it has one. `GET /counts` tells how many
distinct keys each outcome (the source's case, revision and effect) came under in `keys_by_outcome`, and how often a
key came again in `repeated_posts`. Run as `python -m benchmarks.loopback.webhook_server`; its first line is the
address.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from benchmarks.loopback.serving import main, served, told


class WebhookServer:
    """The receiver: a delivery has its effect when it arrives, and its answer comes `latency` seconds later."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.bodies: dict[str, bytes] = {}
        self.keys: Counter[tuple[str, int, str]] = Counter()
        self.posts = 0
        self.conflicts = 0

    async def take(self, request: web.Request) -> web.Response:
        """Answer one delivery."""
        body = await request.read()
        key = unquote(request.headers["Idempotency-Key"])
        self.posts += 1
        known = self.bodies.setdefault(key, body)
        ticket = {"id": f"ticket {key}"}
        if known is body:
            said = json.loads(body)
            self.keys[said["external_id"], said["revision"], said["effect"]] += 1
        await asyncio.sleep(self.latency)
        if known != body:
            self.conflicts += 1
            return web.json_response({"error": "this key has other content"}, status=409)
        if known is body:
            return web.json_response(ticket, status=201)
        return web.json_response(ticket, headers={"Idempotency-Replayed": "true"})

    async def find(self, request: web.Request) -> web.Response:
        """Tell whether a delivery is there."""
        key = request.query["key"]
        if key not in self.bodies:
            return web.json_response({"error": "there is none under this key"}, status=404)
        return web.json_response({"id": f"ticket {key}"})

    async def counts(self, _request: web.Request) -> web.Response:
        """Tell what was taken so far."""
        told = {
            "posts": self.posts,
            "keys": len(self.bodies),
            "repeated_posts": self.posts - len(self.bodies),
            "conflicts": self.conflicts,
            "keys_by_outcome": [[*outcome, keys] for outcome, keys in self.keys.items()],
        }
        return web.json_response(told)


def webhook_server(latency: float) -> AbstractContextManager[str]:
    """Run the server as a process of its own; give its address."""
    return served("benchmarks.loopback.webhook_server", latency)


def counts(address: str) -> dict[str, Any]:
    """Ask a running server what it has taken."""
    return dict(told(address, "/counts"))


def routes(latency: float) -> list[web.RouteDef]:
    """Make a server and say what it answers."""
    server = WebhookServer(latency)
    return [
        web.post("/tickets", server.take),
        web.get("/tickets", server.find),
        web.get("/counts", server.counts),
    ]


if __name__ == "__main__":
    main(__doc__, routes, latency=0.01)
