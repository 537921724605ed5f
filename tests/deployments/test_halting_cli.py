"""`fulcrum halt` and `fulcrum resume`: straight on the ledger, whether or not a Prefect server is there."""

from __future__ import annotations

import pytest

from deployments.stack.processes import free_port
from tests.terminal import Command

PROCESS = "ticket-triage"
BY = ("--by", "Ada", "--reason", "odd answers")


def test_a_process_is_halted_and_resumed_without_any_server(fulcrum: Command) -> None:
    """Each says what holds now and how to end it; the autonomy of the process shows it as long as it holds."""
    halted = fulcrum("halt", PROCESS, *BY)
    assert (halted.code, halted.err) == (0, "")
    assert f"fulcrum resume {PROCESS} --by NAME --reason TEXT" in halted.words
    shown = fulcrum("autonomy", PROCESS)
    assert "HALTED since" in shown.words
    assert "by Ada: odd answers" in shown.words
    assert "HALTED" not in fulcrum("autonomy", "invoice-intake").words
    assert "is resumed" in fulcrum("resume", PROCESS, "--by", "Bo", "--reason", "mended").words
    assert "HALTED" not in fulcrum("autonomy", PROCESS).words


def test_a_second_halt_says_who_was_first(fulcrum: Command) -> None:
    """It is no error: what was wanted holds."""
    fulcrum("halt", PROCESS, *BY)
    again = fulcrum("halt", PROCESS, "--by", "Bo", "--reason", "me too")
    assert again.code == 0
    assert f"{PROCESS} is halted already, since" in again.words
    assert "by Ada: odd answers" in again.words


def test_all_are_halted_at_once_and_each_says_so(fulcrum: Command) -> None:
    """Resuming one process does not lift the halt of all, and the command says what still holds."""
    assert fulcrum("halt", "--all", *BY).words.startswith("Every process is halted")
    fulcrum("halt", PROCESS, "--by", "Bo", "--reason", "its gate")
    for process in (PROCESS, "invoice-intake"):
        assert "fulcrum resume --all" in fulcrum("autonomy", process).words
    resumed = fulcrum("resume", PROCESS, "--by", "Bo", "--reason", "mended")
    assert "Every process is still halted, since" in resumed.words
    assert fulcrum("resume", "--all", "--by", "Ada", "--reason", "mended").code == 0
    assert "HALTED" not in fulcrum("autonomy", PROCESS).words


def test_the_list_has_every_halt_there_was(fulcrum: Command) -> None:
    """Those that are over with who ended them, for people in 80 columns and for programs."""
    assert fulcrum("halt", "--list").words == "Nothing was ever halted."
    fulcrum("halt", PROCESS, *BY)
    fulcrum("resume", PROCESS, "--by", "Bo", "--reason", "mended")
    fulcrum("halt", "--all", "--by", "Cy", "--reason", "drill")
    listed = fulcrum("halt", "--list")
    assert max(map(len, listed.out.splitlines())) <= 80
    assert "in force" in listed.words
    rows = fulcrum("halt", "--list", "--json").json
    assert [(row["process"], row["by"], row["resumed_by"]) for row in rows] == [
        (None, "Cy", None),
        (PROCESS, "Ada", "Bo"),
    ]


def test_a_server_that_is_away_keeps_nobody_from_halting(fulcrum: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The halt holds, and nothing on the terminal looks like a failure."""
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port(0)}/api")
    halted = fulcrum("halt", PROCESS, *BY, "--json")
    assert (halted.code, halted.json["by"], halted.json["new"]) == (0, "Ada", True)
    assert "Traceback" not in halted.err
    assert fulcrum("halt", "--list", "--json").json[0]["process"] == PROCESS


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("halt", *BY), "name a process, or give --all"),
        (("halt", PROCESS, "--all", *BY), "name a process, or give --all"),
        (("halt", PROCESS), "--by and --reason are needed"),
        (("halt", PROCESS, "--by", " ", "--reason", "x"), "--by and --reason are needed"),
        (("halt", "nothing-here", *BY), "There is no process nothing-here"),
        (("resume", PROCESS, *BY), f"There is no halt of {PROCESS}"),
        (("resume", "--all", *BY), "There is no halt of all processes"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(fulcrum: Command, arguments: tuple[str, ...], problem: str) -> None:
    """The command ends with 2 and changes nothing."""
    told = fulcrum(*arguments)
    assert told.code == 2
    assert problem in told.words
    assert fulcrum("halt", "--list", "--json").json == []
