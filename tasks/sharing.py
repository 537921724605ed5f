"""An endpoint's limits across workers: each run holds a share of its places, leased from the Prefect server.

A global concurrency limit counts the places that runs hold, under leases of a minute: a killed run's share comes back
by itself. A second one counts the calls that runs want to make, so that each can work out what is fair. The rate, in
requests and tokens a minute, goes with the places: who holds a quarter of them has a quarter of the rate
(docs/decisions/0013-shares-of-an-endpoint.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from threading import Lock

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.line import connect
from tasks.meanwhile import meanwhile
from tasks.slots import Holding

LOOK_S = 1.0
"""Seconds between two looks at what is wanted and what is fair."""
PLENTY = 1_000_000
"""The limit of the count of wanted calls, which is there to be read."""
WAITING = "Other runs hold all places of the endpoint; those of a killed one are free after a minute"

_AWAY = (httpx.HTTPError, PrefectHTTPStatusError)
"""What a server that is away, or starting, or busy, raises."""


def fair_share(limit: int, wanted: int, others: int, at_once: int) -> int:
    """Say how many of an endpoint's places a run may hold that wants so many, when the others want so many.

    In proportion to what each wants, rounded up so that none is left over; who asks first gets the odd one. What
    nobody else wants may be held as well, so that a run that is alone waits for nothing. Never more than `at_once`.
    """
    fair = min(wanted, ceil(limit * wanted / (wanted + others))) if wanted else 0
    return min(at_once, max(fair, limit - others, 0))


def calls_limit(endpoint: Endpoint) -> str:
    """Name the limit on the server that counts an endpoint's calls under way."""
    return f"model-endpoint.{endpoint.name}.calls"


class Share:
    """What this process may use of an endpoint, adjusted for as long as a run needs it."""

    def __init__(self, endpoint: Endpoint, client: SyncPrefectClient) -> None:
        self.endpoint = endpoint
        self.calls = Holding(client, calls_limit(endpoint), endpoint.concurrency)
        self.wanted = Holding(client, f"model-endpoint.{endpoint.name}.wanted", PLENTY)
        self._loop, self._line = connect(endpoint)

    def begin(self) -> None:
        """Hold what nobody else wants."""
        for holding in (self.calls, self.wanted):
            holding.declare()
        self.calls.grow(self._fair(0))
        self._allow(self.calls.slots)

    def adjust(self) -> None:
        """Hold what is fair by now; where the server is away, give up what can no longer be held, and raise."""
        allowed = self._line.places.capacity
        try:
            for holding in (self.calls, self.wanted):
                holding.renew()
            taken, wanted = self._look()
            self._say(wanted)
            allowed = self._move(self._fair(wanted), taken)
        finally:
            for holding in (self.calls, self.wanted):
                holding.forget_lapsed()
            self._allow(min(allowed, self.calls.slots))

    def end(self) -> None:
        """Give everything back; whoever asks outside a run keeps the limits of this process alone."""
        with suppress(*_AWAY):
            for holding in (self.calls, self.wanted):
                holding.shrink(0)
        self._allow(self.endpoint.at_once, share=1.0)

    def _fair(self, wanted: int) -> int:
        return fair_share(self.calls.limit, wanted, self.wanted.others(), self.endpoint.at_once)

    def _say(self, wanted: int) -> None:
        """Let the others know, where it makes a difference to them."""
        said = self.wanted.slots
        if bool(said) is not bool(wanted) or abs(said - wanted) * 4 > said:
            self.wanted.replace(wanted)

    def _move(self, target: int, taken: int) -> int:
        """Grow towards the target, or shrink: no call begins beyond it, those under way end, then the places go."""
        goal = self.calls.least(target)
        if goal < self.calls.slots:
            if taken > goal:
                return goal
            self._allow(goal)
            if self._look()[0] > goal:
                return goal
            self.calls.shrink(target)
        else:
            self.calls.grow(target)
        return self.calls.slots

    def _look(self) -> tuple[int, int]:
        """Ask the line how many calls are under way, and how many are wanted."""

        async def look() -> tuple[int, int]:
            return self._line.places.taken, min(self._line.places.wanted, self.endpoint.at_once)

        return asyncio.run_coroutine_threadsafe(look(), self._loop).result()

    def _allow(self, capacity: int, *, share: float | None = None) -> None:
        async def allow() -> None:
            self._line.share = capacity / self.calls.limit if share is None else share
            self._line.places.capacity = capacity

        asyncio.run_coroutine_threadsafe(allow(), self._loop).result()


@dataclass
class _Use:
    """How many runs of this process use a share, and what ends it."""

    runs: int
    stack: ExitStack


_lock = Lock()
_in_use: dict[Endpoint, _Use] = {}


@contextmanager
def shared_endpoint(endpoint: Endpoint) -> Iterator[None]:
    """Hold a share of the endpoint's limits while the block goes on; runs in one process have one between them.

    The model inside the process is every process's own.
    """
    if endpoint.embedded:
        yield
        return
    with _lock:
        use = _in_use.get(endpoint) or _Use(0, ExitStack())
        if not use.runs:
            use.stack.enter_context(_adjusted(endpoint))
        use.runs += 1
        _in_use[endpoint] = use
    try:
        yield
    finally:
        with _lock:
            use.runs -= 1
            if not use.runs:
                del _in_use[endpoint]
                use.stack.close()


@contextmanager
def _adjusted(endpoint: Endpoint) -> Iterator[None]:
    with get_client(sync_client=True) as client:
        share = Share(endpoint, client)
        share.begin()
        try:
            with meanwhile(_Adjusting(share), every=LOOK_S, name="share"):
                yield
        finally:
            share.end()


class _Adjusting:
    """Adjusts a share as well as the server lets it, and says once what keeps the run waiting."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._said = ""

    def __call__(self) -> None:
        # A look that fails is repeated a second later anyway; meanwhile no lease may be thought to be held.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            try:
                self._share.adjust()
            except _AWAY as error:
                self._say(f"The Prefect server does not answer ({type(error).__name__}); calls go on until leases end")
                return
        none = not self._share.calls.slots and self._share.wanted.slots
        self._say(WAITING if none else "")

    def _say(self, what: str) -> None:
        if what and what != self._said:
            get_run_logger().warning(what)
        self._said = what
