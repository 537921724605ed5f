"""`fulcrum examples` as programs and people meet it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.ai import line
from tests.terminal import Command

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PROCESS = INVOICE_INTAKE.name


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Give the function that writes records, one a line, into a file."""

    def to_file(records: Iterable[object], name: str = "examples.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="ascii")
        return path

    return to_file


def bill(name: str, kind: str | None = "invoice", **more: object) -> dict[str, object]:
    return {"id": name, "text": f"{kind} no {name}", "truth": {"document_kind": kind}, **more}


@pytest.mark.parametrize("command", [("examples",), ("examples", "load"), ("examples", "list")], ids=" ".join)
def test_help_fits_80_columns(fulcrum: Command, command: tuple[str, ...]) -> None:
    """Every command explains itself within a terminal's width."""
    told = fulcrum(*command, "--help")
    assert told.code == 0
    assert "Usage: fulcrum" in told.out
    assert max(len(line.rstrip()) for line in told.out.splitlines()) <= 80


def test_records_are_loaded_once_and_counted_by_label(fulcrum: Command, write: Callable[..., Path]) -> None:
    """A second load of the file adds nothing; a record that now says otherwise is named and stays."""
    records = [bill("a"), bill("b", "receipt"), bill("c"), bill("d", None), bill("e", known_at="2999-01-01T00:00:00Z")]
    told = fulcrum("examples", "load", PROCESS, write(records), "--json")
    assert (told.code, told.json) == (0, {"process": PROCESS, "new": 5, "known": 0, "changed": []})
    again = fulcrum("examples", "load", PROCESS, write([bill("a"), bill("b"), bill("f")]), "--json")
    assert again.json == {"process": PROCESS, "new": 1, "known": 2, "changed": ["b"]}
    assert fulcrum("examples", "list", PROCESS, "--json").json == {
        "process": PROCESS,
        "examples": 5,
        "loaded": 5,
        "decided": 0,
        "field": "document_kind",
        "labels": {"invoice": 3, "none": 1, "receipt": 1},
    }


def test_people_are_told_the_same(fulcrum: Command, write: Callable[..., Path]) -> None:
    """In words, with what to do about a record that was known; and that this process shows none of them."""
    assert "0 examples" in fulcrum("examples", "list", PROCESS).words
    told = fulcrum("examples", "load", PROCESS, write([bill("a"), bill("b")]))
    assert "2 examples are new, 0 were known before." in told.words
    assert "No AI step of it is shown examples (examples=0)" in told.words
    again = fulcrum("examples", "load", PROCESS, write([bill("a", "receipt")]))
    assert "1 of these now say otherwise, the first: a." in again.words
    listed = fulcrum("examples", "list", PROCESS)
    assert "document_kind examples invoice 2" in listed.words
    assert "2 examples, 0 of them decided in a review; a request shows at most 0." in listed.words


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([bill("a"), {"id": "b", "text": "x"}], "line 2 is no record with id, text and truth"),
        ([bill("a", known_at="2026-11-02T09:00:00")], "line 1 is no record with id, text and truth"),
        ([bill("a", known_at=5)], "line 1 is no record with id, text and truth"),
        ([bill("a", known_at="0001-01-01T00:00:00+14:00")], "line 1 is no record with id, text and truth"),
        (
            [bill("a"), {"id": "b", "text": "x", "truth": {"label": "y"}}],
            "record b has none of the fields that the AI is asked for",
        ),
        ([bill("a" * 501)], "is longer than 500 characters"),
    ],
)
def test_a_file_with_a_broken_record_is_refused_whole(
    fulcrum: Command, write: Callable[..., Path], records: list[object], problem: str
) -> None:
    """It says which record; nothing of the file is loaded."""
    told = fulcrum("examples", "load", PROCESS, write(records))
    assert told.code == 2
    assert problem in told.words
    assert fulcrum("examples", "list", PROCESS, "--json").json["examples"] == 0


def test_a_file_or_process_that_is_not_there(fulcrum: Command, write: Callable[..., Path], tmp_path: Path) -> None:
    """The message names it."""
    missing = fulcrum("examples", "load", PROCESS, tmp_path / "nowhere.jsonl")
    assert (missing.code, "nowhere.jsonl" in missing.err) == (2, True)
    unknown = fulcrum("examples", "load", "no-such-process", write([bill("a")]))
    assert (unknown.code, "no-such-process" in unknown.err) == (2, True)


def test_what_no_database_can_store_is_replaced(fulcrum: Command, write: Callable[..., Path]) -> None:
    """NUL and lone surrogates in ids, texts and truths do not break a load; two such ids stay two."""
    odd = [
        {"id": f"a{sign}", "text": "x", "truth": {"supplier_name": f"b{sign}", "more": [{f"c{sign}": sign}]}}
        for sign in ("\0", "\N{REPLACEMENT CHARACTER}")
    ]
    surrogate = {"id": "s", "text": "x", "truth": {"supplier_name": "b\ud800"}}
    assert fulcrum("examples", "load", PROCESS, write([*odd, surrogate]), "--json").json["new"] == 3


def test_measuring_shows_what_is_loaded(
    fulcrum: Command, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`evaluate` gives a step that shows examples those of the ledger; with them it answers what it could not."""
    process = replace(INVOICE_INTAKE, ai_steps=(replace(INVOICE_INTAKE.ai_steps[0], examples=5),))
    monkeypatch.setattr("deployments.cli.opening.find", lambda _name: process)
    texts = {"invoice": "zorp glim", "receipt": "quib nask", "credit_note": "wuz fenn"}
    known = [
        {"id": f"{kind}{n}", "text": f"{text} {n}", "truth": {"document_kind": kind}}
        for kind, text in texts.items()
        for n in range(3)
    ]
    dataset = write(
        [{"id": kind, "text": text, "truth": {"document_kind": kind}} for kind, text in texts.items()], "set.jsonl"
    )
    try:
        before = fulcrum("evaluate", PROCESS, "--dataset", dataset, "--json").json
        assert fulcrum("examples", "load", PROCESS, write(known)).code == 0
        after = fulcrum("evaluate", PROCESS, "--dataset", dataset, "--json").json
    finally:
        line.close()
    assert before["fields"]["document_kind"]["accuracy"] < 1
    assert after["fields"]["document_kind"]["accuracy"] == 1
