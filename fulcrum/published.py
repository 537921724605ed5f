"""The file that heads are published in: only ever appended to, outside the ledger."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO

from fulcrum.heads import Line, line_of, published
from fulcrum.ledger import Ledger
from fulcrum.ledger.chain import START

OVERLAP = timedelta(minutes=5)
"""How far a publication looks back behind the one before it: what was written late is in by then."""


BLOCK = 65_536
"""Bytes that are read at a time from the file's end."""


def file_of(home: Path, ledger: Ledger) -> Path:
    """Name the file that a ledger's heads are published in; FULCRUM_AUDIT_FOLDER names another place than the home."""
    return Path(os.environ.get("FULCRUM_AUDIT_FOLDER") or home / "audit") / f"heads-{ledger.identity}.jsonl"


def publish(ledger: Ledger, file: Path, run_id: str) -> Line:
    """Append the heads that have moved since the last line; it is durable before it returns."""
    with _locked(file) as stream:
        before = _last(stream)
        since = before.at - OVERLAP if before else None
        known = published([before]) if before else {}
        now = ledger.store.now()
        moved = ledger.audit.heads(since)
        heads = {case: head for case, head in moved.items() if (case, head[0]) not in known}
        line = Line(
            at=now, ledger=ledger.identity, run=run_id, heads=heads, previous=before.digest if before else START
        )
        stream.write(line.written().encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
        return line


@contextmanager
def _locked(file: Path) -> Iterator[IO[bytes]]:
    """Open the file for one writer at a time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream


def _last(stream: IO[bytes]) -> Line | None:
    """Read the last whole line, and end one that a crash has cut off, so that the next begins a line of its own."""
    end = stream.seek(0, os.SEEK_END)
    tail = b""
    while end > 0:
        end -= (size := min(BLOCK, end))
        stream.seek(end)
        tail = stream.read(size) + tail
        whole = [text for text in tail.split(b"\n")[0 if end == 0 else 1 :] if line_of(text.decode(errors="replace"))]
        if whole:
            break
    if tail and not tail.endswith(b"\n"):
        stream.write(b"\n")
    return line_of(whole[-1].decode()) if tail and whole else None
