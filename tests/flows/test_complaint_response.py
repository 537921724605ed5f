"""Complaint response as its procedure promises it: always a person, sometimes two, in approved words."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.complaint_response.process import COMPLAINT_RESPONSE, FOLDER
from fulcrum.cases import Status, Verdict
from fulcrum.deciding import Said, decide
from fulcrum.errors import DecisionRefused
from fulcrum.process import Autonomy
from fulcrum.report import Standing
from fulcrum.sealing import Seal, new_key
from tests.people import Authenticator, register

NAME = COMPLAINT_RESPONSE.name
SEAL = Seal(new_key())
SAMPLES = FOLDER / "samples" / "inbox"
UNUSABLE = "cmp-20261103-003"
HIDDEN_INSTRUCTION = "cmp-20261105-002"


@dataclass
class Office:
    """The samples after one run, in a home of their own."""

    home: Path
    report: Any

    def ledger(self, later: timedelta = timedelta(0)) -> Any:
        from fulcrum.ledger import Ledger

        return Ledger.open(f"sqlite:///{self.home / 'ledger.db'}", clock=lambda: datetime.now(UTC) + later)


@pytest.fixture(scope="module")
def office(prefect_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Run the shipped complaints once, under an autonomy that somebody has set above the ceiling."""
    from flows.complaint_response.flow import complaint_response
    from fulcrum.ledger import Ledger, migrate
    from fulcrum.settings import Settings
    from tasks.run import RunOptions

    home = tmp_path_factory.mktemp("complaints")
    url = Settings(home=home).ledger_url
    migrate(url)
    with Ledger.open(url) as ledger:
        register(ledger)
        ledger.runs.set_standing(NAME, Standing(Autonomy.AUTONOMOUS, 0.2), by="Somebody", reason="in a hurry")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FULCRUM_HOME", str(home))
        report = complaint_response(str(SAMPLES), RunOptions())
    return Office(home, report)


@pytest.fixture
def targets(tmp_path: Path, prefect_server: Any) -> dict[str, Any]:
    """Give an outbox folder and a register of one's own."""
    from pydantic import SecretStr

    from blocks import FolderTarget, SqlTarget

    register = SqlTarget(url=SecretStr(f"sqlite:///{tmp_path / 'erp.db'}"), table="complaints")
    return {
        "folder-target/complaint-outbox": FolderTarget(folder=tmp_path / "outbox"),
        "sql-target/complaints": register,
    }


def seal() -> Seal:
    return SEAL


def apps(ledger: Any) -> tuple[Authenticator, Authenticator]:
    """Give two people their authenticators."""
    return Authenticator(ledger, "Ada Okafor", SEAL), Authenticator(ledger, "Bela Novak", SEAL)


def approve(ledger: Any, review_id: str, name: str, app: Authenticator, **more: Any) -> None:
    """Approve as somebody who has an authenticator."""
    said = Said(verdict=Verdict.APPROVE, reviewer=name, code=app.code, **more)
    decide(ledger, COMPLAINT_RESPONSE, review_id, said, seal=seal)


def cases(office: Office) -> list[Any]:
    with office.ledger() as ledger:
        return [ledger.reading.history(case.id) for case in ledger.reading.cases(NAME)]


def test_no_complaint_is_answered_without_a_person(office: Office) -> None:
    """Whatever autonomy is set, every case waits for a person; nothing clears and nothing is delivered."""
    report = office.report
    assert (report.taken_in, report.cleared, report.delivered, report.still_open) == (26, 0, 0, 0)
    assert report.in_review + report.quarantined == report.taken_in
    assert COMPLAINT_RESPONSE.capped(Autonomy.AUTONOMOUS) is Autonomy.ASSISTED


def test_what_nobody_can_read_is_set_aside(office: Office) -> None:
    """An empty complaint is quarantined, with the reason."""
    (empty,) = [history.case for history in cases(office) if history.case.status is Status.QUARANTINED]
    assert (empty.external_id, empty.reason) == (UNUSABLE, "text is blank")


def test_a_later_step_is_not_paid_for_what_a_person_decides_anyhow(office: Office) -> None:
    """What the gate behind a step stops is asked nothing more; what passes is asked once by each step."""
    stopped = 0
    for history in cases(office):
        asked = Counter(call["step"] for call in history.calls)
        if history.case.reason_code == "gate" and "belong to the product" in str(history.case.reason):
            assert asked == {"classify": 1}
            stopped += 1
        elif history.case.reason_code == "autonomy":
            assert asked == {"classify": 1, "facts": 1, "draft": 1}
    assert stopped
    assert office.report.reasons["autonomy"] > 0


def test_every_fact_stands_in_the_complaint_at_its_place(office: Office) -> None:
    """Letter for letter, from its first character to its last."""
    facts = 0
    for history in cases(office):
        for fact in (history.proposal or {}).get("facts") or ():
            assert history.case.input["text"][fact["start"] : fact["end"]] == fact["quote"]
            facts += 1
    assert facts > 20


def test_a_letter_is_made_of_approved_paragraphs(office: Office) -> None:
    """Each part is one of the files that fits the complaint, and nothing stays unfilled."""
    from flows.complaint_response.letter import PARAGRAPHS
    from flows.complaint_response.paragraphs import PARTS

    drafted = [history.proposal for history in cases(office) if (history.proposal or {}).get("draft")]
    assert drafted
    for values in drafted:
        kind = values["product"], values["issue"], values["severity"]
        assert all(PARAGRAPHS[values[part]].fits(*kind) for part in PARTS)
        assert "{" not in values["draft"]


def test_a_hidden_instruction_is_material(office: Office) -> None:
    """It changes neither severity nor letter: a person decides, and no sentence of the letter is its own."""
    (history,) = [one for one in cases(office) if one.case.external_id == HIDDEN_INSTRUCTION]
    assert history.case.status is Status.IN_REVIEW
    assert history.outcome is None


def test_severe_complaints_need_two_people(office: Office, targets: dict[str, Any]) -> None:
    """The first approval asks for a second; the same name twice is refused; the second one delivers, once."""
    from fulcrum.delivery import deliver_due

    with office.ledger() as ledger:
        severe = next(
            dossier
            for dossier in ledger.reviews.dossiers(ledger.reviews.open(NAME))
            if dossier.proposal
            and dossier.proposal.values.get("severity") == "severe"
            and dossier.proposal.values.get("draft")
        )
        case_id = severe.case.id
        ada, bela = apps(ledger)
        approve(ledger, severe.review.id, "Ada Okafor", ada)
        assert deliver_due(ledger, COMPLAINT_RESPONSE, targets, case_ids=[case_id]) == []
        second = ledger.reviews.find(case_id)
        assert (second.id != severe.review.id, second.code) == (True, "four-eyes")
        with pytest.raises(DecisionRefused, match="Ada Okafor approved it before"):
            approve(ledger, second.id, " ada  OKAFOR", ada)
        with pytest.raises(DecisionRefused, match="needs the six-digit code"):
            decide(
                ledger, COMPLAINT_RESPONSE, second.id, Said(verdict=Verdict.APPROVE, reviewer="Bela Novak"), seal=seal
            )
        approve(ledger, second.id, "Bela Novak", bela)
        for _ in range(2):
            deliver_due(ledger, COMPLAINT_RESPONSE, targets, case_ids=[case_id])
        assert ledger.reading.history(case_id).case.status is Status.DELIVERED
    files = [path for path in targets["folder-target/complaint-outbox"].folder.rglob("*.json") if path.is_file()]
    assert [json.loads(path.read_text(encoding="utf-8"))["posting"]["severity"] for path in files] == ["severe"]
    register = targets["sql-target/complaints"].url.get_secret_value().removeprefix("sqlite:///")
    with closing(sqlite3.connect(register)) as database:
        assert database.execute("SELECT case_id, severity FROM complaints").fetchall() == [(case_id, "severe")]


def test_whoever_changes_what_was_approved_is_the_first_anew(office: Office) -> None:
    """Two people have to approve the same values, even when one of them lowers the severity."""
    with office.ledger() as ledger:
        severe = next(
            dossier
            for dossier in ledger.reviews.dossiers(ledger.reviews.open(NAME))
            if dossier.proposal
            and dossier.proposal.values.get("severity") == "severe"
            and dossier.proposal.values.get("draft")
        )
        lowered = {"severity": "standard"}
        ada, bela = apps(ledger)
        approve(ledger, severe.review.id, "Ada Okafor", ada, changes=lowered)
        second = ledger.reviews.find(severe.case.id).id
        approve(ledger, second, "Bela Novak", bela, changes={"draft": "Another letter."})
        waiting = ledger.reviews.find(severe.case.id)
        assert ledger.reading.history(severe.case.id).case.status is Status.IN_REVIEW
    # A code is good once a case: the next one comes half a minute later.
    with office.ledger(later=timedelta(seconds=31)) as ledger:
        approve(ledger, waiting.id, "Ada Okafor", Authenticator(ledger, "Ada Okafor", SEAL))
        done = ledger.reading.history(severe.case.id)
    assert done.case.status is Status.APPROVED
    assert (done.outcome["severity"], done.outcome["draft"]) == ("standard", "Another letter.")
    assert done.intact


def test_a_corrected_product_takes_the_letter_along(office: Office) -> None:
    """The paragraphs that do not fit any more are chosen anew, and the letter is put together again."""
    product = "Mortgage"
    with office.ledger() as ledger:
        dossier = next(
            one
            for one in ledger.reviews.dossiers(ledger.reviews.open(NAME))
            if one.proposal and one.proposal.values.get("draft") and one.proposal.values["product"] != product
        )
        changes = {"product": product, "issue": "Struggling to pay mortgage"}
        approve(ledger, dossier.review.id, "Ada Okafor", Authenticator(ledger, "Ada Okafor", SEAL), changes=changes)
        values = ledger.reading.history(dossier.case.id).outcome
    assert values["finding"] == "finding-mortgage"
    assert "your mortgage" in values["draft"].lower() or "mortgage" in values["draft"].lower()
    assert values["severity"] == "severe"


def test_a_reviewer_chooses_among_approved_paragraphs() -> None:
    """No other can be typed into the form, or come from a script."""
    from pydantic import ValidationError

    from flows.complaint_response.letter import PARAGRAPHS

    outcome = COMPLAINT_RESPONSE.bounded(COMPLAINT_RESPONSE.outcome)
    offered = outcome.model_json_schema()["properties"]["opening"]["anyOf"][0]["enum"]
    assert offered == [one.id for one in PARAGRAPHS.values() if one.part == "opening"]
    about = {"product": "Mortgage", "issue": "Struggling to pay mortgage", "severity": "severe"}
    with pytest.raises(ValidationError):
        outcome.model_validate(about | {"opening": "my-own-words"})
