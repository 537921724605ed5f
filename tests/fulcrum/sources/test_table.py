"""CSV: a case a row, whatever is wrong with the rows around it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from fulcrum.cases import NewCase
from fulcrum.errors import SourceUnreadable
from fulcrum.sources import read


class Letter(BaseModel):
    """A case model."""

    id: str
    text: str
    sender: str | None = None


def rows(content: bytes, name: str = "a.csv") -> list[NewCase]:
    """Read a CSV file of these bytes."""
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        return list(read(str(path), case=Letter))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_row_is_a_case(delimiter: str) -> None:
    """Columns are the model's fields in any order, parted by comma, semicolon or tab; other columns are ignored."""
    lines = [["text", "truth", "id"], ["a,b;c\td", "x", "1"], ["", "", "2"]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(lines)
    first, second = rows(out.getvalue().encode("utf-8-sig"))
    assert first == NewCase(external_id="1", input={"id": "1", "text": "a,b;c\td", "sender": None})
    assert (second.external_id, second.input["text"], second.unsound) == ("2", "", None)


def test_a_quoted_text_may_have_lines() -> None:
    """Line ends inside quotes are part of the text, blank lines too; those of Windows become plain ones."""
    first, second = rows(b'id,text\r\n1,"a\r\n\r\n ""b"""\r\n\r\n2,c\r\n')
    assert (first.input["text"], second.input["text"]) == ('a\n\n "b"', "c")


def test_a_compressed_table_is_unpacked() -> None:
    """A .csv.gz reads as its content."""
    assert [case.external_id for case in rows(gzip.compress(b"id,text\n1,a\n"), "a.csv.gz")] == ["1"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"SECRET", "has no text"),
        (b",SECRET", "has no id"),
        (b"1,a,SECRET", "has 3 columns, the header 2"),
        (b'1,"a"SECRET', "is not valid CSV (quotes or line ends out of place)"),
        (b'1,"SECRET', "opens a quote that nothing closes"),
        (b"1,\xff", "is not valid UTF-8 (byte 2)"),
        (b'1,"a\nb\xff"', "is not valid UTF-8 (byte 6)"),
        (b"1," + b"x" * 1_000_001, "has a text of 1,000,001 characters, more than 1,000,000"),
        (b"1," + b"x" * 9_000_000, "is 9,000,002 bytes long, more than 8,000,000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unsound_row_says_why_and_loses_no_other(row: bytes, reason: str) -> None:
    """The reason names the line, never its content; all rows around it are read."""
    cases = rows(b"id,text\n0,x\n" + row + b"\n2,y\n3,z\n")
    assert [case.unsound for case in cases] == [None, f"line 3 {reason}", None, None]
    assert [case.external_id for case in cases][::3] == ["0", "3"]
    assert cases[1].external_id.startswith("a.csv:3#")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"id,betreff,body\n1,a,b\n", "has no column text; it has 'id', 'betreff', 'body'"),
        (b"a;b\n", "has no column id and no column text; it has 'a', 'b'"),
        (b"id,text,text\n", "names a column twice: 'text'"),
        (b'id,"text\n1,a\n', "opens a quote that nothing closes"),
        ("id,text\n".encode("utf-16"), "is not valid UTF-8 (byte 0)"),
        (b",".join(b"c%d" % i for i in range(30)), "'c11' and 18 more"),
    ],
)
def test_a_table_without_a_usable_header_is_refused_whole(content: bytes, reason: str) -> None:
    """The error names the file, what is missing and what is there."""
    with pytest.raises(SourceUnreadable) as caught:
        rows(content)
    assert "a.csv" in str(caught.value)
    assert reason in str(caught.value)


def test_a_bad_header_is_found_before_anything_is_taken_in(tmp_path: Path) -> None:
    """In a folder too: the call itself raises, before the first case of another file is given."""
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "b.csv").write_text("id;subject\n")
    with pytest.raises(SourceUnreadable, match=r"b\.csv"):
        read(str(tmp_path), case=Letter)


@given(st.lists(st.tuples(st.integers(0, 99), st.text(st.characters(exclude_categories=["Cs"]))), max_size=6))
def test_what_is_written_comes_back(written: list[tuple[int, str]]) -> None:
    """Any text survives CSV but for line ends of Windows and NUL."""
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *written])
    found = [(case.external_id, case.input["text"]) for case in rows(out.getvalue().encode())]
    assert found == [(str(i), text.replace("\r\n", "\n").replace("\0", "\ufffd")) for i, text in written]


@given(st.lists(st.sampled_from([b'"', b"\n", b"\r", b",", b"a", b"1,b\n", b"\0", b"\xff", b"\xc3\xa9"]), max_size=40))
def test_any_bytes_below_a_header_can_be_read(parts: list[bytes]) -> None:
    """Nothing raises, there is no case too many, and each can be stored."""
    body = b"".join(parts)
    cases = rows(b"id,text\n" + body)
    lines = [line for line in body.split(b"\n") if line.strip()]
    assert len(cases) <= len(lines)
    assert bool(cases) == bool(lines)
    for case in cases:
        json.dumps(case.input, ensure_ascii=False).encode()


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """A file of any bytes gives cases or is refused by name; nothing else is raised."""
    with suppress(SourceUnreadable):
        assert all(case.external_id for case in rows(content))
