"""Every command of the runbooks, of the pages for whoever is on call, and of the alerts' own messages, in one night.

The situation that a page is about is brought about; then its commands are run as a person types them, with real names
in place of those that stand for one, and what the person decides by is looked for in what they say.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import httpx
import pytest
import yaml

from deployments.automations import FILE
from deployments.stack.processes import free_port
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.alerts import CAUSES
from fulcrum.authority import proved
from fulcrum.cases import NewCase, Status
from fulcrum.errors import DecisionRefused
from fulcrum.ledger.watching import BY_ITSELF
from fulcrum.process import Autonomy
from fulcrum.report import Standing
from fulcrum.reviewers import MOST_WRONG
from fulcrum.settings import Settings, project_root
from tests.intake_office import PROCESS, Office, documents, names, own_erp, write_jsonl
from tests.loopback import wait_for
from tests.own_server import server_of_its_own
from tests.people import Authenticator
from tests.terminal import Command, Told, in_process

ROOT = project_root()
BOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
PAGES = [*BOOKS, ROOT / "docs" / "on-call.md", ROOT / "docs" / "alerts.md"]
ME = "Mara Quint"


def shown(page: Path) -> list[str]:
    """Give the command lines of a page, in their order."""
    blocks = re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def in_messages() -> set[str]:
    """Give the commands that alerts carry, of the process that this night is about."""
    own = {line.format(process=PROCESS) for cause in CAUSES.values() for line in (cause.look, cause.mend)}
    declared = yaml.safe_load(FILE.read_text(encoding="utf-8"))["automations"]
    told = {
        line.partition(": ")[2].replace("{{ work_pool.name }}", "fulcrum")
        for each in declared
        for line in each.get("body", "").splitlines()
        if line.startswith(("Look: ", "Mend: ", "Halt: "))
    }
    return own | told | {f"fulcrum halt {PROCESS} --by NAME --reason TEXT"}


@dataclass
class Night:
    """An office on the session's server, an inbox of its own, and what was typed in it."""

    office: Office
    inbox: Path
    case: str
    """One that was posted."""
    typed: set[str] = field(default_factory=set)


@dataclass
class Desk:
    """Whoever is on call, at a terminal."""

    night: Night
    call: Command
    stand_ins: dict[str, str] = field(default_factory=dict)

    def words(self, line: str) -> list[str]:
        """Give the words of a line as a shell does, with what stands for something replaced."""
        self.night.typed.add(line)
        given = {"Your Name": ME, "NAME": ME, "TEXT": "looked at", "SOURCE": str(self.night.inbox)}
        given |= {"~/inbox": str(self.night.inbox), "CASE": self.night.case, **self.stand_ins}
        return [given.get(word, word) for word in shlex.split(line)]

    def says(self, line: str, code: int = 0) -> str:
        """Run a line to its end; give what it said, with single spaces."""
        words = self.words(line)
        told = self._called(words[1:]) if words[0] == "fulcrum" else self._spawned(words)
        assert told.code == code, (line, told.out, told.err)
        return told.words

    def says_whatever(self, line: str) -> str:
        """Run a line to its end, whether it is content or not."""
        return self._called(self.words(line)[1:]).words

    def _called(self, words: list[str]) -> Told:
        with self.night.office.at_work():
            return self.call(*words)

    def _spawned(self, words: list[str]) -> Told:
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=ROOT, env=self._environment(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Told(done.returncode, done.stdout, done.stderr)

    def _environment(self, **own: str) -> dict[str, str]:
        wide = {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
        return {**os.environ, "FULCRUM_HOME": str(self.night.office.home), **wide, **own}

    @contextmanager
    def going_on(self, line: str, until: str, **own: str) -> Iterator[list[str]]:
        """Start a command that runs until it is stopped, wait for what it says first, and stop it in the end."""
        words = self.words(line)
        module = ["deployments.cli", *words[1:]] if words[0] == "fulcrum" else words
        said: list[str] = []
        with subprocess.Popen(
            [sys.executable, "-m", *module], cwd=ROOT, env=self._environment(**own), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            reading = Thread(target=lambda: said.extend(process.stdout or ()))
            reading.start()
            try:
                wait_for(lambda: process.poll() is not None or any(until in each for each in said))
                assert process.poll() is None, said
                yield said
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)
                reading.join()


@pytest.fixture(scope="module")
def night(make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """Open an office, on a server of its own without workers, in which three documents were posted and one waits."""
    from deployments.bootstrap import bootstrap
    from fulcrum.reviewers import Role
    from tests.people import register

    folder = tmp_path_factory.mktemp("night")
    settings = Settings(home=make_home(folder / "office"))
    inbox = folder / "inbox"
    inbox.mkdir()
    with server_of_its_own(settings) as server:
        bootstrap(server.url, settings)
        with own_erp(folder / "erp.db") as erp:
            office = Office.found(settings.home, erp)
            with office.ledger() as ledger:
                register(ledger, ME, role=Role.OWNER)
                register(ledger, "Ada Lovelace")
            write_jsonl(inbox / "first.jsonl", documents([*names(3, "night"), *names(1, "night", audited=True)]))
            office.run(inbox)
            posted = [case.id for case in office.cases().values() if case.status is Status.DELIVERED]
            assert len(posted) == 3
            yield Night(office, inbox, posted[0])


@pytest.fixture
def desk(night: Night, capfd: pytest.CaptureFixture[str]) -> Desk:
    return Desk(night, in_process(capfd))


def book(name: str) -> list[str]:
    return shown(ROOT / "docs" / "runbooks" / f"{name}.md")


@contextmanager
def broken_target(night: Night) -> Iterator[None]:
    """Let the target take nothing for a while."""
    erp = night.office.erp
    away = erp.with_suffix(".away")
    erp.rename(away)
    erp.mkdir()
    try:
        yield
    finally:
        erp.rmdir()
        away.rename(erp)


def put(night: Night, name: str, **document: str) -> None:
    """Put a sound document into the inbox, or one that says otherwise."""
    (record,) = documents(names(1, name))
    write_jsonl(night.inbox / f"{name}.jsonl", [record | document])


def test_deliveries_failing(night: Night, desk: Desk) -> None:
    """What waits is listed, the doctor names the target, and the run after the mending delivers it."""
    look, doctor, run = book("deliveries-failing")
    put(night, "owed")
    with broken_target(night):
        desk.says(f"fulcrum run {PROCESS} --source SOURCE")
        assert "owed-" in desk.says(look)
        assert "sql-target/erp-postings" in desk.says(doctor, 1)
    assert "Delivered 1" in desk.says(run)
    assert "owed-" not in desk.says(look)


def test_run_failed(night: Night, desk: Desk) -> None:
    """The cases say what became of the batch, the error what to mend; run again, the sound ones are worked off."""
    look, doctor, run = book("run-failed")
    blanks = write_jsonl(night.inbox / "blanks.jsonl", [{"id": f"blank-{i}", "text": " "} for i in range(6)])
    put(night, "sound")
    assert "Gate documents refused a batch" in desk.says(run, 1)
    assert "quarantined" in desk.says(look)
    assert "ledger" in desk.says(doctor, 1)
    Path(blanks).unlink()
    assert "Taken in 0" in desk.says(run)


def test_on_call(night: Night, desk: Desk) -> None:
    """Halting, looking, putting a refused batch back, undoing a posting: the page from its top to its end."""
    lines = shown(ROOT / "docs" / "on-call.md")
    halt, halt_all, listed, resume, resume_all, *rest = lines
    doctor, failed, aside, reviews, case, model, release, run, reopen = rest
    assert "is halted" in desk.says(halt)
    assert "Every process is halted" in desk.says(halt_all)
    assert "totals look odd" in desk.says(listed)
    desk.says(resume)
    desk.says(resume_all)
    assert "workers of fulcrum wrong" in desk.says(doctor, 1)
    desk.says(failed)
    assert "sound-" in desk.says(aside)
    assert "audit" in desk.says(reviews)
    assert night.case in desk.says(case)
    desk.says(model)
    assert "1 case" in desk.says(release)
    assert "Delivered 1" in desk.says(run)
    assert "review" in desk.says(reopen)


def test_pool_without_worker(night: Night, desk: Desk) -> None:
    """The doctor names the pools; with both workers started as the page says, it misses none."""
    doctor, runs, reviews = book("pool-without-worker")
    assert "workers of reviews wrong none was ever seen" in desk.says(doctor, 1)
    with desk.going_on(runs, "started"), desk.going_on(reviews, "started"):
        wait_for(lambda: "workers of fulcrum ok" in (said := desk.says_whatever(doctor)) and "reviews ok" in said)


def test_run_crashed(night: Night, desk: Desk) -> None:
    """What the dead run held is listed, and the next run takes it up."""
    look, doctor, run = book("run-crashed")
    put(night, "held")
    with night.office.ledger() as ledger:
        standing = ledger.runs.standing(PROCESS)
        ledger.runs.begin("killed", PROCESS, sop_version="s", prompt_version="p", standing=standing)
        (record,) = documents(names(1, "held"))
        ledger.intake.take_in("killed", PROCESS, [NewCase(external_id=record["id"], input=record)])
        ledger.leases.claim(PROCESS, "killed", 10)
    night.office.lapse()
    assert "received" in desk.says(look)
    desk.says(doctor, 1)
    assert "Carried over 1" in desk.says(run)


def test_run_missing(night: Night, desk: Desk) -> None:
    """The doctor says what is not there, the list how the last runs stand, and a run is started by hand."""
    doctor, runs, desk_again, process_again = book("run-missing")
    assert "Prefect server ok" in desk.says(doctor, 1)
    assert "COMPLETED" in desk.says(runs)
    for again in (desk_again, process_again):
        assert "Created flow run" in desk.says(again)


def test_ai_degraded(night: Night, desk: Desk) -> None:
    """The endpoint is asked, the doctor asks it too, and a run may name another block."""
    check, doctor, run = book("ai-degraded")
    assert "fulcrum-embedded-1" in desk.says(check)
    assert "model default ok" in desk.says(doctor, 1)
    assert "the run in figures" in desk.says(run)


def test_autonomy_lowered(night: Night, desk: Desk) -> None:
    """Who has lowered it and why; how people review; a posting is taken back."""
    look, report, reopen = book("autonomy-lowered")
    with night.office.ledger() as ledger:
        lowered = Standing(Autonomy.ASSISTED, INVOICE_INTAKE.review.threshold)
        ledger.runs.set_standing(PROCESS, lowered, by=BY_ITSELF, reason="overrides: 9 of 40")
    assert "overrides: 9 of 40" in desk.says(look)
    assert "Nobody has decided" in desk.says(report)
    delivered = next(case.id for case in night.office.cases().values() if case.status is Status.DELIVERED)
    desk.stand_ins["CASE"] = delivered
    assert "in review" in desk.says(reopen)


def test_drift_and_promises(night: Night, desk: Desk) -> None:
    """How the newest cases compare; the owner sets the level that is right, which is on record."""
    look, as_before = book("drift-detected")
    assert "each 500 new ones" in desk.says(look)
    assert "supervised" in desk.says(as_before)
    drift, autonomy, lower = book("promise-broken")
    desk.says(drift)
    assert "supervised 0.80 Mara Quint new" in desk.says(autonomy)
    assert "assisted" in desk.says(lower)


def test_gate_failed(night: Night, desk: Desk) -> None:
    """What is with people is listed, and the process halted until it is clear why."""
    reviews, drift, halt = book("gate-failed")
    assert "Open reviews: " in desk.says(reviews)
    desk.says(drift)
    assert "is halted" in desk.says(halt)
    desk.says(f"fulcrum resume {PROCESS} --by NAME --reason TEXT")


def test_reviews_due(night: Night, desk: Desk) -> None:
    """What waits and until when; somebody more for the queue."""
    reviews, add = book("review-overdue")
    desk.says(reviews)
    assert "Grace Hopper" in desk.says(add)


def test_reviewer_locked(night: Night, desk: Desk) -> None:
    """The list says who is locked; a new secret is shown once."""
    listed, enroll = book("reviewer-locked")
    from tasks.review_keys import reviewers_seal

    with night.office.ledger() as ledger:
        app = Authenticator(ledger, "Ada Lovelace", reviewers_seal())
        person = ledger.reviewers.find("Ada Lovelace")
        for _ in range(MOST_WRONG):
            with pytest.raises(DecisionRefused):
                proved(ledger, "a review", person, app.wrong_code, reviewers_seal)
    assert "Ada Lovelace reviewer every queue locked until" in desk.says(listed)
    assert "authenticator app" in desk.says(enroll)


def test_silence(
    night: Night, desk: Desk, make_home: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor says what does not answer; the stack is brought back."""
    doctor, up = book("silence")
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port(0)}/api")
    assert "Prefect server wrong" in desk.says(doctor, 1)
    ports = {name: str(free_port(0)) for name in ("FULCRUM_PORT", "FULCRUM_DESK_PORT", "FULCRUM_ALERTS_PORT")}
    monkeypatch.delenv("PREFECT_API_URL")
    with desk.going_on(up, "Ctrl-C stops all of it.", FULCRUM_HOME=str(make_home(tmp_path / "home")), **ports):
        pass


def test_alerts(night: Night, desk: Desk) -> None:
    """What arrives is shown and kept; what stands is listed, and taken on by its number."""
    listen, listed, ack = shown(ROOT / "docs" / "alerts.md")
    port = free_port(0)
    with desk.going_on(listen, "Signs of life", FULCRUM_ALERTS_PORT=str(port)) as said:
        told = {"subject": "[page] something", "body": "Look: fulcrum doctor"}
        assert httpx.post(f"http://127.0.0.1:{port}/alerts", json=told, trust_env=False).status_code == 204
        wait_for(lambda: any("[page] something" in line for line in said))
    with night.office.ledger() as ledger:
        alarm = ledger.alarms.begin(PROCESS, "deliveries.failing", {"deliveries": 3})
    assert alarm.id[:8] in desk.says(listed)
    desk.stand_ins["3f2a91c0"] = alarm.id[:8]
    assert f"{ME} looks after {PROCESS}" in desk.says(ack)


LONG = {"prefect worker start --pool fulcrum": "started"}
"""Commands of messages that go on until they are stopped, with what they say first."""

WRONG_HERE = {"fulcrum doctor": 1}
"""How a command of a message ends in this night, where that is not well: it has no worker."""


@pytest.mark.parametrize("line", sorted(in_messages()))
def test_what_a_message_says_to_type(night: Night, desk: Desk, line: str) -> None:
    """Each command that an alert carries, as it stands there."""
    desk.stand_ins |= {"LEVEL": "supervised", "QUEUE": "accounts-payable"}
    if line.startswith("fulcrum reviewers add"):
        desk.stand_ins["NAME"] = "Katherine Johnson"
    if line in LONG:
        with desk.going_on(line, LONG[line]):
            return
    desk.says(line, WRONG_HERE.get(line, 0))


def test_every_command_was_typed(night: Night) -> None:
    """A command that is added to a page has to be tried above."""
    assert {line for page in PAGES for line in shown(page)} - night.typed == set()
