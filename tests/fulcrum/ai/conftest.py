"""A real endpoint on loopback that fails on demand: what it does is told by the model's name or the document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from fulcrum.ai import line
from fulcrum.ai.endpoint import Endpoint
from tests.loopback import completions_at

GOOD = '{"colour":"red","number":12}'


@dataclass
class FaultServer:
    """What the server is to do, by model name, and what it saw."""

    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    now: int = 0
    most: int = 0

    def endpoint(self, behaviour: str, **settings: Any) -> Endpoint:
        """Configure an endpoint that behaves so, without waiting between tries unless told."""
        return Endpoint(
            **{
                "name": behaviour,
                "base_url": f"http://127.0.0.1:{self.port}/v1",
                "model": behaviour,
                "input_price": 1,
                "output_price": 2,
                "retries": 0,
                "timeout_s": 20,
            }
            | settings
        )

    def calls(self, behaviour: str) -> int:
        """Count the requests seen for a behaviour."""
        return sum(body["model"] == behaviour for body in self.seen)

    async def complete(self, request: Request) -> Response:
        """Answer one chat completion as its model's name says."""
        body = await request.json()
        self.seen.append(body | {"authorization": request.headers.get("authorization")})
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self.behave(body["model"], request)
        finally:
            self.now -= 1

    async def behave(self, behaviour: str, request: Request) -> Response:
        """Do what the behaviour's name says."""
        if behaviour == "hang":
            await request.receive()
        elif behaviour == "slow":
            await asyncio.sleep(0.02)
        failure = self.failure(behaviour)
        return JSONResponse(_reply(behaviour)) if failure is None else failure

    def failure(self, behaviour: str) -> Response | None:
        """Give what is no chat completion."""
        error = {"message": "SECRET", "code": "insufficient_quota" if behaviour == "no-quota" else None}
        word, _, number = behaviour.rpartition("-")
        if word == "fails-except" and self.calls(behaviour) != int(number):
            return JSONResponse({"error": error}, 500)
        if behaviour.isdigit() or behaviour == "no-quota":
            return JSONResponse({"error": error}, int(behaviour) if behaviour.isdigit() else 429)
        if behaviour == "limited-once" and self.calls(behaviour) == 1:
            return JSONResponse({"error": error}, 429, {"Retry-After-Ms": "1"})
        if behaviour == "trickle":
            return StreamingResponse(_trickle(), media_type="application/json")
        return Response("<html>SECRET</html>", media_type="text/html") if behaviour == "html" else None


async def _trickle() -> AsyncIterator[bytes]:
    for _ in range(200):
        yield b" "
        await asyncio.sleep(0.1)


def _reply(behaviour: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": GOOD}
    reason = "stop"
    if behaviour == "cut":
        message["content"], reason = GOOD[:9], "length"
    elif behaviour == "refusal":
        message = {"role": "assistant", "content": None, "refusal": "SECRET"}
    elif behaviour == "filtered":
        reason = "content_filter"
    elif behaviour == "empty":
        message["content"] = None
    elif behaviour == "nonsense":
        message["content"] = "The door is red."
    choice = {"index": 0, "message": message, "finish_reason": reason}
    if behaviour not in {"no-logprobs", "nonsense"}:
        choice["logprobs"] = {"content": [_token(sign) for sign in GOOD]}
    reply: dict[str, Any] = {"id": "1", "object": "chat.completion", "model": f"{behaviour}-v1", "choices": [choice]}
    if behaviour == "no-choices":
        reply["choices"] = []
    if behaviour != "uncounted":
        reply["usage"] = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    return reply


def _token(sign: str) -> dict[str, Any]:
    rival = {"token": sign, "logprob": -0.01, "bytes": list(sign.encode())}
    return rival | {"top_logprobs": [rival]}


@pytest.fixture(scope="session")
def fault_process() -> Iterator[FaultServer]:
    """Run the server in a thread for the whole session, on a free port."""
    state = FaultServer()
    with completions_at(state.complete) as state.port:
        yield state


@pytest.fixture
def faults(fault_process: FaultServer) -> Iterator[FaultServer]:
    """Give the server with an empty memory; what the test opened is closed after it."""
    fault_process.seen.clear()
    fault_process.most = 0
    yield fault_process
    line.close()
