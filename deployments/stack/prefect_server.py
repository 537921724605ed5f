"""Prefect's server as the local stack runs it: on SQLite every transaction that writes waits for its turn.

Stock, most of them begin DEFERRED: one that reads first and writes then fails at once when another has written in
between, whatever the time-out, and a reviewer's Submit answers 503. One answer in fifteen did while a worker was asking
for runs every half second (docs/decisions/0015-prefect-writes-take-turns.md). To be removed once Prefect begins them
IMMEDIATE itself, as it does already where it locks rows. A server on PostgreSQL is not concerned.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from prefect.cli import app
from prefect.server.database.configurations import AioSqliteConfiguration

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

_begin = AioSqliteConfiguration.begin_transaction


def _begin_immediate(
    self: AioSqliteConfiguration,
    session: AsyncSession,
    with_for_update: bool = False,  # noqa: ARG001 - the answer is always yes
) -> AbstractAsyncContextManager[AsyncSessionTransaction]:
    return _begin(self, session, with_for_update=True)


def main() -> None:
    """Run Prefect's command with that one change."""
    AioSqliteConfiguration.begin_transaction = _begin_immediate  # type: ignore[method-assign,assignment] # see above
    app()


if __name__ == "__main__":
    main()
