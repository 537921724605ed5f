"""Deliveries over HTTP: what is sent, what each answer comes to, and receivers that are away, slow or broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from socket import socket
from threading import Barrier, Event, Lock
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

import fulcrum.delivery
from blocks import WebhookTarget
from fulcrum.cases import Delivery, Effect, Receipt, Status
from fulcrum.delivery import deliver_due
from fulcrum.errors import DeliveryFailed, DeliveryRefused, TargetMisconfigured
from fulcrum.targets import Answer, receiver, webhook
from fulcrum.targets.receiver import seconds_in
from fulcrum.targets.webhook import PostingHook, check_secret, check_url
from tests.loopback import Asked, http
from tests.loopback import receiver as listening

if TYPE_CHECKING:
    from tests.fulcrum.conftest import Office

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OK = http(201, '{"id": "T-1"}')
HELP_DESK = "webhook-target/help-desk"


class Posting(BaseModel):
    """A posting."""

    supplier: str | None = None


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the number of tries and drop the seconds between them; a port that comes again is another receiver."""
    receiver._door.cache_clear()
    monkeypatch.setattr(receiver, "BACKOFF_S", 0.0)
    monkeypatch.setattr(fulcrum.delivery, "PAUSES", (0.0, 0.0))


@dataclass
class Desk:
    """A receiver that gives its answers in turn, the last one for ever, and keeps what it was asked."""

    answers: list[bytes | Callable[[], bytes]]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    lock: Lock = field(default_factory=Lock)

    def __call__(self, asked: Asked) -> bytes:
        with self.lock:
            self.asked.append(asked)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer() if callable(answer) else answer

    def sent_keys(self) -> list[str]:
        return [asked.headers["idempotency-key"] for asked in self.asked]


@contextmanager
def desk(*answers: bytes | Callable[[], bytes]) -> Iterator[Desk]:
    one = Desk(list(answers))
    with listening(one) as one.url:
        yield one


def delivery(number: int = 1, **changes: Any) -> Delivery:
    made = Delivery(
        key=f"case{number}:1:posting:help-desk",
        case_id=f"case{number}",
        external_id=f"doc-{number}",
        process="ticket-triage",
        target=HELP_DESK,
        effect=Effect.POSTING,
        revision=1,
        posting={"supplier": "planted content"},
        note="planted note",
        decided_by="Ada",
    )
    return replace(made, **changes)


def post(url: str, *deliveries: Delivery, **settings: Any) -> list[Answer]:
    return PostingHook(url=url, **settings).deliver(deliveries or [delivery()], Posting)


def reason(answer: Answer) -> str:
    """Give an answer's error in words, which never hold content."""
    assert not isinstance(answer, Receipt)
    assert "planted" not in str(answer)
    return str(answer)


def test_what_is_sent() -> None:
    """One POST has the whole delivery as JSON, its key three times, and the moment of the try."""
    before = int(datetime.now(UTC).timestamp())
    with desk(OK) as one:
        assert post(one.url, delivery(reverses=None, note="é\n“”")) == [Receipt("T-1")]
    (asked,) = one.asked
    assert (asked.method, asked.path, asked.headers["content-type"]) == ("POST", "/hooks", "application/json")
    assert json.loads(asked.body) == {
        "key": "case1:1:posting:help-desk",
        "process": "ticket-triage",
        "case_id": "case1",
        "external_id": "doc-1",
        "effect": "posting",
        "revision": 1,
        "reverses": None,
        "decided_by": "Ada",
        "note": "é\n“”",
        "posting": {"supplier": "planted content"},
    }
    assert asked.headers["idempotency-key"] == asked.headers["webhook-id"] == "case1:1:posting:help-desk"
    assert before <= int(asked.headers["webhook-timestamp"]) <= datetime.now(UTC).timestamp()
    assert "webhook-signature" not in asked.headers


def test_the_receiver_can_verify_it() -> None:
    """The specification's own library accepts what arrives, with odd text in it, and nothing that was changed."""
    with desk(OK) as one:
        post(one.url, delivery(note="é \N{SNOWMAN} \ud800", key="a.b/ü%"), secret=SECRET)
    (asked,) = one.asked
    assert Webhook(SECRET).verify(asked.body, asked.headers)["note"] == "é \N{SNOWMAN} \ufffd"
    assert asked.headers["webhook-id"] == "a%2Eb/%C3%BC%25"
    for body, changed in [(asked.body + b" ", {}), (asked.body, {"webhook-id": "other"})]:
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, asked.headers | changed)


@pytest.mark.parametrize(
    ("answer", "receipt"),
    [
        (http(200, '{"id": 7}'), Receipt("7")),
        (http(201, '{"id": "T-1"}', "Location: /tickets/9"), Receipt("T-1")),
        (http(201, "", "Location: /tickets/9?token=planted#x"), Receipt("/tickets/9")),
        (http(202, '{"id": true}'), Receipt("status 202 Accepted")),
        (http(200, '{"id": " \\u0000\\u001b\\n "}'), Receipt("status 200 OK")),
        (http(200, '{"id": "T\\r\\n\\u202e1"}'), Receipt("T1")),
        (http(200, json.dumps({"id": "x" * 9000})), Receipt("x" * 200)),
        (http(200, "[" * 60_000), Receipt("status 200 OK")),
        (http(200, b"\xff\x00"), Receipt("status 200 OK")),
        (http(200, b" " * 1_000_000 + b'{"id": 1}'), Receipt("status 200 OK")),
        (http(204), Receipt("status 204 No Content")),
        (http(200, '{"id": 7}', "Idempotency-Replayed: true"), Receipt("7", repeated=True)),
        (http(200, '{"id": 7}', "Idempotent-Replayed: TRUE"), Receipt("7", repeated=True)),
        (http(409, '{"id": 7}', "Idempotency-Replayed: true"), Receipt("7", repeated=True)),
        (b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"id":', Receipt("status 201 Created")),
    ],
)
def test_what_is_a_receipt(answer: bytes, receipt: Receipt) -> None:
    """A 2xx is a receipt with the receiver's own reference, bounded and plain, or the status; it is asked once."""
    with desk(answer) as one:
        assert post(one.url) == [receipt]
    assert len(one.asked) == 1


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, "status 400 Bad Request"),
        (401, "status 401 Unauthorized"),
        (409, "status 409 Conflict"),
        (410, "status 410 Gone"),
        (422, "status 422 Unprocessable Entity"),
        (499, "status 499"),
    ],
)
def test_what_goes_to_a_person(status: int, told: str) -> None:
    """Another 4xx is refused for good at the first answer, with its status and none of what the receiver wrote."""
    with desk(http(status, '{"error": "planted content is no supplier"}', "X-Error: planted")) as one:
        (answer,) = post(one.url)
    assert isinstance(answer, DeliveryRefused)
    assert f": {told}." in reason(answer)
    assert len(one.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The delivery waits for the operator; the other address, which may be anybody's, gets nothing."""
    with desk(OK) as other, desk(http(status, "", f"Location: {other.url}/planted")) as one:
        (answer,) = post(one.url)
    assert isinstance(answer, TargetMisconfigured)
    assert f"status {status}" in reason(answer)
    assert (len(one.asked), other.asked) == (1, [])


@pytest.mark.parametrize(
    "first",
    [
        http(429, "", "Retry-After: 0"),
        http(429, "", "Retry-After: 1"),
        http(429, "", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"),
        http(429, "", "Retry-After: soon"),
        http(408),
        http(425),
        http(500),
        http(503, "planted content"),
        http(409, "", "Retry-After: 0"),
        b"",
        b"HTTP/1.1 201 Crea",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_is_tried_again(first: bytes) -> None:
    """An overload, a broken server or a cut connection is tried again under the same key, signed anew."""
    with desk(first, first, OK) as one:
        assert post(one.url, secret=SECRET) == [Receipt("T-1")]
    assert one.sent_keys() == [delivery().key] * 3
    assert all(Webhook(SECRET).verify(asked.body, asked.headers)["key"] == delivery().key for asked in one.asked)


@pytest.mark.parametrize("tries", [1, 3])
def test_a_receiver_that_stays_broken(tries: int) -> None:
    """After so many tries the delivery has failed with the last status, and stays for the next run."""
    with desk(http(503, "planted content")) as one:
        (answer,) = post(one.url, tries=tries)
    assert isinstance(answer, DeliveryFailed)
    assert "status 503 Service Unavailable" in reason(answer)
    assert len(one.asked) == tries


def test_a_long_wait_is_not_waited_for() -> None:
    """A receiver that asks for a minute is left alone: by this delivery, the rest of the batch and the next one."""
    with desk(http(429, "", "Retry-After: 60")) as one:
        first, second = post(one.url, delivery(1), delivery(2), concurrency=1)
        (third,) = post(one.url, delivery(3))
    assert [type(answer) for answer in (first, second, third)] == [DeliveryFailed] * 3
    assert "status 429 Too Many Requests, to be tried again in 60 s" in reason(first)
    assert "left alone for 60 s more" in reason(second)
    assert "left alone" in reason(third)
    assert len(one.asked) == 1


def test_nobody_listens() -> None:
    """A refused connection fails by its name, without the address."""
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        (answer,) = post(f"http://127.0.0.1:{port}/planted")
    assert isinstance(answer, DeliveryFailed)
    assert "ConnectError ConnectionRefusedError" in reason(answer)
    assert str(port) not in reason(answer)


def test_a_receiver_that_says_nothing() -> None:
    """A try ends at the time-out; the delivery may have been taken, so the next has the same key."""
    done = Event()

    def hang() -> bytes:
        done.wait(60)
        return OK

    with desk(hang, hang, OK) as one:
        (failed,) = post(one.url, timeout_s=0.05, tries=2)
        assert isinstance(failed, DeliveryFailed)
        assert "ReadTimeout" in reason(failed)
        assert post(one.url, timeout_s=10) == [Receipt("T-1")]
        done.set()
    assert one.sent_keys() == [delivery().key] * 3


def test_a_conflict_with_the_own_earlier_try() -> None:
    """A 409 after a try of unknown end may mean that try: it is asked again, and refused only where it is certain."""
    with desk(b"", http(409), http(200, '{"id": 7}', "Idempotency-Replayed: true")) as one:
        assert post(one.url) == [Receipt("7", repeated=True)]
    with desk(b"", http(409)) as one:
        (answer,) = post(one.url)
    assert isinstance(answer, DeliveryFailed)
    assert "status 409" in reason(answer)


def test_requests_at_once() -> None:
    """So many requests as allowed are under way together, never more, and the answers stand in their order."""
    under_way: list[int] = []
    together, lock, high = Barrier(4), Lock(), []

    def answer(asked: Asked) -> bytes:
        with lock:
            under_way.append(1)
            high.append(len(under_way))
        together.wait(20)
        with lock:
            under_way.pop()
        return http(201, json.dumps({"id": json.loads(asked.body)["external_id"]}))

    with listening(answer) as url:
        answers = post(url, *map(delivery, range(16)), concurrency=4)
    assert answers == [Receipt(f"doc-{number}") for number in range(16)]
    assert max(high) == 4


def test_connections_are_used_again() -> None:
    """A batch needs no more connections than requests are under way at once."""
    with desk(http(503, "x" * 5000), OK) as one:
        post(one.url, *map(delivery, range(30)), concurrency=2)
    assert len(one.asked) == 31
    assert len({asked.port for asked in one.asked}) <= 2


def of_one_case() -> Sequence[Delivery]:
    undo = delivery(key="k2", effect=Effect.REVERSAL, reverses="k1", revision=2)
    return [undo, delivery(key="k3", revision=2), delivery(2), delivery(key="k4", revision=3)]


def test_one_case_keeps_its_order() -> None:
    """What is reversed is reversed before it is posted anew, however many are under way."""
    with desk(OK) as one:
        assert [type(answer) for answer in post(one.url, *of_one_case())] == [Receipt] * 4
    assert [key for key in one.sent_keys() if not key.startswith("case2")] == ["k2", "k3", "k4"]


@pytest.mark.parametrize(("status", "came"), [(503, DeliveryFailed), (404, DeliveryRefused)])
def test_nothing_overtakes_a_reversal_that_was_not_taken(status: int, came: type[Exception]) -> None:
    """What follows in the case is not sent; another case is none the worse."""

    def answer(asked: Asked) -> bytes:
        sent.append(asked.headers["idempotency-key"])
        return http(status) if sent[-1] == "k2" else OK

    sent: list[str] = []
    with listening(answer) as url:
        answers = post(url, *of_one_case(), tries=1)
    assert [type(answer) for answer in answers] == [came, DeliveryFailed, Receipt, DeliveryFailed]
    assert "one before it of its case" in reason(answers[1])
    assert sorted(sent) == [delivery(2).key, "k2"]


def test_a_batch_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the batch's time is up, nothing more is sent, so that the outbox still holds its lease."""
    monkeypatch.setattr(webhook, "PATIENCE_S", 0.0)
    with desk(OK) as one:
        (answer,) = post(one.url)
    assert isinstance(answer, DeliveryFailed)
    assert "not sent" in reason(answer)
    assert one.asked == []


def test_cookies_are_not_kept() -> None:
    """A receiver's cookie does not come back to it."""
    with desk(http(201, "", "Set-Cookie: who=planted")) as one:
        post(one.url, delivery(1))
        post(one.url, delivery(2))
    assert [asked.headers.get("cookie") for asked in one.asked] == [None, None]


def test_asking_for_a_delivery() -> None:
    """With a status address a delivery can be looked up by its key: there, not there, or nobody knows."""
    with desk(http(200, '{"id": "T-1"}'), http(404), http(503)) as one:
        hook = PostingHook(url="http://127.0.0.1:9/hooks", status_url=f"{one.url}?of=fulcrum", secret=SECRET)
        assert hook.holds("a b&c") == Receipt("T-1", repeated=True)
        assert hook.holds("k1") is None
        with pytest.raises(DeliveryFailed, match="status 503"):
            hook.holds("k1")
        assert PostingHook(url=one.url).holds("k1") is None
    assert [asked.path for asked in one.asked[:2]] == ["/hooks?of=fulcrum&key=a+b%26c", "/hooks?of=fulcrum&key=k1"]
    assert {asked.method for asked in one.asked} == {"GET"}
    assert Webhook(SECRET).verify(one.asked[1].body, one.asked[1].headers, json_parse=False) is None
    assert len(one.asked) == 5


@pytest.mark.parametrize("answer", [http(307, "", "Location: /"), http(410), http(204)])
def test_a_status_address_that_does_not_know(answer: bytes) -> None:
    """Neither 200 nor 404 says whether the delivery is there."""
    with desk(answer) as one, pytest.raises(DeliveryFailed, match="status "):
        PostingHook(url=one.url, status_url=one.url).holds("k1")


NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        (" 120 ", 120),
        ("9" * 40, 999_999_999),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("Monday, 02-Nov-26 09:00:07 GMT", 7),
        ("Mon, 99 Nov 2026 09:00:00 GMT", None),
    ],
)
def test_retry_after(said: str | None, seconds: float | None) -> None:
    """The header is seconds or a date; what is neither says nothing."""
    assert seconds_in(said, NOW) == seconds


@pytest.mark.parametrize(
    "url",
    [
        "https://desk.example/hooks?tenant=7",
        "http://localhost:8080/",
        "http://127.0.0.1/",
        "http://127.9.9.9/",
        "http://[::1]:80/",
    ],
)
def test_addresses_that_may_be_posted_to(url: str) -> None:
    """Anything over https, and this machine itself without."""
    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "no http"),
        ("ftp://desk.example/", "no http"),
        ("desk.example/hooks", "no http"),
        ("https:///hooks", "no http"),
        ("https://[::planted", "no web address"),
        ("https://user:planted@desk.example/", "a password"),
        ("https://desk.example/#planted", "#fragment"),
        ("http://desk.example/planted", "unencrypted"),
        ("http://localhost.desk.example/", "unencrypted"),
        ("http://127.0.0.1.desk.example/", "unencrypted"),
        ("http://10.0.0.7/", "unencrypted"),
        ("http://0.0.0.0/", "unencrypted"),
    ],
)
def test_addresses_that_may_not(url: str, problem: str) -> None:
    """Another is refused with the reason, without quoting it."""
    with pytest.raises(ValueError, match=problem) as refused:
        check_url(url)
    assert "planted" not in str(refused.value)


def test_plain_http_where_it_is_allowed() -> None:
    """An operator may allow it for a network of their own."""
    assert check_url("http://10.0.0.7/", plain=True)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", SECRET[6:], "whsk_" + SECRET[6:], SECRET[:-1] + "!"]
)
def test_secrets_that_are_none(secret: str) -> None:
    """A secret has its prefix and at least 24 bytes in base64; the library itself would take almost anything."""
    assert check_secret(SECRET) == SECRET
    with pytest.raises(ValueError, match="24 to 64"):
        check_secret(secret)


def test_the_outbox_delivers_when_the_receiver_is_up_again(office: Office) -> None:
    """While it is down the case stands as failed; then it gets the same key, and its receipt is kept."""
    office.with_targets(HELP_DESK)
    (case_id,) = office.cleared()
    with desk(http(503)) as one:
        target = WebhookTarget(url=one.url, secret=SECRET)
        deliver_due(office.ledger, office.process, {HELP_DESK: target})
        history = office.history(case_id)
        assert (history.case.status, history.deliveries[0]["state"]) == (Status.DELIVERY_FAILED, "pending")
        assert "status 503" in history.deliveries[0]["error"]
        one.answers[:] = [http(201, '{"id": "T-77"}')]
        deliver_due(office.ledger, office.process, {HELP_DESK: target})
    history = office.history(case_id)
    assert (history.case.status, history.deliveries[0]["receipt"]) == (Status.DELIVERED, "T-77")
    assert set(one.sent_keys()) == {history.deliveries[0]["key"]}
    assert Webhook(SECRET).verify(one.asked[-1].body, one.asked[-1].headers)["posting"]["total"] == "121.00"


def test_the_outbox_hands_a_refusal_to_a_person(office: Office) -> None:
    """A 422 puts the case in review, with the status and nothing of what the receiver wrote."""
    office.with_targets(HELP_DESK)
    (case_id,) = office.cleared()
    with desk(http(422, "planted content")) as one:
        deliver_due(office.ledger, office.process, {HELP_DESK: WebhookTarget(url=one.url)})
    (review,) = office.ledger.reviews.open()
    assert (review.case_id, office.history(case_id).case.status) == (case_id, Status.IN_REVIEW)
    assert "status 422" in review.reason
    assert "planted" not in review.reason
    assert len(one.asked) == 1
