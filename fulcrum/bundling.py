"""Which of the open reviews may be decided together, and which are left to be looked at one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from fulcrum.answering import Said, checked
from fulcrum.authority import needed
from fulcrum.cases import Json, ReasonCode, ReviewKind, Verdict
from fulcrum.errors import DecisionRefused
from fulcrum.ledger import Dossier
from fulcrum.process import Process
from fulcrum.reviewers import Reviewer

EXCEPTIONS = {
    ReasonCode.ESCALATED: "it was escalated",
    ReasonCode.FOUR_EYES: "somebody has approved it, and another person has to",
    ReasonCode.REFUSED: "a target has refused it",
    ReasonCode.REOPENED: "it was reopened",
    ReasonCode.AUDIT: "an audit is decided without the AI's proposal",
}
"""Why a review is no matter of routine, by the reason that it is there for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which open reviews somebody means: those of a reason, up to an amount, of some ids; all of them unless said."""

    verdict: Verdict
    reason: str | None = None
    max_amount: Decimal | None = None
    ids: tuple[str, ...] = ()

    def meant(self, dossier: Dossier) -> bool:
        """Tell whether a review is among them, whatever its amount."""
        review = dossier.review
        named = not self.ids or review.id in self.ids or review.case_id in self.ids
        return named and (self.reason is None or review.code == self.reason)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What may be decided together, and what is left out with why."""

    taken: tuple[Dossier, ...]
    left: tuple[tuple[Dossier, str], ...]


def sift(process: Process, dossiers: Sequence[Dossier], choice: Choice, reviewer: Reviewer) -> Sifted:
    """Take of the reviews that are meant those that a person may decide without a look at each."""
    taken, left = [], []
    for dossier in dossiers:
        if choice.meant(dossier):
            why = _exception(process, dossier, choice, reviewer)
            if why is None:
                taken.append(dossier)
            else:
                left.append((dossier, why))
    return Sifted(tuple(taken), tuple(left))


def never(_values: Json) -> bool:
    """Tell that nothing is asked for."""
    return False


def _exception(process: Process, dossier: Dossier, choice: Choice, reviewer: Reviewer) -> str | None:
    review, proposal = dossier.review, dossier.proposal
    if not reviewer.decides(review.queue):
        return f"it waits in the queue {review.queue}"
    if review.kind is ReviewKind.REPAIR:
        return "its input has to be mended or discarded"
    if review.code in EXCEPTIONS:
        return EXCEPTIONS[review.code]
    values = proposal.values if proposal is not None else {}
    if needed(process, dossier, None) > 1 or (process.review.verified or never)(values):
        return "so much is at stake that each is decided on its own"
    if choice.max_amount is not None and (problem := _beyond(process.review.amount(values), choice.max_amount)):
        return problem
    return _unfit(process, dossier) if choice.verdict is Verdict.APPROVE else None


def _beyond(amount: Decimal | None, limit: Decimal) -> str | None:
    if amount is None:
        return "its amount is not known"
    return "its amount is above the limit" if abs(amount) > limit else None


def _unfit(process: Process, dossier: Dossier) -> str | None:
    """Say in words without content why a proposal cannot be approved as it stands."""
    if dossier.proposal is None:
        return "nothing is proposed"
    try:
        checked(process, dossier, Said(verdict=Verdict.APPROVE, reviewer="-"))
    except DecisionRefused:
        return "what is proposed cannot be approved as it stands"
    return None
