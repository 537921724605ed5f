"""A WebhookTarget: its form, its secret, and what every target promises, before a receiver that remembers keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr, ValidationError
from standardwebhooks import Webhook

import blocks
from blocks import Target, WebhookTarget, load_target
from fulcrum.errors import UsageError
from fulcrum.targets.webhook import PostingHook
from tests.blocks.test_target_contract import (  # noqa: F401 - run here, with the books below
    test_a_key_that_cannot_be_kept,
    test_delivers_and_answers_in_order,
    test_eight_threads_reverse_one_posting,
    test_eight_threads_with_one_key,
    test_holds,
    test_no_business_key_no_limit,
    test_nothing_to_deliver,
    test_odd_strings,
    test_one_bad_among_many,
    test_rejection,
    test_reversal_frees_the_business_key,
    test_reversal_of_nothing,
    test_same_key_twice,
    test_same_key_twice_in_one_batch,
)
from tests.loopback import Asked, http, receiver

if TYPE_CHECKING:
    from tests.conftest import RunningServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The secret of the specification's own example; what follows the prefix is planted."""
REPLAYED = "Idempotency-Replayed: true"


@dataclass
class HelpDesk:
    """A receiver as the operators' page asks for one: it verifies, knows a key again, and undoes what it has, once."""

    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def __call__(self, asked: Asked) -> bytes:
        Webhook(SECRET).verify(asked.body, asked.headers, json_parse=False)
        with self.lock:
            return self.look_up(asked) if asked.method == "GET" else self.take(asked)

    def look_up(self, asked: Asked) -> bytes:
        name = asked.headers["idempotency-key"]
        return http(200, self.answer(name)) if name in self.held else http(404)

    def take(self, asked: Asked) -> bytes:
        name, body = asked.headers["idempotency-key"], json.loads(asked.body)
        if name in self.held:
            return http(200, self.answer(name), REPLAYED)
        there = {row["key"] for row in self.held.values()}
        undone = {row["reverses"] for row in self.held.values()}
        if body["reverses"] and (body["reverses"] not in there or body["reverses"] in undone):
            return http(422)
        self.held[name] = body | {"idempotency_key": body["key"]}
        return http(201, self.answer(name))

    def answer(self, name: str) -> str:
        return json.dumps({"id": f"T-{list(self.held).index(name)}"})


@dataclass(frozen=True)
class DeskBooks:
    """A WebhookTarget, and a look at what its receiver has."""

    target: Target
    desk: HelpDesk

    def rows(self) -> list[dict[str, Any]]:
        return list(self.desk.held.values())

    def keys(self) -> list[str]:
        return sorted(row["key"] for row in self.rows())


@pytest.fixture
def books() -> Iterator[DeskBooks]:
    """Give a WebhookTarget with a receiver that is empty."""
    desk = HelpDesk()
    with receiver(desk) as url:
        yield DeskBooks(WebhookTarget(url=url, status_url=url, secret=SecretStr(SECRET)), desk)


def test_the_form_explains_itself() -> None:
    """The block says what it is for, and every field has a title and a description."""
    schema = WebhookTarget.model_json_schema()
    assert WebhookTarget.get_block_type_slug() == "webhook-target"
    assert "WebhookTarget" in blocks.__all__
    assert WebhookTarget.get_description()
    assert WebhookTarget.get_code_example()
    assert all(field.get("title") and field.get("description") for field in schema["properties"].values())


def test_the_form_says_all_that_the_writer_can_be_told() -> None:
    """What is filled in arrives at the writer, and the form's defaults are the writer's own."""
    assert WebhookTarget(url="https://desk.example/")._hook() == PostingHook(url="https://desk.example/")
    given = {
        "url": "http://desk.example/hooks",
        "status_url": "http://desk.example/status",
        "timeout_s": 3.5,
        "tries": 5,
        "concurrency": 2,
    }
    block = WebhookTarget(**given, secret=SecretStr(SECRET), allow_plain_http=True)
    assert block._hook() == PostingHook(**given, secret=SECRET)


def test_fields_left_empty() -> None:
    """The UI sends an empty text for a field that nobody filled in."""
    block = WebhookTarget(url="https://desk.example/", secret=SecretStr(""), status_url="")
    assert block._hook() == PostingHook(url="https://desk.example/")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"url": "http://desk.example/planted"}, "url is unencrypted"),
        ({"url": "https://me:planted@desk.example/"}, "url has a user"),
        ({"status_url": "http://desk.example/planted"}, "status_url is unencrypted"),
        ({"status_url": "planted"}, "status_url is no http"),
        ({"secret": "planted"}, "no signing secret"),
        ({"secret": "whsec_planted"}, "no signing secret"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": 13}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"tries": 0}, "tries"),
        ({"concurrency": 21}, "concurrency"),
    ],
)
def test_a_form_that_is_not_sound(given: dict[str, Any], problem: str) -> None:
    """What cannot work, or is not safe, is refused when it is filled in, without the value."""
    with pytest.raises(ValidationError, match=problem) as refused:
        WebhookTarget(**{"url": "https://desk.example/", **given})
    assert "planted" not in str(refused.value)


def test_the_secret_is_masked_wherever_it_is_shown(prefect_server: RunningServer) -> None:
    """Saved and loaded the block is what it was; neither its text nor the server's answer has the secret."""
    from prefect.client.orchestration import get_client

    block = WebhookTarget(url="https://desk.example/", secret=SecretStr(SECRET))
    block.save("masked")
    loaded = load_target("webhook-target/masked")
    assert isinstance(loaded, WebhookTarget)
    assert loaded._hook() == block._hook()
    shown = repr(loaded) + str(loaded) + loaded.model_dump_json() + repr(loaded._hook())
    with get_client(sync_client=True) as client:
        document = client.read_block_document_by_name("masked", "webhook-target", include_secrets=False)
    assert document.data["url"] == "https://desk.example/"
    assert SECRET[10:] not in shown + document.model_dump_json()
    with pytest.raises(UsageError, match="webhook-target"):
        load_target("case-ledger/default")
