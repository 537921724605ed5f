"""The ledger: whether it answers, at which schema it is, and whether its clock is ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from deployments.doctor.lines import Line, ok, wrong
from deployments.doctor.machine import sqlite_file
from fulcrum.settings import Settings

if TYPE_CHECKING:
    from fulcrum.ledger.store import Store

APART = timedelta(seconds=5)
"""How far two clocks may be apart: leases end after a minute, by whichever clock looks."""

CONNECT_S = "5"


def look_at_ledger(settings: Settings) -> Iterator[Line]:
    """Open the ledger that the settings name, and make none where there is none."""
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError  # noqa: PLC0415 - see deployments/cli/__init__.py

    from fulcrum.ledger.store import Store, shown  # noqa: PLC0415 - the same

    file = sqlite_file(settings.ledger_url)
    if file is not None and not file.exists():
        yield wrong("ledger", f"there is none yet at {file}", "make it: fulcrum migrate")
        return
    try:
        store = Store(_impatient(settings.ledger_url))
        where = shown(settings.ledger_url)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        yield wrong("ledger", f"FULCRUM_LEDGER_URL cannot be used ({type(error).__name__})", "correct it")
        return
    try:
        yield from _schema(store, where)
        if not store.sqlite:
            yield _clock(store)
    finally:
        store.close()


def clocks(check: str, theirs: datetime, ours: datetime) -> Line:
    """Compare another's clock with ours."""
    apart = theirs - ours
    seconds = abs(apart.total_seconds())
    if abs(apart) <= APART:
        return ok(check, f"agrees with ours to {max(1, round(seconds))} s")
    direction = "ahead of" if apart > timedelta() else "behind"
    return wrong(check, f"is {seconds:.0f} s {direction} ours", "let both machines keep time (NTP): leases go by it")


def _schema(store: Store, where: str) -> Iterator[Line]:
    from fulcrum.errors import LedgerOutdated, LedgerUnavailable  # noqa: PLC0415 - see above
    from fulcrum.ledger.migrate import HEAD, ensure_current  # noqa: PLC0415 - the same

    try:
        ensure_current(store)
    except LedgerOutdated as error:
        found = f"{where} is at schema {error.facts['found']}, this release needs {HEAD}"
        yield wrong("ledger", found, "stop what runs, then: fulcrum migrate")
    except LedgerUnavailable as error:
        found = f"{where} does not answer: {error.facts['reason']}"
        yield wrong("ledger", found, "bring the database up, or correct FULCRUM_LEDGER_URL")
    else:
        yield ok("ledger", f"{where} answers, schema {HEAD}")


def _clock(store: Store) -> Line:
    from sqlalchemy import text  # noqa: PLC0415 - see above

    with store.read() as tx:
        before = datetime.now(UTC)
        theirs = tx.execute(text("SELECT clock_timestamp()")).scalar_one()
        after = datetime.now(UTC)
    return clocks("clock of the ledger", theirs, before + (after - before) / 2)


def _impatient(url: str) -> str:
    """Let PostgreSQL have a few seconds to answer, unless the URL says otherwise."""
    from sqlalchemy import make_url  # noqa: PLC0415 - see above

    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql" and "connect_timeout" not in parsed.query:
        parsed = parsed.update_query_dict({"connect_timeout": CONNECT_S})
    return parsed.render_as_string(hide_password=False)
