"""The hash chain over a case's events: facts are hashed as they stand, content by a salted digest (pure)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from fulcrum.ledger.columns import canonical, plain

START = "0" * 64
"""What the first event of a case follows."""

HASHED = (
    "case_id", "seq", "process", "activity", "resource", "actor", "run_id", "started_at", "ended_at",
    "cost", "currency", "status", "facts", "content", "previous",
)  # fmt: skip
"""The columns of an event that its hash covers, in order."""


def event_hash(event: Mapping[str, Any]) -> str:
    """Hash one event together with its predecessor's hash; SHA-256, hex."""
    return sha256(canonical([_plain(event[name]) for name in HASHED]).encode()).hexdigest()


def chain_flaws(events: Sequence[Mapping[str, Any]], head: str, count: int) -> Iterator[str]:
    """Say what is wrong in one case's chain, event by event, up to the head and the count that the case keeps."""
    previous, expected = START, 1
    for event in events:
        seq = event["seq"]
        if seq != expected:
            yield f"event {expected} was removed"
        elif event["previous"] != previous:
            yield f"event {seq} does not follow event {seq - 1}: the order was changed"
        if event_hash(event) != event["hash"]:
            yield f"event {seq} ({event['activity']}) was changed after it was written"
        previous, expected = event["hash"], seq + 1
    if expected - 1 < count:
        yield f"event {expected} and what followed it were removed"
    elif previous != head or expected - 1 > count:
        yield "the case names another last event than its history ends with"


def new_salt() -> str:
    """Draw a salt of 128 bits, hex, so that a digest tells nothing of a content that could be guessed."""
    return secrets.token_hex(16)


def content_digest(salt: str, body: Any) -> str:
    """Digest a content under its salt; SHA-256, hex."""
    return text_digest(salt, canonical(body))


def text_digest(salt: str, text: str) -> str:
    """Digest a content that is written as canonical JSON already; SHA-256, hex."""
    return sha256(f"{salt}{text}".encode(errors="surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, Decimal):
        return format(plain(value), "f")
    return value
