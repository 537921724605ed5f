"""An event log from elsewhere, as CSV: read by a mapping of columns, row by row, and nothing guessed (pure)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation

from fulcrum.errors import LogUnreadable
from fulcrum.kpis.log import PEOPLE, LogEvent

NAMES: Mapping[str, tuple[str, ...]] = {
    "case": ("case", "case_id", "case id", "caseid", "case:concept:name"),
    "activity": ("activity", "concept:name", "task", "event"),
    "start": ("start", "start_time", "start_timestamp", "timestamp", "time:timestamp", "time"),
    "end": ("end", "end_time", "end_timestamp", "complete_timestamp"),
    "resource": ("resource", "org:resource", "actor", "user"),
    "kind": ("kind", "resource_kind"),
    "cost": ("cost", "cost:total"),
    "currency": ("currency", "cost:currency"),
    "segment": ("segment",),
}
"""What a column is for, and the names under which it is found where no mapping names it; case matters not."""

NEEDED = ("case", "activity", "start")

KINDS = frozenset({"ai", PEOPLE, "rule", "system"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is to be read.

    `columns` name the column of a thing, by the keys of NAMES. `time_format` is strptime's; ISO 8601 without one. A
    moment without an offset is in `zone`. A value of `missing` is none. Where no column tells the kind of resource, all
    work is people's, except what a resource of `machines` did.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    time_format: str | None = None
    zone: tzinfo = UTC
    missing: frozenset[str] = frozenset({""})
    machines: frozenset[str] = frozenset()
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that was left out, by its line in the file, and why; without its values."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read; `segment` is the kind of its case, where a column tells it."""

    event: LogEvent
    segment: str | None


def rows(lines: Iterable[str], reading: Reading) -> Iterator[Row | Broken]:
    """Read a file's lines; raise LogUnreadable where it has no heading, or not the columns that are needed."""
    table = csv.reader(lines, delimiter=reading.delimiter)
    places = columns_of(next(table, []), reading)
    when = _clock(reading)
    for cells in table:
        if not cells:
            continue
        try:
            yield _row(cells, places, reading, when)
        except _Unsound as flaw:
            yield Broken(table.line_num, str(flaw))


def columns_of(heading: Sequence[str], reading: Reading) -> dict[str, int]:
    """Say in which column each thing stands; raise LogUnreadable for one that is named or needed and not there."""
    found = {name.strip().lower().removeprefix("\ufeff"): place for place, name in enumerate(heading)}
    unknown = sorted(set(reading.columns) - set(NAMES))
    if unknown:
        raise LogUnreadable(problem=f"nothing is called {', '.join(unknown)}: map {', '.join(NAMES)}")
    places: dict[str, int] = {}
    for thing, names in NAMES.items():
        wanted = (reading.columns[thing].lower(),) if thing in reading.columns else names
        place = next((found[name] for name in wanted if name in found), None)
        if place is not None:
            places[thing] = place
        elif thing in reading.columns or thing in NEEDED:
            raise LogUnreadable(problem=f"no column {wanted[0]} for {thing}; there are {', '.join(heading) or 'none'}")
    return places


class _Unsound(Exception):
    """A row that says too little, or something that cannot be."""


def _row(cells: Sequence[str], places: Mapping[str, int], reading: Reading, when: Callable[[str], datetime]) -> Row:
    def cell(thing: str) -> str | None:
        place = places.get(thing)
        if place is None:
            return None
        if place >= len(cells):
            raise _Unsound(f"it has {len(cells)} columns, and {thing} is in column {place + 1}")
        text = cells[place].strip()
        return None if text in reading.missing else text

    def needed(thing: str) -> str:
        text = cell(thing)
        if text is None:
            raise _Unsound(f"{thing} is missing")
        return text

    start = _moment("start", needed("start"), when)
    end = _moment("end", text, when) if (text := cell("end")) else start
    if end < start:
        raise _Unsound("it ends before it starts")
    cost = _amount(cell("cost"))
    currency = cell("currency")
    if cost and not currency:
        raise _Unsound("it has a cost without a currency")
    actor = cell("resource")
    event = LogEvent(
        case=needed("case"), activity=needed("activity"), resource=_kind(cell("kind"), actor, reading), actor=actor,
        start=start, end=end, cost=cost, currency=currency,
    )  # fmt: skip
    return Row(event, cell("segment"))


def _kind(told: str | None, actor: str | None, reading: Reading) -> str:
    if told is not None:
        if told.lower() not in KINDS:
            raise _Unsound(f"its kind is none of {', '.join(sorted(KINDS))}")
        return told.lower()
    return "system" if actor is not None and actor in reading.machines else PEOPLE


def _clock(reading: Reading) -> Callable[[str], datetime]:
    def when(text: str) -> datetime:
        found = (
            datetime.strptime(text, reading.time_format)  # noqa: DTZ007 - the zone follows
            if reading.time_format
            else datetime.fromisoformat(text)
        )
        return (found if found.tzinfo else found.replace(tzinfo=reading.zone)).astimezone(UTC)

    return when


def _moment(thing: str, text: str, when: Callable[[str], datetime]) -> datetime:
    try:
        return when(text)
    except (ValueError, OverflowError):
        raise _Unsound(f"{thing} is no moment in ISO 8601, or in the --time-format that was given") from None


def _amount(text: str | None) -> Decimal | None:
    try:
        amount = None if text is None else Decimal(text)
    except InvalidOperation:
        raise _Unsound("cost is no number") from None
    if amount is not None and not amount.is_finite():
        raise _Unsound("cost is no number")
    return amount
