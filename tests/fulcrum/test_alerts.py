"""What somebody is told: a whole message for each cause, a runbook of one shape, and an automation that carries it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.automations import PREFIX, read
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.alerts import CAUSES, Severity, message

ROOT = Path(__file__).parents[2]
SHAPE = ["What it means", "Is harm being done now?", "Look", "Mend", "Prevent"]
BOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))


@pytest.mark.parametrize("kind", CAUSES)
def test_a_message_says_all_that_is_needed_at_two_in_the_morning(kind: str) -> None:
    """Severity and process in the title; owner, counts, whether a retry is safe, commands and runbook in the body."""
    told = message(CAUSES[kind], INVOICE_INTAKE, {"gate": "invoices"}, {"delivered": 41, "in_review": 0})
    assert told["title"].startswith(f"[{CAUSES[kind].severity}] Invoice intake: ")
    for needed in (
        "What: gate invoices", INVOICE_INTAKE.owner.email, "Cases: 41 delivered\n", "Is running it again safe? ",
        "Look: fulcrum ", "Mend: fulcrum ", "Halt: fulcrum halt invoice-intake", f"Runbook: {CAUSES[kind].runbook}",
    ):  # fmt: skip
        assert needed in told["body"]
    assert "{" not in told["body"]


@pytest.mark.parametrize("kind", CAUSES)
def test_a_page_that_stands_says_how_to_take_it_on(kind: str) -> None:
    """A ticket waits for the morning and is nobody's to take."""
    told = message(CAUSES[kind], INVOICE_INTAKE, {}, {}, alarm_id="3f2a91c0-0000-4000-8000-000000000000")
    line = "Take it on: fulcrum alerts ack 3f2a91c0 --by NAME\n"
    assert (line in told["body"]) is (CAUSES[kind].severity is Severity.PAGE)


@pytest.mark.parametrize("kind", CAUSES)
def test_each_cause_has_a_runbook_and_an_automation(kind: str) -> None:
    """Nobody is told of something that no page explains, and nothing is told to nobody."""
    assert (ROOT / CAUSES[kind].runbook).is_file()
    _, automations = read()
    assert CAUSES[kind].event in {event for each in automations for event in each["trigger"].get("expect", [])}


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_runbooks_have_one_shape(book: Path) -> None:
    """The same headings in the same order, so that a tired reader finds their way; with commands in both places."""
    text = book.read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == SHAPE
    assert text.count("```console") == 2
    assert book.name in (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_automations_name_runbooks_that_are_there_and_are_fulcrums_own() -> None:
    """What only the server can tell has its words in the file."""
    _, automations = read()
    names = [each["name"] for each in automations]
    assert len(set(names)) == len(names)
    assert all(name.startswith(PREFIX) for name in names)
    told = [each for each in automations if each.get("subject", "").startswith(("[page]", "[ticket]"))]
    assert len(told) == 6
    for each in told:
        lines = dict(line.partition(": ")[::2] for line in each["body"].splitlines())
        assert {"Cases", "Look", "Mend", "Halt", "Runbook"} <= set(lines)
        assert "$OWNERS" in each["body"]
        assert "safe? Yes" in each["body"]
        assert (ROOT / lines["Runbook"]).is_file()


def test_pages_and_tickets_are_told_apart() -> None:
    """A person is woken for what waits for them, not for what waits for the morning."""
    pages = {kind for kind, cause in CAUSES.items() if cause.severity is Severity.PAGE}
    assert pages == {"run.failed", "run.crashed", "run.missing", "deliveries.failing", "autonomy.lowered"}
