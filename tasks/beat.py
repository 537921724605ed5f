"""A sign of life to a receiver outside: the server that would tell of a silence may be what is silent."""

from __future__ import annotations

import os

import httpx
from prefect.logging import get_run_logger

VARIABLE = "FULCRUM_HEARTBEAT_URL"
"""Where signs of life go, as `fulcrum alerts listen` or any service that waits for them."""

PATIENCE = 5.0


def heartbeat() -> None:
    """Send a sign of life, where the environment names a receiver; one that is away is only noted."""
    url = os.environ.get(VARIABLE)
    if not url:
        return
    try:
        httpx.post(url, timeout=PATIENCE).raise_for_status()
    except httpx.HTTPError as error:
        get_run_logger().warning("The sign of life did not arrive: %s", type(error).__name__)
