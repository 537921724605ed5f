"""What a source names: one file, a folder, a glob, or nothing."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from fulcrum.errors import SourceNotFound, SourceUnreadable
from fulcrum.sources import listing, read


class Letter(BaseModel):
    """A case model."""

    id: str
    text: str


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Make a folder of all that may lie in one."""
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    for name in ("b.txt", "a.TXT", "sub/c.txt", "sub/deep/d.txt", ".hidden/e.txt", "notes.docx", "noend"):
        (tmp_path / name).write_text(name)
    (tmp_path / "r.jsonl").write_text('{"id": 1, "text": "x"}\n{"id": 2, "text": "y"}\n')
    (tmp_path / "t.csv").write_text("id,text\n3,z\n")
    return tmp_path


def ids(source: str | Path) -> list[str]:
    """Read the external ids."""
    return [case.external_id for case in read(str(source), case=Letter)]


def test_a_folder_is_read_in_order_of_names(inbox: Path) -> None:
    """All files below it that can be read, documents by their names in the folder, records by their ids."""
    assert ids(inbox) == ["a.TXT", "b.txt", "1", "2", "sub/c.txt", "sub/deep/d.txt", "3"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.txt", ["b.txt"]),
        ("*.[tT]*", ["a.TXT", "b.txt"]),
        ("sub/*.txt", ["c.txt"]),
        ("**/*.txt", ["b.txt", "sub/c.txt", "sub/deep/d.txt"]),
        ("su?", ["sub/c.txt", "sub/deep/d.txt"]),
        ("su*/**", ["sub/c.txt", "sub/deep/d.txt"]),
    ],
)
def test_a_glob_is_read_in_order_of_names(inbox: Path, pattern: str, found: list[str]) -> None:
    """Names are relative to the folder before the first wildcard; a file matched twice is read once."""
    assert ids(inbox / pattern) == found


def test_other_files_are_skipped_counted_and_named(inbox: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is of no kind that can be read is told in the log and in the listing."""
    os.mkfifo(inbox / "pipe.txt")
    (inbox / "gone.pdf").symlink_to(inbox / "nowhere")
    with caplog.at_level(logging.WARNING):
        found = listing(str(inbox))
    assert found.skipped == ("gone.pdf", "noend", "notes.docx", "pipe.txt")
    assert "4 file(s)" in caplog.text
    assert "'notes.docx'" in caplog.text


def test_an_empty_folder_is_a_source_without_cases(tmp_path: Path) -> None:
    """An inbox may be empty."""
    assert ids(tmp_path) == []


@pytest.mark.parametrize("source", ["", "nowhere.jsonl", "nowhere/*.txt", "nul\0.txt", "x" * 5000, "[", "é\ud800.txt"])
def test_a_source_that_is_not_there_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The call itself raises, before anything is read."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceNotFound):
        read(source, case=Letter)


def test_one_file_of_no_kind_is_refused(inbox: Path) -> None:
    """The message says what can be read."""
    with pytest.raises(SourceUnreadable, match=r"none of \.txt, \.pdf, \.jsonl, \.csv"):
        read(str(inbox / "notes.docx"), case=Letter)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """Reading a pipe by name could wait for ever; standard input is there for that."""
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(SourceUnreadable, match="no regular file"):
        read(str(tmp_path / "pipe.txt"), case=Letter)


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    """What is there goes before what it might match."""
    (tmp_path / "[a]*.txt").write_text("x")
    (tmp_path / "a1.txt").write_text("y")
    assert ids(tmp_path / "[a]*.txt") == ["[a]*.txt"]


@pytest.mark.parametrize("name", ["b.txt", "b.jsonl"])
def test_a_file_gone_since_is_a_case(tmp_path: Path, name: str) -> None:
    """A file that was listed and cannot be opened any more is an unsound case, and the others are read."""
    for each in ("a.txt", name, "c.txt"):
        (tmp_path / each).write_text("")
    cases = read(str(tmp_path), case=Letter)
    (tmp_path / name).unlink()
    first, gone, last = cases
    assert (first.unsound, last.unsound) == (None, None)
    assert gone.unsound is not None
    assert "No such file or directory" in gone.unsound


def test_a_very_long_path_is_an_id_that_fits(tmp_path: Path) -> None:
    """A name of more than 400 characters is shortened from the front and stays unique."""
    for top in ("a", "b"):
        folder = tmp_path.joinpath(top, *["x" * 100] * 5)
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("x")
    found = ids(tmp_path)
    assert len(set(found)) == 2
    assert all(len(name) < 500 for name in found)
