"""A sign of life to a receiver outside: the server that would tell of a silence may be what is silent."""

from __future__ import annotations

import httpx
from prefect.logging import get_run_logger

from fulcrum.settings import settings

PATIENCE = 5.0


def heartbeat() -> None:
    """Send a sign of life, where a receiver is named; one that is away is only noted."""
    url = settings().heartbeat_url
    if not url:
        return
    try:
        httpx.post(url, timeout=PATIENCE).raise_for_status()
    except httpx.HTTPError as error:
        get_run_logger().warning("The sign of life did not arrive: %s", type(error).__name__)
