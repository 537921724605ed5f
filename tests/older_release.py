"""A release that is older than this one: the project's own code in a folder of its own, with some things undone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from deployments.stack.environment import child_environment
from fulcrum.settings import Settings, project_root

PACKAGES = ("fulcrum", "blocks", "tasks", "flows", "deployments")

GONE = "fulcrum: case forgotten"
"""An automation that only the older release declares."""

AUTOMATION = f"""
  - name: "{GONE}"
    description: Told by the older release.
    trigger: {{expect: [fulcrum.case.forgotten]}}
    subject: forgotten
    body: A case is forgotten.
"""

DOCUMENTS = "flows/invoice_intake/documents.py"
EDITS: dict[str, list[tuple[str, str]]] = {
    # Of an invoice it knew no order number, but a delivery note; the account was asked for in other words.
    DOCUMENTS: [
        ("    purchase_order: Identifier", "    delivery_note: Identifier"),
        ("The buyer's order number. Labels: purchase order, PO number, your order,", "Labels: delivery note,"),
        ("    purchase_order: str", "    delivery_note: str"),
        ("The account to pay to, without spaces.", "Where it is to be paid to."),
    ],
    "flows/invoice_intake/e_invoice.py": [('"purchase_order": _text', '"delivery_note": _text')],
    # Its forms had no lists.
    "fulcrum/forms.py": [
        ("if is_editable(field.annotation)}\n    blank", "if is_simple(field.annotation)}\n    blank"),
    ],
    # A target's table lay where another field said.
    "blocks/targets.py": [
        ("    schema_name: str", "    database_schema: str"),
        ("self.schema_name", "self.database_schema"),
    ],
    # Answered reviews waited in their pool's default queue.
    "prefect.yaml": [
        ("      work_queue_name: answers\n", ""),
        ("  version: &version 0.1.0\n", "  version: &version 0.0.9\n"),
    ],
    "flows/operations/review_case.py": [("review_id: The review's id in the ledger.", "review_id: Which review.")],
    "deployments/automations.yaml": [("\nautomations:\n", f"\nautomations:{AUTOMATION}")],
}
"""What was otherwise in the older one: by file, the words now and the words then."""

PROGRAM = """
import json, sys
from deployments.cli import main

for command in json.loads(sys.argv[1]):
    try:
        main(command)
    except SystemExit as end:
        if end.code:
            raise
"""

PROMPT = "flows/invoice_intake/prompt.md"
GOLDEN = "flows/invoice_intake/golden.jsonl"


def unpack(folder: Path) -> Path:
    """Write the older release into a folder; return it."""
    for package in PACKAGES:
        shutil.copytree(project_root() / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project_root() / "prefect.yaml", folder)
    for name, edits in EDITS.items():
        text = (folder / name).read_text(encoding="utf-8")
        for now, then in edits:
            assert text.count(now) == 1, f"{name} has {now!r} {text.count(now)} times"
            text = text.replace(now, then)
        (folder / name).write_text(text, encoding="utf-8")
    prompt = folder / PROMPT
    prompt.write_text(f"{prompt.read_text(encoding='utf-8')}\nAnswer as the older release did.\n", encoding="utf-8")
    _without_orders(folder / GOLDEN)
    return folder


def _without_orders(golden: Path) -> None:
    records = [json.loads(line) for line in golden.read_text(encoding="utf-8").splitlines()]
    for record in records:
        record["truth"].pop("purchase_order", None)
    golden.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")


def run(folder: Path, settings: Settings, url: str, *commands: tuple[str, ...]) -> None:
    """Give commands to the older release's `fulcrum`, one after the other in one process, as an operator did then."""
    environment = child_environment(settings, url) | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
