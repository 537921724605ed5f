"""The receiver of alerts on this machine: what comes is kept and said, and a silence is told by the receiver itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from deployments.listener import Inbox, receiving, server
from fulcrum.errors import StackError


@dataclass
class Receiver:
    """A listening receiver with a clock that is moved by hand."""

    file: Path
    inbox: Inbox | None = None
    url: str = ""
    said: list[str] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 2, 2, tzinfo=UTC)

    def post(self, path: str, **content: Any) -> int:
        return httpx.post(f"{self.url}{path}", trust_env=False, **content).status_code

    @property
    def kept(self) -> list[str]:
        if not self.file.exists():
            return []
        return [json.loads(line)["subject"] for line in self.file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    found = Receiver(tmp_path / "home" / "alerts.jsonl")
    found.inbox = Inbox(found.file, timedelta(minutes=15), found.said.append, lambda: found.now)
    with server(found.inbox, 0) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        found.url = f"http://127.0.0.1:{listening.server_port}"
        yield found
        listening.shutdown()
        thread.join()


def test_an_alert_is_kept_and_said(receiver: Receiver) -> None:
    """As a line of JSON, whatever is in it."""
    assert receiver.post("/alerts", json={"subject": "[page] ü", "body": "one\ntwo"}) == 204
    assert receiver.kept == ["[page] ü"]
    assert receiver.said == ["02:00:00 [page] ü"]


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"subject": "alone"}', b"null"])
def test_what_is_no_alert_is_refused_and_stops_nothing(receiver: Receiver, body: bytes) -> None:
    """The next one is taken."""
    assert receiver.post("/alerts", content=body) == 400
    assert receiver.post("/elsewhere", content=b"{}") == 404
    assert receiver.post("/alerts", json={"subject": "s", "body": "b"}) == 204
    assert receiver.kept == ["s"]


def test_a_silence_is_told_once_and_that_it_is_over(receiver: Receiver) -> None:
    """Only once a sign of life has come; a receiver that was never used is not silent."""
    inbox = receiver.inbox
    assert inbox is not None
    receiver.now += timedelta(hours=1)
    inbox.look()
    assert receiver.kept == []
    assert receiver.post("/heartbeat") == 204
    receiver.now += timedelta(minutes=14)
    inbox.look()
    receiver.now += timedelta(minutes=2)
    inbox.look()
    inbox.look()
    assert receiver.kept == ["[page] Fulcrum is silent"]
    receiver.now += timedelta(minutes=16)
    inbox.look()
    inbox.look()
    still = "[page] Fulcrum is still silent, for the deputies"
    assert receiver.kept == ["[page] Fulcrum is silent", still]
    assert receiver.post("/heartbeat") == 204
    assert receiver.kept == ["[page] Fulcrum is silent", still, "[over] Fulcrum is silent"]


def test_a_port_that_is_taken_is_named(receiver: Receiver, tmp_path: Path) -> None:
    """With what to do about it; nothing is received by halves."""
    port = int(receiver.url.rpartition(":")[2])
    with (
        pytest.raises(StackError, match=f"127.0.0.1:{port} .*FULCRUM_ALERTS_PORT, or --port"),
        receiving(tmp_path / "alerts.jsonl", port, timedelta(minutes=1), print),
    ):
        pytest.fail("it received")
