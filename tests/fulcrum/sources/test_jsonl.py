"""JSONL: a case a line, and a case of every line that is none."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from fulcrum.cases import NewCase
from fulcrum.sources import read

ADVERSARIAL = Path(__file__).resolve().parents[3] / "../shared/data/adversarial/naughty_strings.json"


class Letter(BaseModel):
    """A case model with a field of each sort that matters here."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    id: str
    text: str
    sender: str | None = None
    received_on: date | None = None
    parts: dict[str, Any] | None = None


def letters(content: bytes) -> list[NewCase]:
    """Read JSONL from standard input."""
    return list(read("-", case=Letter, stdin=io.BytesIO(content)))


def only(content: bytes) -> NewCase:
    """Read the one case there is."""
    (case,) = letters(content)
    return case


def test_a_line_is_a_case() -> None:
    """The id becomes the external id, the model's data as JSON the input; unknown keys are ignored."""
    line = {"id": "A1", "text": "hello", "received_on": "2024-02-29", "truth": {"total": "1.00"}}
    case = only(json.dumps(line).encode())
    assert case == NewCase(
        external_id="A1",
        input={"id": "A1", "text": "hello", "sender": None, "received_on": "2024-02-29", "parts": None},
    )


def test_blank_lines_and_a_byte_order_mark_are_nothing() -> None:
    """Blank lines are skipped but counted, line ends may be of Windows, a mark at the start is dropped."""
    content = b'\xef\xbb\xbf{"id": 1, "text": "a"}\r\n\r\n   \n{"id": 2, "text": "b"}\n[]'
    assert [(c.external_id, c.unsound) for c in letters(content)][:2] == [("1", None), ("2", None)]
    assert letters(content)[2].unsound == "line 5 is not an object"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "a" "text": "b"}', "is not valid JSON (Expecting ',' delimiter at column 12)"),
        (b'{"id": "a", "text": "b\tc"}', "is not valid JSON (Invalid control character at column 23)"),
        (b'{"id": "a", "text": NaN}', "is not valid JSON (NaN is no JSON value)"),
        (b'["SECRET"]', "is not an object"),
        (b'"SECRET"', "is not an object"),
        (b"17", "is not an object"),
        (b"null", "is not an object"),
        (b'{"id": "a"}', "has no text"),
        (b'{"id": "a", "text": null}', "has no text"),
        (b'{"text": "SECRET"}', "has no id"),
        (b'{"id": " ", "text": "SECRET"}', "has no id"),
        (b'{"id": true, "text": "SECRET"}', "has no id"),
        (b'{"id": ["a"], "text": "SECRET"}', "has no id"),
        (b'{"id": "%s", "text": "b"}' % (b"a" * 501), "has an id of 501 characters, more than 500"),
        (b'{"id": %s, "text": "b"}' % (b"9" * 5000), "has an id of 5,000 characters, more than 500"),
        (b'{"id": "a", "text": "%s"}' % (b"x" * 1_000_001), "has a text of 1,000,001 characters, more than 1,000,000"),
        (b'{"id": "a", "text": "\xff"}', "is not valid UTF-8 (byte 21)"),
        (b'{"id": "a", "text": ["SECRET"]}', "has no valid text"),
        (b'{"id": "a", "text": "b", "received_on": "SECRET", "sender": 1}', "has no valid sender, received_on"),
        (b'{"id": "a", "text": "b", "parts": ' + b'{"SECRET":' * 100_000, "is nested too deeply"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unsound_line_says_why(line: bytes, reason: str) -> None:
    """The reason names the line, never its content; the lines around it are read."""
    before, case, after = letters(b'{"id": "1", "text": "x"}\n' + line + b'\n{"id": "2", "text": "x"}')
    assert case.unsound == f"line 2 {reason}"
    assert "SECRET" not in case.unsound
    assert (before.unsound, after.unsound) == (None, None)


def test_an_unsound_line_can_be_repaired() -> None:
    """Its external id tells its place and its content; its input has what there is of id and text."""
    case = only(b'{"id": 7, "text": "pay me", "received_on": "soon"}')
    assert case.external_id.startswith("stdin:1#")
    assert len(case.external_id) == len("stdin:1#") + 8
    assert case.input == {"id": "7", "text": "pay me"}
    other = only(b'{"id": 7, "text": "pay me", "received_on": "later"}')
    assert other.external_id != case.external_id
    broken = only(b'{"id": 7, "text": "pay \xff me"')
    assert broken.input == {"id": broken.external_id, "text": '{"id": 7, "text": "pay \ufffd me"'}


@pytest.mark.parametrize(("printed", "external_id"), [("17", "17"), ("1" * 40, "1" * 40), ("2.5", "2.5")])
def test_a_number_is_an_id(printed: str, external_id: str) -> None:
    """However many digits it has: two ids are never made one."""
    assert only(f'{{"id": {printed}, "text": ""}}'.encode()).external_id == external_id


def test_what_no_database_can_store_is_replaced() -> None:
    """NUL and lone surrogates become U+FFFD in text, nested values and ids; a pair is a character."""
    case = only(rb'{"id": "a", "text": "n\u0000 s\ud800 p\ud83d\ude00", "parts": {"k\u0000": ["\udfff"]}}')
    assert case.unsound is None
    assert case.input["text"] == "n\ufffd s\ufffd p\U0001f600"
    assert case.input["parts"] == {"k\ufffd": ["\ufffd"]}


def test_ids_that_had_to_be_changed_stay_apart() -> None:
    """Two ids that differ only in what cannot be stored are two cases."""
    nul, surrogate = letters(rb'{"id": "a\u0000", "text": ""}' + b"\n" + rb'{"id": "a\ud800", "text": ""}')
    assert nul.external_id != surrogate.external_id
    assert nul.external_id == nul.input["id"]
    assert nul.external_id.startswith("a\ufffd#")


def test_a_line_of_fifty_megabytes_costs_no_memory(tmp_path: Path) -> None:
    """It is one unsound case that tells its length; its neighbours are read and memory stays bounded."""
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(b'{"id": 1, "text": "a"}\n{"id": 2, "text": "')
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"id": 3, "text": "c"}')
    tracemalloc.start()
    try:
        cases = list(read(str(path), case=Letter))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [case.unsound for case in cases] == [None, "line 2 is 50,000,021 bytes long, more than 8,000,000", None]
    assert len(cases[1].input["text"]) == 100_000
    assert peak < 25_000_000


def test_a_long_text_fits_however_it_is_escaped() -> None:
    """A text of a million characters is sound, each written in six bytes."""
    assert only(b'{"id": 1, "text": "%s"}' % (rb"\u00e9" * 1_000_000)).unsound is None


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """One record is in memory, not the file (here 20 MB)."""
    path = tmp_path / "many.jsonl"
    with path.open("w") as file:
        file.writelines(f'{{"id": {i}, "text": "{"x" * 1000}"}}\n' for i in range(20_000))
    tracemalloc.start()
    try:
        count = sum(case.unsound is None for case in read(str(path), case=Letter))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 1_000_000


def test_a_compressed_file_is_unpacked(tmp_path: Path) -> None:
    """A .jsonl.gz reads as its content; one cut off gives what could be read and says that the rest is missing."""
    path = tmp_path / "a.jsonl.gz"
    content = gzip.compress(b"".join(b'{"id": %d, "text": "%d"}\n' % (i, i**50) for i in range(2_000)))
    path.write_bytes(content)
    assert [c.external_id for c in read(str(path), case=Letter)] == [str(i) for i in range(2_000)]
    path.write_bytes(content[: len(content) // 2])
    *sound, last = read(str(path), case=Letter)
    assert len(sound) > 100
    assert all(case.unsound is None for case in sound)
    assert last.unsound == (
        f"line {len(sound) + 1} and all after it cannot be read: the compressed data is broken or cut off"
    )


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(content: bytes) -> None:
    """There is one case for each line that is not blank, whatever the lines are, and each can be stored."""
    parts = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    cases = letters(content)
    assert len(cases) == sum(bool(part.strip()) for part in parts)
    for case in cases:
        json.dumps(case.input).encode()
        (case.external_id + (case.unsound or "")).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "text", "sender"]), inner),
    max_leaves=6,
)


@given(st.lists(json_values, max_size=5))
def test_any_values_can_be_read(values: list[Any]) -> None:
    """There is one case a value, whatever the values are."""
    cases = letters("\n".join(json.dumps(value) for value in values).encode())
    assert len(cases) == len(values)
    for case in cases:
        json.dumps(case.input, ensure_ascii=False).encode()


def test_naughty_strings_are_texts_ids_and_senders_like_any_other() -> None:
    """Strings that break programs come through unchanged but for what cannot be stored."""
    if not ADVERSARIAL.exists():
        pytest.skip(f"no data at {ADVERSARIAL}")
    strings: list[str] = json.loads(ADVERSARIAL.read_text(encoding="utf-8"))
    usable = [string for string in strings if string.strip()]
    content = "\n".join(json.dumps({"id": s, "text": s, "sender": s}) for s in usable)
    cases = letters(content.encode())
    assert len(usable) > 400
    assert [case.unsound for case in cases] == [None] * len(usable)
    for case, string in zip(cases, usable, strict=True):
        assert case.input["text"] == case.input["sender"] == string.replace("\0", "\ufffd")
        assert case.external_id.startswith(string.replace("\0", "\ufffd"))


def test_an_empty_file_has_no_cases(tmp_path: Path) -> None:
    """An empty .jsonl is a source without cases."""
    (tmp_path / "a.jsonl").touch()
    assert list(read(str(tmp_path / "a.jsonl"), case=Letter)) == []
