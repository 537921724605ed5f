"""The checks of a process in its checkout: what was gathered in, a line out. Nothing is read here but source text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from deployments.readiness.subject import FEWEST_CASES, GOLDEN, Subject
from deployments.readiness.syntax import direct_problems, flow_problems, tests_in
from fulcrum.readiness import checks as alone
from fulcrum.readiness.checks import unfilled
from fulcrum.readiness.lines import Line, Verdict, judged
from fulcrum.routing import ALONE
from fulcrum.sop import FileState

Check: TypeAlias = Callable[[Subject], Line]


def person(subject: Subject) -> Line:
    """A person stands behind each AI step; the label is tried on what is known to be true."""
    return alone.person(subject.process, subject.golden)


def _definition(check: alone.Check) -> Check:
    """Ask a check that needs the definition alone."""

    def asked(subject: Subject) -> Line:
        return check(subject.process)

    return asked


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


CHECKS: tuple[Check, ...] = (
    _definition(alone.gates),
    person,
    _definition(alone.owner),
    golden,
    score,
    prompt,
    delivery,
    _definition(alone.objectives),
    _definition(alone.baseline),
    tests,
    standard_steps,
    nothing_direct,
    _definition(alone.data_classes),
    _definition(alone.retention),
    _definition(alone.autonomy),
)
"""Every check, in the order of the list."""
