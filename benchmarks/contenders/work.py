"""The work that every contender does: read an invoice with a model, judge the answer's form, keep it durably."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

from benchmarks.loopback.home import ROOT
from fulcrum.ai.schema import response_format

PROMPT = ROOT / "flows" / "invoice_intake" / "prompt.md"
MODEL = "mock"
ENDPOINT = "benchmark"
"""The name of its model-endpoint block."""


def arguments(description: str | None) -> argparse.Namespace:
    """Read what every contender is told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--source", type=Path, required=True, help="JSONL of id and text")
    parser.add_argument("--address", required=True, help="the model server's, up to /v1")
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True, help="an empty folder")
    return parser.parse_args()


def command(contender: str, source: Path, address: str, concurrency: int, home: Path) -> list[str]:
    """Write the command that lets a contender, by its module's name, do the work as a process of its own."""
    told = {"source": source, "address": address, "concurrency": concurrency, "home": home}
    given = [part for name, value in told.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", f"benchmarks.contenders.{contender}", *given]


def configure(address: str, **limits: int) -> None:
    """Configure the model server as the endpoint that a Fulcrum run asks."""
    from blocks import ModelEndpoint

    block = ModelEndpoint(base_url=address, model=MODEL, input_price=1, output_price=2, **limits)
    block.save(ENDPOINT, overwrite=True)


def read(source: Path) -> list[dict[str, str]]:
    """Read the documents."""
    return [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]


def request() -> dict[str, Any]:
    """Prepare once what is the same in every request."""
    from flows.invoice_intake.documents import Invoice

    return {"model": MODEL, "temperature": 0.0, "max_tokens": 2048, "logprobs": True, "top_logprobs": 5,
            "response_format": response_format(Invoice)}  # fmt: skip


def messages(prompt: str, text: str) -> list[dict[str, str]]:
    """Ask for one document."""
    return [{"role": "system", "content": prompt}, {"role": "user", "content": f"<document>\n{text}\n</document>"}]


def open_results(home: Path) -> sqlite3.Connection:
    """Open a database that a commit makes durable, as the ledger's is."""
    connection = sqlite3.connect(home / "results.db", timeout=30, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS results (id TEXT PRIMARY KEY, outcome TEXT NOT NULL)")
    return connection


def report(first: float, last: float) -> None:
    """Say when the first case began and the last was done, in seconds of the epoch."""
    print(json.dumps({"first": first, "last": last}))
