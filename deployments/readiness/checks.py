"""The checks, one function each: what was gathered in, a line out. Nothing is read or asked here but source text."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, get_args

from pydantic import BaseModel

from deployments.readiness.lines import Line, Verdict, judged
from deployments.readiness.subject import FEWEST_CASES, GOLDEN, Subject
from deployments.readiness.syntax import direct_problems, flow_problems, tests_in
from fulcrum.process import Baseline, Deputy, Objectives, Owner, Stage, StepKind
from fulcrum.routing import ALONE
from fulcrum.sop import FileState
from fulcrum.sop.wording import duration

Check: TypeAlias = Callable[[Subject], Line]

PERSONAL_WORDS = frozenset(
    {"email", "mail", "phone", "mobile", "iban", "address", "street", "birth", "birthday", "passport", "ssn", "sender"}
)
"""Words in a field's name that say something of a person."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_UNFILLED = re.compile(r"\b(?:todo|tbd|fixme|fill in|changeme)\b", re.IGNORECASE)


def unfilled(text: str) -> bool:
    """Tell whether a text still waits for the person who has to write it."""
    return not text.strip() or _UNFILLED.search(text) is not None


def gates(subject: Subject) -> Line:
    """A gate stands before the first AI step and one after each, each with a rule that keeps a case back."""
    process = subject.process
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


def person(subject: Subject) -> Line:
    """A person stands behind each AI step: a queue, a step of the procedure, a label that names a case."""
    process = subject.process
    problems = [
        f"{name} is not filled in"
        for name, queue in (("review.queue", process.review.queue), ("owner.queue", process.owner.queue))
        if unfilled(queue)
    ]
    if not any(step.kind is StepKind.HUMAN for step in process.steps):
        problems.append("the procedure's steps name none that a person does")
    if process.review.due.within <= timedelta(0):
        problems.append("review.due leaves no time to decide")
    problems += _due_problems(subject)
    return judged(
        "a person behind",
        [*problems, *_label_problems(subject)],
        met=f"queue {process.review.queue}, escalated to {process.owner.queue}",
        remedy="name the queues, a human step, and a label that takes any outcome's values",
    )


def _due_problems(subject: Subject) -> list[str]:
    """Try the due date on a moment: a country whose holidays are not known would fail the first review."""
    try:
        subject.process.review.due.at(datetime(2026, 1, 1, tzinfo=UTC))
    except ValueError as error:
        return [f"review.due cannot be told: {error}"]
    return []


def _label_problems(subject: Subject) -> list[str]:
    """Try the label on nothing and on what is known to be true."""
    labels = []
    for values in ({}, *subject.golden):
        try:
            labels.append(subject.process.review.label(values))
        except Exception as error:  # noqa: BLE001 - whatever a label raises, no review could be named
            return [f"review.label raises {type(error).__name__}"]
    said = [label for label in labels if isinstance(label, str)]
    if len(said) < len(labels):
        return ["review.label gives something that is no text"]
    return ["review.label names no case"] if subject.golden and not any(map(str.strip, said[1:])) else []


def owner(subject: Subject) -> Line:
    """Owner and deputy are two people who can be reached, and alerts have a place."""
    people: dict[str, Owner | Deputy] = {"owner": subject.process.owner, "deputy": subject.process.deputy}
    problems = [f"{who}.name is not filled in" for who, one in people.items() if unfilled(one.name)]
    problems += [f"{who}.email is no address" for who, one in people.items() if not _EMAIL.fullmatch(one.email.strip())]
    if unfilled(subject.process.on_call):
        problems.append("on_call is not filled in")
    if people["owner"].email.strip().casefold() == people["deputy"].email.strip().casefold():
        problems.append("the deputy is the owner")
    return judged(
        "owner and on-call",
        problems,
        met=f"{people['owner'].name}; {people['deputy'].name}; {subject.process.on_call}",
        remedy="only a person can: agree with owner and deputy, and write them into owner=, deputy= and on_call=",
    )


def golden(subject: Subject) -> Line:
    """There are enough different records whose truth is known."""
    problems = [subject.golden_problem] if subject.golden_problem else []
    if not problems and len(subject.golden) < FEWEST_CASES:
        problems = [f"{len(subject.golden)} different cases, needed {FEWEST_CASES}"]
    return judged(
        "golden set",
        problems,
        met=f"{len(subject.golden)} cases in {GOLDEN}",
        remedy=f"put {FEWEST_CASES} records with id, the case's fields and truth into {GOLDEN}, a line each",
    )


def score(subject: Subject) -> Line:
    """Measured now, the step errs no more, where it would act alone, than the process promises."""
    found, name = subject.score, "golden score"
    if found is None:
        return Line(name, Verdict.UNMEASURED, "nobody has asked the model", "fulcrum readiness --score measures it")
    promised = subject.process.objectives.error_rate
    problems = [] if found.answered else ["the model gave no usable answer"]
    if subject.process.max_autonomy in ALONE and found.wrong > promised * found.sure:
        problems.append(f"{found.wrong} of the {found.sure} it is sure of are wrong, promised at most {promised:.1%}")
    share = found.right / found.fields if found.fields else 0.0
    return judged(
        name,
        problems,
        met=f"{found.model}: {share:.1%} of the required fields of {found.records} cases right;"
        f" sure of {found.sure}, of these wrong {found.wrong}",
        remedy="mend the prompt, take a better model, or raise review.threshold",
    )


def prompt(subject: Subject) -> Line:
    """The prompts that run are those that git has."""
    process = subject.process
    problems = []
    for step, (state, reason) in zip(process.ai_steps, subject.prompts, strict=True):
        if state is not FileState.COMMITTED:
            problems.append(f"{step.prompt.name} is {state}{f': {reason}' if reason else ''}")
        if unfilled(step.prompt_text if step.prompt.is_file() else ""):
            problems.append(f"{step.prompt.name} is not filled in")
    names = ", ".join(step.prompt.name for step in process.ai_steps)
    return judged(
        "prompt",
        problems,
        met=f"{names} is committed, version {process.prompt_version}" if not problems else "",
        remedy="write it, have it reviewed and commit it",
    )


def delivery(subject: Subject) -> Line:
    """Each target is a block of a type that keeps idempotency keys."""
    problems = []
    for reference in subject.process.targets:
        slug, _, name = reference.partition("/")
        if slug not in subject.targets or not name:
            problems.append(f"{reference} names no target block")
    return judged(
        "delivery",
        problems,
        met=f"{', '.join(subject.process.targets)}, each with an idempotency key",
        remedy=f"write each as TYPE/NAME, with a type of {', '.join(sorted(subject.targets))}",
    )


def objectives(subject: Subject) -> Line:
    """What is promised can be held against figures."""
    promised, name = subject.process.objectives, "objectives"
    problems = _figures(promised)
    if promised.currency != subject.process.baseline.currency:
        problems.append(f"in {promised.currency}, the baseline in {subject.process.baseline.currency}")
    met = f"within {duration(promised.cycle_time_p95)}, {promised.cost_per_case:f} {promised.currency} a case"
    return judged(name, problems, met=met, remedy="give objectives= figures that can be kept, in one currency")


def baseline(subject: Subject) -> Line:
    """How it was before is known, and who says so."""
    before = subject.process.baseline
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


def tests(subject: Subject) -> Line:
    """The process has a test of its own."""
    file = f"tests/flows/test_{subject.process.folder.name}.py"
    count = tests_in(subject.root / file)
    problems = [] if count else [f"{file} is not there" if count is None else f"{file} tests nothing"]
    return judged("tests", problems, met=f"{count} in {file}", remedy=f"write {file}; it reads as a specification")


def standard_steps(subject: Subject) -> Line:
    """The flow's body is made of the standard steps."""
    return judged(
        "standard steps",
        flow_problems(subject.process.folder, subject.process.name),
        met="the flow imports and calls these alone",
        remedy="write the flow with the tasks in tasks/, as that of invoice intake",
    )


def nothing_direct(subject: Subject) -> Line:
    """No code of the process goes to a model, a database or the network itself."""
    return judged(
        "nothing direct",
        direct_problems(subject.process.folder),
        met="no model, database or network call of its own",
        remedy="leave it to the standard steps: model-endpoint, ledger and target blocks",
    )


def data_classes(subject: Subject) -> Line:
    """What says something of a person is marked, also where it lies within another field."""
    process = subject.process
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


def retention(subject: Subject) -> Line:
    """Contents have an end."""
    kept = subject.process.retention
    problems = [] if kept > timedelta(0) else ["contents would be erased before the case is finished"]
    return judged("retention", problems, met=duration(kept), remedy="give retention= the time the law asks for")


def autonomy(subject: Subject) -> Line:
    """What the process may do at most has a bound, and whatever clears alone is audited."""
    process, policy = subject.process, subject.process.review
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


CHECKS: tuple[Check, ...] = (
    gates,
    person,
    owner,
    golden,
    score,
    prompt,
    delivery,
    objectives,
    baseline,
    tests,
    standard_steps,
    nothing_direct,
    data_classes,
    retention,
    autonomy,
)
"""Every check, in the order of the list."""
