"""What a procedure says: its version is its files', and a batch is refused past its tolerance."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.invoice_intake.process import EXTRACT, INVOICE_INTAKE
from flows.registry import names, process
from fulcrum.errors import DefinitionError, UnknownProcess
from fulcrum.process import Autonomy, Process, Stage, Tolerance

FILES = {"process.py": "one", "prompt.md": "two", "gates.py": "three"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a procedure's folder with code, a prompt and what is neither."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "a.py").write_text("x")
    (tmp_path / "golden.jsonl").write_text("{}")
    return tmp_path


def at(folder: Path) -> Process:
    """Define the process anew, as after a restart."""
    step = replace(EXTRACT, prompt=folder / "prompt.md")
    return replace(INVOICE_INTAKE, folder=folder, ai_steps=(step,))


@pytest.mark.parametrize("name", FILES)
def test_the_version_changes_with_each_file_of_the_procedure(folder: Path, name: str) -> None:
    """One character is enough, and taking it back gives the old version."""
    before = at(folder).sop_version
    (folder / name).write_text(FILES[name] + " ")
    assert at(folder).sop_version != before
    (folder / name).write_text(FILES[name])
    assert at(folder).sop_version == before


def test_the_version_changes_when_a_file_comes_goes_or_is_renamed(folder: Path) -> None:
    """Names count as well as contents."""
    versions = [at(folder).sop_version]
    (folder / "new.py").write_text("")
    versions.append(at(folder).sop_version)
    (folder / "new.py").rename(folder / "newer.py")
    versions.append(at(folder).sop_version)
    (folder / "newer.py").unlink()
    (folder / "gates.py").unlink()
    versions.append(at(folder).sop_version)
    assert len(set(versions)) == 4


def test_the_version_does_not_change_otherwise(folder: Path) -> None:
    """Neither samples, data, compiled code, times nor the place of the folder make another procedure."""
    before = at(folder).sop_version
    (folder / "golden.jsonl").write_text('{"more": 1}')
    (folder / "samples" / "a.py").write_text("y")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "gates.pyc").write_bytes(b"x")
    (folder / "gates.py").touch()
    assert at(folder).sop_version == before
    moved = folder.rename(folder.with_name("moved"))
    assert at(moved).sop_version == before


def test_a_definition_keeps_its_version_while_it_runs(folder: Path) -> None:
    """What a running process has loaded is what its records name."""
    running = at(folder)
    before = running.sop_version, running.prompt_version
    (folder / "prompt.md").write_text("another")
    assert (running.sop_version, running.prompt_version) == before


def test_the_prompts_version_is_the_prompts_alone(folder: Path) -> None:
    """Code may change without it."""
    before = at(folder).prompt_version
    (folder / "gates.py").write_text("other")
    assert at(folder).prompt_version == before
    (folder / "prompt.md").write_text("other")
    assert at(folder).prompt_version != before


@pytest.mark.parametrize(
    ("failed", "total", "exceeded"),
    [
        (0, 0, False),
        (0, 100, False),
        (4, 4, False),
        (5, 5, True),
        (5, 24, True),
        (5, 25, False),
        (6, 25, True),
        (20, 100, False),
        (21, 100, True),
        (100, 500, False),
        (101, 500, True),
    ],
)
def test_a_batch_is_refused_past_a_fifth_and_from_five_on(failed: int, total: int, exceeded: bool) -> None:
    """The default tolerance: more than 20% of the batch, and at least 5 cases."""
    assert Tolerance().exceeded(failed, total) is exceeded


@pytest.mark.parametrize(
    ("tolerance", "failed", "total", "exceeded"),
    [
        (Tolerance(share=0.0, least=1), 1, 1000, True),
        (Tolerance(share=0.0, least=1), 0, 1000, False),
        (Tolerance(share=1.0, least=1), 10, 10, False),
        (Tolerance(share=0.5, least=1), 1, 2, False),
        (Tolerance(share=0.5, least=1), 2, 3, True),
        (Tolerance(share=0.5, least=3), 2, 3, False),
    ],
)
def test_a_process_may_tolerate_more_or_less(tolerance: Tolerance, failed: int, total: int, exceeded: bool) -> None:
    """Both bounds have to be passed."""
    assert tolerance.exceeded(failed, total) is exceeded


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_one_more_failure_never_makes_a_batch_acceptable(failed: int, more: int) -> None:
    """Refusal only grows with the failures."""
    total = failed + more
    if Tolerance().exceeded(failed, total):
        assert Tolerance().exceeded(min(failed + 1, total), total)


@pytest.mark.parametrize("name", names())
def test_every_process_is_found_by_its_name(name: str) -> None:
    """Its definition names itself, and has a gate before and after its AI step, targets and a prompt."""
    found = process(name)
    assert found.name == name
    assert {gate.stage for gate in found.gates} == set(Stage)
    assert re.fullmatch("[0-9a-f]{12}", found.sop_version)
    assert re.fullmatch("[0-9a-f]{12}", found.prompt_version)
    assert set(found.review.required) <= set(found.outcome.model_fields)
    assert found.targets
    assert all(step.prompt_text.strip() for step in found.ai_steps)


@pytest.mark.parametrize("name", ["nothing", "", "../invoice-intake", "invoice_intake", "operations"])
def test_an_unknown_process_is_named_with_those_there_are(name: str) -> None:
    """Neither a folder without a definition nor a path is one."""
    with pytest.raises(UnknownProcess, match="invoice-intake"):
        process(name)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"purpose": ""}, "purpose is empty"),
        ({"on_call": ""}, "on_call is empty"),
        ({"steps": ()}, "steps is empty"),
        ({"owner": replace(INVOICE_INTAKE.owner, email="")}, "owner.email is empty"),
        ({"intents": replace(INVOICE_INTAKE.intents, ownership_open="")}, "intents.ownership_open is empty"),
        ({"personal": ("shoe_size",)}, "personal names shoe_size, which neither case nor outcome has"),
        ({"max_autonomy": Autonomy.SHADOW}, "autonomy is supervised, above the ceiling shadow"),
        ({"review": replace(INVOICE_INTAKE.review, required=("colour",))}, "review.required names colour"),
    ],
)
def test_a_definition_that_leaves_something_out_names_the_field(changed: dict[str, Any], said: str) -> None:
    """It fails as soon as it is imported, with the field's name."""
    with pytest.raises(DefinitionError, match=said):
        replace(INVOICE_INTAKE, **changed)


def test_no_level_is_above_the_ceiling() -> None:
    """Whatever is set, a process does no more alone than its definition allows."""
    process = replace(INVOICE_INTAKE, autonomy=Autonomy.SHADOW, max_autonomy=Autonomy.ASSISTED)
    capped = [process.capped(level) for level in Autonomy]
    assert capped == [Autonomy.SHADOW, Autonomy.ASSISTED, Autonomy.ASSISTED, Autonomy.ASSISTED]
