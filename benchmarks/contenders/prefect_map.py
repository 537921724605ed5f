"""Prefect with a task a case: a flow maps a task over the documents, as many threads as calls at once."""

from __future__ import annotations

import time
from functools import cache
from threading import Lock
from typing import Any

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from benchmarks.contenders.work import PROMPT, arguments, messages, open_results, read, report, request

CHOSEN = arguments(__doc__)
_WRITING = Lock()
_STARTED: list[float] = []


@cache
def _means() -> tuple[Any, Any, str, dict[str, Any]]:
    import httpx2
    from openai import OpenAI

    http_client = httpx2.Client(trust_env=False, limits=httpx2.Limits(max_connections=CHOSEN.concurrency))
    client = OpenAI(api_key="none", base_url=CHOSEN.address, max_retries=2, http_client=http_client)
    return client, open_results(CHOSEN.home), PROMPT.read_text(encoding="utf-8"), request()


@task
def handle(document: dict[str, str]) -> None:
    """Read one document and keep what it says."""
    from flows.invoice_intake.documents import Invoice

    client, results, prompt, shared = _means()
    _STARTED.append(time.time())
    reply = client.chat.completions.create(messages=messages(prompt, document["text"]), **shared)
    outcome = Invoice.model_validate_json(reply.choices[0].message.content or "")
    with _WRITING, results:
        results.execute("INSERT INTO results VALUES (?, ?)", (document["id"], outcome.model_dump_json()))


@flow
def read_invoices() -> None:
    """Read every document."""
    handle.map(read(CHOSEN.source)).wait()


if __name__ == "__main__":
    _means()
    read_invoices.with_options(task_runner=ThreadPoolTaskRunner(max_workers=CHOSEN.concurrency))()
    report(_STARTED[0], time.time())
