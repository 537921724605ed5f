"""Run the sample help desk: `python -m deployments.desk --home HOME --port PORT`."""

from __future__ import annotations

import sqlite3
import sys
from argparse import ArgumentParser
from pathlib import Path

import uvicorn

from deployments.desk import HOST
from deployments.desk.app import HelpDesk, app_of
from deployments.desk.secret import secret_of
from deployments.desk.store import Store


def main() -> None:
    """Read the command line and serve."""
    parser = ArgumentParser(
        prog="python -m deployments.desk", description="The sample help desk, on this machine alone."
    )
    parser.add_argument("--home", type=Path, required=True, help="the folder that keeps tickets and secret")
    parser.add_argument("--port", type=int, default=4280, help="0 takes any free one (default: 4280)")
    given = parser.parse_args()
    serve(given.home.absolute(), given.port)


def serve(home: Path, port: int) -> None:
    """Serve the home's tickets until SIGTERM or Ctrl-C; exits with a reason when they cannot be kept there."""
    try:
        desk = HelpDesk(Store(home / "help-desk.db"), secret_of(home))
    except (OSError, ValueError, sqlite3.Error) as error:
        sys.exit(f"The help desk cannot keep its tickets in {home}: {error}")
    uvicorn.run(
        app_of(desk),
        host=HOST,
        port=port,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
