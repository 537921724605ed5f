"""Column types that keep their meaning on SQLite and PostgreSQL alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, Numeric, String, Text, and_, false
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeDecorator, TypeEngine


def canonical(value: Any) -> str:
    """Write JSON in the one form that digests are taken over: sorted keys, no spaces, no escapes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


class Canonical(str):
    """JSON that is written in that form already, so that what was digested is not written a second time."""

    __slots__ = ()


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; SQLite's own type forgets the zone. A naive one is refused."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use the zone-aware type where there is one, sortable ISO text on SQLite."""
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turn the moment into UTC; raise ValueError when it has no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a moment without a time zone cannot be stored"
            raise ValueError(msg)
        utc = value.astimezone(UTC)
        return utc.isoformat(timespec="microseconds") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give the moment back in UTC."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal with up to eight places; on SQLite as text, because its numbers are floats."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use text on SQLite, NUMERIC elsewhere."""
        return dialect.type_descriptor(String(40) if dialect.name == "sqlite" else Numeric(24, 8))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write plain digits, never an exponent."""
        if value is None:
            return None
        return format(value, "f") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Give the number back without trailing zeros."""
        return None if value is None else plain(Decimal(value))


class JsonText(TypeDecorator[Any]):
    """JSON kept as its canonical text, so that what was hashed is what is read."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write canonical JSON."""
        if value is None:
            return None
        return str(value) if isinstance(value, Canonical) else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read it back."""
        return None if value is None else json.loads(value)


_ID = "234567abcdefghijklmnopqrstuvwxyz"
"""What a case's id is written with, in the order that every database sorts it in."""

_LENGTH = 16
"""Characters of a whole one."""


def begins(column: InstrumentedAttribute[str], beginning: str) -> ColumnElement[bool]:
    """Compare a case's id with its beginning, by the column's index, which LIKE does not use on either database.

    Nothing begins with nothing, nor with what no id has in it.
    """
    if not beginning or not set(beginning) <= set(_ID):
        return false()
    if len(beginning) == _LENGTH:
        return column == beginning
    stem = beginning.rstrip(_ID[-1])
    if not stem:
        return column >= beginning
    return and_(column >= beginning, column < stem[:-1] + _ID[_ID.index(stem[-1]) + 1])


def plain(value: Decimal) -> Decimal:
    """Drop trailing zeros without an exponent: 1.500 is 1.5, 1E+2 is 100."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
