"""Where cases come from: files, folders and standard input, read one record at a time in bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

from pydantic import BaseModel

from fulcrum.cases import Json, NewCase
from fulcrum.sources.documents import read_document
from fulcrum.sources.listing import SourceFile, listing
from fulcrum.sources.opening import opened
from fulcrum.sources.originals import Originals
from fulcrum.sources.records import RecordReader, read_jsonl
from fulcrum.sources.table import check_header, read_table

__all__ = ["Attachment", "Originals", "listing", "read"]

Attachment: TypeAlias = Callable[[bytes, str], Json]
"""Reads what a machine left in a PDF, of its bytes and name: further fields of the case model, {} for none."""

STANDARD_INPUT = "-"


def read(
    source: str,
    *,
    case: type[BaseModel],
    originals: Originals | None = None,
    attachment: Attachment | None = None,
    stdin: BinaryIO | None = None,
) -> Iterator[NewCase]:
    """Read the cases of a source: a .jsonl, .csv, .txt or .pdf file, a folder, a glob, or - (JSONL on standard input).

    A record that cannot be used is a case too, with `unsound` saying why; it stops nothing and loses no other.
    Files are found and the headers of tables read before the first case is given, so that SourceNotFound and
    SourceUnreadable come before anything was taken in. Memory is bounded by one record, not by the source.
    """
    reader = RecordReader(case)
    if source == STANDARD_INPUT:
        return read_jsonl(stdin or sys.stdin.buffer, "stdin", reader)
    found = listing(source)
    for file in found.files:
        if file.kind == "csv":
            check_header(file, reader)
    return _all(found.files, reader, originals, attachment)


def _all(
    files: tuple[SourceFile, ...], reader: RecordReader, originals: Originals | None, attachment: Attachment | None
) -> Iterator[NewCase]:
    for file in files:
        if file.kind in {"txt", "pdf"}:
            yield read_document(file, reader, originals, attachment)
        else:
            yield from _records(file, reader)


def _records(file: SourceFile, reader: RecordReader) -> Iterator[NewCase]:
    """Read a file of records; one that cannot even be opened is one unsound case."""
    try:
        stream = opened(file.path)
    except OSError as error:
        yield reader.unsound_file(file.name, f"cannot be opened ({error.strerror})")
        return
    with stream:
        yield from (read_table if file.kind == "csv" else read_jsonl)(stream, file.name, reader)
