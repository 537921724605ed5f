"""The frozen values that travel between the parts: what a case is, what was proposed for it, what was decided."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Any, TypeAlias

from fulcrum.due import Urgency

Json: TypeAlias = dict[str, Any]
"""A JSON object as Python holds it."""


class Status(StrEnum):
    """Where a case stands in its process."""

    RECEIVED = "received"
    QUARANTINED = "quarantined"
    CHECKED = "checked"
    PROPOSED = "proposed"
    CLEARED = "cleared"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    DELIVERED = "delivered"
    DELIVERY_FAILED = "delivery_failed"
    CLOSED = "closed"
    DISCARDED = "discarded"


class Route(StrEnum):
    """What a run made of a case; a case without one is still open."""

    QUARANTINED = "quarantined"
    CLEARED = "cleared"
    REVIEW = "review"


class Verdict(StrEnum):
    """What a person says of a case: the first three in a review, the next two of a quarantined case.

    Who hands a case on decides nothing: a colleague is asked instead.
    """

    APPROVE = "approve"
    REJECT = "reject"
    ESCALATE = "escalate"
    REPAIR = "repair"
    DISCARD = "discard"
    HAND_ON = "hand_on"


class Effect(StrEnum):
    """What a delivery does in the target system."""

    POSTING = "posting"
    REJECTION = "rejection"
    REVERSAL = "reversal"


def case_id_of(process: str, external_id: str) -> str:
    """Derive a case's id, 16 characters a-z2-7, from what makes it unique: its process and its external id."""
    digest = blake2b(f"{process}\0{external_id}".encode(errors="surrogatepass"), digest_size=10).digest()
    return base64.b32encode(digest).decode().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCase:
    """A case as a source hands it in, before the ledger knows it.

    `input` is the case model's data as JSON. A record that could not be read has `unsound`, the reason in words
    without content, and whatever of its input there is.
    """

    external_id: str
    input: Json
    unsound: str | None = None
    original: str | None = None
    """SHA-256 of the original's bytes, under which the originals' folder keeps them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as the ledger knows it."""

    id: str
    process: str
    external_id: str
    status: Status
    received_at: datetime
    input: Json
    unsound: str | None = None
    original: str | None = None
    revision: int = 1
    route: Route | None = None
    reason_code: str | None = None
    reason: str | None = None


class ReviewKind(StrEnum):
    """What a person is asked: to decide an outcome, to decide it unseen by the AI's proposal, or to mend an input."""

    DECIDE = "decide"
    AUDIT = "audit"
    REPAIR = "repair"


class ReasonCode(StrEnum):
    """Why a case is where it is, in a word that can be counted and filtered by."""

    UNSOUND = "unsound"
    BATCH_REFUSED = "batch-refused"
    GATE = "gate"
    LOW_CONFIDENCE = "low-confidence"
    NO_CONFIDENCE = "no-confidence"
    AUTONOMY = "autonomy"
    HALTED = "halted"
    AUDIT = "audit"
    DEGRADED = "degraded"
    BUDGET = "budget"
    ESCALATED = "escalated"
    REFUSED = "refused"
    REOPENED = "reopened"
    FOUR_EYES = "four-eyes"
    SUFFICIENT = "sufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What happens to a case next, and why in words.

    `audit_probability` is the chance with which the case was, or could have been, drawn into the audit sample;
    None where no draw was made.
    """

    case_id: str
    route: Route
    code: ReasonCode
    reason: str
    kind: ReviewKind = ReviewKind.DECIDE
    queue: str = ""
    audit_probability: float | None = None
    approved_by: tuple[str, ...] = ()
    """Who has approved it already, where another person is asked as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A person's task on one case."""

    id: str
    case_id: str
    process: str
    kind: ReviewKind
    code: ReasonCode
    reason: str
    queue: str
    opened_at: datetime
    due_at: datetime
    generation: int = 1
    flow_run_id: str | None = None
    assignee: str | None = None
    """Who is asked first; anybody else of the queue may decide as well."""
    urgency: Urgency = Urgency.WAITING
    approved_by: tuple[str, ...] = ()
    """Who has approved the outcome that is proposed here already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided in a review, checked and ready to be recorded.

    `values` are the outcome's (or for a repair the input's) after the person's edits; `corrections` say by field what
    was proposed and what was made of it.
    """

    review_id: str
    verdict: Verdict
    reviewer: str
    note: str | None = None
    values: Json | None = None
    corrections: dict[str, dict[str, Any]] = field(default_factory=dict)
    resource: str = "human"
    """Who decided, as the event log says it: `human`, or `system` where nobody did in time."""
    code_step: int | None = None
    """The step of time of the code that proved who decided; None where no code was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a step says the outcome of a case is.

    `values` is the outcome model's data as JSON. `confidence` (0 to 1) is the lowest of the required fields'; None
    means that nobody knows and always leads to a review. `evidence` says, by field, where in the source it was found.
    `place` counts the AI steps from 0: a later step's proposal holds the earlier ones' values as well.
    """

    case_id: str
    step: str
    kind: str
    values: Json
    confidence: float | None
    field_confidence: dict[str, float] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    sop_version: str = ""
    prompt_version: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What people have approved of a case that needs another's approval as well."""

    reviewers: tuple[str, ...]
    values: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One request to a model and what came of it; the record is durable before the answer is used.

    `key` is the content key of the paid question (case, step, request, sample, attempt). `answer` is the message's
    text, `logprobs` the endpoint's token list; both None when `error` says why there is no answer. Seconds and
    tokens are as measured; `cost` is in `currency`.
    """

    key: str
    case_id: str
    step: str
    sample: int
    attempt: int
    model: str
    answer: str | None
    error: str | None
    tokens_in: int
    tokens_out: int
    cost: Decimal
    currency: str
    seconds: float
    asked_at: datetime
    field_confidence: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some cases that a run holds under one lease; their data stays in the ledger."""

    process: str
    run_id: str
    token: str
    case_ids: tuple[str, ...]

    def __len__(self) -> int:
        """Count the cases."""
        return len(self.case_ids)

    def only(self, case_ids: set[str]) -> Batch:
        """Keep the cases named, in the batch's order."""
        return Batch(self.process, self.run_id, self.token, tuple(c for c in self.case_ids if c in case_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An effect that is to happen once in a target system.

    `posting` is the effect's typed content as JSON. `key` is the idempotency key; `business_key` is what may stand
    only once in the target, whatever the case (None: no such limit). `reverses` names the key of the delivery undone.
    """

    key: str
    case_id: str
    external_id: str
    process: str
    target: str
    effect: Effect
    revision: int
    posting: Json
    business_key: str | None = None
    reverses: str | None = None
    decided_by: str | None = None
    note: str | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """A target's word that it has the delivery, with its own reference; `repeated` when it had it already."""

    reference: str
    repeated: bool = False
