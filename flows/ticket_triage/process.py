"""Ticket triage: who answers for it, what comes in and goes out, what it promises."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

from flows.ticket_triage.gates import MESSAGE_GATE, ROUTING_GATE
from flows.ticket_triage.messages import Intent, Message, Routing, Ticket, ticket_of
from fulcrum.cases import Json
from fulcrum.catalogue import Catalogues, load_catalogue
from fulcrum.due import Due, WorkingHours
from fulcrum.language import language_of
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

EXPECTED = ("en", "de", "fr", "it", "es", "nl", "pl", "pt")
"""The languages that customers write in, those that nobody at the desk answers in among them."""


def text_of(message: Json, _values: Json) -> str:
    """Give what the model reads of a message."""
    return str(message["text"])


def derived(message: Json, values: Json, catalogues: Catalogues) -> Json:
    """Find team and priority by the intent, and the language by the text."""
    option = catalogues["intent"].find(values.get("intent"))
    follows = {name: option.facts.get(name) for name in ("team", "priority")} if option else {}
    return follows | {"language": language_of(text_of(message, values), EXPECTED)}


def label(values: Json) -> str:
    """Name a ticket in the review queue: `Ticket: order status`."""
    intent = values.get("intent")
    return f"Ticket: {str(intent).replace('_', ' ')}" if intent else "Ticket"


def priority(values: Json) -> Priority:
    """Say how soon a message should be looked at: as the catalogue says of its intent."""
    urgency = values.get("priority")
    return {"urgent": Priority.HIGH, "high": Priority.HIGH, "low": Priority.LOW}.get(str(urgency), Priority.NORMAL)


OFFICE = WorkingHours(zone="Europe/Berlin", opens=time(8), closes=time(20), days=frozenset(range(6)), country="DE")
"""When the service desk works: Monday to Saturday."""

CLASSIFY = AiStep(name="classify", answer=Intent, prompt=FOLDER / "prompt.md", text=text_of, examples=25)


TICKET_TRIAGE = Process(
    name="ticket-triage",
    title="Ticket triage",
    purpose="Every customer message reaches the team that can answer it within minutes, with the right urgency.",
    folder=FOLDER,
    owner=Owner(name="Head of Customer Service", email="service-owner@example.com", queue="customer-service-lead"),
    deputy=Deputy(name="Service Desk Coordinator", email="service-deputy@example.com"),
    on_call="#customer-service-on-call",
    steps=(
        Step(name="take in", kind=StepKind.SYSTEM, what="Every message becomes a case, once."),
        Step(name="check the message", kind=StepKind.RULE, what="What nobody can read is set aside for a person."),
        Step(name="classify", kind=StepKind.AI, what="What the customer wants, by messages decided before."),
        Step(name="route", kind=StepKind.RULE, what="Team and priority follow from the intent, the language is told."),
        Step(name="review", kind=StepKind.HUMAN, what="Whatever fits nothing or is unclear, and one in twenty else."),
        Step(name="open the ticket", kind=StepKind.SYSTEM, what="The help desk has it, once, with a receipt."),
    ),
    steps_before=(
        Step(name="read the inbox", kind=StepKind.HUMAN, what="Two people read every message in turn."),
        Step(name="guess the team", kind=StepKind.HUMAN, what="They forward it to a team's list."),
        Step(name="send it on", kind=StepKind.HUMAN, what="The wrong team sends one in five back, a day later."),
        Step(name="answer", kind=StepKind.HUMAN, what="Whoever has it at last opens a ticket by hand."),
    ),
    intents=Intents(
        speed_over_accuracy="Yes: a message at the wrong team comes back in an hour, one that lies for a day is lost.",
        ownership_open="Yes: customer service answers for every message until a team has taken it.",
        willing_to_redesign="Yes: nobody forwards messages by hand any more.",
    ),
    case=Message,
    outcome=Routing,
    ai_steps=(CLASSIFY,),
    gates=(MESSAGE_GATE, ROUTING_GATE),
    objectives=Objectives(
        cycle_time_p95=timedelta(hours=4),
        cost_per_case=Decimal("0.40"),
        currency="EUR",
        manual_rate=0.40,
        error_rate=0.08,
    ),
    baseline=Baseline(
        basis=Basis.DECLARED,
        source="estimate of the sample company's service desk, to be replaced by a measured event log",
        cycle_time_p95=timedelta(hours=26),
        cost_per_case=Decimal("2.10"),
        currency="EUR",
        manual_rate=1.0,
        error_rate=0.20,
    ),
    costs=Costs(person_per_hour=Decimal("36.00")),
    review=ReviewPolicy(
        threshold=0.50,
        audit_share=0.05,
        required=("intent", "team", "priority", "language"),
        queue="customer-service",
        label=label,
        due=Due(
            within=timedelta(hours=4),
            hours=OFFICE,
            warn=timedelta(hours=1),
            escalate_to="customer-service-lead",
            escalate_after=timedelta(hours=2),
        ),
        priority=priority,
    ),
    autonomy=Autonomy.SUPERVISED,
    max_autonomy=Autonomy.AUTONOMOUS,
    personal=("text", "sender"),
    retention=timedelta(days=365 * 2),
    targets=("webhook-target/help-desk",),
    posting=ticket_of,
    posting_model=Ticket,
    business_key=lambda _values: None,
    derived=derived,
    catalogues=(load_catalogue(FOLDER / "intents.yaml"),),
    segment=lambda _input, values: str(values.get("intent") or ""),
)
