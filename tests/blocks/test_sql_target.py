"""What a SqlTarget adds to the contract: typed columns, tables that grow, races and faults of a database."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import pytest
from pydantic import BaseModel, Field, ValidationError, create_model
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.pool import NullPool

from blocks import SqlTarget
from fulcrum.cases import Delivery, Effect, Receipt
from fulcrum.errors import DeliveryFailed, DeliveryRefused, TargetMisconfigured
from fulcrum.targets import Answer, database
from fulcrum.targets.columns import table_of
from fulcrum.targets.fields import fields_of

ROOT = Path(__file__).resolve().parents[2]
Money = Annotated[Decimal, Field(max_digits=15, decimal_places=2)]


class Colour(StrEnum):
    """A closed choice."""

    RED = "red"


class Posting(BaseModel):
    """A posting with a field of each kind."""

    supplier: str | None = None
    colour: Colour | None = None
    total: Money | None = None
    rate: Decimal | None = None
    issued_on: date | None = None
    seen_at: datetime | None = None
    paid: bool | None = None
    days: int | None = None
    weight: float | None = None
    lines: list[dict[str, Any]] | None = None


def delivery(number: int = 1, **values: Any) -> Delivery:
    """Make the delivery of a posting with these values."""
    return Delivery(
        key=f"k{number}",
        case_id=f"case{number}",
        external_id=f"doc-{number}",
        process="invoice-intake",
        target="sql-target/erp",
        effect=Effect.POSTING,
        revision=1,
        posting=values,
        business_key=f"b{number}",
    )


def deliver(url: str, *deliveries: Delivery, model: type[BaseModel] = Posting) -> list[Answer]:
    """Deliver to the table `postings` of a database."""
    return SqlTarget(url=url).deliver(deliveries, model)


@pytest.fixture
def engine(sql_url: str) -> Engine:
    """Give a plain engine on the same database, as another program has it."""
    return create_engine(sql_url, poolclass=NullPool)


FULL = {
    "supplier": "Müller & Søn",
    "colour": "red",
    "total": "9999999999999.99",
    "rate": "1.0000000001",
    "issued_on": "2024-02-29",
    "seen_at": "2024-02-29T12:00:00+02:00",
    "paid": True,
    "days": 2**53 + 1,
    "weight": 0.1,
    "lines": [{"text": "a", "amount": "1.10"}, {}],
}


def test_values_come_back_as_they_went_in(sql_url: str, engine: Engine) -> None:
    """Each kind of field has a column of its type, exact to the last digit, and null where nothing is said."""
    deliver(sql_url, delivery(1, **FULL), delivery(2))
    table = table_of("postings", None, fields_of(Posting))
    columns = [table.c[name] for name in FULL]
    with engine.connect() as connection:
        full, empty = connection.execute(select(*columns).order_by(table.c.idempotency_key)).all()
    assert full._asdict() == FULL | {
        "total": Decimal("9999999999999.99"),
        "rate": Decimal("1.0000000001"),
        "issued_on": date(2024, 2, 29),
        "seen_at": datetime(2024, 2, 29, 10, tzinfo=UTC),
    }
    assert set(empty) == {None}


def test_an_accountant_can_sum_and_compare(sql_url: str, engine: Engine) -> None:
    """Amounts are numbers to any SQL tool: they add up to the cent, compare as numbers and sort as numbers."""
    deliver(sql_url, *(delivery(n, total=amount) for n, amount in enumerate(["9.10", "100.20", "-12.30"] * 100)))
    with engine.connect() as connection:
        total = connection.scalar(text("SELECT round(sum(total), 2) FROM postings"))
        over = connection.scalar(text("SELECT count(*) FROM postings WHERE total > 50"))
        equal = connection.scalar(text("SELECT count(*) FROM postings WHERE total = 9.1"))
        largest = connection.scalar(text("SELECT max(total) FROM postings"))
    assert Decimal(str(total)) == Decimal("9700.00")
    assert (over, equal) == (100, 100)
    assert Decimal(str(largest)) == Decimal("100.20")


def test_an_amount_is_never_rounded(sql_url: str, engine: Engine) -> None:
    """What the database cannot keep to the last digit is refused, not rounded: past 15 digits on SQLite."""
    answers = deliver(sql_url, delivery(1, total="1234567890123456.78"), delivery(2, total="1.00"))
    assert isinstance(answers[1], Receipt)
    if engine.dialect.name == "sqlite":
        assert isinstance(answers[0], DeliveryRefused)
        assert "more digits" in str(answers[0])
    else:
        with engine.connect() as connection:
            found = connection.scalar(text("SELECT total FROM postings WHERE idempotency_key = 'k1'"))
        assert found == Decimal("1234567890123456.78")


def test_a_grown_model_adds_its_columns(sql_url: str, engine: Engine) -> None:
    """A field that the model gained becomes a column; earlier rows stay, null in it."""
    deliver(sql_url, delivery(1, total="1.00"))
    grown = create_model("Grown", __base__=Posting, cost_centre=(str | None, None), net=(Money | None, None))
    (answer,) = deliver(sql_url, delivery(2, total="2.00", cost_centre="4711", net="1.50"), model=grown)
    assert isinstance(answer, Receipt)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT cost_centre, net FROM postings ORDER BY idempotency_key")).all()
    assert [(centre, net and Decimal(str(net))) for centre, net in rows] == [(None, None), ("4711", Decimal("1.5"))]


def test_a_shrunk_model_leaves_its_columns(sql_url: str) -> None:
    """A field that the model lost stays as a column, null from then on."""
    deliver(sql_url, delivery(1, **FULL))
    small = create_model("Small", total=(Money | None, None))
    assert isinstance(deliver(sql_url, delivery(2, total="1.00"), model=small)[0], Receipt)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("CREATE TABLE postings (id INTEGER PRIMARY KEY, total NUMERIC)", "name another table"),
        (None, "no unique constraint on column business_key"),
    ],
)
def test_a_table_that_cannot_keep_the_promise(sql_url: str, engine: Engine, made: str | None, reason: str) -> None:
    """Another's table, or one without the unique constraints, gets nothing; the delivery waits and says what to do."""
    if made is None:
        columns = table_of("postings", None, fields_of(Posting)).columns
        named = ", ".join(f"{column.name} VARCHAR(99)" for column in columns)
        made = f"CREATE TABLE postings ({named}, PRIMARY KEY (idempotency_key), UNIQUE (reverses))"
    with engine.begin() as connection:
        connection.execute(text(made))
    (answer,) = deliver(sql_url, delivery())
    assert isinstance(answer, TargetMisconfigured)
    assert reason in str(answer)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM postings")) == 0


def test_a_field_named_as_an_own_column(sql_url: str) -> None:
    """A posting model whose field has the name of one of the table's own columns is not mixed up with it."""
    clash = create_model("Clash", note=(str | None, None))
    (answer,) = deliver(sql_url, delivery(note="x"), model=clash)
    assert isinstance(answer, TargetMisconfigured)
    assert "note" in str(answer)


def test_a_table_dropped_under_a_running_worker(sql_url: str, engine: Engine) -> None:
    """The batch that meets a dropped table waits; the next one makes the table anew."""
    deliver(sql_url, delivery(1))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE postings"))
    assert isinstance(deliver(sql_url, delivery(2))[0], DeliveryFailed)
    assert isinstance(deliver(sql_url, delivery(2))[0], Receipt)


def test_a_constraint_of_the_database_s_own(sql_url: str, engine: Engine) -> None:
    """A row that a constraint of the database's owner forbids is refused; its neighbours are delivered."""
    deliver(sql_url, delivery(1))
    with engine.begin() as connection:
        connection.execute(text("CREATE UNIQUE INDEX one_supplier ON postings (supplier)"))
    answers = deliver(sql_url, *(delivery(n, supplier=name) for n, name in enumerate(["A", "A", "B"], start=2)))
    assert [type(answer) for answer in answers] == [Receipt, DeliveryRefused, Receipt]
    assert "constraint of the table itself" in str(answers[1])


RACE = """
import sys
from datetime import UTC, datetime
from pydantic import BaseModel
from fulcrum.cases import Delivery, Effect
from fulcrum.targets.sql import PostingTable

class Posting(BaseModel):
    total: str

def delivery(number):
    return Delivery(key=f"k{number}", case_id="c", external_id="d", process="p", target="t", effect=Effect.POSTING,
                    revision=1, posting={"total": "1.00"}, business_key=f"b{number}")

print("ready", flush=True)
sys.stdin.readline()
answers = PostingTable(sys.argv[1], "postings").deliver([delivery(n) for n in range(50)], Posting, datetime.now(UTC))
print(sum(not answer.repeated for answer in answers), flush=True)
"""
"""A worker of its own; it leaves the block out, whose library takes seconds to import."""


def test_two_processes_create_the_table_at_once(sql_url: str, engine: Engine) -> None:
    """Two processes that meet an empty database with the same deliveries make one table and one row each."""
    command = [sys.executable, "-c", RACE, sql_url]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)
    ]
    try:
        assert [worker.stdout and worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        fresh = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert sum(fresh) == 50
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM postings")) == 50


@pytest.mark.parametrize(
    ("url", "kind", "reason"),
    [
        ("postgresql+psycopg://erp:secret-word@127.0.0.1:1/erp", DeliveryFailed, "OperationalError"),
        ("sqlite:////nowhere/at/all/erp.db", DeliveryFailed, "SQLITE_CANTOPEN"),
        ("nosuch://erp:secret-word@host/erp", TargetMisconfigured, "NoSuchModuleError"),
    ],
)
def test_a_database_that_does_not_answer(url: str, kind: type[DeliveryFailed], reason: str) -> None:
    """What cannot be reached fails every delivery for now, with a reason that holds neither URL nor password."""
    answers = deliver(url, delivery(1), delivery(2))
    assert [type(answer) for answer in answers] == [kind, kind]
    assert reason in str(answers[0])
    assert "secret-word" not in str(answers[0])
    with pytest.raises(DeliveryFailed, match=reason):
        SqlTarget(url=url).holds("k1")


def test_a_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program holds SQLite's write lock past the wait, deliveries fail for now; holds still answers."""
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path / 'erp.db'}"
    deliver(url, delivery(1))
    other = create_engine(url, poolclass=NullPool)
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        (failed,) = deliver(url, delivery(2))
        held = SqlTarget(url=url).holds("k1")
    assert isinstance(failed, DeliveryFailed)
    assert "SQLITE_BUSY" in str(failed)
    assert held == Receipt("postings/k1", repeated=True)
    assert isinstance(deliver(url, delivery(2))[0], Receipt)


def test_a_locked_row(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that another transaction is just writing is waited for, then the delivery fails for now."""
    deliver(postgres_url, delivery(1))
    monkeypatch.setattr(database, "WAIT_SECONDS", 1)
    with create_engine(postgres_url, poolclass=NullPool).begin() as connection:
        connection.execute(text("LOCK TABLE postings IN EXCLUSIVE MODE"))
        (failed,) = deliver(postgres_url, delivery(2))
    assert isinstance(failed, DeliveryFailed)
    assert "LockNotAvailable" in str(failed)


def test_a_schema_of_its_own(postgres_url: str, postgres_database: str) -> None:
    """A table can lie in a named schema; receipts name it."""
    schema = f"erp_{uuid4().hex[:8]}"
    with create_engine(postgres_database, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    target = SqlTarget(url=postgres_database, table="postings", schema_name=schema)
    (receipt,) = target.deliver([delivery()], Posting)
    assert receipt == Receipt(f"{schema}.postings/k1")
    assert target.holds("k1") == Receipt(f"{schema}.postings/k1", repeated=True)
    assert isinstance(target.deliver([delivery(2, total="1.00")], Posting)[0], Receipt)


def test_unique_constraints_and_types_of_a_new_table(sql_url: str, engine: Engine) -> None:
    """Money has two places in the table's definition; only what is checked before may be null."""
    deliver(sql_url, delivery())
    columns = {column["name"]: column for column in inspect(engine).get_columns("postings")}
    assert (columns["total"]["type"].precision, columns["total"]["type"].scale) == (18, 2)
    required = {name for name, column in columns.items() if not column["nullable"]}
    own = {"idempotency_key", "case_id", "external_id", "process", "effect", "revision", "delivered_at"}
    assert required == own


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "not a url", ""])
def test_an_address_that_keeps_nothing(url: str) -> None:
    """A database in memory, or no URL at all, is refused when the block is made, without quoting it."""
    with pytest.raises(ValidationError, match=r"names a database in memory|is no SQLAlchemy URL"):
        SqlTarget(url=url)


@pytest.mark.parametrize("table", ["", "a b", "x; DROP TABLE y", "t" * 49])
def test_a_table_s_name_is_an_identifier(table: str) -> None:
    """A table's name is letters, digits and underscores."""
    with pytest.raises(ValidationError):
        SqlTarget(url="sqlite:////tmp/erp.db", table=table)
