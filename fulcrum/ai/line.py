"""The process's one event loop for model calls, with one client and one set of places an endpoint.

A client dies under a second loop, so all of them live on this one, in a daemon thread of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock, Thread
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.pace import Pace
from fulcrum.ai.places import Places
from fulcrum.ai.question import Answer, Fault, Question
from fulcrum.ai.reply import Asked, answered, asked_tokens, failed, fault_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI

WAITS_S = 60.0
"""Seconds that a call may spend between its attempts, on top of the attempts themselves."""

TICK_S = 0.1
"""Seconds between two grants of an endpoint's rate."""

Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """Say what time it is, in UTC."""
    return datetime.now(UTC)


@dataclass(eq=False, slots=True)
class Line:
    """What all conversations with one endpoint share. Only the loop's thread touches it once it is made.

    It keeps the endpoint's limits within this process. A run that shares them with other workers sets its `share`.
    """

    endpoint: Endpoint
    client: AsyncOpenAI
    places: Places
    requests: Pace
    tokens: Pace
    share: float = 1.0
    """The part of the endpoint's rate that this process may use."""
    heard: int = 0
    """How often the endpoint has answered at all."""
    tokens_out: int = 0
    """What those answers had in tokens."""

    @classmethod
    def open(cls, endpoint: Endpoint, client: AsyncOpenAI) -> Line:
        """Make the line, with the endpoint's limits."""
        requests, tokens = Pace(endpoint.requests_per_minute), Pace(endpoint.tokens_per_minute)
        return cls(endpoint, client, Places(endpoint.at_once), requests, tokens)

    async def ask(self, question: Question, now: Clock = utc_now) -> Answer:
        """Ask one question as soon as the endpoint's rate allows; what the endpoint does comes back as an answer.

        `now` says what time it was asked at.
        """
        expected = self._tokens_expected(question)
        await self.requests.spend(1)
        await self.tokens.spend(expected)
        answer = await self._call(question, now)
        self.tokens.settle(expected, answer.tokens_in + answer.tokens_out)
        if answer.error is None or not answer.error.transient:
            self.heard += 1
            self.tokens_out += answer.tokens_out
        return answer

    async def keep_time(self) -> None:
        """Grant this process's share of the endpoint's rate, by the clock."""
        while True:
            await asyncio.sleep(TICK_S)
            for pace in (self.requests, self.tokens):
                if pace.per_minute is not None:
                    # What is not used now is not saved up: that would be a burst later.
                    pace.grant(min(self.share * pace.per_minute * TICK_S / 60, max(pace.owed, 0.0)))

    def _tokens_expected(self, question: Question) -> float:
        """Expect what the request has, and an answer like those heard so far; the longest before there was one."""
        if self.endpoint.tokens_per_minute is None:
            return 0.0
        answer = self.tokens_out / self.heard if self.heard else self.endpoint.max_output_tokens
        return asked_tokens(question.body) + answer

    async def _call(self, question: Question, now: Clock) -> Answer:
        import aiohttp  # noqa: PLC0415 - a second to import, and only calls need it
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        at, start = now(), perf_counter()
        try:
            # The client's time-out is between two reads; a reply that trickles in for ever needs this bound.
            async with asyncio.timeout(self._longest):
                # The body is as the endpoint wants it: `create` would walk through every message of it, and build
                # pydantic objects of every token; with 25 examples that was two thirds of a call's CPU.
                reply = await self.client.post("/chat/completions", cast_to=httpx2.Response, body=question.body)
        except (openai.OpenAIError, httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
            answer = failed(question, Asked(at, perf_counter() - start), fault_of(error))
        else:
            answer = answered(question, Asked(at, perf_counter() - start), reply.content)
        return answer

    @property
    def _longest(self) -> float:
        return self.endpoint.timeout_s * (self.endpoint.retries + 1) + WAITS_S


class Exchange:
    """The loop, its thread and the lines that run over it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._lines: dict[tuple[Endpoint, str], Line] = {}
        self._clocks: list[Future[None]] = []
        self._thread = Thread(target=self.loop.run_forever, name="fulcrum-model-calls", daemon=True)
        self._thread.start()

    def line(self, endpoint: Endpoint) -> Line:
        """Find or make the endpoint's line; the caller holds the lock. Raises EndpointMisconfigured."""
        key = endpoint.key()
        if (endpoint, key) not in self._lines:
            line = self._lines[endpoint, key] = Line.open(endpoint, _client(endpoint, key))
            if endpoint.requests_per_minute or endpoint.tokens_per_minute:
                self._clocks.append(asyncio.run_coroutine_threadsafe(line.keep_time(), self.loop))
        return self._lines[endpoint, key]

    def close(self) -> None:
        """Cancel what is under way, close the clients and end the thread."""
        asyncio.run_coroutine_threadsafe(self._aclose(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _aclose(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in self._lines.values():
            await line.client.close()
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()


_lock = Lock()
_open: list[Exchange] = []


def connect(endpoint: Endpoint) -> tuple[asyncio.AbstractEventLoop, Line]:
    """Give the process's loop and the endpoint's line on it, making both where they are not there yet."""
    with _lock:
        if _open:
            return _open[0].loop, _open[0].line(endpoint)
        _open.append(Exchange())
        line = _open[0].line(endpoint)
        # What is imported by now stays. Collecting over it again and again was a third of a call's CPU.
        gc.freeze()
        return _open[0].loop, line


def close() -> None:
    """Close every line and the loop; the next conversation makes new ones. Runs by itself at exit."""
    with _lock:
        while _open:
            _open.pop().close()


atexit.register(close)


def _client(endpoint: Endpoint, key: str) -> AsyncOpenAI:
    """Make the one client of an endpoint, on aiohttp or straight into the embedded app."""
    import httpx2  # noqa: PLC0415
    import openai  # noqa: PLC0415 - a second to import, and only calls need it

    if endpoint.embedded:
        from fulcrum.ai.embedded.app import app  # noqa: PLC0415

        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        http_client, base_url = httpx2.AsyncClient(transport=transport), "http://embedded/v1"
    else:
        # A proxy from the environment must not get what is meant for this machine.
        http_client, base_url = openai.DefaultAioHttpClient(trust_env=not endpoint.loopback), endpoint.base_url
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=base_url,
        http_client=http_client,
        timeout=endpoint.timeout_s,
        max_retries=endpoint.retries,
    )


def unavailable(question: Question) -> Answer:
    """Answer a question without asking, because its endpoint is not there."""
    return failed(question, Asked(utc_now(), 0.0), Fault.UNAVAILABLE)
