"""Turn a record into a case, or say in words, without its content, why it is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from pydantic import BaseModel, ValidationError

from fulcrum.cases import Json, NewCase
from fulcrum.sources.lines import Line, lines
from fulcrum.sources.text import fingerprint, storable, storable_id, storable_value

MAX_TEXT = 1_000_000
MAX_ID = 500
MAX_SHOWN = 100_000
"""Characters of an unsound record that a person gets to see and repair."""


class Unsound(Exception):
    """A record is none; the reason follows the place in the source: `has no text`."""

    def __init__(self, reason: str, record: Json | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.record = record or {}


class RecordReader:
    """Holds what every record of a source is measured by: the process's case model, with its `id` and `text`."""

    def __init__(self, case: type[BaseModel]) -> None:
        self.case = case
        self.fields = tuple(case.model_fields)

    def case_of(self, record: Json, original: str | None = None) -> NewCase:
        """Make a case of a record's fields; those the model does not know are ignored. Raises Unsound."""
        known = {name: record[name] for name in self.fields if record.get(name) is not None}
        known["id"] = _usable_id(record)
        text = record.get("text")
        if text is None:
            raise Unsound("has no text", record)
        if isinstance(text, str) and len(text) > MAX_TEXT:
            raise Unsound(f"has a text of {len(text):,} characters, more than {MAX_TEXT:,}", record)
        try:
            values = self.case.model_validate(storable_value(known))
        except ValidationError as error:
            raise Unsound(f"has no valid {_fields_of(error)}", record) from None
        except RecursionError:
            raise Unsound("is nested too deeply", record) from None
        return NewCase(external_id=known["id"], input=values.model_dump(mode="json"), original=original)

    def unsound(self, name: str, line: Line, reason: str, record: Json | None = None) -> NewCase:
        """Make an unsound case of a line: its id names the file, the line and the content's fingerprint."""
        external_id = f"{name}:{line.number}#{line.fingerprint}"
        text = (record or {}).get("text")
        shown = text if isinstance(text, str) else line.content[: MAX_SHOWN * 4].decode(errors="replace")
        return NewCase(
            external_id=external_id,
            input=_repairable((record or {}).get("id"), external_id, shown),
            unsound=f"line {line.number} {reason}",
        )

    def unsound_file(
        self, name: str, reason: str, content: bytes = b"", text: str = "", original: str | None = None
    ) -> NewCase:
        """Make an unsound case of a whole file."""
        external_id = f"{name}#{fingerprint(content)}"
        return NewCase(
            external_id=external_id,
            input=_repairable(name, external_id, text),
            unsound=f"the file {reason}",
            original=original,
        )


def read_jsonl(stream: BinaryIO, name: str, reader: RecordReader) -> Iterator[NewCase]:
    """Read one case a line from a stream of JSON objects; blank lines are none."""
    for line in lines(stream):
        yield _case_of_line(line, name, reader)


def _case_of_line(line: Line, name: str, reader: RecordReader) -> NewCase:
    try:
        return reader.case_of(_parsed(line))
    except Unsound as refused:
        return reader.unsound(name, line, refused.reason, refused.record)


def _parsed(line: Line) -> Json:
    if line.problem:
        raise Unsound(line.problem)
    try:
        record = json.loads(decoded(line.content), parse_constant=_no_constant, parse_int=_whole)
    except json.JSONDecodeError as error:
        reason = f"{error.msg.removesuffix(' at')} at column {error.colno}"
        raise Unsound(f"is not valid JSON ({reason})") from None
    except RecursionError:
        raise Unsound("is nested too deeply") from None
    if not isinstance(record, dict):
        raise Unsound("is not an object")
    return record


def decoded(content: bytes) -> str:
    """Decode UTF-8; raises Unsound with the offset of the first byte that is none."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Unsound(f"is not valid UTF-8 (byte {error.start})") from None


def _no_constant(name: str) -> NoReturn:
    raise Unsound(f"is not valid JSON ({name} is no JSON value)")


def _whole(digits: str) -> int | str:
    """Keep a number too long for Python's int, an id perhaps, as it is printed."""
    return int(digits) if len(digits) <= MAX_ID else digits


def _usable_id(record: Json) -> str:
    found = record.get("id")
    if isinstance(found, bool) or not isinstance(found, (str, int, float)) or not str(found).strip():
        raise Unsound("has no id", record)
    external_id = storable_id(str(found))
    if len(external_id) > MAX_ID:
        raise Unsound(f"has an id of {len(external_id):,} characters, more than {MAX_ID}", record)
    return external_id


def _fields_of(error: ValidationError) -> str:
    """Name the fields at fault. Only the model's own names: deeper parts of a location may be content."""
    named = dict.fromkeys(
        str(part["loc"][0]) if part["loc"] else "record" for part in error.errors(include_input=False)
    )
    return ", ".join(named)


def _repairable(found: Any, external_id: str, text: str) -> Json:
    usable = isinstance(found, (str, int, float)) and not isinstance(found, bool) and str(found).strip()
    shown_id = storable(str(found))[:MAX_ID] if usable else external_id
    return {"id": shown_id, "text": storable(text[:MAX_SHOWN])}
