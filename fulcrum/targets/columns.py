"""The table that deliveries are posted to: the target's own columns, then the posting model's fields."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Dialect,
    Double,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from fulcrum.ledger.columns import UtcDateTime
from fulcrum.targets.fields import KEY_LENGTH, Kind, PostingField, digits_of

UNIQUE = ("idempotency_key", "business_key", "reverses")
"""What may stand only once each: a delivery, a business key, the reversal of a delivery."""


class Amount(TypeDecorator[Decimal]):
    """A Decimal that reads as a number everywhere.

    On SQLite the column is NUMERIC, so that `SUM(total)` and `total > 100` mean what an accountant expects; text would
    compare as text and cents would read a hundredfold. What SQLite keeps is then a double, whose shortest decimal form
    is the number that was written as long as it has 15 digits; `kept` tells, and the writer refuses what is not.
    Without `places` the column has no fixed scale where the database knows such a type, ten places elsewhere.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, places: int | None) -> None:
        super().__init__(*digits_of(places))
        self.places = places

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use NUMERIC; on SQLite without SQLAlchemy's own way from Decimal to float, which rounds silently."""
        scaled = self.places is not None or dialect.name not in {"sqlite", "postgresql"}
        precision, scale = digits_of(self.places) if scaled else (None, None)
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Numeric(precision, scale, asdecimal=False))
        return dialect.type_descriptor(Numeric(precision, scale))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write a double on SQLite, the Decimal elsewhere."""
        return float(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002  SQLAlchemy's shape
        """Give back the Decimal that was written, with its places where the field has a fixed number."""
        if value is None:
            return None
        number = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
        return number if self.places is None else number.quantize(Decimal(1).scaleb(-self.places))


def kept(value: Any, dialect: str) -> bool:
    """Tell whether the database keeps a value exactly: SQLite a Decimal only when a double does."""
    return dialect != "sqlite" or not isinstance(value, Decimal) or Decimal(repr(float(value))) == value


@lru_cache(maxsize=32)
def table_of(name: str, schema: str | None, fields: tuple[PostingField, ...]) -> Table:
    """Describe the table; with no fields only the target's own columns.

    A table that is described anew for each batch is another one to SQLAlchemy, which keeps what it compiled for it.
    """
    return Table(
        name,
        MetaData(schema=schema),
        *_own_columns(),
        *(Column(field.name, _type(field)) for field in fields),
        *(UniqueConstraint(column, name=f"uq_{name}_{column}") for column in UNIQUE[1:]),
    )


def _own_columns() -> list[Column[Any]]:
    return [
        Column("idempotency_key", String(KEY_LENGTH), primary_key=True),
        Column("case_id", String(64), nullable=False),
        Column("external_id", Text, nullable=False),
        Column("process", Text, nullable=False),
        Column("effect", String(16), nullable=False),
        Column("revision", Integer, nullable=False),
        Column("business_key", String(KEY_LENGTH)),
        Column("reverses", String(KEY_LENGTH)),
        Column("decided_by", Text),
        Column("note", Text),
        Column("delivered_at", UtcDateTime, nullable=False),
    ]


def _type(field: PostingField) -> TypeEngine[Any]:
    types: dict[Kind, TypeEngine[Any]] = {
        Kind.TEXT: Text(),
        Kind.NUMBER: Amount(field.places),
        Kind.DATE: Date(),
        Kind.MOMENT: UtcDateTime(),
        Kind.TRUTH: Boolean(),
        Kind.INTEGER: BigInteger(),
        Kind.FLOAT: Double(),
        Kind.JSON: JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"),
    }
    return types[field.kind]
