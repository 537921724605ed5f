"""What somebody is told when something is wrong: one message a cause, to act on at two in the morning (pure).

Each has a runbook of the same name in docs/runbooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fulcrum.cases import Json
from fulcrum.process import Process


class Severity(StrEnum):
    """Whether somebody is woken, or reads it the next working day."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A kind of thing that goes wrong.

    `means` is what it is, `retry` whether running again is safe and why. `look` and `mend` are commands, in which
    `{process}` is the process's name.
    """

    kind: str
    severity: Severity
    means: str
    retry: str
    look: str
    mend: str

    @property
    def event(self) -> str:
        """Name the event that it comes as."""
        return f"fulcrum.{self.kind}"

    @property
    def runbook(self) -> str:
        """Name the page that says what to do."""
        return f"docs/runbooks/{self.kind.replace('.', '-')}.md"


SAFE = "yes: a run takes up only what is open, pays no answer and posts no case twice"

CAUSES: Mapping[str, Cause] = {
    cause.kind: cause
    for cause in (
        Cause(
            kind="run.failed", severity=Severity.PAGE,
            means="A run has failed; its cases stand where they were.", retry=SAFE,
            look="fulcrum cases {process}", mend="fulcrum run {process}",
        ),
        Cause(
            kind="run.crashed", severity=Severity.PAGE,
            means="A run's process was killed, or its machine stopped; its cases stand where they were.", retry=SAFE,
            look="fulcrum cases {process}", mend="fulcrum run {process}",
        ),
        Cause(
            kind="run.missing", severity=Severity.PAGE,
            means="A process that runs on a schedule has had two starts without a successful run.", retry=SAFE,
            look="fulcrum doctor", mend="fulcrum run {process}",
        ),
        Cause(
            kind="gate.failed", severity=Severity.TICKET,
            means="More proposals of a batch broke the gate than is tolerated; all of it went to people.",
            retry="no need: the batch is with people already",
            look="fulcrum reviews {process}", mend="fulcrum halt {process} --by NAME --reason TEXT",
        ),
        Cause(
            kind="deliveries.failing", severity=Severity.PAGE,
            means="A target does not take what is decided; it waits in the outbox.",
            retry="yes: each effect has its key, and what the target has already is not made again",
            look="fulcrum cases {process} --status delivery_failed", mend="fulcrum run {process}",
        ),
        Cause(
            kind="ai.degraded", severity=Severity.TICKET,
            means="The model gave no usable answer in time; those cases wait or are with people.", retry=SAFE,
            look="fulcrum model check", mend="fulcrum run {process}",
        ),
        Cause(
            kind="drift.detected", severity=Severity.TICKET,
            means="What comes in, or what the AI says, is not what it was when autonomy was granted.",
            retry="no need: nothing has failed",
            look="fulcrum drift {process}", mend="fulcrum autonomy set {process} LEVEL --by NAME --reason TEXT",
        ),
        Cause(
            kind="promise.broken", severity=Severity.TICKET,
            means="A rate that the process promises is broken.", retry="no need: nothing has failed",
            look="fulcrum drift {process}", mend="fulcrum autonomy set {process} LEVEL --by NAME --reason TEXT",
        ),
        Cause(
            kind="autonomy.lowered", severity=Severity.PAGE,
            means="A promise about the AI's answers is broken, so the process may do less alone from its next run on.",
            retry="no need: people decide what it may not",
            look="fulcrum autonomy {process}", mend="fulcrum autonomy set {process} LEVEL --by NAME --reason TEXT",
        ),
        Cause(
            kind="review.overdue", severity=Severity.TICKET,
            means="Reviews are near their due date or past it.", retry="no need: nothing has failed",
            look="fulcrum reviews {process}", mend="fulcrum reviewers add NAME --queue QUEUE",
        ),
        Cause(
            kind="reviewer.locked", severity=Severity.TICKET,
            means="Five wrong codes in a row were typed under a reviewer's name.", retry="no need: nothing has failed",
            look="fulcrum reviewers list", mend="fulcrum reviewers enroll NAME",
        ),
    )
}  # fmt: skip
"""The causes that Fulcrum tells itself, by kind; deployments/automations.yaml has those that Prefect's server tells."""


def message(
    cause: Cause,
    process: Process,
    facts: Mapping[str, object],
    counts: Mapping[str, int],
    *,
    alarm_id: str | None = None,
) -> Json:
    """Write the message of a cause: an event's payload, of which `title` and `body` are for people.

    `facts` say what exactly, without content; `counts` are the process's cases by status. A page that stands under
    `alarm_id` says how to take it on.
    """
    ack = f"fulcrum alerts ack {alarm_id[:8]} --by NAME" if alarm_id and cause.severity is Severity.PAGE else ""
    names = {"process": process.name}
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
    touched = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in sorted(counts.items()) if count)
    body = "\n".join(
        line
        for line in (
            cause.means,
            f"What: {told}" if told else "",
            f"Process: {process.name}; owner: {process.owner.name} <{process.owner.email}>; on call: {process.on_call}",
            f"Cases: {touched or 'none'}",
            f"Is running it again safe? {cause.retry[0].upper()}{cause.retry[1:]}.",
            f"Look: {cause.look.format(**names)}",
            f"Mend: {cause.mend.format(**names)}",
            f"Halt: fulcrum halt {process.name} --by NAME --reason TEXT",
            f"Take it on: {ack}" if ack else "",
            f"Runbook: {cause.runbook}",
        )
        if line
    )
    return {
        "severity": cause.severity.value,
        "title": f"[{cause.severity}] {process.title}: {cause.kind.replace('.', ' ')}",
        "body": body,
        "runbook": cause.runbook,
        "process": process.name,
        "owner": process.owner.name,
        "deputy": process.deputy.name,
        "on_call": process.on_call,
        "counts": dict(counts),
        **facts,
    }
