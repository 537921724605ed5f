"""The checks that need the definition alone, one function each: asked before a deployment and before each run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, get_args

from pydantic import BaseModel

from fulcrum.cases import Json
from fulcrum.process import Baseline, Deputy, Objectives, Owner, Process, Stage, StepKind
from fulcrum.readiness.lines import Line, Verdict, judged
from fulcrum.routing import ALONE
from fulcrum.sop.wording import duration

Check: TypeAlias = Callable[[Process], Line]

PERSONAL_WORDS = frozenset(
    {"email", "mail", "phone", "mobile", "iban", "address", "street", "birth", "birthday", "passport", "ssn", "sender"}
)
"""Words in a field's name that say something of a person."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_UNFILLED = re.compile(r"\b(?:todo|tbd|fixme|fill in|changeme)\b", re.IGNORECASE)


def unfilled(text: str) -> bool:
    """Tell whether a text still waits for the person who has to write it."""
    return not text.strip() or _UNFILLED.search(text) is not None


def gates(process: Process) -> Line:
    """A gate stands before the first AI step and one after each, each with a rule that keeps a case back."""
    counting = [gate for gate in process.gates if any(rule.severity != "info" for rule in gate.rules)]
    behind = {process.place(gate.after) for gate in counting if gate.stage is Stage.OUTCOME}
    no_gate = "no gate with a rule that counts stands"
    problems = []
    if not any(gate.stage is Stage.INTAKE for gate in counting):
        problems.append(f"{no_gate} before the AI step {process.ai_steps[0].name}")
    problems += [
        f"{no_gate} after the AI step {step.name}" for place, step in enumerate(process.ai_steps) if place not in behind
    ]
    if not any(step.kind is StepKind.AI for step in process.steps):
        problems.append("the procedure's steps name no AI step")
    rules = sum(len(gate.rules) for gate in process.gates)
    return judged(
        "gates",
        problems,
        met=f"{rules} rules before and after {', '.join(step.name for step in process.ai_steps)}",
        remedy="give gates= one Gate with stage INTAKE, one with OUTCOME after each AI step, and steps= the AI steps",
    )


def person(process: Process, known: Sequence[Json] = ()) -> Line:
    """A person stands behind each AI step: a queue, a step of the procedure, a label that names a case.

    `known` are outcomes that the label is tried on.
    """
    problems = [
        f"{name} is not filled in"
        for name, queue in (("review.queue", process.review.queue), ("owner.queue", process.owner.queue))
        if unfilled(queue)
    ]
    if not any(step.kind is StepKind.HUMAN for step in process.steps):
        problems.append("the procedure's steps name none that a person does")
    if process.review.due.within <= timedelta(0):
        problems.append("review.due leaves no time to decide")
    problems += _due_problems(process)
    return judged(
        "a person behind",
        [*problems, *_label_problems(process, known)],
        met=f"queue {process.review.queue}, escalated to {process.owner.queue}",
        remedy="name the queues, a human step, and a label that takes any outcome's values",
    )


def _due_problems(process: Process) -> list[str]:
    """Try the due date on a moment: a country whose holidays are not known would fail the first review."""
    try:
        process.review.due.at(datetime(2026, 1, 1, tzinfo=UTC))
    except ValueError as error:
        return [f"review.due cannot be told: {error}"]
    return []


def _label_problems(process: Process, known: Sequence[Json]) -> list[str]:
    """Try the label on nothing and on what is known to be true."""
    labels = []
    for values in ({}, *known):
        try:
            labels.append(process.review.label(values))
        except Exception as error:  # noqa: BLE001 - whatever a label raises, no review could be named
            return [f"review.label raises {type(error).__name__}"]
    said = [label for label in labels if isinstance(label, str)]
    if len(said) < len(labels):
        return ["review.label gives something that is no text"]
    return ["review.label names no case"] if known and not any(map(str.strip, said[1:])) else []


def owner(process: Process) -> Line:
    """Owner and deputy are two people who can be reached, and alerts have a place."""
    people: dict[str, Owner | Deputy] = {"owner": process.owner, "deputy": process.deputy}
    problems = [f"{who}.name is not filled in" for who, one in people.items() if unfilled(one.name)]
    problems += [f"{who}.email is no address" for who, one in people.items() if not _EMAIL.fullmatch(one.email.strip())]
    if unfilled(process.on_call):
        problems.append("on_call is not filled in")
    if people["owner"].email.strip().casefold() == people["deputy"].email.strip().casefold():
        problems.append("the deputy is the owner")
    return judged(
        "owner and on-call",
        problems,
        met=f"{people['owner'].name}; {people['deputy'].name}; {process.on_call}",
        remedy="only a person can: agree with owner and deputy, and write them into owner=, deputy= and on_call=",
    )


def objectives(process: Process) -> Line:
    """What is promised can be held against figures."""
    promised = process.objectives
    problems = _figures(promised)
    if promised.currency != process.baseline.currency:
        problems.append(f"in {promised.currency}, the baseline in {process.baseline.currency}")
    met = f"within {duration(promised.cycle_time_p95)}, {promised.cost_per_case:f} {promised.currency} a case"
    return judged("objectives", problems, met=met, remedy="give objectives= figures that can be kept, in one currency")


def baseline(process: Process) -> Line:
    """How it was before is known, and who says so."""
    before = process.baseline
    problems = _figures(before)
    if unfilled(before.source):
        problems.append("source is not filled in")
    return judged(
        "baseline",
        problems,
        met=f"{before.basis}: {before.source}",
        remedy="measure the work as it was, or have somebody who knows declare it, and say who in source=",
    )


def _figures(figures: Objectives | Baseline) -> list[str]:
    problems = [
        f"{name} is {rate}, not from 0 to 1"
        for name, rate in (("manual_rate", figures.manual_rate), ("error_rate", figures.error_rate))
        if not 0 <= rate <= 1
    ]
    if figures.cycle_time_p95 <= timedelta(0):
        problems.append("cycle_time_p95 is no time")
    if not figures.cost_per_case.is_finite() or figures.cost_per_case < 0:
        problems.append("cost_per_case is no cost")
    return problems


def data_classes(process: Process) -> Line:
    """What says something of a person is marked, also where it lies within another field."""
    problems = []
    for model in (process.case, process.outcome):
        for name, field in model.model_fields.items():
            if name in process.personal:
                continue
            inner = sorted(
                {told for nested in _models(field.annotation) for told in _personal(nested, process.personal)}
            )
            if PERSONAL_WORDS & set(name.split("_")) or inner:
                told = f" (it holds {', '.join(inner)})" if inner else ""
                problems.append(f"{name}{told} is not marked as personal")
    marked = ", ".join(process.personal) or "no field"
    return judged(
        "data classes", list(dict.fromkeys(problems)), met=f"personal: {marked}", remedy="name it in personal="
    )


def _personal(model: type[BaseModel], marked: tuple[str, ...]) -> set[str]:
    return {name for name in model.model_fields if name in marked or PERSONAL_WORDS & set(name.split("_"))}


def _models(annotation: object) -> list[type[BaseModel]]:
    """Find the models within a type, as in a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def retention(process: Process) -> Line:
    """Contents have an end."""
    kept = process.retention
    problems = [] if kept > timedelta(0) else ["contents would be erased before the case is finished"]
    return judged("retention", problems, met=duration(kept), remedy="give retention= the time the law asks for")


def autonomy(process: Process) -> Line:
    """What the process may do at most has a bound, and whatever clears alone is audited."""
    policy = process.review
    problems = []
    if process.max_autonomy in ALONE:
        if not 0 < policy.audit_share <= 1:
            problems.append(f"nothing of what clears alone is audited: audit_share is {policy.audit_share}")
        if not 0 < policy.threshold <= 1:
            problems.append(f"threshold is {policy.threshold}, not a confidence above 0 and up to 1")
    return judged(
        "autonomy",
        problems,
        met=f"starts as {process.autonomy}, never more than {process.max_autonomy}",
        remedy="give review= a threshold and an audit_share, or lower max_autonomy to assisted",
    )


CHECKS: tuple[Check, ...] = (gates, person, owner, objectives, baseline, data_classes, retention, autonomy)


def failed(process: Process) -> list[Line]:
    """List what in a definition keeps it from acting."""
    return [line for line in (check(process) for check in CHECKS) if line.verdict is Verdict.FAILED]
