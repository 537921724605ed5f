"""How the databases plan what the ledger asks of them: the statements recorded, their plans read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Index, event

from fulcrum.ledger import Ledger
from fulcrum.ledger.tables import Base

GROWING = frozenset(
    {
        "cases",
        "contents",
        "events",
        "model_calls",
        "proposals",
        "reviews",
        "decisions",
        "deliveries",
        "run_cases",
        "used_codes",
    }
)
"""The tables that grow with cases; of these no statement may read all rows, nor all of a process."""

DESKS = (
    "intake",
    "leases",
    "work",
    "reviews",
    "reviewers",
    "queue",
    "outbox",
    "runs",
    "examples",
    "catalogues",
    "reading",
)
"""The parts of a ledger, whose methods are its verbs."""

COARSE = frozenset({"process", "status"})
"""What most rows of a table have in common: one process, and all that is delivered."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A statement as the driver got it, and the verb that made it."""

    verb: str
    statement: str
    parameters: Any


@dataclass(frozen=True, slots=True)
class Access:
    """How a plan comes to a table's rows: by which index, restricted in which of its columns."""

    table: str
    index: str | None
    restricted: tuple[str, ...]
    said: str

    @property
    def whole(self) -> bool:
        """Tell whether it may read all rows of the table, or all of a process."""
        if self.table in STEADY or PARTIAL.get(self.index or ""):
            return False
        leading = COLUMNS.get(self.index or "", self.restricted)[:1]
        return set(self.restricted) <= COARSE or not set(leading) <= set(self.restricted)


class Recorder:
    """Records each distinct statement of an engine, with the verb that is at work."""

    def __init__(self, ledger: Ledger) -> None:
        self.verb = ""
        self.verbs: set[str] = set()
        self.seen: dict[tuple[str, str], Seen] = {}
        event.listen(ledger.store.engine, "before_cursor_execute", self._record)
        for name in DESKS:
            setattr(ledger, name, _Watched(getattr(ledger, name), name, self))

    def _record(self, _c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if self.verb and not statement.startswith(("INSERT", "BEGIN", "LOCK")):
            # Lists of ids differ in length alone.
            shape = re.sub(r"\((?:\?|%\(\w+\)s(?:::\w+)?)(?:, (?:\?|%\(\w+\)s(?:::\w+)?))+\)", "(...)", statement)
            seen = Seen(self.verb, statement, parameters[0] if many else parameters)
            self.seen.setdefault((self.verb, shape), seen)


class _Watched:
    """A desk of the ledger that says which of its verbs is at work."""

    def __init__(self, desk: Any, name: str, recorder: Recorder) -> None:
        self._desk, self._name, self._recorder = desk, name, recorder

    def __getattr__(self, verb: str) -> Any:
        method: Callable[..., Any] = getattr(self._desk, verb)

        def watched(*arguments: Any, **named: Any) -> Any:
            self._recorder.verb = f"{self._name}.{verb}"
            self._recorder.verbs.add(self._recorder.verb)
            try:
                return method(*arguments, **named)
            finally:
                self._recorder.verb = ""

        return watched


def indexes() -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """List the schema's indexes with their columns, those of keys and constraints among them, and which are partial."""
    for table in Base.metadata.tables.values():
        for constraint in table.constraints:
            yield str(constraint.name), tuple(column.name for column in getattr(constraint, "columns", ())), False
        for index in table.indexes:
            yield str(index.name), tuple(column.name for column in index.columns), _partial(index)


def _partial(index: Index) -> bool:
    return "where" in index.info


# A name that is no table's is an alias of one.
STEADY = (Base.metadata.tables.keys() | {"anon", "CONSTANT"}) - GROWING
COLUMNS = {name: columns for name, columns, _ in indexes()}
PARTIAL = {name: partial for name, _, partial in indexes()}


END = re.compile(r"SELECT (?:min|max)\(\w+\.\w+\) AS \w+ \nFROM \w+(?: \nWHERE \w+\.\w+ [<>] \S+)?$")
"""What asks for the least or the greatest alone, which is one row at an end of an index."""


def plan(tx: Connection, seen: Seen) -> list[Access]:
    """Ask the database how it would come to the rows of each table."""
    if END.match(seen.statement):
        return []
    if tx.dialect.name == "sqlite":
        rows = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {seen.statement}", seen.parameters).all()
        return [access for row in rows if (access := _sqlite(str(row[-1])))]
    explained = tx.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {seen.statement}", seen.parameters).scalar_one()
    tree = json.loads(explained) if isinstance(explained, str) else explained
    return list(_postgresql(tree[0]["Plan"]))


def _sqlite(said: str) -> Access | None:
    found = re.match(r"(?:SCAN|SEARCH) (\w+?)(?:_\d+)?\b(?: USING (?:COVERING )?INDEX (\w+))?(?: \((.*?)\))?", said)
    if found is None:
        return None
    table, index, terms = found.groups()
    restricted = tuple(re.findall(r"(\w+)[=<>]", terms or ""))
    return Access(table, None if (index or "").startswith("sqlite_autoindex") else index, restricted, said)


def _postgresql(node: dict[str, Any], table: str = "") -> Iterator[Access]:
    """Walk through a plan; an index's columns count as restricted where its condition names them."""
    table = node.get("Relation Name", table)
    if node["Node Type"] == "Seq Scan":
        yield Access(table, None, (), f"Seq Scan on {table}")
    elif index := node.get("Index Name"):
        condition = node.get("Index Cond", "")
        restricted = tuple(name for name in COLUMNS[index] if re.search(rf"\b{name}\b", condition))
        yield Access(table, index, restricted, f"{node['Node Type']} on {table} by {index}: {condition}")
    for child in node.get("Plans", ()):
        yield from _postgresql(child, table)


def fill(tx: Connection) -> None:
    """Add finished cases, copies of those that are there; PostgreSQL plans by what its tables hold."""
    for table in Base.metadata.sorted_tables:
        if table.name in GROWING:
            columns = ", ".join(column.name for column in table.columns)
            copied = ", ".join(_copied(column) for column in table.columns)
            rows = f"SELECT {copied} FROM {table.name}, {COPIES} n ON CONFLICT DO NOTHING"  # noqa: S608 - names of ours
            tx.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) {rows}")
    tx.exec_driver_sql("ANALYZE")


COPIES = "generate_series(1, 200)"
KEYS = frozenset(
    {"cases.id", "contents.digest", "model_calls.id", "reviews.id", "decisions.review_id", "deliveries.key"}
)
"""What the copies need anew, besides their cases' ids."""
FINISHED = {
    "cases.status": "'delivered'", "cases.open_since": "NULL", "cases.lease_token": "NULL", "cases.lease_until": "NULL",
    "reviews.state": "'decided'", "deliveries.state": "'delivered'", "cases.external_id": "external_id || ' ' || n",
    "run_cases.run_id": "'run-0'", "events.run_id": "'run-0'", "model_calls.run_id": "'run-0'",
    "cases.business_key": "business_key || ' ' || n", "model_calls.key": "left(key, 24) || n",
}  # fmt: skip


def _copied(column: Column[Any]) -> str:
    if str(column) in KEYS or column.name == "case_id":
        length = getattr(column.type, "length", 0)
        return f"left(md5({column.name} || n) || md5(n || {column.name}), {length})"
    return FINISHED.get(str(column), column.name)
