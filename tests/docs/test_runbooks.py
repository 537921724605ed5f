"""The pages for whoever is on call hold: each situation is brought about, and each command that they are told is typed.

A page is played by one function, which brings its situation about and types what the page says, and what the messages
say that name it, in the order in which a person would. What nobody types fails, and so does a page that nobody plays.
Those that need a server for themselves are in test_runbooks_of_what_runs.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from deployments.pools import POOLS
from deployments.stack.processes import HOST, free_port
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.alerts import CAUSES
from fulcrum.cases import NewCase, ReasonCode, ReviewKind
from fulcrum.checking import JUDGED_EVERY, check
from fulcrum.errors import GateFailed
from fulcrum.ledger import Ledger
from fulcrum.report import Standing
from fulcrum.reviewers import MOST_WRONG
from fulcrum.settings import Settings
from tests.intake_office import PROCESS
from tests.on_call import (
    DOCS,
    KEEPING,
    PAGES,
    OnCall,
    Plays,
    at_work,
    blanks,
    messages,
    said,
    sound,
    strangers,
    told_commands,
    told_pages,
)
from tests.people import register
from tests.review_desk import ReviewDesk, proposed
from tests.ticket_shop import INTENTS, Shop, german

if TYPE_CHECKING:
    from prefect.blocks.core import Block


PLAYS = Plays()


@pytest.fixture
def on_call(
    prefect_server: Any,
    make_home: Callable[[Path], Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[OnCall]:
    with at_work(tmp_path, capfd, monkeypatch, make_home) as on_call:
        yield on_call


def test_what_is_said_is_found() -> None:
    """The search finds the commands of pages and messages, and no message names a page that nobody plays."""
    assert "fulcrum doctor" in said(DOCS / "runbooks" / "silence.md")
    assert "fulcrum halt --all --by NAME --reason TEXT" in said(DOCS / "runbooks" / "run-missing.md")
    assert {f"runbooks/{kind.replace('.', '-')}.md" for kind in CAUSES} <= (
        named := {page for text in messages() for page in told_pages(text)}
    )
    assert named <= {page.relative_to(DOCS).as_posix() for page in PAGES}
    assert sum(len(told_commands(text)) for text in messages()) > 3 * len(CAUSES)


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in KEEPING], ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, on_call: OnCall) -> None:
    """In the situation that it is about; a halt that the messages offer works in it as well."""
    PLAYS.play(page, on_call)


@contextmanager
def in_place_of(kind: type[Block], name: str, block: Block) -> Iterator[None]:
    """Let a block say something else for a while."""
    before: Any = kind.load(name)
    block.save(name, overwrite=True)
    try:
        yield
    finally:
        before.save(name, overwrite=True)


@contextmanager
def workers_seen() -> Iterator[None]:
    """Let each pool have had a sign of life of a worker; afterwards there never was one."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        for pool in POOLS:
            client.send_worker_heartbeat(pool, "seen", heartbeat_interval_seconds=30)
        yield
        for pool in POOLS:
            client.request("DELETE", f"/work_pools/{pool}/workers/seen")


def erp_at(url: str) -> Any:
    from blocks import SqlTarget

    return SqlTarget(url=SecretStr(url), table="erp_postings")


@PLAYS.of("run-failed")
def _(on_call: OnCall) -> None:
    """An export of blanks, which the intake gate refuses; the next export is a good one."""
    on_call.inbox(export=blanks(5, "blank"))
    with pytest.raises(GateFailed):
        on_call.run()
    on_call.types(
        "fulcrum cases invoice-intake", "quarantined: 5", "The newest run failed at", "Gate documents refused"
    )
    with workers_seen():
        on_call.types("fulcrum doctor", "Nothing is wrong.")
    on_call.inbox(export=sound(2, "as-it-should-be"))
    on_call.types("fulcrum run invoice-intake", "Cleared without a person 2")
    on_call.types("fulcrum cases invoice-intake", "delivered: 2", never=["newest run failed"])


@PLAYS.of("run-crashed")
def _(on_call: OnCall) -> None:
    """A run that was killed as it had taken its cases in: they are where they were, and the next run has them."""
    with on_call.office.ledger() as ledger:
        run, standing = str(uuid4()), Standing(INVOICE_INTAKE.autonomy, INVOICE_INTAKE.review.threshold)
        ledger.runs.begin(run, PROCESS, sop_version="s", prompt_version="p", standing=standing)
        new = [NewCase(external_id=each["id"], input=each) for each in sound(2, "crashed")]
        ledger.intake.take_in(run, PROCESS, new)
        ledger.leases.claim(PROCESS, run)
        ledger.runs.crashed(run, "its process was killed, or its machine stopped")
    on_call.office.lapse(soon=timedelta(seconds=2))
    on_call.types("fulcrum cases invoice-intake", "received: 2", "its process was killed, or its machine stopped")
    with workers_seen():
        on_call.types("fulcrum doctor", "Nothing is wrong.")
    on_call.inbox(export=[])
    on_call.types("fulcrum run invoice-intake", "Cleared without a person 2")
    on_call.types("fulcrum cases invoice-intake", "delivered: 2", never=["newest run failed"])


@PLAYS.of("deliveries-failing")
def _(on_call: OnCall) -> None:
    """The ERP's database is away for a while."""
    from blocks import SqlTarget

    on_call.inbox(export=sound(2, "late"))
    away = erp_at(f"postgresql+psycopg://erp@{HOST}:{free_port(0)}/erp")
    with in_place_of(SqlTarget, "erp-postings", away):
        on_call.run()
        on_call.means["CASE"] = on_call.case()
        on_call.types("fulcrum cases invoice-intake --status delivery_failed", on_call.case(), "delivery_failed: 2")
        on_call.types("fulcrum case CASE", "sql-target/erp-postings", "pending")
        on_call.types("fulcrum doctor", "target sql-target/erp-postings wrong does not answer", code=1)
    with in_place_of(SqlTarget, "erp-postings", erp_at(f"sqlite:///{on_call.office.erp}")):
        on_call.types("fulcrum run invoice-intake", "Delivered 2")
        told = on_call.types("fulcrum cases invoice-intake --status delivery_failed", "delivered: 2")
        assert on_call.case() not in told.out
    assert len(on_call.office.postings()) == 2


@PLAYS.of("ai-degraded")
def _(on_call: OnCall) -> None:
    """The endpoint is away: first another one does its work for a while, then it is back."""
    from blocks import ModelEndpoint
    from fulcrum.ai import line

    away = ModelEndpoint(base_url=f"http://{HOST}:{free_port(0)}/v1", retries=0, input_price=0, output_price=0)
    ModelEndpoint().save("standby", overwrite=True)
    on_call.means["BLOCK"] = "standby"
    on_call.inbox(export=sound(2, "unread"))
    with in_place_of(ModelEndpoint, "default", away):
        assert on_call.run().still_open == 2
        on_call.types("fulcrum model check", "answers no: ", "nothing answers at base_url", code=1)
        on_call.types("fulcrum doctor --ask", "model default wrong gave no answer", code=1)
        on_call.types("fulcrum run invoice-intake --model BLOCK", "Cleared without a person 2")
        on_call.inbox(export=sound(1, "after"))
        assert on_call.run().still_open == 1
    line.close()
    on_call.types("fulcrum model check", "answers yes")
    on_call.types("fulcrum run invoice-intake", "Cleared without a person 1")


@PLAYS.of("gate-failed")
def _(on_call: OnCall) -> None:
    """A batch of invoices of a supplier that is not in the master data."""
    on_call.inbox(export=strangers(5, "strange"))
    assert on_call.run().in_review == 5
    on_call.types("fulcrum reviews invoice-intake", "Open reviews: 5", "supplier is not in the master")
    on_call.types("fulcrum drift invoice-intake", "No report yet: ")
    on_call.halts('fulcrum halt invoice-intake --by "Your Name" --reason "totals look odd since noon"')


@PLAYS.of("drift-detected")
def _(on_call: OnCall) -> None:
    """Messages in another language, as a check finds it: of the process that has text, which the alert names."""
    shop = Shop.opened(on_call.office.home)
    on_call.means |= {PROCESS: shop.process.name, "LEVEL": "supervised"}
    _drifted(shop)
    on_call.types(
        "fulcrum drift invoice-intake", "Ticket triage: drifted (500 cases against 500", "cases in German are new"
    )
    assert "drift: " in on_call.fulcrum("autonomy", shop.process.name).words
    on_call.types(
        'fulcrum autonomy set invoice-intake supervised --by "Your Name" --reason "new supplier formats, looked at"',
        "from the next run on supervised",
    )
    assert "drift: " not in on_call.fulcrum("autonomy", shop.process.name).words


def _drifted(shop: Shop) -> None:
    shop.now = datetime.now(UTC) - timedelta(days=1)
    for how in ({}, {"text": german, "intents": INTENTS[:1]}):
        shop.handle(JUDGED_EVERY, **how)  # type: ignore[arg-type]
        with shop.ledger() as ledger:
            check(ledger, shop.process)


@PLAYS.of("promise-broken")
def _(on_call: OnCall) -> None:
    """Most proposals break the gate."""
    shop = Shop.opened(on_call.office.home, process=INVOICE_INTAKE)
    on_call.means["LEVEL"] = "assisted"
    shop.now = datetime.now(UTC) - timedelta(days=1)
    shop.handle(40, code=ReasonCode.GATE)
    with shop.ledger() as ledger:
        check(ledger, shop.process)
    on_call.types("fulcrum drift invoice-intake", "gate failures", "40 of 40 ALARM")
    on_call.types("fulcrum autonomy invoice-intake", "promise broken: gate failures")
    on_call.types(
        'fulcrum autonomy set invoice-intake assisted --by "Your Name" --reason "prompt mended, watched for a week"',
        "from the next run on assisted",
    )
    on_call.types("fulcrum autonomy invoice-intake", never=["promise broken: gate failures"])


@PLAYS.of("autonomy-lowered")
def _(on_call: OnCall) -> None:
    """Audits find errors; one of the cases that cleared before has to be undone."""
    from blocks import SqlTarget

    shop = Shop.opened(on_call.office.home, process=INVOICE_INTAKE)
    on_call.means["LEVEL"] = "assisted"
    with in_place_of(SqlTarget, "erp-postings", erp_at(f"sqlite:///{on_call.office.erp}")):
        on_call.inbox(export=sound(1, "wrong"))
        assert on_call.run().delivered == 1
        on_call.means["CASE"] = on_call.case()
        shop.now = datetime.now(UTC)
        shop.handle(40, code=ReasonCode.AUDIT, kind=ReviewKind.AUDIT, wrong=0.9)
        with shop.ledger() as ledger:
            check(ledger, shop.process)
        on_call.types("fulcrum autonomy invoice-intake", "promise broken: audited error", "lowered from supervised")
        on_call.types("fulcrum drift invoice-intake", "audited error", "ALARM")
        on_call.types("fulcrum cases invoice-intake --status delivered", on_call.means["CASE"])
        on_call.types('fulcrum reopen CASE --by "Your Name" --reason "wrong supplier"', "1 effects are reversed")
    assert [row["effect"] for row in on_call.office.postings()] == ["posting", "reversal"]
    on_call.types(
        'fulcrum autonomy set invoice-intake assisted --by "Your Name" --reason "prompt mended, watched for a week"',
        "from the next run on assisted",
    )
    on_call.types("fulcrum autonomy invoice-intake", never=["promise broken: audited error,"])


@PLAYS.of("review-overdue")
def _(on_call: OnCall) -> None:
    """A case that nobody has looked at, past its due date by the clock of the queue."""
    from prefect.client.orchestration import get_client

    from tasks.desk import press_due

    desk = ReviewDesk.open()
    review = desk.ask(proposed())
    desk.ledger.close()
    on_call.types("fulcrum reviews invoice-intake", review.id, never=["overdue"])
    late = review.due_at + timedelta(minutes=1)
    with (
        Ledger.open(Settings().ledger_url, clock=lambda: late) as ledger,
        get_client(sync_client=True) as client,
    ):
        assert press_due(ledger, INVOICE_INTAKE, client) == {"overdue": 1}
    on_call.types("fulcrum reviews invoice-intake", review.id, f"overdue: due {review.due_at:%Y-%m-%d %H:%M} UTC")
    on_call.means |= {"NAME": "Grace Hopper", "QUEUE": INVOICE_INTAKE.review.queue}
    on_call.types(
        'fulcrum reviewers add "Grace Hopper" --queue accounts-payable', "may decide what waits in accounts-payable"
    )


@PLAYS.of("reviewer-locked")
def _(on_call: OnCall) -> None:
    """Somebody guesses codes, twice: once it was the person, once it was not."""
    name = on_call.means["NAME"] = "Ada Lovelace"
    with on_call.office.ledger() as ledger:
        register(ledger, name)
        ledger.reviewers.enroll(name, "sealed")
    for mend, after in (
        ('fulcrum reviewers enroll "Ada Lovelace"', "Ada Lovelace reviewer every queue yes"),
        ('fulcrum reviewers remove "Ada Lovelace"', "Ada Lovelace left"),
    ):
        with on_call.office.ledger() as ledger:
            came = [ledger.reviewers.check(name, lambda _secret: None) for _ in range(MOST_WRONG)]
        on_call.types("fulcrum reviewers list", f"locked until {came[-1].locked_until:%H:%M} UTC")
        on_call.types(mend, name)
        on_call.types("fulcrum reviewers list", after, never=["locked"])


@PLAYS.of("on-call")
def _(on_call: OnCall) -> None:
    """An export that is mostly blanks: the batch is set aside, put back, and one of its postings undone."""
    from blocks import SqlTarget

    good = sound(2, "half")
    on_call.inbox(export=[*good, *blanks(5, "half-blank")])
    with in_place_of(SqlTarget, "erp-postings", erp_at(f"sqlite:///{on_call.office.erp}")):
        with pytest.raises(GateFailed):
            on_call.run()
        on_call.means["CASE"] = on_call.office.cases()[good[0]["id"]].id
        _looks(on_call)
        on_call.types(
            'fulcrum release invoice-intake --by "Your Name" --reason "export repaired"', "2 cases of invoice-intake"
        )
        on_call.types("fulcrum run invoice-intake", "Cleared without a person 2")
        on_call.types('fulcrum reopen CASE --by "Your Name" --reason "wrong supplier"', "1 effects are reversed")
    _halts_one_and_all(on_call)


def _looks(on_call: OnCall) -> None:
    with workers_seen():
        on_call.types("fulcrum doctor", "Nothing is wrong.")
    on_call.types("fulcrum cases invoice-intake --status delivery_failed", "quarantined: 7", never=["half-blank"])
    on_call.types("fulcrum cases invoice-intake --status quarantined", "half-blank-4", "Gate documents refused")
    on_call.types("fulcrum reviews invoice-intake", "Open reviews: 7")
    on_call.types("fulcrum case CASE", "quarantine", "The hash chain of its events is intact.")
    on_call.types("fulcrum model check", "answers yes")


def _halts_one_and_all(on_call: OnCall) -> None:
    on_call.types('fulcrum halt invoice-intake --by "Your Name" --reason "totals look odd since noon"', "is halted: ")
    on_call.types('fulcrum halt --all --by "Your Name" --reason "the model answers nonsense"', "is halted: ")
    listed = on_call.types("fulcrum halt --list", "totals look odd since noon", "the model answers nonsense")
    assert listed.words.count("in force") == 2
    on_call.types(
        'fulcrum resume invoice-intake --by "Your Name" --reason "the prompt is back to yesterday\'s"',
        "invoice-intake is resumed", "Every process is still halted",
    )  # fmt: skip
    on_call.types('fulcrum resume --all --by "Your Name" --reason "the model is back"', "Every process is resumed")
    assert "in force" not in on_call.fulcrum("halt", "--list").words
