"""Make the sample history again: `python -m deployments.history.make`. The same code gives the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

from deployments.history.clerks import before_csv
from deployments.history.inbox import records
from deployments.samples.papers import SAMPLES

FOLDER = SAMPLES / "history"
BEFORE, AFTER = FOLDER / "before.csv", FOLDER / "after.jsonl"


def after_jsonl() -> str:
    """Write the documents of the four weeks after, one a line."""
    return "".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records())


def main(folder: Path = FOLDER) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BEFORE.name).write_text(before_csv(), encoding="utf-8", newline="")
    (folder / AFTER.name).write_text(after_jsonl(), encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
