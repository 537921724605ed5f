"""Event logs from elsewhere, and a process in figures beside what was before."""

from __future__ import annotations

import getpass
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from hashlib import file_digest
from pathlib import Path
from typing import IO, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import Parameter

from deployments.cli.display import out, print_json, table
from deployments.cli.opening import open_ledger
from flows.registry import process as find
from fulcrum.errors import LogUnreadable, SourceNotFound, UsageError
from fulcrum.kpis.importing import Reading, rows
from fulcrum.ledger.logs import Imported
from fulcrum.scoring import baseline_of

PREFIX = baseline_of("")
"""What a log's name begins with that is the work before a redesign; the process's name follows."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Format:
    """How the file is written."""

    columns: Annotated[tuple[str, ...], Parameter(name="--map", negative="")] = ()
    """THING=COLUMN, for each of case, activity, start, end, resource, kind, cost, currency, segment whose column has
    another name."""
    time_format: str | None = None
    """How a moment is written, as strptime has it; ISO 8601 when left out."""
    zone: str = "UTC"
    """The time zone of moments that name none, as Europe/Berlin."""
    delimiter: str = ","
    """What stands between two cells."""
    missing: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """A value that means that there is none, as ?; an empty cell always does."""
    machine: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """A resource that is no person."""

    def reading(self) -> Reading:
        """Give it as the reader takes it; raise UsageError for what it cannot mean."""
        return Reading(
            columns=_mapping(self.columns),
            time_format=self.time_format,
            zone=_zone(self.zone),
            missing=frozenset({"", *self.missing}),
            machines=frozenset(self.machine),
            delimiter=self.delimiter,
        )


AS_USUAL = Format()


def import_log(
    file: Path,
    *,
    name: Annotated[str, Parameter(name="--as")],
    written: Format = AS_USUAL,
    finished_by: str | None = None,
    by: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Import the event log of the work as it was, so that a process is compared with what was measured.

    All work counts as people's, unless a column says of which kind it is, or the resource is one of `--machine`. Rows
    that cannot be read are told by their line and left out.

    Args:
        file: A .csv file with a heading, or the same as .gz.
        name: baseline:PROCESS. What was imported under it before is replaced.
        finished_by: The activity that finishes a case. Without it every case of the log counts as finished.
        by: Who imports it; the user of this computer when left out.
        json: Print what was imported as one line of JSON.
    """
    process = find(_process(name))
    with _opened(file) as lines, open_ledger() as ledger:
        found = ledger.logs.keep(
            baseline_of(process.name),
            rows(lines, written.reading()),
            source=file.name,
            sha256=_digest(file),
            by=by or getpass.getuser(),
            finished_by=finished_by,
        )
    if json:
        print_json({"cases": found.cases, "events": found.events, "broken": found.broken, "replaced": found.replaced})
    else:
        _tell(found, process.name)


def _process(name: str) -> str:
    if not name.startswith(PREFIX):
        raise UsageError(problem=f"--as is {PREFIX}PROCESS, not {name}")
    return name.removeprefix(PREFIX)


def _mapping(columns: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in columns]
    if wrong := [thing for thing, equals, column in pairs if not equals or not column]:
        raise UsageError(problem=f"--map is THING=COLUMN, as case=ticket; {wrong[0]} is not")
    return {thing.strip(): column.strip() for thing, _, column in pairs}


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise UsageError(problem=f"there is no time zone {name}; name one as Europe/Berlin") from None


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    """Open a plain file or a compressed one."""
    try:
        with (
            gzip.open(file, "rt", encoding="utf-8-sig", newline="")
            if file.suffix == ".gz"
            else file.open(encoding="utf-8-sig", newline="") as lines
        ):
            yield lines
    except (FileNotFoundError, IsADirectoryError):
        raise SourceNotFound(source=file) from None
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise LogUnreadable(problem=f"{file.name} is no text in UTF-8 ({type(error).__name__})") from None


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _tell(found: Imported, process: str) -> None:
    again = ", in place of the one before" if found.replaced else ""
    out.print(f"{found.events:,} events of {found.cases:,} cases are the baseline of {process}{again}.")
    if found.broken:
        listed = [(broken.line, broken.why) for broken in found.first_broken]
        table(f"{found.broken:,} rows were left out", ("line", "because"), listed, right=("line",))
        if found.broken > len(listed):
            out.print(f"and {found.broken - len(listed):,} more.")
