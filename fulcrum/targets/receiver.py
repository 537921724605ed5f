"""One HTTP receiver as this process sees it: asked until an answer settles it, and left alone when it asks for that."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from math import ceil
from ssl import SSLContext
from time import monotonic

import httpx

CONNECT_S = 5.0
LONGEST_WAIT_S = 10.0
"""The longest Retry-After that is waited for; after a longer one the request has failed."""
BACKOFF_S = 0.25
"""The pause before the second try, at most; it doubles with each further one."""

_TRY_AGAIN = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS}
_REPLAYED = ("idempotency-replayed", "idempotent-replayed")
_LONGEST_BODY = 65_536


class NoAnswer(Exception):
    """The receiver gave no answer that settles the request; the text says why."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request is tried: so many times, so many seconds for each read and write, to a `monotonic` end."""

    tries: int
    timeout_s: float
    end: float


@dataclass(frozen=True, slots=True)
class Response:
    """A receiver's answer, its body read to the end or to what is bearable."""

    status: int
    headers: httpx.Headers
    body: bytes

    def __str__(self) -> str:
        """Name the status by its standard phrase, never by the receiver's own, which may quote the case."""
        return f"status {self.status} {httpx.codes.get_reason_phrase(self.status)}".rstrip()

    @property
    def replayed(self) -> bool:
        """Whether the receiver says that it answers as it did before."""
        return any(self.headers.get(name, "").strip().lower() == "true" for name in _REPLAYED)


@dataclass(slots=True)
class _Door:
    """What a process knows of one receiver from batch to batch: the `monotonic` before which it wants no request."""

    closed_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver with the connections of one batch; threads may share it."""

    client: httpx.Client
    patience: Patience
    door: _Door

    def ask(self, make: Callable[[httpx.Client], httpx.Request]) -> Response:
        """Make a request, anew for each try, until an answer settles it; raise NoAnswer when none does."""
        so_far, unsure = "", False
        for number in range(self.patience.tries):
            self._wait(_pause(number), so_far)
            try:
                response = self._send(make(self.client))
            except httpx.HTTPError as error:
                so_far, unsure = _name_of(error), True
                continue
            asked = seconds_in(response.headers.get("retry-after"), datetime.now(UTC))
            if not _to_be_tried_again(response, asked, unsure=unsure):
                return response
            so_far = str(response) if asked is None else f"{response}, to be tried again in {ceil(asked)} s"
            self.door.closed_until = max(self.door.closed_until, monotonic() + (asked or 0))
        raise NoAnswer(so_far)

    def _wait(self, pause: float, so_far: str) -> None:
        """Wait for the pause and for what the receiver asked for; raise NoAnswer when that is too long."""
        now, end = monotonic(), self.patience.end
        asked = self.door.closed_until - now
        if asked > min(LONGEST_WAIT_S, end - now):
            raise NoAnswer(so_far or f"not sent, because it asked to be left alone for {ceil(asked)} s more")
        if now + pause >= end:
            raise NoAnswer(so_far or "not sent, because others of its batch took all the time there was")
        time.sleep(max(pause, asked, 0))

    def _send(self, request: httpx.Request) -> Response:
        seconds = max(min(self.patience.timeout_s, self.patience.end - monotonic()), 0.001)
        request.extensions["timeout"] = httpx.Timeout(seconds, connect=min(CONNECT_S, seconds)).as_dict()
        response = self.client.send(request, stream=True)
        try:
            return Response(response.status_code, response.headers, _read(response, self.patience.end))
        finally:
            response.close()


@contextmanager
def receiver_at(url: str, patience: Patience) -> Iterator[Receiver]:
    """Open a receiver for a batch, and close its connections after it, so that none is stale or left open.

    No proxy stands between this machine and itself, and no cookie is kept.
    """
    with httpx.Client(
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "fulcrum"},
        follow_redirects=False,
        trust_env=not is_loopback(httpx.URL(url).host),
        verify=_trusted(),
    ) as client:
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield Receiver(client, patience, _door(url))


@lru_cache(maxsize=64)
def _door(url: str) -> _Door:  # noqa: ARG001 - what it is known by
    return _Door()


@lru_cache
def _trusted() -> SSLContext:
    """Read the authorities that are trusted, once a process, because that takes longer than a request."""
    return httpx.create_ssl_context()


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def seconds_in(retry_after: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date (RFC 9110, 10.2.3); None where it says nothing."""
    said = (retry_after or "").strip()
    if said.isdecimal() and said.isascii():
        return float(said[:9])
    with suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(said)
        return max((moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds(), 0.0)
    return None


def _pause(number: int) -> float:
    """Give the seconds before a try, by its number: none before the first, then doubling, each half by chance."""
    return BACKOFF_S * 2 ** (number - 1) * random.uniform(0.5, 1) if number else 0.0  # noqa: S311 - spreads load


def _read(response: httpx.Response, end: float) -> bytes:
    """Read a body as far as it is bearable; a cut one takes nothing from the status, which is the answer."""
    body = b""
    with suppress(httpx.HTTPError):
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > _LONGEST_BODY or monotonic() > end:
                break
    return body[:_LONGEST_BODY]


def _to_be_tried_again(response: Response, asked: float | None, *, unsure: bool) -> bool:
    """Tell whether a later try may end otherwise.

    A conflict may be with the delivery's own earlier try, where nobody knows what came of that, or the receiver says
    when to come back.
    """
    if response.status == httpx.codes.CONFLICT:
        return not response.replayed and (unsure or asked is not None)
    return response.status in _TRY_AGAIN or httpx.codes.is_server_error(response.status)


def _name_of(error: httpx.HTTPError) -> str:
    """Name what went wrong by its kinds, the outer and the innermost; their texts may hold an address."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return " ".join(dict.fromkeys((type(error).__name__, type(inner).__name__)))
