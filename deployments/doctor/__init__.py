"""Looking whether all that Fulcrum stands on is there: each look is a line, in words, with what to do.

Importing this package does not import Prefect; `examine` does, once it knows which server is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from deployments.doctor.ledger import look_at_ledger
from deployments.doctor.lines import Line, Verdict, guarded, unchecked, wrong
from deployments.doctor.machine import look_at_machine
from fulcrum.settings import Settings

__all__ = ["Line", "Verdict", "examine"]

BEHIND_THE_SERVER = ("workers", "blocks", "model endpoints", "targets")


def examine(settings: Settings, *, ask: bool = False) -> Iterator[Line]:
    """Look at everything, the nearest first; with `ask` each model endpoint is asked once, which may cost.

    No ledger, server, block or target is made or changed by it, and no look raises.
    """
    yield from guarded("this machine", lambda: look_at_machine(settings))
    yield from guarded("ledger", lambda: look_at_ledger(settings))
    yield from guarded("Prefect server", lambda: _behind_the_server(settings, ask=ask))


def _behind_the_server(settings: Settings, *, ask: bool) -> Iterator[Line]:
    from deployments.stack.connection import api_there, configured  # noqa: PLC0415 - httpx

    url = configured(settings)
    if url is None:
        why = "none runs on this home, and PREFECT_API_URL names none"
        yield wrong("Prefect server", why, "start one: fulcrum up; or set PREFECT_API_URL")
    else:
        with api_there(settings) as there:
            if there is not None:
                from deployments.doctor.server import look_at_server  # noqa: PLC0415 - imports Prefect

                yield from look_at_server(settings, _bare(url), ask=ask)
                return
        yield wrong("Prefect server", f"{_bare(url)} does not answer", "bring it up, or correct PREFECT_API_URL")
    for name in BEHIND_THE_SERVER:
        yield unchecked(name, "only the Prefect server knows them")


def _bare(url: str) -> str:
    """Write an address without the user and password that it may hold."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
