"""How a posting model becomes columns and files, and which values pass."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, StringConstraints, create_model
from sqlalchemy import Column, MetaData, Table, create_engine, insert, select

from fulcrum.targets.columns import Amount, kept
from fulcrum.targets.fields import Kind, PostingField, clean, fields_of

Money = Annotated[Decimal, Field(max_digits=15, decimal_places=2)]


class Line(BaseModel):
    """A part of a posting."""

    text: str


class Level(IntEnum):
    """A closed choice of numbers."""

    LOW = 1


class Colour(StrEnum):
    """A closed choice of words."""

    RED = "red"


@pytest.mark.parametrize(
    ("annotation", "kind", "places"),
    [
        (str, Kind.TEXT, None),
        (str | None, Kind.TEXT, None),
        (Annotated[str, StringConstraints(max_length=3)] | None, Kind.TEXT, None),
        (Literal["a", "b"], Kind.TEXT, None),
        (Literal["a", "b"] | None, Kind.TEXT, None),
        (Literal[1, 2], Kind.INTEGER, None),
        (Literal["a", 1], Kind.JSON, None),
        (Colour, Kind.TEXT, None),
        (Level | None, Kind.INTEGER, None),
        (UUID, Kind.TEXT, None),
        (Decimal, Kind.NUMBER, None),
        (Money, Kind.NUMBER, 2),
        (Money | None, Kind.NUMBER, 2),
        (Annotated[Decimal | None, Field(decimal_places=4)], Kind.NUMBER, 4),
        (date | None, Kind.DATE, None),
        (datetime, Kind.MOMENT, None),
        (bool | None, Kind.TRUTH, None),
        (int, Kind.INTEGER, None),
        (float, Kind.FLOAT, None),
        (int | str, Kind.JSON, None),
        (Line, Kind.JSON, None),
        (tuple[Line, ...], Kind.JSON, None),
        (list[str] | None, Kind.JSON, None),
        (dict[str, int], Kind.JSON, None),
        (Any, Kind.JSON, None),
    ],
)
def test_a_field_s_kind(annotation: Any, kind: Kind, places: int | None) -> None:
    """Each type has its kind, with or without None and limits; what has no single type is kept as JSON."""
    model = create_model("Posting", field=(annotation, ...))
    assert fields_of(model) == (PostingField("field", kind, places),)


@given(st.lists(st.decimals(min_value="-9999999999999.99", max_value="9999999999999.99", places=2), max_size=20))
def test_money_is_exact_on_sqlite(amounts: list[Decimal]) -> None:
    """Every amount of up to 15 digits comes back from SQLite to the cent."""
    table = Table("t", MetaData(), Column("amount", Amount(2)))
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        if amounts:
            connection.execute(insert(table), [{"amount": amount} for amount in amounts])
        found = list(connection.scalars(select(table.c.amount)))
    engine.dispose()
    assert found == amounts
    assert all(kept(amount, "sqlite") for amount in amounts)
    assert {amount.as_tuple().exponent for amount in found} <= {-2}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**14), max_value=10**14))
def test_kept_tells_the_truth(amount: Decimal) -> None:
    """What is said to be kept on SQLite survives its double; elsewhere every Decimal is kept."""
    assert kept(amount, "postgresql")
    assert kept(amount, "sqlite") is (Decimal(repr(float(amount))) == amount)


@given(st.recursive(st.text(st.characters()) | st.none() | st.integers(), st.lists, max_leaves=8))
def test_clean_text_can_be_kept(value: Any) -> None:
    """Clean text encodes as UTF-8, has no NUL, and sound text is left as it is."""
    cleaned = clean({"key": value})
    assert "\\u0000" not in ascii(cleaned)
    str(cleaned).encode()
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(("dirty", "cleaned"), [("a\0b", "a\ufffdb"), ("\ud83d", "\ufffd"), ("😀é", "😀é")])
def test_what_is_cleaned(dirty: str, cleaned: str) -> None:
    """NUL and lone surrogates become U+FFFD, at any depth and in names too."""
    assert clean({dirty: [dirty, {"x": dirty}]}) == {cleaned: [cleaned, {"x": cleaned}]}
