"""`fulcrum doctor`: what is there and what is away, in words, with what to do; never a traceback, never a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from deployments.doctor.ledger import APART, clocks, look_at_ledger
from deployments.doctor.lines import Line, Verdict
from deployments.doctor.machine import look_at_machine, parts, room
from deployments.stack.processes import free_port
from fulcrum.settings import Settings
from tests.loopback import Asked, http, receiver
from tests.terminal import Command, Told, in_process

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SECRET = "hunter2-of-nobody"


@pytest.fixture
def doctor(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Give the command, in the environment that the test has set, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    command = in_process(capfd)

    def call(*arguments: str) -> Told:
        told = command("doctor", *arguments)
        assert "Traceback" not in told.out + told.err
        assert SECRET not in told.out + told.err
        assert max(map(len, told.out.splitlines())) <= 80 or "--json" in arguments
        return told

    return call


def by_check(told: Told) -> dict[str, dict[str, str]]:
    return {line["check"]: line for line in told.json["lines"]}


def verdicts(told: Told, *checks: str) -> list[str]:
    lines = by_check(told)
    return [lines[check]["verdict"] for check in checks]


def test_in_a_home_that_nothing_has_seen_yet(fulcrum: Command, doctor: Callable[..., Told], tmp_path: Path) -> None:
    """What is missing is said with how it is made, what could not be looked at is no fault, and nothing is made."""
    told = doctor("--json")
    assert (told.code, told.json["ok"]) == (1, False)
    assert verdicts(told, "Python", "parts", "disk of the home") == ["ok"] * 3
    assert verdicts(told, "ledger", "Prefect server") == ["wrong"] * 2
    assert verdicts(told, "workers", "blocks", "model endpoints", "targets") == ["not checked"] * 4
    assert by_check(told)["ledger"]["remedy"] == "make it: fulcrum migrate"
    assert "fulcrum up" in by_check(told)["Prefect server"]["remedy"]
    assert not (tmp_path / "home").exists()
    shown = doctor()
    assert shown.code == 1
    assert "Do: start one: fulcrum up; or set PREFECT_API_URL" in shown.words
    assert "2 of " in shown.words


def test_a_server_that_is_away_is_said_to_be(
    fulcrum: Command, doctor: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its address, and without the password that the address holds."""
    monkeypatch.setenv("PREFECT_API_URL", f"http://me:{SECRET}@127.0.0.1:{free_port(0)}/api")
    line = by_check(doctor("--json"))["Prefect server"]
    assert line["verdict"] == "wrong"
    assert line["found"].endswith("/api does not answer")


def test_settings_that_cannot_be_read_are_named(
    fulcrum: Command, doctor: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the variable, without what stands in it."""
    monkeypatch.setenv("FULCRUM_PORT", SECRET)
    told = doctor("--json")
    assert told.code == 1
    assert told.json["lines"][0]["found"] == "FULCRUM_PORT cannot be read"


def test_on_a_stack_that_is_there(prefect_server: Any, doctor: Callable[..., Told]) -> None:
    """All is well but the workers, which nobody has started; once they have been seen, nothing is wrong."""
    from prefect.client.orchestration import get_client

    told = doctor("--json")
    lines = by_check(told)
    assert told.code == 1
    sick = {check for check, line in lines.items() if line["verdict"] != "ok"}
    assert sick <= {"workers of fulcrum", "workers of reviews"}
    assert lines["Prefect server"]["found"].startswith(prefect_server.url)
    assert {"ledger", "clock of the server", "blocks", "ledger's block", "model default"} <= set(lines)
    assert "target sql-target/erp-postings" in lines
    with get_client(sync_client=True) as client:
        for pool in ("fulcrum", "reviews"):
            client.send_worker_heartbeat(pool, f"doctor-{uuid4().hex[:6]}", heartbeat_interval_seconds=30)
    told = doctor("--ask", "--json")
    assert (told.code, told.json["ok"]) == (0, True)
    assert by_check(told)["model default"]["found"].startswith("answered in ")
    assert "Nothing is wrong." in doctor().words


def test_a_server_of_another_release_whose_clock_is_wrong(
    fulcrum: Command, doctor: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else it refuses is a line each."""
    date = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)

    def answer(asked: Asked) -> bytes:
        if asked.path.endswith("/health"):
            return http(200, "true", "Content-Type: application/json", f"Date: {date}")
        if asked.path.endswith("/admin/version"):
            return http(200, '"3.0.1"', "Content-Type: application/json")
        return http(403, f'{{"detail": "{SECRET}"}}', "Content-Type: application/json")

    with receiver(answer) as address:
        monkeypatch.setenv("PREFECT_API_URL", address.removesuffix("/hooks") + "/api")
        lines = by_check(doctor("--json"))
    assert lines["Prefect server"]["verdict"] == "wrong"
    assert "is 3.0.1, older than ours" in lines["Prefect server"]["found"]
    assert "s behind ours" in lines["clock of the server"]["found"]
    for check in ("workers of fulcrum", "workers of reviews", "blocks"):
        assert lines[check]["found"].endswith("status 403)")
        assert "PREFECT_API_AUTH_STRING" in lines[check]["remedy"]


MODELS = json.dumps({"data": [{"id": "mock"}, {"id": "another"}]})


@pytest.mark.parametrize(
    ("status", "body", "verdict", "found"),
    [
        (200, MODELS, Verdict.OK, "answers"),
        (200, MODELS.replace("mock", "other"), Verdict.OK, "does not list mock"),
        (200, "no JSON", Verdict.OK, "answers"),
        (404, "", Verdict.OK, "has no list of models"),
        (401, SECRET, Verdict.WRONG, "refuses the key (status 401)"),
        (403, SECRET, Verdict.WRONG, "refuses the key (status 403)"),
        (429, SECRET, Verdict.WRONG, "status 429"),
        (503, SECRET, Verdict.WRONG, "status 503"),
    ],
)
def test_an_endpoint_by_what_it_answers(
    prefect_server: Any, status: int, body: str, verdict: Verdict, found: str
) -> None:
    """Its key is sent, and its own words are not repeated."""
    from blocks import ModelEndpoint
    from deployments.doctor.outside import look_at_endpoint

    asked: list[Asked] = []

    def answer(one: Asked) -> bytes:
        asked.append(one)
        return http(status, body, "Content-Type: application/json")

    with receiver(answer) as address:
        base = address.removesuffix("/hooks") + "/v1"
        name = f"doctor-{uuid4().hex[:8]}"
        ModelEndpoint(base_url=base, model="mock", api_key=SecretStr(SECRET)).save(name)
        line = look_at_endpoint(name, ask=False)
    assert (asked[0].path, asked[0].headers["authorization"]) == ("/v1/models", f"Bearer {SECRET}")
    assert line.verdict is verdict
    assert found in line.found
    assert SECRET not in str(line)
    assert bool(line.remedy) is (verdict is Verdict.WRONG)


@pytest.mark.parametrize("ask", [False, True])
def test_an_endpoint_that_is_away(prefect_server: Any, ask: bool) -> None:
    """Whether it is asked for its models or a question."""
    from blocks import ModelEndpoint
    from deployments.doctor.outside import look_at_endpoint
    from fulcrum.ai import line as exchange

    name = f"doctor-{uuid4().hex[:8]}"
    url = f"http://127.0.0.1:{free_port(0)}/v1"
    ModelEndpoint(base_url=url, model="mock", retries=0, input_price=0, output_price=0).save(name)
    line = look_at_endpoint(name, ask=ask)
    exchange.close()
    assert line.verdict is Verdict.WRONG
    assert "base_url" in line.remedy


def test_an_endpoint_without_a_block_or_a_key(prefect_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says which block is to be mended."""
    from blocks import ModelEndpoint
    from deployments.doctor.outside import look_at_endpoint

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    missing = look_at_endpoint("nothing-here", ask=False)
    name = f"doctor-{uuid4().hex[:8]}"
    ModelEndpoint(base_url="https://models.example/v1", model="mock").save(name)
    keyless = look_at_endpoint(name, ask=False)
    assert (missing.verdict, keyless.verdict) == (Verdict.WRONG, Verdict.WRONG)
    assert "there is no block model-endpoint/nothing-here" in missing.found
    assert "it has no API key" in keyless.found


def looked_at(block: Any) -> Line:
    """Look at a target under a name of its own."""
    from deployments.doctor.outside import look_at_target

    name = f"doctor-{uuid4().hex[:8]}"
    block.save(name)
    return look_at_target(f"{block.get_block_type_slug()}/{name}")


def test_tables_that_answer_and_databases_that_are_away(prefect_server: Any, tmp_path: Path) -> None:
    """A file that is not there yet is made with the first delivery, not by looking."""
    import sqlite3
    from contextlib import closing

    from blocks import SqlTarget

    file = tmp_path / "erp.db"
    first = looked_at(SqlTarget(url=SecretStr(f"sqlite:///{file}")))
    assert (first.verdict, first.found) == (Verdict.OK, "erp.db is made with the first delivery")
    assert not file.exists()
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE x (y)")
    assert looked_at(SqlTarget(url=SecretStr(f"sqlite:///{file}"))).found == "answers"
    nowhere = looked_at(SqlTarget(url=SecretStr(f"sqlite:///{file}/sub/erp.db")))
    assert (nowhere.verdict, nowhere.found) == (Verdict.WRONG, f"erp.db cannot be made in {file}")
    away = looked_at(SqlTarget(url=SecretStr(f"postgresql+psycopg://me:{SECRET}@127.0.0.1:{free_port(0)}/erp")))
    assert away.verdict is Verdict.WRONG
    assert SECRET not in str(away)


def test_folders_that_are_there_and_that_cannot_be(prefect_server: Any, tmp_path: Path) -> None:
    """Looking makes none."""
    from blocks import FolderTarget

    folder = tmp_path / "new" / "outbox"
    assert looked_at(FolderTarget(folder=folder)).verdict is Verdict.OK
    assert not folder.exists()
    folder.mkdir(parents=True)
    assert looked_at(FolderTarget(folder=folder)).found == "answers"
    (tmp_path / "file").write_text("x")
    assert looked_at(FolderTarget(folder=tmp_path / "file" / "outbox")).verdict is Verdict.WRONG


@pytest.fixture
def help_desk() -> Iterator[tuple[str, list[Asked], list[int]]]:
    """Give the address of a receiver, what it was asked, and the status that it answers with."""
    asked: list[Asked] = []
    status = [404]

    def answer(one: Asked) -> bytes:
        asked.append(one)
        return http(status[0])

    with receiver(answer) as address:
        yield address, asked, status


def test_receivers_are_asked_and_nothing_is_delivered(
    prefect_server: Any, help_desk: tuple[str, list[Asked], list[int]]
) -> None:
    """By its status address; without one only its door is tried."""
    from blocks import WebhookTarget

    address, asked, status = help_desk
    assert looked_at(WebhookTarget(url=address, status_url=address)).verdict is Verdict.OK
    assert {one.method for one in asked} == {"GET"}
    status[0] = 403
    refused = looked_at(WebhookTarget(url=address, status_url=address))
    assert (refused.verdict, "status 403" in refused.found) == (Verdict.WRONG, True)
    asked.clear()
    assert "can be reached" in looked_at(WebhookTarget(url=address)).found
    assert asked == []
    gone = f"http://127.0.0.1:{free_port(0)}/hooks"
    assert looked_at(WebhookTarget(url=gone)).verdict is Verdict.WRONG
    assert looked_at(WebhookTarget(url=gone, status_url=gone, tries=1)).verdict is Verdict.WRONG


def test_a_target_without_a_block(prefect_server: Any) -> None:
    """Deliveries would wait for it for ever."""
    from deployments.doctor.outside import look_at_target

    assert look_at_target("sql-target/nothing-here").verdict is Verdict.WRONG


def of(lines: Iterator[Line], check: str) -> Line:
    return next(line for line in lines if line.check == check)


def test_a_ledger_that_answers(ledger_url: str, tmp_path: Path) -> None:
    """On both databases; one that is to be migrated is told so; PostgreSQL's clock is compared with ours."""
    from sqlalchemy import create_engine, text

    from fulcrum.ledger import migrate

    migrate(ledger_url)
    settings = Settings(home=tmp_path, ledger_url=ledger_url)
    lines = list(look_at_ledger(settings))
    assert {line.verdict for line in lines} == {Verdict.OK}
    assert [line.check for line in lines] == ["ledger", *(["clock of the ledger"] if "postgres" in ledger_url else [])]
    engine = create_engine(ledger_url)
    with engine.begin() as database:
        database.execute(text("UPDATE fulcrum_version SET version_num = '0003'"))
    engine.dispose()
    old = of(look_at_ledger(settings), "ledger")
    assert old.verdict is Verdict.WRONG
    assert "is at schema 0003" in old.found
    assert "fulcrum migrate" in old.remedy


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/fulcrum",
        f"nonsense://me:{SECRET}@db/fulcrum",
        f"me:{SECRET}",
        "sqlite:////dev/null/ledger.db",
    ],
)
def test_a_ledger_that_cannot_be_reached(url: str, tmp_path: Path) -> None:
    """Whatever is wrong with its URL, the password in it is not shown."""
    line = of(look_at_ledger(Settings(home=tmp_path, ledger_url=url)), "ledger")
    assert line.verdict is Verdict.WRONG
    assert line.remedy
    assert SECRET not in str(line)


@pytest.mark.parametrize(
    ("apart", "verdict", "said"),
    [
        (timedelta(), Verdict.OK, "agrees with ours to 1 s"),
        (APART, Verdict.OK, "agrees with ours to 5 s"),
        (-APART, Verdict.OK, "agrees with ours to 5 s"),
        (timedelta(minutes=2), Verdict.WRONG, "is 120 s ahead of ours"),
        (timedelta(days=-1), Verdict.WRONG, "is 86400 s behind ours"),
    ],
)
def test_clocks_that_agree_and_that_do_not(apart: timedelta, verdict: Verdict, said: str) -> None:
    """Leases are a minute long, so a few seconds do no harm."""
    line = clocks("clock", NOW + apart, NOW)
    assert (line.verdict, line.found) == (verdict, said)


def test_parts_are_compared_with_the_lock(tmp_path: Path) -> None:
    """One of another version or that is missing is named; a version for another Python may be in the lock as well."""
    from importlib.metadata import version

    sqlalchemy, numpy = version("sqlalchemy"), version("numpy")
    lock = tmp_path / "requirements.txt"
    assert parts(lock).verdict is Verdict.UNCHECKED
    lock.write_text(f"numpy==1.0 ; python_full_version < '3.1' \\\nnumpy=={numpy} \\\nsqlalchemy=={sqlalchemy} \\\n")
    assert parts(lock).found == "all 2 that Fulcrum names are as the lock has them"
    lock.write_text(f"numpy=={numpy}\nSQLAlchemy==0.1\nsqlalchemy==0.1\nnobody-needs-this==1\n")
    found = parts(lock)
    assert (found.verdict, found.remedy) == (Verdict.WRONG, "make setup")
    assert found.found == f"sqlalchemy is {sqlalchemy}, 0.1 is wanted"


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is not there yet would lie on the disk of the nearest one that is."""
    assert room("disk", tmp_path / "not" / "yet").verdict is Verdict.OK
    monkeypatch.setattr("deployments.doctor.machine.ROOM", 10**18)
    full = room("disk", tmp_path / "not" / "yet")
    assert full.verdict is Verdict.WRONG
    assert full.found.endswith(" GB free")


def test_a_ledger_elsewhere_has_a_disk_of_its_own(tmp_path: Path) -> None:
    """Where it lies in the home the home's line is enough; that of a database server cannot be seen from here."""
    checks = [
        [line.check for line in look_at_machine(Settings(home=tmp_path / "home", ledger_url=url))]
        for url in (f"sqlite:///{tmp_path}/home/ledger.db", f"sqlite:///{tmp_path}/ledger.db", "postgresql://db/x")
    ]
    assert ["disk of the ledger" in found for found in checks] == [False, True, False]
