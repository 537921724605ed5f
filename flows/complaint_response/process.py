"""Complaint response: who answers for it, what comes in and goes out, what it promises."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from flows.complaint_response.complaints import Classified, Complaint, ComplaintAnswer, ComplaintRecord, Quoted
from flows.complaint_response.gates import ANSWER_GATE, CLASS_GATE, COMPLAINT_GATE, FACTS_GATE
from flows.complaint_response.letter import PARAGRAPHS, derived
from flows.complaint_response.paragraphs import PARTS
from fulcrum.cases import Json
from fulcrum.catalogue import load_catalogue
from fulcrum.due import Due, WorkingHours
from fulcrum.process import (
    AiStep,
    Autonomy,
    Baseline,
    Basis,
    Costs,
    Deputy,
    Intents,
    Objectives,
    Owner,
    Priority,
    Process,
    ReviewPolicy,
    Step,
    StepKind,
)

FOLDER = Path(__file__).parent


def text_of(complaint: Json, _values: Json) -> str:
    """Give what the model reads of a complaint."""
    return str(complaint["text"])


def summary_of(complaint: Json, values: Json) -> str:
    """Give what the model reads to choose paragraphs: what is known by now, then the complaint."""
    quotes = [f"- {fact['quote']}" for fact in values.get("facts") or ()]
    head = [f"{name.capitalize()}: {values.get(name)}" for name in ("product", "issue", "severity")]
    return "\n".join([*head, "Facts:", *quotes, "", text_of(complaint, values)])


def _offered(part: str) -> tuple[Any, str]:
    """Give the ids of the approved paragraphs of a part as a type, and when each is to be taken, in words."""
    approved = [one for one in PARAGRAPHS.values() if one.part == part]
    kind: Any = Literal[tuple(one.id for one in approved)]
    return kind, " ".join(f"{one.id}: {one.words}." for one in approved)


def _choices() -> type[BaseModel]:
    """Make the model of the last answer: for each part of the letter, the approved paragraphs there are."""
    fields: dict[str, Any] = {}
    for part in PARTS:
        kind, told = _offered(part)
        words = part.replace("_", " ")
        fields[part] = (kind, Field(description=f"The paragraph for the letter's {words}. Labels: {told}"))
    config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    return create_model("Chosen", __config__=config, __doc__="What the model is asked last: the paragraphs.", **fields)


def _answer() -> type[ComplaintAnswer]:
    """Let the answer's parts be approved paragraphs alone, so that a reviewer chooses and never types one."""
    fields: dict[str, Any] = {}
    for part in PARTS:
        kind, _ = _offered(part)
        fields[part] = (kind | None, ComplaintAnswer.model_fields[part])
    return create_model("ComplaintAnswer", __base__=ComplaintAnswer, __module__=__name__, **fields)


def severe(values: Json) -> bool:
    """Tell whether so much is at stake that two people have to decide."""
    return values.get("severity") == "severe"


def approvals(values: Json) -> int:
    """Say how many people have to approve an answer."""
    return 2 if severe(values) else 1


def verified(_values: Json) -> bool:
    """Ask for a code where two people approve and where many cases are decided at once, and nowhere else."""
    return False


def priority(values: Json) -> Priority:
    """Say how soon a complaint should be looked at."""
    return Priority.HIGH if severe(values) else Priority.NORMAL


def label(values: Json) -> str:
    """Name a complaint in the review queue: `Complaint, Mortgage, severe`."""
    named = [values.get("product"), values.get("severity")]
    return ", ".join(["Complaint", *(str(part) for part in named if part)])


def record_of(answer: ComplaintAnswer) -> ComplaintRecord:
    """Book an answer, with the paragraphs' versions that it is made of."""
    used = [PARAGRAPHS[name] for part in PARTS if (name := getattr(answer, part)) in PARAGRAPHS]
    return ComplaintRecord(
        product=answer.product,
        issue=answer.issue,
        severity=answer.severity,
        deadline=answer.deadline,
        paragraphs=", ".join(f"{one.id} v{one.version}" for one in used),
        facts="\n".join(fact.quote for fact in answer.facts),
        letter=answer.draft,
    )


OFFICE = WorkingHours(zone="America/New_York", country="US")
"""When the complaints office works."""

CLASSIFY = AiStep(name="classify", answer=Classified, prompt=FOLDER / "classify.md", text=text_of, examples=25)
FACTS = AiStep(name="facts", answer=Quoted, prompt=FOLDER / "facts.md", text=text_of)
DRAFT = AiStep(name="draft", answer=_choices(), prompt=FOLDER / "draft.md", text=summary_of, examples=5)


COMPLAINT_RESPONSE = Process(
    name="complaint-response",
    title="Complaint response",
    purpose="Every complaint is answered within 15 days, in approved words, by a person who has read it.",
    folder=FOLDER,
    owner=Owner(name="Head of Complaints", email="complaints-owner@example.com", queue="complaints-lead"),
    deputy=Deputy(name="Chief Compliance Officer", email="complaints-deputy@example.com"),
    on_call="#complaints-on-call",
    steps=(
        Step(name="take in", kind=StepKind.SYSTEM, what="Every complaint becomes a case, once."),
        Step(name="check the complaint", kind=StepKind.RULE, what="What nobody can read is set aside for a person."),
        Step(name="classify", kind=StepKind.AI, what="What product and issue it is about."),
        Step(name="check the class", kind=StepKind.RULE, what="Product and issue go together; severity follows."),
        Step(name="facts", kind=StepKind.AI, what="The facts are quoted, letter for letter."),
        Step(name="check the facts", kind=StepKind.RULE, what="Each quote stands in the complaint, at its place."),
        Step(name="draft", kind=StepKind.AI, what="Approved paragraphs are chosen; nothing is written freely."),
        Step(
            name="check the letter", kind=StepKind.RULE, what="No other amount, date or promise; the deadline is right."
        ),
        Step(name="decide", kind=StepKind.HUMAN, what="A person reads and decides every one; two, where it is severe."),
        Step(name="file", kind=StepKind.SYSTEM, what="The letter lies in the outbox and in the register, once."),
    ),
    steps_before=(
        Step(name="open the mail", kind=StepKind.HUMAN, what="Complaints are copied into a shared list."),
        Step(name="find the product", kind=StepKind.HUMAN, what="A clerk asks three departments whose it is."),
        Step(name="write the letter", kind=StepKind.HUMAN, what="An officer writes freely, from an older letter."),
        Step(name="have it read", kind=StepKind.HUMAN, what="Compliance reads it and sends it back."),
        Step(name="send and file", kind=StepKind.HUMAN, what="Somebody sends it, and files it when there is time."),
    ),
    intents=Intents(
        speed_over_accuracy="No: a wrong promise costs more than a day, so a person decides every answer.",
        ownership_open="Yes: the head of complaints answers for the whole way, whatever the product.",
        willing_to_redesign="Yes: letters are made of approved paragraphs, and nobody writes them freely.",
    ),
    case=Complaint,
    outcome=_answer(),
    ai_steps=(CLASSIFY, FACTS, DRAFT),
    gates=(COMPLAINT_GATE, CLASS_GATE, FACTS_GATE, ANSWER_GATE),
    objectives=Objectives(
        cycle_time_p95=timedelta(days=5),
        cost_per_case=Decimal("14.00"),
        currency="USD",
        manual_rate=1.0,
        error_rate=0.02,
    ),
    baseline=Baseline(
        basis=Basis.DECLARED,
        source="estimate of the sample company's complaints team, to be replaced by a measured event log",
        cycle_time_p95=timedelta(days=21),
        cost_per_case=Decimal("62.00"),
        currency="USD",
        manual_rate=1.0,
        error_rate=0.06,
    ),
    costs=Costs(person_per_hour=Decimal("58.00")),
    review=ReviewPolicy(
        threshold=0.20,
        audit_share=0.0,
        required=("product", "issue", "severity", "draft", "deadline"),
        queue="complaints",
        label=label,
        due=Due(
            # Five working days of eight hours.
            within=timedelta(hours=40),
            hours=OFFICE,
            warn=timedelta(hours=8),
            escalate_to="complaints-lead",
            escalate_after=timedelta(hours=8),
            end_after=timedelta(hours=24),
        ),
        approvals=approvals,
        verified=verified,
        priority=priority,
    ),
    autonomy=Autonomy.ASSISTED,
    max_autonomy=Autonomy.ASSISTED,
    personal=("text", "state", "facts", "draft"),
    retention=timedelta(days=365 * 7),
    targets=("folder-target/complaint-outbox", "sql-target/complaints"),
    posting=record_of,
    posting_model=ComplaintRecord,
    business_key=lambda _values: None,
    derived=derived,
    catalogues=(load_catalogue(FOLDER / "products.yaml"), load_catalogue(FOLDER / "issues.yaml")),
    currency="USD",
    segment=lambda _input, values: str(values.get("product") or ""),
)
