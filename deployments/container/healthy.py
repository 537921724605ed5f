"""Whether the process in this container is well: exit 0 or 1. `healthy.py URL` asks an address, `healthy.py` Redis.

An API and a worker answer at an address. The background services have none; what they do they take from a queue in
Redis, in which each of them says every few seconds that it is there.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import urllib.request
from http import HTTPStatus

SERVICES = "prefect"
"""The name under which `prefect server services start` takes its turns."""


def main() -> int:
    """Give the exit code for the arguments."""
    well = _answers(sys.argv[1]) if len(sys.argv) > 1 else asyncio.run(_at_work())
    return 0 if well else 1


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=4) as response:  # noqa: S310 - compose.yaml names the address
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False


async def _at_work() -> bool:
    """Tell whether a process of this host has said lately that it is at work; a worker is named host#pid."""
    from docket import Docket  # noqa: PLC0415 - takes a second to import, and the other question needs none of it

    async with Docket(name=SERVICES, url=os.environ["PREFECT_SERVER_DOCKET_URL"]) as docket:
        return any(worker.name.partition("#")[0] == socket.gethostname() for worker in await docket.workers())


if __name__ == "__main__":
    sys.exit(main())
