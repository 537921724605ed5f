"""The ledger: the database of cases, events, proposals, decisions and deliveries; the single truth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Self

from sqlalchemy import select

from fulcrum.ledger.alarms import Alarms
from fulcrum.ledger.audit import Audit
from fulcrum.ledger.catalogues import Catalogues
from fulcrum.ledger.examples import Examples
from fulcrum.ledger.halts import Halts
from fulcrum.ledger.intake import Intake, TakenIn
from fulcrum.ledger.leases import Leases
from fulcrum.ledger.logs import Logs
from fulcrum.ledger.migrate import ensure_current, migrate
from fulcrum.ledger.outbox import Outbox, Parcel, Result
from fulcrum.ledger.queue import Bundle, Queue
from fulcrum.ledger.reading import History, Reading
from fulcrum.ledger.retention import Retention
from fulcrum.ledger.reviewers import Reviewers
from fulcrum.ledger.reviews import Dossier, Reviews
from fulcrum.ledger.runs import Runs
from fulcrum.ledger.store import Store, utc_now
from fulcrum.ledger.tables import LedgerRow
from fulcrum.ledger.watching import Watching
from fulcrum.ledger.work import Cleared, Work

__all__ = ["Bundle", "Cleared", "Dossier", "History", "Ledger", "Parcel", "Result", "TakenIn", "migrate"]


class Ledger:
    """One open ledger; its parts are the desks at which the work is done."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.intake = Intake(store)
        self.leases = Leases(store)
        self.work = Work(store)
        self.reviews = Reviews(store)
        self.reviewers = Reviewers(store)
        self.queue = Queue(store)
        self.outbox = Outbox(store)
        self.runs = Runs(store)
        self.examples = Examples(store)
        self.catalogues = Catalogues(store)
        self.reading = Reading(store)
        self.watching = Watching(store)
        self.halts = Halts(store)
        self.retention = Retention(store)
        self.audit = Audit(store)
        self.alarms = Alarms(store)
        self.logs = Logs(store)

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], datetime] = utc_now) -> Ledger:
        """Open the ledger at a database URL; raise LedgerUnavailable, or LedgerOutdated when it needs `migrate`."""
        store = Store(url, clock=clock)
        try:
            ensure_current(store)
        except BaseException:
            store.close()
            raise
        return cls(store)

    @cached_property
    def identity(self) -> str:
        """Give the ledger's own name: 8 hex digits, drawn when it was made."""
        with self.store.read() as tx:
            return str(tx.execute(select(LedgerRow.identity)).scalar_one())

    def __enter__(self) -> Self:
        """Use it for the length of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self.store.close()
