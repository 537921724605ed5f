"""A model server that counts: an OpenAI-compatible endpoint with a fixed latency, as a process of its own.

It answers with any outcome of the JSON schema that it is asked for: of an invoice what the document says, of any other
schema the first option of each choice. Each token comes with a log-probability, as from a real endpoint. `GET /counts`
tells what was asked: `calls`, by case in `by_case`, the most at once, the seconds of the epoch of the first and last.
`GET /answered` tells only how many were answered, which costs nothing however many there were.
Run as `python -m benchmarks.loopback.model_server --latency 0.2`; its first line is the address.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.request
from collections import Counter
from contextlib import AbstractContextManager
from typing import Any

from aiohttp import web

from benchmarks.loopback.invoice import ANSWER
from benchmarks.loopback.serving import main, served, told

CASE = re.compile(r"(?:Invoice no|Reference)\s+(\S+)")
"""How a document names its case: the number that an answer repeats, and that calls are counted by."""
_TOKEN = re.compile(r"\w{1,4}|\W")


class ModelServer:
    """The endpoint: answers after `latency` seconds, or refuses for as long as it is told to be down."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.done = 0
        self.at_once = 0
        self.most_at_once = 0
        self.first = self.last = 0.0
        self._answers: dict[str, tuple[str, str]] = {}

    async def complete(self, request: web.Request) -> web.Response:
        """Answer one chat completion."""
        body = json.loads(await request.read())
        named = CASE.findall(body["messages"][-1]["content"])
        case = named[0] if named else "?"
        self.asked[case] += 1
        self.first = self.first or time.time()
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.at_once -= 1
            self.last = time.time()
        self.answered[case] += 1
        self.done += 1
        content, tokens = self._answer(body["response_format"]["json_schema"])
        text = _envelope(content.replace("{case}", case), tokens.replace("{case}", case), body["model"])
        return web.Response(text=text, content_type="application/json")

    async def counts(self, _request: web.Request) -> web.Response:
        """Tell what was asked so far."""
        told = {
            "calls": self.asked.total(),
            "cases": len(self.asked),
            "by_case": dict(self.asked),
            "answered": self.answered.total(),
            "most_at_once": self.most_at_once,
            "at_once": self.at_once,
            "first": self.first,
            "last": self.last,
        }
        return web.json_response(told)

    async def progress(self, _request: web.Request) -> web.Response:
        """Tell how many calls were answered so far."""
        return web.json_response(self.done)

    async def reset(self, _request: web.Request) -> web.Response:
        """Forget what was asked, before the next measurement."""
        self.asked.clear()
        self.answered.clear()
        self.done = 0
        self.most_at_once, self.first, self.last = self.at_once, 0.0, 0.0
        return web.Response()

    def _answer(self, schema: dict[str, Any]) -> tuple[str, str]:
        """Make the answer to a schema once: its text, and its tokens as JSON."""
        name = schema["name"]
        if name not in self._answers:
            values = ANSWER if name == "Invoice" else _outcome(schema["schema"])
            text = json.dumps(values)
            tokens = [{"token": token, "logprob": -0.001, "top_logprobs": []} for token in _tokens(text)]
            self._answers[name] = text, json.dumps(tokens)
        return self._answers[name]


def _tokens(text: str) -> list[str]:
    """Cut an answer into tokens; the place where the case's number goes is one."""
    pieces = re.split(r"(\{case\})", text)
    return [token for piece in pieces for token in ([piece] if piece == "{case}" else _TOKEN.findall(piece))]


def _envelope(content: str, tokens: str, model: str) -> str:
    """Wrap an answer as a chat completion."""
    return (
        f'{{"id":"c","object":"chat.completion","created":1,"model":{json.dumps(model)},"choices":[{{"index":0,'
        f'"message":{{"role":"assistant","content":{json.dumps(content)}}},"finish_reason":"stop",'
        f'"logprobs":{{"content":{tokens}}}}}],'
        f'"usage":{{"prompt_tokens":700,"completion_tokens":120,"total_tokens":820}}}}'
    )


def _outcome(schema: dict[str, Any]) -> dict[str, Any]:
    """Make some outcome of an object's schema."""
    return {name: _value(node) for name, node in schema["properties"].items()}


def _value(node: dict[str, Any]) -> Any:
    if "enum" in node:
        return node["enum"][0]
    if "anyOf" in node:
        return _value(node["anyOf"][0])
    simple: dict[str, Any] = {"string": "{case}", "integer": 1, "number": 1, "boolean": True, "array": [], "null": None}
    return simple[node["type"]]


def model_server(latency: float) -> AbstractContextManager[str]:
    """Run the server as a process of its own; give its address, up to and including /v1."""
    return served("benchmarks.loopback.model_server", latency)


def counts(address: str) -> dict[str, Any]:
    """Ask a running server what it was asked."""
    return dict(told(address, "/counts"))


def answered(address: str) -> int:
    """Ask a running server how many calls it has answered."""
    return int(told(address, "/answered"))


def reset(address: str) -> None:
    """Let a running server forget what it was asked."""
    request = urllib.request.Request(f"{address}/reset", method="POST")  # noqa: S310 - loopback
    urllib.request.urlopen(request).close()  # noqa: S310 - the same


def routes(latency: float) -> list[web.RouteDef]:
    """Make a server and say what it answers."""
    server = ModelServer(latency)
    return [
        web.post("/v1/chat/completions", server.complete),
        web.get("/v1/counts", server.counts),
        web.get("/v1/answered", server.progress),
        web.post("/v1/reset", server.reset),
    ]


if __name__ == "__main__":
    main(__doc__, routes, latency=0.2, under="/v1")
