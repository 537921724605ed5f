"""`fulcrum reviewers`: who may decide, their codes, and what their owner sees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Verdict
from fulcrum.deciding import Said, decide
from fulcrum.ledger import Ledger, migrate
from fulcrum.reviewers import matched
from fulcrum.sealing import Seal, new_key
from fulcrum.settings import settings
from tests.review_desk import ReviewDesk, proposed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.terminal import Command

PROCESS = INVOICE_INTAKE.name
LARGE = {"total": "12100.00", "net": "10000.00", "tax": "2100.00"}


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    made = new_key()
    monkeypatch.setenv("FULCRUM_REVIEWERS_KEY", made)
    return made


@pytest.fixture
def ledger(fulcrum: Command, tmp_path: Path) -> Iterator[Ledger]:
    """Give the ledger of the command's home."""
    migrate(settings().ledger_url)
    with Ledger.open(settings().ledger_url) as ledger:
        yield ledger


def test_a_person_is_registered_listed_and_leaves(fulcrum: Command) -> None:
    """Under the name that they will give, for a queue or for all; twice only with --replace."""
    told = fulcrum("reviewers", "list")
    assert (told.code, "Nobody may decide yet" in told.words) == (0, True)
    told = fulcrum("reviewers", "add", "  Ada   Okafor ", "--queue", "q", "--queue", "r", "--by", "Bo")
    assert (told.code, told.out) == (0, "Ada Okafor may decide what waits in q, r.\n")
    again = fulcrum("reviewers", "add", "ada okafor")
    assert (again.code, "is registered already" in again.words) == (2, True)
    assert fulcrum("reviewers", "add", "Ada Okafor", "--role", "owner", "--replace").code == 0
    (found,) = fulcrum("reviewers", "list", "--json").json
    assert found == {
        "name": "Ada Okafor", "role": "owner", "queues": [], "active": True, "enrolled": False, "locked_until": None,
        "open": 0,
    }  # fmt: skip
    assert re.search(r"Ada Okafor +owner +every queue +no +0", fulcrum("reviewers", "list").out)
    assert fulcrum("reviewers", "remove", "ADA OKAFOR").code == 0
    assert fulcrum("reviewers", "list", "--json").json[0]["active"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", " "), "a name has 1 to 200 characters"),
        (("add", "Ada\x07"), "a name has 1 to 200 characters"),
        (("remove", "Zoe"), "There is no reviewer Zoe"),
        (("enroll", "Zoe"), "There is no reviewer Zoe"),
        (("report", PROCESS, "--by", "Zoe"), "Zoe is not registered as a reviewer. Ask Head of Accounts Payable"),
        (("report", "nothing", "--by", "Zoe"), "There is no process nothing"),
    ],
)
def test_what_cannot_be_done_is_said(fulcrum: Command, ledger: Ledger, arguments: tuple[str, ...], words: str) -> None:
    """With exit code 2, and nothing on standard output."""
    told = fulcrum("reviewers", *arguments)
    assert (told.code, told.out) == (2, "")
    assert words in told.words


def test_a_secret_is_shown_once_and_lies_sealed(fulcrum: Command, ledger: Ledger, key: str) -> None:
    """As a QR code that a terminal of 80 columns shows, and to be typed; the ledger has it sealed."""
    from pyotp import TOTP
    from sqlalchemy import select

    from fulcrum.ledger.tables import ReviewerRow

    fulcrum("reviewers", "add", "Ada")
    told = fulcrum("reviewers", "enroll", "Ada")
    assert told.code == 0
    lines = told.out.splitlines()
    drawn = [line for line in lines if re.search("[\u2580\u2584\u2588]", line)]
    assert len(drawn) > 15
    assert max(map(len, drawn)) <= 80
    secret = "".join(lines[-1].rpartition(": ")[2].split())
    with ledger.store.read() as tx:
        kept = str(tx.execute(select(ReviewerRow.secret)).scalar_one())
    assert secret not in kept
    now = ledger.store.now()
    assert matched(Seal(key).open(kept), TOTP(secret).at(now), now) is not None


def test_a_key_can_be_put_into_a_file_of_variables(fulcrum: Command) -> None:
    """One line, another one each time."""
    first, second = fulcrum("reviewers", "key").out, fulcrum("reviewers", "key").out
    name, _, key = first.strip().partition("=")
    assert name == "FULCRUM_REVIEWERS_KEY"
    assert Seal(key).open(Seal(key).seal("x")) == "x"
    assert first != second


def test_a_key_that_is_none_is_said(fulcrum: Command, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a secret is made with it."""
    monkeypatch.setenv("FULCRUM_REVIEWERS_KEY", "a password")
    fulcrum("reviewers", "add", "Ada")
    told = fulcrum("reviewers", "enroll", "Ada")
    assert (told.code, "it is no Fernet key" in told.words) == (1, True)
    assert fulcrum("reviewers", "list", "--json").json[0]["enrolled"] is False


@pytest.fixture
def decided(ledger: Ledger) -> None:
    """Let two people decide some cases."""
    desk = ReviewDesk(ledger)
    from tests.people import register

    register(ledger, "Ada", "Bo")
    for number, changes in enumerate([{}, {"total": "1210.00"}]):
        review = desk.ask(proposed(total="1210.00" if number == 0 else "1201.00"))
        said = Said(verdict=Verdict.APPROVE, reviewer="Ada", changes=changes or None)
        decide(ledger, INVOICE_INTAKE, review.id, said)
    review = desk.ask(proposed())
    decide(ledger, INVOICE_INTAKE, review.id, Said(verdict=Verdict.REJECT, reviewer="Bo", note="no"))


def test_the_owner_sees_how_the_reviewing_goes(fulcrum: Command, ledger: Ledger, decided: None) -> None:
    """Person by person, by name; a reviewer is not shown it."""
    fulcrum("reviewers", "add", "Olga", "--role", "owner")
    told = fulcrum("reviewers", "report", PROCESS, "--by", "olga")
    assert told.code == 0
    assert max(len(line.rstrip()) for line in told.out.splitlines()) <= 80
    found = fulcrum("reviewers", "report", PROCESS, "--by", "Olga", "--json").json
    assert [(one["reviewer"], one["decisions"], one["never_edited"]) for one in found] == [
        ("Ada", 2, 0.5), ("Bo", 1, None),
    ]  # fmt: skip
    refused = fulcrum("reviewers", "report", PROCESS, "--by", "Ada")
    assert (refused.code, "this is for the process's owner" in refused.words) == (2, True)


def test_an_owner_who_has_an_authenticator_proves_who_they_are(fulcrum: Command, ledger: Ledger, key: str) -> None:
    """Their name alone shows nothing."""
    from tests.people import Authenticator

    fulcrum("reviewers", "add", "Olga", "--role", "owner")
    olga = Authenticator(ledger, "Olga", Seal(key))
    told = fulcrum("reviewers", "report", PROCESS, "--by", "Olga")
    assert (told.code, told.out, "six-digit code" in told.words) == (2, "", True)
    assert fulcrum("reviewers", "report", PROCESS, "--by", "Olga", "--code", olga.wrong).code == 2
    assert fulcrum("reviewers", "report", PROCESS, "--by", "Olga", "--code", olga.code).code == 0


def test_a_case_is_handed_on_from_a_terminal(fulcrum: Command, ledger: Ledger) -> None:
    """It stays open, and the colleague is asked."""
    from tests.people import register

    register(ledger, "Ada", "Bo")
    review = ReviewDesk(ledger).ask(proposed())
    told = fulcrum("decide", review.id, "hand-on", "--reviewer", "Ada", "--colleague", "bo")
    assert (told.code, told.out) == (0, f"{review.id}: Bo is asked now.\n")
    found: Any = ledger.reviews.find(review.id)
    assert (found.assignee, ledger.reviews.is_open(review.id)) == ("Bo", True)
