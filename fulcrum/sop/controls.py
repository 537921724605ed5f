"""The controls at each step: gates in words, when a person is asked, what bounds the AI, what keeps effects to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fulcrum.process import Gate, Process, Stage, Step, StepKind, one_person
from fulcrum.sop.parts import Facts, Part, StepHead, Table
from fulcrum.sop.wording import counted, duration, late, listed, share, spoken, within

_REFUSED = {
    Stage.INTAKE: "the batch is quarantined and the run fails, with an alert",
    Stage.OUTCOME: "the whole batch goes to people, with an alert",
}
_BROKEN = {
    Stage.INTAKE: "the case is quarantined: a person repairs or discards it",
    Stage.OUTCOME: "the case goes to a person, with the reasons",
}
_WHERE = {Stage.INTAKE: "Intake gate", Stage.OUTCOME: "Outcome gate"}


def controls(process: Process) -> Iterator[Part]:
    """Say, step by step, what keeps it sound."""
    places = [gate_place(process.steps, gate) for gate in process.gates]
    last = len(process.steps) - 1
    for at, step in enumerate(process.steps):
        yield StepHead(at + 1, step)
        if facts := tuple(_facts(process, step, first=at == 0, last=at == last)):
            yield Facts(facts)
        for gate, place in zip(process.gates, places, strict=True):
            if place == at:
                yield from _gate(gate)


def gate_place(steps: Sequence[Step], gate: Gate) -> int:
    """Find the step that a gate belongs to: the rule beside its AI step, before or after; else the AI step.

    An intake gate stands before the first AI step, an outcome gate behind the one that it names, else the last.
    """
    asked = [i for i, step in enumerate(steps) if step.kind is StepKind.AI] or [0]
    named = [i for i in asked if steps[i].name == gate.after]
    if gate.stage is Stage.INTAKE:
        at, around = asked[0], range(asked[0] - 1, -1, -1)
    else:
        at = named[0] if named else asked[-1]
        around = range(at + 1, next((i for i in asked if i > at), len(steps)))
    return next((i for i in around if steps[i].kind is StepKind.RULE), at)


def _facts(process: Process, step: Step, *, first: bool, last: bool) -> Iterator[tuple[str, str]]:
    if first:
        yield "Taken in once", "a case that was seen before is counted, not repeated"
    if step.kind is StepKind.AI:
        yield from _ai(process, step)
    if step.kind is StepKind.HUMAN:
        yield from _review(process)
    if last:
        yield "Delivered once", f"to {listed(process.targets)}, each under an idempotency key, with a receipt"
        yield "Not twice", "what would be booked a second time under the same business key is refused"


def _ai(process: Process, said: Step) -> Iterator[tuple[str, str]]:
    step = next((each for each in process.ai_steps if each.name == said.name), process.ai_steps[0])
    yield "Model", f"model-endpoint/{process.model}; the prompt is {step.prompt.name}, version {step.prompt_version}"
    if process.known is not Process.known:
        yield "No model", "is asked where the input itself says the outcome exactly"
    if step.examples:
        yield "Examples", f"up to {step.examples} of the nearest decided cases, known before the case came in"
    yield "Sure enough", f"from a confidence of {share(process.review.threshold)}, the lowest of the required fields'"
    yield "Budget", "set for each run (--max-cost); what it does not cover goes to a person"
    yield "Patience", f"a case without an answer goes to a person {duration(process.patience)} after it came in"
    yield "Alone", f"starts as {process.autonomy}, never more than {process.max_autonomy}"


def _review(process: Process) -> Iterator[tuple[str, str]]:
    policy = process.review
    yield "Asked", f"the queue {policy.queue}, to decide within {within(policy.due)}"
    yield "When nobody does", late(policy.due)
    yield (
        "When",
        (
            "a rule is broken, the AI is not sure enough, gave no usable answer or ran out of budget,"
            " a target refuses, or the process may not act alone"
        ),
    )
    yield "Sure means", f"{share(policy.threshold)} or more in each of: {listed(map(spoken, policy.required))}"
    yield "Audit", f"{share(policy.audit_share)} of what needs no person is reviewed all the same, the proposal hidden"
    if policy.approvals is not one_person:
        yield (
            "Four eyes",
            "what the rule names needs several different people who approve the same, none of whom entered it",
        )
    if policy.verified is not None:
        yield "Proved by a code", "where several approve, where many are decided at once, and what the rule names"
    yield "Escalated", f"to the owner's queue {process.owner.queue}"
    yield "On record", "what was proposed, what was changed, by whom, when, under which versions"


def _gate(gate: Gate) -> Iterator[Part]:
    where = _WHERE[gate.stage]
    tolerance = gate.tolerance
    cases = counted(tolerance.least, "case")
    fails = f"when more than {share(tolerance.share)} of it fails, and at least {cases}: {_REFUSED[gate.stage]}"
    broken = f"{where}, a rule broken"
    yield Facts(
        ((broken, f"{_BROKEN[gate.stage]}; severity info is only recorded"), (f"{where}, a batch refused", fails))
    )
    rows = tuple((rule.name, rule.reason, rule.severity) for rule in gate.rules)
    yield Table(f"{where} {gate.name}: {counted(len(gate.rules), 'rule')}", ("rule", "broken means", "severity"), rows)
