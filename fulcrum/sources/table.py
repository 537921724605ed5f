"""Read cases from a CSV file, one a row, however long its quoted fields are and whatever is wrong with a row."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from fulcrum.cases import Json, NewCase
from fulcrum.errors import SourceUnreadable
from fulcrum.sources.lines import MAX_LINE_BYTES, Line, lines
from fulcrum.sources.listing import SourceFile
from fulcrum.sources.opening import opened
from fulcrum.sources.records import RecordReader, Unsound, decoded
from fulcrum.sources.text import storable

DELIMITERS = (",", ";", "\t")
NEEDED = ("id", "text")
SHOWN_COLUMNS = 12
SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table, in order, and what parts them."""

    columns: tuple[str, ...]
    delimiter: str


class _Rows:
    """Gives a table's rows with the lines each was made of.

    A quote that is never closed would swallow the rest of the file. So the first line of a row that cannot be parsed
    is given up alone, and the lines after it are read again as rows of their own.
    """

    def __init__(self, source: Iterator[Line], delimiter: str) -> None:
        # The limit is one of the whole process. It is only ever raised: no field of these lines can be longer.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
        self._lines = source
        self._again: deque[Line] = deque()
        self._delimiter = delimiter

    def next_line(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def row_from(self, first: Line) -> tuple[list[str], Line]:
        """Parse the row that starts in a line: gives its fields, and its lines as one. Raises Unsound."""
        if first.problem:
            raise Unsound(first.problem)
        taken = [first]
        try:
            fields = next(csv.reader(self._feed(taken), delimiter=self._delimiter, strict=True), [])
        except csv.Error as error:
            self._again.extendleft(reversed(taken[1:]))
            raise Unsound(_quoting_problem(error)) from None
        return fields, replace(first, content=b"\n".join(line.content for line in taken))

    def _feed(self, taken: list[Line]) -> Iterator[str]:
        yield _text(taken[0])
        size = len(taken[0].content)
        while (line := self.next_line()) is not None:
            size += len(line.content)
            if line.problem or size > MAX_LINE_BYTES:
                self._again.appendleft(line)
                return
            taken.append(line)
            yield _text(line)


def check_header(file: SourceFile, reader: RecordReader) -> None:
    """Read a table's header alone; raises SourceUnreadable when there is none or a needed column is missing."""
    try:
        with opened(file.path) as stream:
            _header(_first(lines(stream, blank=True)), file.name, reader)
    except OSError as error:
        raise SourceUnreadable(source=file.name, kind="CSV", reason=error.strerror) from None


def read_table(stream: BinaryIO, name: str, reader: RecordReader) -> Iterator[NewCase]:
    """Read one case a row below the header; an empty cell is a field that is not there, but an empty text is a text."""
    source = lines(stream, blank=True)
    header = _header(_first(source), name, reader)
    rows = _Rows(source, header.delimiter)
    while (line := rows.next_line()) is not None:
        if line.content or line.problem:
            yield _case_of_row(rows, line, header, name, reader)


def _case_of_row(rows: _Rows, line: Line, header: Header, name: str, reader: RecordReader) -> NewCase:
    try:
        fields, line = rows.row_from(line)
        decoded(line.content)
        return reader.case_of(_record(header, fields))
    except Unsound as refused:
        return reader.unsound(name, line, refused.reason, refused.record)


def _record(header: Header, fields: list[str]) -> Json:
    if len(fields) > len(header.columns):
        raise Unsound(f"has {len(fields)} columns, the header {len(header.columns)}")
    cells = dict(zip(header.columns, fields, strict=False))
    return {column: cell for column, cell in cells.items() if cell or column == "text"}


def _first(source: Iterator[Line]) -> Line | None:
    return next((line for line in source if line.content or line.problem), None)


def _header(line: Line | None, name: str, reader: RecordReader) -> Header:
    """Read the header's columns with the delimiter that finds most of the model's fields. Raises SourceUnreadable."""
    if line is None:
        raise SourceUnreadable(source=name, kind="CSV", reason="it is empty, without a header row")
    try:
        header = max(_candidates(line, reader), key=lambda found: _fitting(found, reader))
        _check_columns(header)
    except csv.Error as error:
        reason = _quoting_problem(error)
    except Unsound as refused:
        reason = refused.reason
    else:
        return header
    raise SourceUnreadable(source=name, kind="CSV", reason=f"its header (line {line.number}) {reason}")


def _candidates(line: Line, reader: RecordReader) -> list[Header]:
    """Read a header with each delimiter; quotes may be out of place for the wrong one, but not for all."""
    if line.problem:
        raise Unsound(line.problem)
    text = decoded(line.content)
    found: list[Header] = []
    errors: list[csv.Error] = []
    for mark in DELIMITERS:
        try:
            columns = next(csv.reader([text], delimiter=mark, strict=True))
            found.append(Header(tuple(column.strip() for column in columns), mark))
        except csv.Error as error:
            errors.append(error)
    if errors and not any(_fitting(header, reader)[0] for header in found):
        raise errors[0]
    return found


def _fitting(header: Header, reader: RecordReader) -> tuple[int, int]:
    return len(set(header.columns) & set(reader.fields)), len(header.columns)


def _check_columns(header: Header) -> None:
    missing = [column for column in NEEDED if column not in header.columns]
    if missing:
        raise Unsound(f"has no column {' and no column '.join(missing)}; it has {_shown(header.columns)}")
    twice = [column for column, times in Counter(header.columns).items() if times > 1 and column]
    if twice:
        raise Unsound(f"names a column twice: {_shown(tuple(twice))}")


def _shown(columns: tuple[str, ...]) -> str:
    named = [repr(storable(column[:SHOWN_CHARACTERS])) for column in columns[:SHOWN_COLUMNS]]
    more = len(columns) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _text(line: Line) -> str:
    # What is no UTF-8 passes the parser as lone surrogates, so that a row is refused as a whole.
    return line.content.decode(errors="surrogateescape") + "\n"


def _quoting_problem(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "opens a quote that nothing closes"
    return "is not valid CSV (quotes or line ends out of place)"
