"""Deliveries as rows of a database table: each once, whatever crashes and whoever else posts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Insert, Table, insert, inspect, select, update
from sqlalchemy.exc import DataError, IntegrityError

from fulcrum.cases import Delivery, Effect, Json, Receipt
from fulcrum.errors import DeliveryRefused
from fulcrum.targets import Answer
from fulcrum.targets.columns import kept, table_of
from fulcrum.targets.database import FAILURES, NotSetUp, engine_of, failure, name_of, set_up
from fulcrum.targets.fields import PostingField, check_keys, clean, fields_of, typed

_UNFIT = (DataError, UnicodeError, OverflowError)
"""What a row is to blame for, not the database."""

_set_up: set[tuple[str, str | None, str, tuple[PostingField, ...]]] = set()
"""The tables that this process has found fit."""


class _NothingToReverse(Exception):
    """The delivery that a reversal names does not stand in the table."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A delivery ready to be written: its columns' values, and the target's name for what goes wrong."""

    target: str
    values: Json


@dataclass(frozen=True, slots=True)
class PostingTable:
    """A table in any database that SQLAlchemy reaches; made when it is not there, widened when the model has grown.

    Exactly-once rests on three unique constraints: the idempotency key, the business key, the delivery reversed. A
    conflict is answered by reading what stands there. Nothing is ever deleted and no amount changed; a reversal is a
    row of its own, and frees the business key of the row it reverses in the same transaction.
    """

    url: str
    name: str
    schema: str | None = None

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel], at: datetime) -> list[Answer]:
        """Write the deliveries in their order, in one transaction; answer each in its place."""
        fields = fields_of(posting)
        prepared = [self._prepare(delivery, fields, at) for delivery in deliveries]
        rows = [one for one in prepared if isinstance(one, _Row)]
        written = iter(self._write(rows, fields) if rows else [])
        return [next(written) if isinstance(one, _Row) else one for one in prepared]

    def holds(self, key: str) -> Receipt | None:
        """Look a delivery up by its idempotency key; raise DeliveryFailed when the database does not answer."""
        table = table_of(self.name, self.schema, ())
        try:
            with engine_of(self.url).connect().execution_options(reads=True) as connection:
                if not inspect(connection).has_table(self.name, schema=self.schema):
                    return None
                found = connection.execute(
                    select(table.c.idempotency_key).where(table.c.idempotency_key == clean(key))
                ).first()
        except FAILURES as error:
            raise failure(error, self.name) from None
        return Receipt(self.reference(key), repeated=True) if found else None

    def reference(self, key: str) -> str:
        """Name a row of the table, as receipts do."""
        table = f"{self.schema}.{self.name}" if self.schema else self.name
        return f"{table}/{key}"

    def _prepare(self, delivery: Delivery, fields: Sequence[PostingField], at: datetime) -> _Row | DeliveryRefused:
        try:
            check_keys(delivery)
            row = _Row(delivery.target, _own_values(delivery, at) | typed(delivery, fields))
        except DeliveryRefused as refusal:
            return refusal
        return row

    def _write(self, rows: list[_Row], fields: tuple[PostingField, ...]) -> list[Answer]:
        setting = (self.url, self.schema, self.name, fields)
        try:
            table = self._table(fields)
            engine = engine_of(self.url)
            if setting not in _set_up:
                set_up(engine, table)
                _set_up.add(setting)
            with engine.connect() as connection:
                return self._all_at_once(connection, table, rows)
        except FAILURES as error:
            _set_up.discard(setting)
            return [failure(error, row.target) for row in rows]

    def _table(self, fields: tuple[PostingField, ...]) -> Table:
        taken = {column.name for column in table_of(self.name, self.schema, ()).columns} & {f.name for f in fields}
        if taken:
            reason = f"the posting model's field {', '.join(sorted(taken))} is a column of the target's own; rename it"
            raise NotSetUp(reason)
        return table_of(self.name, self.schema, fields)

    def _all_at_once(self, connection: Connection, table: Table, rows: list[_Row]) -> list[Answer]:
        plain = all(row.values["reverses"] is None and _kept(row, connection) for row in rows)
        if plain:
            try:
                with connection.begin():
                    connection.execute(_bulk(connection, table), [row.values for row in rows])
            except (IntegrityError, *_UNFIT):
                pass
            else:
                return [Receipt(self.reference(row.values["idempotency_key"])) for row in rows]
        with connection.begin():
            return [self._one(connection, table, row) for row in rows]

    def _one(self, connection: Connection, table: Table, row: _Row) -> Answer:
        """Write one row behind a savepoint, so that it harms no other."""
        if not _kept(row, connection):
            return DeliveryRefused(target=row.target, reason="an amount has more digits than SQLite keeps exactly")
        # What a conflict was with may be freed before it is read: then the second attempt succeeds.
        for _ in range(2):
            try:
                with connection.begin_nested():
                    _insert(connection, table, row.values)
                return Receipt(self.reference(row.values["idempotency_key"]))
            except IntegrityError:
                answer = self._standing(connection, table, row)
                if answer is not None:
                    return answer
            except _NothingToReverse:
                reason = f"{self.reference(row.values['reverses'])} is not there to be reversed"
                return DeliveryRefused(target=row.target, reason=reason)
            except _UNFIT as error:
                return DeliveryRefused(target=row.target, reason=f"the database cannot hold it: {name_of(error)}")
        return DeliveryRefused(target=row.target, reason="a constraint of the table itself")

    def _standing(self, connection: Connection, table: Table, row: _Row) -> Answer | None:
        """Say what a row conflicts with: itself, another holder of its business key, another reversal."""
        if _key_of(connection, table, "idempotency_key", row):
            return Receipt(self.reference(row.values["idempotency_key"]), repeated=True)
        for column, verb in (("business_key", "posted"), ("reverses", "reversed")):
            holder = _key_of(connection, table, column, row)
            if holder:
                return DeliveryRefused(target=row.target, reason=f"already {verb} as {self.reference(holder)}")
        return None


def _own_values(delivery: Delivery, at: datetime) -> Json:
    posting = delivery.effect is Effect.POSTING
    return {
        "idempotency_key": clean(delivery.key),
        "case_id": clean(delivery.case_id),
        "external_id": clean(delivery.external_id),
        "process": clean(delivery.process),
        "effect": delivery.effect.value,
        "revision": delivery.revision,
        "business_key": clean(delivery.business_key) if posting else None,
        "reverses": clean(delivery.reverses),
        "decided_by": clean(delivery.decided_by),
        "note": clean(delivery.note),
        "delivered_at": at,
    }


def _bulk(connection: Connection, table: Table) -> Insert:
    # With RETURNING a page of rows is one statement; without it psycopg's pipeline logs a warning at each conflict.
    statement = insert(table)
    returning = connection.dialect.insert_executemany_returning
    return statement.returning(table.c.idempotency_key) if returning else statement


def _kept(row: _Row, connection: Connection) -> bool:
    return all(kept(value, connection.dialect.name) for value in row.values.values())


def _insert(connection: Connection, table: Table, values: Json) -> None:
    connection.execute(insert(table), values)
    if values["reverses"] is not None:
        original = table.c.idempotency_key == values["reverses"]
        if connection.execute(update(table).where(original).values(business_key=None)).rowcount == 0:
            raise _NothingToReverse


def _key_of(connection: Connection, table: Table, column: str, row: _Row) -> Any:
    value = row.values[column]
    return value and connection.scalar(select(table.c.idempotency_key).where(table.c[column] == value))
