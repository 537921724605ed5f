"""`fulcrum catalogue`: what is in force, and putting something else in force, with who and why."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.terminal import Command

PROCESS = "ticket-triage"


def test_the_shipped_options_hold_until_others_are_put_in_force(fulcrum: Command, tmp_path: Path) -> None:
    """Exported, edited, imported: a new version of the procedure, with who and why on record; twice changes nothing."""
    assert "As the process ships them." in fulcrum("catalogue", "show", PROCESS).words
    file = tmp_path / "intents.yaml"
    assert fulcrum("catalogue", "export", PROCESS, file).code == 0
    assert fulcrum("catalogue", "export", PROCESS, file).code == 2
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    said["options"] = [said["options"][0], said["options"][-1]]
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    told = fulcrum("catalogue", "import", PROCESS, file, "--by", "Ada Okafor", "--reason", "fewer")
    assert (told.code, "2 options of intent" in told.words) == (0, True)
    assert "It is in force already." in fulcrum("catalogue", "import", PROCESS, file).words
    shown = fulcrum("catalogue", "show", PROCESS)
    assert "Set by Ada Okafor" in shown.words
    assert max(len(line) for line in shown.out.splitlines()) <= 80
    assert len(fulcrum("catalogue", "show", PROCESS, "--json").json["options"]) == 2


def test_labels_of_the_loaded_examples_become_the_options(fulcrum: Command, tmp_path: Path) -> None:
    """`label` means the field of the catalogue; what says that nothing fits becomes none of these."""
    empty = fulcrum("catalogue", "import", PROCESS)
    assert (empty.code, "fulcrum examples load" in empty.words) == (2, True)
    file = tmp_path / "sorted.jsonl"
    labels = ["refund", "refund", "late", "oos"]
    records = [{"id": str(n), "text": f"text {n}", "truth": {"label": label}} for n, label in enumerate(labels)]
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    assert fulcrum("examples", "load", PROCESS, file).code == 0
    assert fulcrum("catalogue", "import", PROCESS, "--set", "team=accounts").code == 0
    options = fulcrum("catalogue", "show", PROCESS, "--json").json["options"]
    assert [(option["name"], option["team"]) for option in options] == [
        ("refund", "accounts"), ("late", "accounts"), ("none_of_these", "front_desk"),
    ]  # fmt: skip
    assert options[-1]["aliases"] == ["oos"]
    listed = fulcrum("examples", "list", PROCESS, "--json").json
    assert (listed["field"], listed["labels"]) == ("intent", {"refund": 2, "late": 1, "none_of_these": 1})


def test_what_cannot_be_meant_is_refused(fulcrum: Command, tmp_path: Path) -> None:
    """A process without a catalogue, with several, another field's options, a value without a name."""
    assert "has no catalogue" in fulcrum("catalogue", "show", "invoice-intake").words
    several = fulcrum("catalogue", "show", "complaint-response")
    assert (several.code, "--field: product, issue" in several.words) == (2, True)
    assert fulcrum("catalogue", "show", "complaint-response", "--field", "product", "--json").json["field"] == "product"
    other = tmp_path / "products.yaml"
    fulcrum("catalogue", "export", "complaint-response", other, "--field", "product")
    assert "has the options of product, not of intent" in fulcrum("catalogue", "import", PROCESS, other).words
