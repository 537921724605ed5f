"""Deliveries as HTTP requests: one each, signed, under its idempotency key, tried again where that can help."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter
from standardwebhooks import Webhook

from fulcrum.cases import Delivery, Json, Receipt
from fulcrum.errors import DeliveryFailed, DeliveryRefused, TargetMisconfigured
from fulcrum.targets import Answer
from fulcrum.targets.fields import PostingField, check_keys, clean, fields_of, typed
from fulcrum.targets.receiver import NoAnswer, Patience, Receiver, Response, is_loopback, receiver_at

PATIENCE_S = 12.0
"""Seconds that one batch may take. The outbox hands a batch over up to three times within a lease of 60 seconds."""
_JSON = TypeAdapter(Json)
_SECRET_BYTES = range(24, 65)
_LONGEST_REFERENCE = 200
_IN_A_HEADER = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingHook:
    """An HTTP address that takes deliveries, one a POST, signed after the Standard Webhooks specification 1.0.0.

    Exactly-once rests on the receiver: it gets the same `Idempotency-Key` with each try and must know it again. Up to
    `concurrency` requests are under way at once; those of one case are made one after the other. `timeout_s` is what
    each read and write may take in seconds, `tries` how often a request is made at most. `status_url` is asked by GET
    with the query `key` whether a delivery is there: 200 or 404.
    """

    url: str
    secret: str | None = field(default=None, repr=False)
    status_url: str | None = None
    timeout_s: float = 10.0
    tries: int = 3
    concurrency: int = 8

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel]) -> list[Answer]:
        """Post the deliveries; answer each in its place.

        What comes after a delivery of the same case that was not taken fails without being sent, so that a posting
        never stands beside what was to be reversed first.
        """
        fields = fields_of(posting)
        cases: dict[str, list[int]] = {}
        for place, delivery in enumerate(deliveries):
            cases.setdefault(delivery.case_id, []).append(place)

        with self._at(self.url) as receiver, ThreadPoolExecutor(self.concurrency, "webhook") as pool:

            def one_case(places: Sequence[int]) -> list[Answer]:
                return list(self._in_order([deliveries[place] for place in places], fields, receiver))

            came = pool.map(one_case, cases.values())
            answers = {
                place: answer
                for places, some in zip(cases.values(), came, strict=True)
                for place, answer in zip(places, some, strict=True)
            }
        return [answers[place] for place in range(len(deliveries))]

    def holds(self, key: str) -> Receipt | None:
        """Ask for a delivery by its key; None when it is not there, or when there is no `status_url` to ask at.

        Raises DeliveryFailed when the answer is neither 200 nor 404.
        """
        if self.status_url is None:
            return None
        url = httpx.URL(self.status_url).copy_merge_params({"key": clean(key)})
        try:
            with self._at(self.status_url) as receiver:
                response = receiver.ask(lambda client: self._request(client, "GET", str(url), key, ""))
        except NoAnswer as fault:
            raise DeliveryFailed(target=url.host, reason=str(fault)) from None
        if response.status == httpx.codes.NOT_FOUND:
            return None
        if response.status == httpx.codes.OK:
            return Receipt(_reference(response), repeated=True)
        raise DeliveryFailed(target=url.host, reason=str(response))

    def _in_order(
        self, deliveries: Sequence[Delivery], fields: Sequence[PostingField], receiver: Receiver
    ) -> Iterator[Answer]:
        taken = True
        for delivery in deliveries:
            answer = self._deliver(delivery, fields, receiver) if taken else _held_back(delivery)
            taken = isinstance(answer, Receipt)
            yield answer

    def _deliver(self, delivery: Delivery, fields: Sequence[PostingField], receiver: Receiver) -> Answer:
        try:
            check_keys(delivery)
            body = _body(delivery, fields)
            response = receiver.ask(lambda client: self._request(client, "POST", self.url, delivery.key, body))
        except DeliveryRefused as refusal:
            return refusal
        except NoAnswer as fault:
            return DeliveryFailed(target=delivery.target, reason=str(fault))
        return _answer(delivery, response)

    def _request(self, client: httpx.Client, method: str, url: str, key: str, body: str) -> httpx.Request:
        """Make a request as of now; a key's characters that no header or signature may have are percent-encoded."""
        at, name = datetime.now(UTC), quote(clean(key), safe=_IN_A_HEADER).replace(".", "%2E")
        headers = {"Idempotency-Key": name, "webhook-id": name, "webhook-timestamp": str(int(at.timestamp()))}
        if self.secret is not None:
            headers["webhook-signature"] = Webhook(self.secret).sign(name, at, body)
        if body:
            headers["Content-Type"] = "application/json"
        return client.build_request(method, url, content=body.encode(), headers=headers)

    def _at(self, url: str) -> AbstractContextManager[Receiver]:
        return receiver_at(url, Patience(self.tries, self.timeout_s, monotonic() + PATIENCE_S))


def check_url(url: str, *, plain: bool = False) -> str:
    """Return an address that deliveries may be sent to; raise ValueError, which does not quote it, for another.

    Unencrypted http is for this machine alone unless `plain` allows it anywhere.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("is no web address") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError("is no http or https address")
    if parsed.userinfo or parsed.fragment:
        raise ValueError("has a user, a password or a #fragment: leave them out")
    if parsed.scheme == "http" and not plain and not is_loopback(parsed.host):
        raise ValueError("is unencrypted and not on this machine: use https, or allow plain http")
    return url


def check_secret(secret: str) -> str:
    """Return a secret in the form of the specification; raise ValueError, which does not quote it, for another."""
    prefix, _, encoded = secret.partition("_")
    try:
        raw = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raw = b""
    if prefix != "whsec" or len(raw) not in _SECRET_BYTES:
        raise ValueError("is no signing secret: whsec_ and 24 to 64 random bytes in base64")
    return secret


def _body(delivery: Delivery, fields: Sequence[PostingField]) -> str:
    names = ("key", "process", "case_id", "external_id", "effect", "revision", "reverses", "decided_by", "note")
    content: Json = clean({name: getattr(delivery, name) for name in names})
    content["posting"] = _JSON.dump_python(typed(delivery, fields), mode="json")
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _answer(delivery: Delivery, response: Response) -> Answer:
    if httpx.codes.is_success(response.status) or (response.status == httpx.codes.CONFLICT and response.replayed):
        return Receipt(_reference(response), repeated=response.replayed)
    if httpx.codes.is_redirect(response.status):
        reason = f"{response}; redirects are not followed, give the address itself"
        return TargetMisconfigured(target=delivery.target, reason=reason)
    return DeliveryRefused(target=delivery.target, reason=str(response))


def _held_back(delivery: Delivery) -> DeliveryFailed:
    return DeliveryFailed(target=delivery.target, reason="not sent, because one before it of its case was not taken")


def _reference(response: Response) -> str:
    """Name what the receiver made: by the answer's `id`, its Location without a query, or the status alone."""
    location = response.headers.get("location", "").partition("#")[0].partition("?")[0]
    for said in (_id_in(response.body), location):
        reference = "".join(character for character in said if character.isprintable()).strip()
        if reference:
            return reference[:_LONGEST_REFERENCE]
    return str(response)


def _id_in(body: bytes) -> str:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = content.get("id") if isinstance(content, dict) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
