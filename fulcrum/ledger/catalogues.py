"""The catalogues that an operator has put in force, in place of those that a process ships."""

from __future__ import annotations

from sqlalchemy import func, insert, select

from fulcrum.cases import Json
from fulcrum.catalogue import Catalogue, catalogue_of
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CatalogueRow
from fulcrum.process import Process


class Catalogues:
    """Keeps every catalogue that was ever in force, and says which one is."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def bind(self, process: Process) -> Process:
        """Give the process with the catalogues that are in force."""
        return process.under(self.in_force(process.name)) if process.catalogues else process

    def in_force(self, process: str) -> list[Catalogue]:
        """Read the newest catalogue of each field that was ever set for a process."""
        newest: dict[str, Catalogue] = {}
        for row in self.changes(process):
            if row["field"] not in newest:
                newest[row["field"]] = catalogue_of(row["body"], where=f"the ledger, {process}")
        return list(newest.values())

    def changes(self, process: str) -> list[Json]:
        """List every catalogue that was set for a process, the newest first."""
        query = select(CatalogueRow).where(CatalogueRow.process == process).order_by(CatalogueRow.seq.desc())
        with self._store.read() as tx:
            return [dict(row) for row in tx.execute(query).mappings()]

    def put(self, process: str, catalogue: Catalogue, *, by: str, reason: str) -> bool:
        """Put a catalogue in force from the next run on; tell whether it is another than before."""
        with self._store.write() as tx:
            mine = (CatalogueRow.process == process, CatalogueRow.field == catalogue.field)
            last = tx.execute(
                select(CatalogueRow.version).where(*mine).order_by(CatalogueRow.seq.desc()).limit(1)
            ).scalar_one_or_none()
            if last == catalogue.version:
                return False
            seq = tx.execute(select(func.coalesce(func.max(CatalogueRow.seq), 0)).where(*mine)).scalar_one() + 1
            row = {
                "process": process, "field": catalogue.field, "seq": seq, "version": catalogue.version,
                "body": catalogue.to_json(), "set_by": by, "reason": reason, "set_at": self._store.now(),
            }  # fmt: skip
            tx.execute(insert(CatalogueRow), [row])
        return True
