"""Make the sample PDFs and golden.jsonl again: `python -m deployments.samples.make`.

A PDF's content is in papers.toml; the text documents are written by hand and their truth is in truth.csv. The same
input gives the same bytes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from deployments.samples.damaged import damaged
from deployments.samples.einvoice import attach
from deployments.samples.layouts import draw
from deployments.samples.papers import HERE, INBOX, SAMPLES, papers
from fulcrum.sources.pdf import pdf_text

GOLDEN = SAMPLES.parent / "golden.jsonl"


def pdfs() -> dict[str, bytes]:
    """Make every PDF of the inbox, by file name."""
    sound = {paper.file: attach(draw(paper), paper) if paper.e_invoice else draw(paper) for paper in papers()}
    return sound | damaged(sound)


def golden() -> Iterator[dict[str, object]]:
    """Give one record for each readable document: its text, what it says, and what is to become of it."""
    for row in _hand_written():
        yield row | {"text": _text_of(str(row["id"]))}
    for paper in papers():
        text = pdf_text((INBOX / paper.file).read_bytes())
        yield {"id": paper.file, "expect": paper.expect, "why": paper.why, "truth": paper.truth, "text": text}


def _hand_written() -> Iterator[dict[str, object]]:
    with (HERE / "truth.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            head = {key: row.pop(key) for key in ("id", "expect", "why")}
            yield {**head, "truth": {field: value or None for field, value in row.items()}}


def _text_of(document: str) -> str:
    if document.endswith(".txt"):
        return (INBOX / document).read_text(encoding="utf-8")
    return _mails()[document]


def _mails() -> dict[str, str]:
    lines = (INBOX / "mail_export.jsonl").read_text(encoding="utf-8").splitlines()
    return {mail["id"]: mail["text"] for mail in map(json.loads, lines)}


def main(inbox: Path = INBOX, golden_file: Path = GOLDEN) -> None:
    """Write the PDFs, then the records that describe all documents."""
    for name, content in pdfs().items():
        (inbox / name).write_bytes(content)
    records = sorted(golden(), key=lambda record: str(record["id"]))
    golden_file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")


if __name__ == "__main__":
    main()
