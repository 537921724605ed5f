"""A definition as a document: sections in the order in which a reader asks, made of plain parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from fulcrum.process import Autonomy, Basis, Process, Step, StepKind
from fulcrum.report import Standing
from fulcrum.sop.controls import controls
from fulcrum.sop.fields import called, field_table
from fulcrum.sop.history import History
from fulcrum.sop.parts import Facts, Paragraph, Part, Section, Steps, Table
from fulcrum.sop.wording import counted, duration, listed, money, share, spoken, within

LEVEL_WORDS = {
    Autonomy.SHADOW: "people decide every case and the proposal is only compared",
    Autonomy.ASSISTED: "the proposal fills the form in and a person decides every case",
    Autonomy.SUPERVISED: "what meets the gates and is sure enough needs no person",
    Autonomy.AUTONOMOUS: "as supervised, with limits that the audit has earned",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What the process may do alone at present, as somebody has set it: who, when, why."""

    standing: Standing
    since: date
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sop:
    """The document, as made on a day; `versions` name the procedure and the prompt (12 hex digits each)."""

    name: str
    title: str
    purpose: str
    made_on: date
    versions: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


def sop_of(process: Process, *, made_on: date, history: History, in_force: InForce | str) -> Sop:
    """Write the document of a definition.

    `in_force` is the autonomy that the ledger holds; where there is none to tell, why.
    """
    sections = (
        Section("answers", "Who answers for it", tuple(_answers(process))),
        Section("intents", "What leadership has said", (_intents(process),)),
        Section("in-and-out", "What comes in and what goes out", tuple(_in_and_out(process))),
        Section("steps", "The process before and now", tuple(_steps(process))),
        Section("controls", "The controls at each step", tuple(controls(process))),
        Section("decides", "Who decides", (_decides(process), _alone(process, in_force))),
        Section("measured", "What is measured", tuple(_measured(process))),
        Section("data", "Personal data and retention", (_data(process),)),
        Section("history", "Versions and changes", tuple(_history(process, history))),
    )
    versions = (("procedure", process.sop_version), ("prompt", process.prompt_version))
    return Sop(
        name=process.name,
        title=process.title,
        purpose=process.purpose,
        made_on=made_on,
        versions=versions,
        sections=sections,
    )


def _answers(process: Process) -> Iterator[Part]:
    owner, deputy = process.owner, process.deputy
    yield Facts((
        ("Owner", f"{owner.name}, {owner.email}"),
        ("Deputy", f"{deputy.name}, {deputy.email}"),
        ("On call", process.on_call),
        ("Reviews", f"queue {process.review.queue}; escalated ones {owner.queue}"),
    ))  # fmt: skip


def _intents(process: Process) -> Part:
    intents = process.intents
    return Facts((
        ("Speed over perfect accuracy?", intents.speed_over_accuracy),
        ("Is ownership open?", intents.ownership_open),
        ("Willing to redesign?", intents.willing_to_redesign),
    ))  # fmt: skip


def _in_and_out(process: Process) -> Iterator[Part]:
    yield field_table(f"What comes in: {called(process.case)}", process.case, process.personal)
    yield field_table(f"What goes out: {called(process.outcome)}", process.outcome, process.personal)
    for catalogue in process.catalogues:
        yield Paragraph(f"Options of {spoken(catalogue.field)}: {listed(map(spoken, catalogue.names))}.")
    booked = listed(map(spoken, process.posting_model.model_fields))
    yield Paragraph(f"Delivered to {listed(process.targets)} as {called(process.posting_model)}: {booked}.")


def _steps(process: Process) -> Iterator[Part]:
    before, now = process.steps_before, process.steps
    yield Paragraph(f"Before the redesign: {_count(before)}. Now: {_count(now)}.")
    yield Steps("before", "Before the redesign", before)
    yield Steps("now", "Now", now)


def _count(steps: Sequence[Step]) -> str:
    by_people = sum(step.kind is StepKind.HUMAN for step in steps)
    return f"{counted(len(steps), 'step')}, {by_people or 'none'} of them by people"


def _decides(process: Process) -> Part:
    owner, reviewers = process.owner.name, f"a reviewer of the queue {process.review.queue}"
    rows = (
        ("a case in review", f"{reviewers}, within {within(process.review.due)}"),
        ("an escalated case", f"{owner}, through the queue {process.owner.queue}"),
        ("an input that cannot be used", f"{reviewers}: repaired or discarded"),
        ("what the process may do alone", f"{owner}; who and why stay on record"),
        ("its ceiling, its gates, its promises", f"{owner}, by a change of this procedure"),
        ("when the owner is away", process.deputy.name),
        ("an alert", f"whoever is on call, at {process.on_call}"),
    )
    return Table("Who decides what", ("what", "who"), rows)


def _alone(process: Process, in_force: InForce | str) -> Part:
    defined = f"{process.autonomy}: {LEVEL_WORDS[process.autonomy]}"
    ceiling = f"{process.max_autonomy}: {LEVEL_WORDS[process.max_autonomy]}; no setting overrides it"
    if isinstance(in_force, str):
        return Facts((("Autonomy at the start", defined), ("Autonomy now", in_force), ("Ceiling", ceiling)))
    level = process.capped(in_force.standing.autonomy)
    now = f"{level}, from a confidence of {share(in_force.standing.threshold)}: {LEVEL_WORDS[level]}"
    who = f"{in_force.by}, {in_force.since.isoformat()}: {in_force.reason}"
    return Facts((("Autonomy at the start", defined), ("Autonomy now", now), ("Set by", who), ("Ceiling", ceiling)))


def _measured(process: Process) -> Iterator[Part]:
    before, promised = process.baseline, process.objectives
    basis = before.basis.value
    cost = (money(before.cost_per_case, before.currency), money(promised.cost_per_case, promised.currency))
    rows = (
        ("cycle time, 95% of cases within", duration(before.cycle_time_p95), duration(promised.cycle_time_p95)),
        ("cost of a case", *cost),
        ("cases that a person handles", share(before.manual_rate), share(promised.manual_rate)),
        ("errors among finished cases", share(before.error_rate), share(promised.error_rate)),
    )
    yield Table(f"Before ({basis}) and promised", ("figure", f"before ({basis})", "promised"), rows)
    whose = "measured from an event log" if before.basis is Basis.MEASURED else "declared, not measured"
    yield Paragraph(f"The figures from before are {whose}. Source: {before.source}.")
    yield Paragraph("The figures of now are computed from the event log of every run.")


def _data(process: Process) -> Part:
    personal = listed(map(spoken, process.personal)) if process.personal else "none, as the definition says"
    return Facts((
        ("Personal fields", personal),
        ("Contents are kept", f"{duration(process.retention)} after a case is finished"),
        ("What stays", "the history of ids, reasons and hashes, which stays provable without the contents"),
    ))  # fmt: skip


def _history(process: Process, history: History) -> Iterator[Part]:
    yield Facts((
        ("Procedure", f"{process.sop_version}, of the code and texts in its folder"),
        *((f"Prompt of {step.name}", f"{step.prompt_version}, {step.prompt.name}") for step in process.ai_steps),
        *((f"Options of {spoken(c.field)}", f"{c.version}, {len(c.options)} of them") for c in process.catalogues),
    ))  # fmt: skip
    if history.changes:
        rows = tuple((change.day, change.author, change.subject, change.commit) for change in history.changes)
        yield Table("Changes of the procedure's folder, the newest first", ("day", "by", "change", "commit"), rows)
    if history.note:
        yield Paragraph(history.note)
