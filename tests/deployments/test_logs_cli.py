"""Importing the log of the work before, and reading a process's figures beside it, as its owner does in a terminal."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.terminal import Command

HEADING = "ticket,step,when,who,price,money\n"
LINES = (
    "T-1,sort,2026-01-05 09:00,Ines,,\n"
    "T-1,answer,2026-01-05 10:00,Ines,2.50,EUR\n"
    "T-2,sort,2026-01-05 09:05,robot,,\n"
    "T-2,answer,yesterday,Ines,,\n"
    "T-3,answer,2026-01-05 11:00,Ines,1.00,\n"
    ",answer,2026-01-05 11:00,Ines,,\n"
    "T-4,answer\n"
)
MAPPED = (
    "--as", "baseline:ticket-triage", "--map", "case=ticket", "--map", "activity=step", "--map", "start=when",
    "--map", "resource=who", "--map", "cost=price", "--map", "currency=money", "--machine", "robot",
    "--zone", "Europe/Berlin", "--by", "Ada",
)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "tickets.csv"
    found.write_text(HEADING + LINES, encoding="utf-8")
    return found


def test_broken_rows_are_told_by_line_and_the_rest_is_imported(fulcrum: Command, file: Path) -> None:
    """Nothing is guessed: not a moment, not a currency."""
    said = fulcrum("import-log", str(file), *MAPPED).out
    assert "3 events of 2 cases are the baseline of ticket-triage." in said
    assert "4 rows were left out" in said
    told = " ".join(said.split())
    assert "5 start is no moment in ISO 8601" in told
    assert "6 it has a cost without a currency" in told
    assert "7 case is missing" in told
    assert "8 it has 2 columns, and start is in column 3" in told


def test_a_compressed_file_and_a_mark_at_its_beginning_are_read(fulcrum: Command, file: Path) -> None:
    """As a spreadsheet writes it, and as an archive keeps it."""
    packed = file.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + file.read_bytes()))
    found = json.loads(fulcrum("import-log", str(packed), *MAPPED, "--json").out)
    assert found == {"cases": 2, "events": 3, "broken": 4, "replaced": False}


def test_importing_again_replaces_and_a_file_that_says_nothing_replaces_nothing(fulcrum: Command, file: Path) -> None:
    """The log that was there stays until there is a better one."""
    fulcrum("import-log", str(file), *MAPPED)
    assert json.loads(fulcrum("import-log", str(file), *MAPPED, "--json").out)["replaced"] is True
    file.write_text(HEADING + "T-9,answer,yesterday,Ines,,\n", encoding="utf-8")
    refused = fulcrum("import-log", str(file), *MAPPED)
    assert refused.code == 2
    assert "none of its 1 rows can be used; of the first, start is no moment" in " ".join(refused.err.split())
    assert json.loads(fulcrum("kpis", "ticket-triage", "--json").out)["before"]["events"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as", "ticket-triage"), "--as is baseline:PROCESS, not ticket-triage"),
        (("--as", "baseline:nothing"), "There is no process nothing."),
        (
            ("--as", "baseline:ticket-triage"),
            "no column case for case; there are ticket, step, when, who, price, money",
        ),
        ((*MAPPED, "--map", "colour=who"), "nothing is called colour"),
        ((*MAPPED[:2], "--map", "case"), "--map is THING=COLUMN"),
        ((*MAPPED[:2], "--zone", "Mars/Base"), "there is no time zone Mars/Base"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    fulcrum: Command, file: Path, arguments: tuple[str, ...], said: str
) -> None:
    """With what to write instead, and exit code 2."""
    refused = fulcrum("import-log", str(file), *arguments)
    assert refused.code == 2
    assert said in " ".join(refused.err.split())


def test_a_file_that_is_no_text_or_not_there_is_refused(fulcrum: Command, tmp_path: Path) -> None:
    """Not a traceback."""
    odd = tmp_path / "odd.csv"
    odd.write_bytes(b"\xff\xfe\x00")
    assert "is no text in UTF-8" in fulcrum("import-log", str(odd), *MAPPED).err
    assert fulcrum("import-log", str(tmp_path / "none.csv"), *MAPPED).code == 2
    (tmp_path / "bad.csv.gz").write_bytes(b"no archive")
    assert "is no text in UTF-8" in fulcrum("import-log", str(tmp_path / "bad.csv.gz"), *MAPPED).err


def test_figures_stand_beside_those_of_before(fulcrum: Command, file: Path) -> None:
    """Two columns, each computed by the same code; where nothing is measured it says how to."""
    assert "import-log FILE --as baseline:ticket-triage" in " ".join(fulcrum("kpis", "ticket-triage").out.split())
    fulcrum("import-log", str(file), *MAPPED, "--finished-by", "answer")
    said = fulcrum("kpis", "ticket-triage").out
    rows = {line[:28].strip(): line[28:].split("  ") for line in said.splitlines()}
    assert [cell.strip() for cell in rows["- still open"] if cell.strip()] == ["1", "0"]
    assert "Before: measured, tickets.csv, imported" in said
    assert max(map(len, said.splitlines())) <= 80
