"""The sample help desk: what a webhook target delivers to it, what it refuses, what it shows, and how it is run."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pydantic import BaseModel
from standardwebhooks import Webhook

from deployments.desk.app import SHOWN
from deployments.desk.page import page
from deployments.desk.secret import secret_of
from deployments.desk.store import NotTaken, Store
from deployments.desk.ticket import Posted, Ticket
from deployments.stack import Desk
from deployments.stack.processes import HOST, free_port, is_free
from fulcrum.cases import Delivery, Effect, Receipt
from fulcrum.errors import DeliveryRefused
from fulcrum.settings import Settings, project_root
from fulcrum.targets.webhook import PostingHook
from tests.loopback import wait_for

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class Answer(BaseModel):
    """A posting."""

    customer: str | None = None
    refund: Decimal | None = None
    tags: list[str] = []


def delivery(number: int, **changes: Any) -> Delivery:
    made = Delivery(
        key=f"case{number}:1:posting:help-desk",
        case_id=f"case{number}",
        external_id=f"mail-{number}",
        process="complaints",
        target="webhook-target/help-desk",
        effect=Effect.POSTING,
        revision=1,
        posting={"customer": "Orvenhaus", "refund": "12.50", "tags": ["late", "broken"]},
        decided_by="Ada Lovelace",
        note="said sorry",
    )
    return replace(made, **changes)


def reversal(of: Delivery, **changes: Any) -> Delivery:
    key = of.key.replace("posting", "reversal")
    made = replace(of, key=key, effect=Effect.REVERSAL, reverses=of.key, posting={"refund": "-12.50"})
    return replace(made, **changes)


def content(one: Delivery) -> dict[str, Any]:
    """Give what a webhook target posts of a delivery."""
    names = ("key", "process", "case_id", "external_id", "effect", "revision", "reverses", "decided_by", "note")
    return {name: getattr(one, name) for name in names} | {"posting": one.posting}


def posted(number: int, **changes: Any) -> Posted:
    return Posted.model_validate_json(json.dumps(content(delivery(number, **changes))))


class Office:
    """A running desk, what delivers to it, and what stands in its file."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        self.desk = desk
        self.secret = secret_of(settings.home)
        tickets = f"{desk.url}/tickets"
        self.hook = PostingHook(url=tickets, status_url=tickets, secret=self.secret, tries=1)
        self.file = settings.home / "help-desk.db"

    def deliver(self, *deliveries: Delivery) -> list[Any]:
        return self.hook.deliver(deliveries, Answer)

    def post(self, body: str, key: str | None, *, secret: str | None = None, **headers: str) -> httpx.Response:
        """Post a body as a target would, signed, with these headers instead of its own."""
        at, name = datetime.now(UTC), quote(key or "none", safe="")
        signed = {"webhook-id": name, "webhook-timestamp": str(int(at.timestamp()))}
        signed["webhook-signature"] = Webhook(secret or self.secret).sign(name, at, body)
        named = {} if key is None else {"Idempotency-Key": key}
        sent = {name: value.encode("latin-1") for name, value in (signed | named | headers).items()}
        with httpx.Client(trust_env=False) as client:
            return client.post(self.hook.url, content=body.encode(), headers=sent)

    def tickets(self) -> dict[str, Ticket]:
        """Read every ticket, by its key."""
        with closing(Store(self.file)) as store:
            return {ticket.posted.key: ticket for ticket in store.newest(10_000)}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Run a desk for this module's tests."""
    settings = Settings(home=tmp_path_factory.mktemp("desk"), desk_port=0)
    desk = Desk(settings)
    try:
        desk.start()
        desk.wait()
        yield Office(desk, settings)
    finally:
        desk.stop()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give a store of the test's own, whose clock stands still."""
    with closing(Store(tmp_path / "tickets.db", clock=lambda: NOON)) as store:
        yield store


def at_once(work: Callable[[int], Any], workers: int = 8) -> list[Any]:
    """Do the same in so many threads that begin together."""
    barrier = threading.Barrier(workers)

    def start(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(start, range(workers)))


def test_a_webhook_target_delivers_to_it(office: Office) -> None:
    """Each delivery is a ticket with an id of its own; the same again is known, and the status address tells."""
    first, second = office.deliver(delivery(1), delivery(2))
    assert (first.repeated, second.repeated) == (False, False)
    assert first.reference != second.reference
    assert first.reference.startswith("HD-00000")
    assert office.deliver(delivery(1)) == [Receipt(first.reference, repeated=True)]
    assert office.hook.holds(delivery(1).key) == Receipt(first.reference, repeated=True)
    assert office.hook.holds("nothing") is None
    ticket = office.tickets()[delivery(1).key]
    assert ticket.posted.model_dump(mode="json") == content(delivery(1))


@pytest.mark.parametrize("key", ["a.b/ü%", "a b\n\x00:1", "%41", "é" * 500, "\N{SNOWMAN} \ud800"])
def test_a_key_may_be_any_text(office: Office, key: str) -> None:
    """However a header has to write it, it is known again."""
    (receipt,) = office.deliver(delivery(3, key=key))
    assert isinstance(receipt, Receipt), str(receipt)
    assert office.deliver(delivery(3, key=key)) == [Receipt(receipt.reference, repeated=True)]
    assert office.hook.holds(key) == Receipt(receipt.reference, repeated=True)


def test_a_reversal_withdraws_a_ticket_and_is_one(office: Office) -> None:
    """The first stays and says what withdrew it; a second reversal is refused, as is one of nothing."""
    made = delivery(4)
    first, undone, again = office.deliver(made, reversal(made), replace(made, key="case4:2", revision=2))
    assert all(isinstance(answer, Receipt) for answer in (first, undone, again))
    tickets = office.tickets()
    assert tickets[made.key].withdrawn_by == undone.reference
    assert tickets[reversal(made).key].posted.reverses == made.key
    assert tickets["case4:2"].withdrawn_by is None
    assert office.deliver(reversal(made)) == [Receipt(undone.reference, repeated=True)]
    before = office.tickets()
    for refused in (reversal(made, key="other"), reversal(made, key="third", reverses="nothing")):
        (answer,) = office.deliver(refused)
        assert isinstance(answer, DeliveryRefused)
    assert office.tickets() == before


def test_a_rejection_is_a_ticket(office: Office) -> None:
    """With the note of whoever rejected."""
    (receipt,) = office.deliver(delivery(5, effect=Effect.REJECTION, posting={}, note="not ours"))
    assert isinstance(receipt, Receipt)
    kept = office.tickets()[delivery(5).key].posted
    assert (kept.effect, kept.note) == (Effect.REJECTION, "not ours")


def test_the_answers_to_a_repetition(office: Office) -> None:
    """201, then 200 with the header of a repetition; other content under the key is a conflict without it."""
    body = json.dumps(content(delivery(6)))
    first, again = (office.post(body, delivery(6).key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    reordered = json.dumps(dict(reversed(content(delivery(6)).items())), indent=1)
    assert office.post(reordered, delivery(6).key).status_code == 200
    other = office.post(json.dumps(content(delivery(6, note="planted"))), delivery(6).key)
    assert other.status_code == 409
    assert other.json() == {"error": f"{first.json()['id']} has this key and other content."}
    assert "idempotency-replayed" not in other.headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "no form at all"},
        {"webhook-signature": "v1,ä"},
        {"webhook-id": "other"},
        {"webhook-timestamp": str(int((NOON - timedelta(days=1)).timestamp()))},
        {"webhook-timestamp": "nan"},
        {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    ],
)
def test_a_wrong_signature_is_refused(office: Office, wrong: dict[str, str]) -> None:
    """In words that say where the right secret is; nothing is kept."""
    answer = office.post(json.dumps(content(delivery(7))), delivery(7).key, **wrong)
    assert answer.status_code == 401
    assert "help-desk.secret" in answer.json()["error"]
    assert delivery(7).key not in office.tickets()


def test_without_a_key_nothing_is_taken(office: Office) -> None:
    """Neither without the header, nor with one that names another delivery than the body."""
    body = json.dumps(content(delivery(8)))
    for key in (None, "another"):
        answer = office.post(body, key)
        assert answer.status_code == 400
        assert "Idempotency-Key" in answer.json()["error"]
    assert delivery(8).key not in office.tickets()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "planted",
        "[]",
        "[" * 10_000,
        json.dumps({"key": "case9"}),
        json.dumps(content(delivery(9)) | {"surplus": "planted"}),
        json.dumps(content(delivery(9)) | {"effect": "planted"}),
        json.dumps(content(delivery(9)) | {"revision": "planted"}),
        json.dumps(content(delivery(9)) | {"posting": ["planted"]}),
        json.dumps(content(delivery(9)) | {"key": ""}),
        json.dumps(content(delivery(9)) | {"reverses": delivery(1).key}),
        json.dumps(content(delivery(9)) | {"effect": "reversal"}),
        json.dumps(content(delivery(9)) | {"note": "\ud800"}),
    ],
)
def test_what_is_no_delivery(office: Office, body: str) -> None:
    """Is refused with the field that is wrong, and never with its value."""
    answer = office.post(body, delivery(9).key)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("This is no delivery: ")
    assert "planted" not in answer.text
    assert delivery(9).key not in office.tickets()


def test_a_body_has_an_end(office: Office) -> None:
    """What is larger than any ticket is not read to its end."""
    answer = office.post(json.dumps(content(delivery(9, note="x" * 1_100_000))), delivery(9).key)
    assert answer.status_code == 413
    assert delivery(9).key not in office.tickets()


def test_one_key_from_many_threads_is_one_ticket(office: Office) -> None:
    """Over HTTP at the same moment: one is new, the others get its id."""
    body = json.dumps(content(delivery(10)))
    answers = at_once(lambda _: office.post(body, delivery(10).key))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_one_key_from_many_processes_is_one_ticket(tmp_path: Path) -> None:
    """A file that several opened at the same moment has one row for it, and one reversal of it."""

    def take(number: int) -> list[object]:
        came: list[object] = []
        with closing(Store(tmp_path / "tickets.db")) as store:
            came.append(store.take(posted(1)))
            try:
                undo = {"key": f"undo{number}", "effect": Effect.REVERSAL, "reverses": delivery(1).key}
                came.append(store.take(posted(1, **undo))[1])
            except NotTaken as refused:
                came.append(refused.status)
        return came

    answers = at_once(take)
    assert sorted(new for (_, new), _ in answers) == [False] * 7 + [True]
    assert {ticket for (ticket, _), _ in answers} == {"HD-000001"}
    assert sorted(undone for _, undone in answers) == [True] + [409] * 7


def test_a_key_that_is_asked_for(office: Office) -> None:
    """200, 404, and 400 where none is named."""
    office.deliver(delivery(11))
    with httpx.Client(trust_env=False, base_url=office.desk.url) as client:
        assert client.get("/tickets", params={"key": delivery(11).key}).status_code == 200
        unknown = client.get("/tickets", params={"key": "nothing"})
        assert (unknown.status_code, unknown.json()) == (404, {"error": "There is no ticket under this key."})
        assert client.get("/tickets").status_code == 400
        assert client.get("/health").json() == {"pid": office.desk.pid}


def test_no_web_page_reaches_it_by_another_name(office: Office) -> None:
    """A name that was made to point at this machine is not answered (DNS rebinding)."""
    with httpx.Client(trust_env=False, base_url=office.desk.url) as client:
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


class Seen(HTMLParser):
    """What a browser sees: the elements with their attributes, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_shows_tickets(office: Office) -> None:
    """Id, time, process, case, effect, and the posting's fields with their labels."""
    made = delivery(12, posting={"customer": "Hexamoor", "refund": "7.10"})
    first, undone = office.deliver(made, reversal(made))
    with httpx.Client(trust_env=False) as client:
        answer = client.get(office.desk.url)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    seen = Seen(answer.text)
    assert f"{undone.reference} reversal" in seen.text
    assert f"{first.reference} posting" in seen.text
    for words in ("Process complaints , case case12", "Customer Hexamoor", "Refund 7.10", "Note said sorry", " UTC "):
        assert words in seen.text
    assert f"Withdrawn by {undone.reference}" in seen.text


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</style><style>body{display:none}</style>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "<!-- ",
    "\u202egnihtyna\x1b[2J\x00",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_a_ticket_says_takes_effect(store: Store, text: str) -> None:
    """Wherever it says it: the page has the elements of a plain ticket, and the text as text."""
    names = ("process", "case_id", "external_id", "decided_by", "note")
    plain = posted(1)
    hostile = posted(1, **dict.fromkeys(names, text), posting={text: text, "tags": [text], "more": {text: [text]}})
    undo = {"effect": Effect.REVERSAL, "reverses": text}
    store.take(posted(2, key=text))
    store.take(posted(3, key="undo", **undo))
    (withdrawing,) = (ticket for ticket in store.newest(2) if ticket.posted.reverses)
    shown = Seen(page([Ticket("HD-000001", NOON, hostile), withdrawing], 2))
    tame = replace(withdrawing, posted=withdrawing.posted.model_copy(update={"reverses": "plain"}))
    expected = Seen(page([Ticket("HD-000001", NOON, plain), tame], 2))
    assert {tag for tag, _ in shown.elements} == {tag for tag, _ in expected.elements}
    assert not [tag for tag, _ in shown.elements if tag in {"script", "img", "iframe", "form", "link", "base"}]
    allowed = ("class", "href", "id", "lang", "charset", "name", "content", "datetime", "aria-labelledby")
    assert {name for _, attributes in shown.elements for name in attributes} <= set(allowed)
    assert text.replace("\x1b", "\ufffd").replace("\x00", "\ufffd") in shown.words


def test_the_page_needs_no_network(store: Store) -> None:
    """It names no address at all, with tickets and without."""
    store.take(posted(1))
    for source in (page([], 0), page(store.newest(SHOWN), store.count())):
        assert "http" not in source.replace("http-equiv", "")
        assert "url(" not in source
    assert "No ticket yet" in Seen(page([], 0)).text


def test_the_page_shows_the_newest(store: Store) -> None:
    """As many as fit, the newest first, and how many there are."""
    for number in range(SHOWN + 5):
        store.take(posted(number))
    shown = Seen(page(store.newest(SHOWN), store.count()))
    ids = [attributes["id"] for tag, attributes in shown.elements if tag == "h2"]
    assert ids == [f"HD-{number:06d}" for number in range(SHOWN + 5, 5, -1)]
    assert f"The {SHOWN} newest of {SHOWN + 5} tickets." in shown.text


def test_the_secret_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    """However many ask first; it is one that a webhook target takes."""
    program = "import sys, pathlib, deployments.desk.secret as it; print(it.secret_of(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", program, str(tmp_path)]
    others = [subprocess.Popen(command, cwd=project_root(), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = {*at_once(lambda _: secret_of(tmp_path)), *(other.communicate()[0].strip() for other in others)}
    assert len(found) == 1
    assert found == {secret_of(tmp_path)}
    assert stat.S_IMODE((tmp_path / "help-desk.secret").stat().st_mode) == 0o600
    from blocks import WebhookTarget

    assert WebhookTarget(url="http://127.0.0.1:4280/tickets", secret=found.pop()).secret is not None


def test_it_starts_without_what_is_slow() -> None:
    """Neither Prefect nor pandas nor Great Expectations nor the ledger is imported."""
    slow = ("prefect", "pandas", "great_expectations", "sqlalchemy", "sklearn", "openai", "fulcrum.ledger")
    program = f"import sys, deployments.desk.__main__; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=project_root(), capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"


def test_a_port_that_is_taken_is_left_to_whoever_has_it(tmp_path: Path) -> None:
    """Taken before, or between the choice and the start: the desk opens on another one, and is known by its process."""
    with socket.create_server((HOST, 0)) as holder:
        taken = holder.getsockname()[1]
        assert Desk(Settings(home=tmp_path, desk_port=taken)).port != taken
    desk = Desk(Settings(home=tmp_path, desk_port=0))
    wanted = desk.port
    said: list[str] = []
    with socket.create_server((HOST, wanted)):
        try:
            desk.start()
            wait_for(lambda: desk.exit_code is not None)
            assert desk.opened(said.append) == desk.url
            assert desk.port != wanted
            with httpx.Client(trust_env=False) as client:
                assert client.get(f"{desk.url}/health").json() == {"pid": desk.pid}
        finally:
            desk.stop()
    assert said == []
    assert is_free(desk.port)


def test_a_desk_that_cannot_start_is_said(tmp_path: Path) -> None:
    """With the reason from its log; nothing of it is left, and nobody is stopped by it."""
    (tmp_path / "help-desk.db").write_bytes(b"no database" * 1000)
    desk = Desk(Settings(home=tmp_path, desk_port=free_port(0)))
    said: list[str] = []
    desk.start()
    assert desk.opened(said.append) is None
    assert desk.exit_code
    assert "The sample help desk does not run" in said[0]
    assert f"cannot keep its tickets in {tmp_path}: file is not a database" in said[0]
