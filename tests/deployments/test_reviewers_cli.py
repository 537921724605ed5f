"""Registering reviewers and deciding as one, as a person at a terminal meets it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.reviewers import LOCKED, MOST_WRONG, Role
from fulcrum.sealing import Seal, new_key
from tests.people import Authenticator, register
from tests.review_desk import ReviewDesk, proposed
from tests.terminal import Command, Told, in_process

PROCESS = INVOICE_INTAKE.name
OWNER = INVOICE_INTAKE.owner
LARGE = {"total": "12100.00", "net": "10000.00", "tax": "2100.00", "line_items": []}

_SECRET = re.compile(r"^ +((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})$", re.MULTILINE)


def narrow(told: Told) -> bool:
    """Tell whether all of it fits a terminal."""
    return max(len(line.rstrip()) for line in told.out.splitlines()) <= 80


def refused(told: Told, words: str, code: int = 2) -> bool:
    """Check that a command has ended with one line that helps, and has told nothing else."""
    assert (told.code, told.out) == (code, "")
    assert words in told.words
    return "Traceback" not in told.err


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the environment a key."""
    found = new_key()
    monkeypatch.setenv("FULCRUM_REVIEWERS_KEY", found)
    return found


def secrets(home: Path) -> dict[str, str]:
    """Read what the ledger's file holds of people's secrets."""
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        return dict(ledger.execute("SELECT name, secret FROM reviewers").fetchall())


def secret_of(told: Told) -> str:
    """Read the secret that somebody is to type."""
    found = _SECRET.search(told.out)
    assert found is not None
    return found[1].replace(" ", "")


def test_people_are_registered_and_listed(fulcrum: Command) -> None:
    """With their queues and what they are; JSON is for programs."""
    assert "Nobody may decide yet: fulcrum reviewers add NAME" in fulcrum("reviewers", "list").words
    told = fulcrum("reviewers", "add", "  Ada   Lovelace ")
    assert (told.code, told.out) == (0, "Ada Lovelace may decide what waits in every queue.\n")
    told = fulcrum("reviewers", "add", "Bela Novak", "--queue", "tickets", "--queue", "complaints", "--role", "owner")
    assert told.out == "Bela Novak may decide what waits in tickets, complaints.\n"
    shown = fulcrum("reviewers", "list")
    assert re.search(r"^Ada Lovelace +reviewer +every queue +no +0$", shown.out, re.MULTILINE)
    assert re.search(r"^Bela Novak +owner +tickets, complaints +no +0$", shown.out, re.MULTILINE)
    assert narrow(shown)
    assert fulcrum("reviewers", "list", "--json").json == [
        {
            "name": "Ada Lovelace", "role": "reviewer", "queues": [], "active": True, "enrolled": False,
            "locked_until": None, "open": 0,
        },
        {
            "name": "Bela Novak", "role": "owner", "queues": ["tickets", "complaints"], "active": True,
            "enrolled": False, "locked_until": None, "open": 0,
        },
    ]  # fmt: skip


def test_who_registered_somebody_is_on_record(fulcrum: Command, tmp_path: Path) -> None:
    """Whoever says so, else the user of the terminal."""
    import getpass

    fulcrum("reviewers", "add", "Ada", "--by", "Cleo")
    fulcrum("reviewers", "add", "Bo")
    with closing(sqlite3.connect(tmp_path / "home" / "ledger.db")) as ledger:
        found = dict(ledger.execute("SELECT name, registered_by FROM reviewers").fetchall())
    assert found == {"Ada": "Cleo", "Bo": getpass.getuser()}


def test_a_known_name_is_changed_only_when_that_is_meant(fulcrum: Command) -> None:
    """In any spelling; the message shows the command as it can be typed."""
    fulcrum("reviewers", "add", "Ada Lovelace")
    again = fulcrum("reviewers", "add", "ada lovelace", "--queue", "tickets")
    assert refused(again, 'fulcrum reviewers add "ada lovelace" --replace')
    assert fulcrum("reviewers", "list", "--json").json[0]["queues"] == []
    assert fulcrum("reviewers", "add", "Ada Lovelace", "--queue", "tickets", "--replace").code == 0
    (found,) = fulcrum("reviewers", "list", "--json").json
    assert (found["name"], found["queues"]) == ("Ada Lovelace", ["tickets"])


@pytest.mark.parametrize("name", ["", "  ", "A\x07da", "A" * 201])
def test_a_name_can_be_read(fulcrum: Command, name: str) -> None:
    """Nobody is registered under what cannot be shown."""
    assert refused(fulcrum("reviewers", "add", name), "a name has 1 to 200 characters that can be shown")
    assert fulcrum("reviewers", "list", "--json").json == []


def test_whoever_leaves_stays_on_the_list_and_may_come_back(fulcrum: Command, key: str, tmp_path: Path) -> None:
    """Their secret is gone meanwhile, and after."""
    fulcrum("reviewers", "add", "Ada Lovelace")
    fulcrum("reviewers", "enroll", "Ada Lovelace")
    told = fulcrum("reviewers", "remove", "ADA lovelace")
    assert (told.code, told.out) == (0, "Ada Lovelace decides no more.\n")
    assert re.search(r"^Ada Lovelace +left +", fulcrum("reviewers", "list").out, re.MULTILINE)
    assert secrets(tmp_path / "home") == {"Ada Lovelace": None}
    assert refused(fulcrum("reviewers", "enroll", "Ada Lovelace"), "There is no reviewer Ada Lovelace.")
    assert refused(fulcrum("reviewers", "add", "Ada Lovelace"), "registered already")
    fulcrum("reviewers", "add", "Ada Lovelace", "--replace")
    (found,) = fulcrum("reviewers", "list", "--json").json
    assert (found["active"], found["enrolled"]) == (True, False)


@pytest.mark.parametrize("command", ["remove", "enroll"])
def test_an_unknown_name_is_said(fulcrum: Command, key: str, command: str) -> None:
    """With where the known ones are."""
    told = fulcrum("reviewers", command, "Nobody")
    assert refused(told, "There is no reviewer Nobody. List them: fulcrum reviewers list")


@pytest.mark.parametrize("name", ["Ada Lovelace", "Ž" * 200])
def test_a_secret_is_shown_once_and_kept_sealed(fulcrum: Command, key: str, tmp_path: Path, name: str) -> None:
    """As a QR code that a terminal of 80 columns shows whole, and in groups to be typed; never in clear at rest."""
    fulcrum("reviewers", "add", name)
    told = fulcrum("reviewers", "enroll", name)
    assert told.code == 0
    assert narrow(told)
    drawn = [line for line in told.out.splitlines() if line and set(line) <= set(" ▀▄█")]
    (width,) = {len(line) for line in drawn}
    # A symbol has 17 and a multiple of 4 modules, and a quiet zone of 4 at each side; a line shows two rows of it.
    assert (width - 8 - 17) % 4 == 0
    assert len(drawn) == (width + 1) // 2
    secret = secret_of(told)
    (sealed,) = secrets(tmp_path / "home").values()
    assert Seal(key).open(sealed) == secret
    kept = b"".join(file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file())
    assert secret.encode() not in kept
    assert fulcrum("reviewers", "list", "--json").json[0]["enrolled"] is True


def test_a_new_secret_voids_the_old_one(fulcrum: Command, key: str, tmp_path: Path) -> None:
    """There is one a person."""
    fulcrum("reviewers", "add", "Ada")
    before, after = (secret_of(fulcrum("reviewers", "enroll", "Ada")) for _ in range(2))
    assert before != after
    assert Seal(key).open(secrets(tmp_path / "home")["Ada"]) == after


def test_an_unusable_key_is_said_and_changes_nothing(fulcrum: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a secret is shown that nothing would open."""
    fulcrum("reviewers", "add", "Ada")
    monkeypatch.setenv("FULCRUM_REVIEWERS_KEY", "nonsense")
    assert refused(fulcrum("reviewers", "enroll", "Ada"), "it is no Fernet key", 1)
    assert fulcrum("reviewers", "list", "--json").json[0]["enrolled"] is False


def test_a_key_is_a_line_of_an_environment_file(fulcrum: Command) -> None:
    """Another one each time, and one that seals."""
    made = [fulcrum("reviewers", "key").out for _ in range(2)]
    assert made[0] != made[1]
    name, _, key = made[0].strip().partition("=")
    assert name == "FULCRUM_REVIEWERS_KEY"
    assert Seal(key).open(Seal(key).seal("x")) == "x"


def test_the_report_is_the_owners(fulcrum: Command) -> None:
    """Nobody else is shown it; of no decision there is nothing to show."""
    fulcrum("reviewers", "add", "Ada")
    fulcrum("reviewers", "add", "Bo", "--role", "owner")
    told = fulcrum("reviewers", "report", PROCESS, "--by", "Zoe")
    assert refused(told, f"Zoe is not registered as a reviewer. Ask {OWNER.name} ({OWNER.email})")
    told = fulcrum("reviewers", "report", PROCESS, "--by", "Ada")
    assert refused(told, "Ada is registered as a reviewer; this is for the process's owner")
    assert refused(fulcrum("reviewers", "report", "nothing", "--by", "Bo"), "There is no process nothing.")
    assert fulcrum("reviewers", "report", PROCESS, "--by", "bo").out == f"Nobody has decided a case of {PROCESS} yet.\n"
    assert fulcrum("reviewers", "report", PROCESS, "--by", "Bo", "--json").json == []
    fulcrum("reviewers", "remove", "Bo")
    assert refused(fulcrum("reviewers", "report", PROCESS, "--by", "Bo"), "Bo is not registered")


def test_an_owner_with_an_authenticator_proves_it(fulcrum: Command, key: str) -> None:
    """A code is asked for, a wrong one is counted, and the words are about the report."""
    from fulcrum.ledger import Ledger
    from fulcrum.settings import settings

    def report(*code: str) -> Told:
        return fulcrum("reviewers", "report", PROCESS, "--by", "Bo", *code)

    fulcrum("reviewers", "add", "Bo", "--role", "owner")
    with Ledger.open(settings().ledger_url) as ledger:
        app = Authenticator(ledger, "Bo", Seal(key))
    assert refused(report(), "the report is not shown: this needs the six-digit code")
    assert report("--code", app.code).code == 0
    for _ in range(MOST_WRONG - 1):
        assert refused(report("--code", app.wrong_code), "the report is not shown: the code is wrong or too old")
    assert refused(report("--code", app.wrong_code), "Bo is locked until")
    assert refused(report("--code", app.code), "Bo is locked until")
    (locked,) = fulcrum("reviewers", "list", "--json").json
    assert locked["locked_until"]
    assert f"locked until {locked['locked_until'][11:16]} UTC" in fulcrum("reviewers", "list").words
    assert LOCKED.total_seconds() == 15 * 60


@pytest.fixture
def desk(prefect_server: Any) -> Iterator[ReviewDesk]:
    """Open the session's ledger, with the people that tests know and nobody's secret."""
    desk = ReviewDesk.open()
    yield desk
    desk.ledger.close()


@pytest.fixture
def at_desk(desk: ReviewDesk, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Give the command, called in this process where the session's server runs."""
    monkeypatch.setenv("COLUMNS", "80")
    return in_process(capfd)


@pytest.fixture
def ask(desk: ReviewDesk) -> Callable[..., Any]:
    """Give a function that brings an invoice before a person and shows it in the UI."""
    from tasks.review import publish

    def made(**values: Any) -> Any:
        review = desk.ask(proposed(**values))
        publish(desk.ledger, INVOICE_INTAKE, case_ids={review.case_id})
        return desk.ledger.reviews.find(review.id)

    return made


def test_somebody_who_is_not_registered_decides_nothing(at_desk: Command, ask: Callable[..., Any]) -> None:
    """The message says whom to ask."""
    review = ask()
    told = at_desk("decide", review.id, "reject", "--reviewer", "Zoe", "--note", "no")
    assert refused(told, f"Zoe is not registered as a reviewer; ask {OWNER.name} ({OWNER.email})")
    assert at_desk("case", review.case_id, "--json").json["decisions"] == []


def test_somebody_of_another_queue_decides_nothing(at_desk: Command, ask: Callable[..., Any]) -> None:
    """What waits there is others'."""
    at_desk("reviewers", "add", "Lea", "--queue", "tickets", "--replace")
    told = at_desk("decide", ask().id, "reject", "--reviewer", "Lea", "--note", "no")
    assert refused(told, f"Lea is not registered for the queue {INVOICE_INTAKE.review.queue}")
    at_desk("reviewers", "add", "Lea", "--replace")


def test_two_people_with_codes_post_what_is_large(
    at_desk: Command, desk: ReviewDesk, ask: Callable[..., Any], key: str
) -> None:
    """Without a code, or with a wrong one, nothing is decided; the second right one delivers."""
    at_desk("reviewers", "add", "Cora Lindt")
    review = ask(**LARGE)
    told = at_desk("decide", review.id, "approve", "--reviewer", "Cora Lindt", "--code", "123456")
    assert refused(told, "Cora Lindt has no authenticator yet, and this needs a code: fulcrum reviewers enroll")
    ada, cora = (Authenticator(desk.ledger, name, Seal(key)) for name in ("Ada Okafor", "Cora Lindt"))
    told = at_desk("decide", review.id, "approve", "--reviewer", "Ada Okafor")
    assert refused(told, "this needs the six-digit code of your authenticator app")
    told = at_desk("decide", review.id, "approve", "--reviewer", "Ada Okafor", "--code", ada.wrong_code)
    assert refused(told, "the code is wrong or too old")
    assert at_desk("case", review.case_id, "--json").json["decisions"] == []
    code = f"{ada.code[:3]} {ada.code[3:]}"
    told = at_desk("decide", review.id, "approve", "--reviewer", "ada okafor", "--code", code)
    assert told.code == 0
    assert f"{review.id}: approve by Ada Okafor is recorded." in told.words
    assert "posting:" not in told.out
    told = at_desk("decide", review.case_id, "approve", "--reviewer", "Ada Okafor", "--code", ada.next_code)
    assert refused(told, "Ada Okafor approved it before; another person has to decide")
    told = at_desk("decide", review.case_id, "approve", "--reviewer", "Cora Lindt", "--code", cora.code)
    assert told.code == 0
    assert "posting: " in told.out
    story = at_desk("case", review.case_id, "--json").json
    assert [(one["reviewer"], one["verified"]) for one in story["decisions"]] == [
        ("Ada Okafor", True),
        ("Cora Lindt", True),
    ]


def test_the_servers_block_has_a_key_where_the_environment_has_none(
    at_desk: Command, desk: ReviewDesk, ask: Callable[..., Any]
) -> None:
    """Bootstrap made it: whoever was enrolled with it can decide with it."""
    from tests.people import code_at

    secret = secret_of(at_desk("reviewers", "enroll", "Cleo"))
    review = ask(**LARGE)
    code = code_at(secret, desk.ledger.store.now())
    told = at_desk("decide", review.id, "approve", "--reviewer", "Cleo", "--code", code)
    assert f"{review.id}: approve by Cleo is recorded." in told.words


def test_another_key_opens_nobodys_secret(
    at_desk: Command, desk: ReviewDesk, ask: Callable[..., Any], key: str
) -> None:
    """It is said which key is needed and what to do where it is lost; nothing is decided, and no guess is counted."""
    app = Authenticator(desk.ledger, "Ada Okafor", Seal(new_key()))
    review = ask(**LARGE)
    told = at_desk("decide", review.id, "approve", "--reviewer", "Ada Okafor", "--code", app.code)
    assert refused(told, "it is not the key that the reviewer's secret was sealed with", 1)
    assert "where it is lost, enroll the reviewers anew" in told.words
    assert at_desk("case", review.case_id, "--json").json["decisions"] == []


def test_a_case_is_handed_on_to_a_colleague(at_desk: Command, desk: ReviewDesk, ask: Callable[..., Any]) -> None:
    """The queue shows who is asked now, the case's history who has handed it on."""
    from prefect.client.orchestration import get_client

    review = ask()
    told = at_desk("decide", review.id, "hand-on", "--reviewer", "Ada", "--colleague", "bo", "--note", "yours")
    assert (told.code, told.out) == (0, f"{review.id}: Bo is asked now.\n")
    assert desk.ledger.reviews.find(review.id).assignee == "Bo"
    with get_client(sync_client=True) as client:
        tags = client.read_flow_run(UUID(review.flow_run_id)).tags
    assert [tag for tag in tags if tag.startswith("for:")] == ["for:Bo"]
    event = at_desk("case", review.case_id, "--json").json["events"][-1]
    assert (event["activity"], event["actor"]) == ("hand on", "Ada")
    assert at_desk("decide", review.id, "reject", "--reviewer", "Bo", "--note", "not ours").code == 0


@pytest.mark.parametrize(
    ("colleague", "words"),
    [
        ((), "to hand it on, name the colleague who is to decide"),
        (("--colleague", " "), "to hand it on, name the colleague who is to decide"),
        (("--colleague", "Zoe"), "Zoe is not registered for the queue"),
    ],
)
def test_a_case_stays_where_nobody_takes_it(
    at_desk: Command, desk: ReviewDesk, ask: Callable[..., Any], colleague: tuple[str, ...], words: str
) -> None:
    """Whoever hands it on names somebody who may decide it."""
    review = ask()
    assert refused(at_desk("decide", review.id, "hand-on", "--reviewer", "Ada", *colleague), words)
    assert desk.ledger.reviews.find(review.id) == review


def test_an_owner_sees_how_the_reviewing_goes(at_desk: Command, desk: ReviewDesk, ask: Callable[..., Any]) -> None:
    """Person by person in the order of the names, for people and for programs."""
    register(desk.ledger, "Olga Owner", role=Role.OWNER)
    for name in ("Cleo", "Bob"):
        assert at_desk("decide", ask().id, "reject", "--reviewer", name, "--note", "no").code == 0
    told = at_desk("reviewers", "report", PROCESS, "--by", "Olga Owner")
    assert narrow(told)
    assert re.search(r"^Bob +1 +0 min \d\d s", told.out, re.MULTILINE)
    found = at_desk("reviewers", "report", PROCESS, "--by", "Olga Owner", "--json").json
    names = [one["reviewer"] for one in found]
    assert names == sorted(names)
    assert {"Bob", "Cleo"} <= set(names)
    assert all(
        set(one) == {"reviewer", "decisions", "median_seconds", "never_edited", "compared", "agreed"} for one in found
    )
