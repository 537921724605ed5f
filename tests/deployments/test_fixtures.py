"""The ledgers that tests get are empty and their own."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import create_engine, inspect, text


def test_each_ledger_of_a_test_is_empty_and_its_own(ledger_urls: Callable[[], str]) -> None:
    """A table made in one database is not seen in the next one."""
    first, second = create_engine(ledger_urls()), create_engine(ledger_urls())
    with first.begin() as connection:
        connection.execute(text("CREATE TABLE cases (id INTEGER)"))
    assert inspect(first).get_table_names() == ["cases"]
    assert inspect(second).get_table_names() == []
    first.dispose()
    second.dispose()
