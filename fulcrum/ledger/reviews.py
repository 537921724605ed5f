"""The review desk's side of the ledger: what waits for a person, and what the person decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from fulcrum.cases import (
    Approval,
    Case,
    Decision,
    Delivery,
    Json,
    Proposal,
    ReasonCode,
    Review,
    ReviewKind,
    Route,
    Routing,
    Status,
    Verdict,
)
from fulcrum.due import Due
from fulcrum.errors import AlreadyDecided, CaseErased, CaseNotFound, DecisionRefused, ReviewNotFound
from fulcrum.ledger.columns import begins
from fulcrum.ledger.journal import Change, apply, chunked, keep_content, read_contents
from fulcrum.ledger.outbox import delivered_effects, post
from fulcrum.ledger.retention import is_erased
from fulcrum.ledger.review_rows import DECIDED, OPEN, open_reviews, review_of
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, DecisionRow, ReviewRow, UsedCodeRow
from fulcrum.ledger.work import read_cases, read_proposals
from fulcrum.reviewers import key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """All that a reviewer needs: the review, its case, what was proposed, and what others have approved of it."""

    review: Review
    case: Case
    proposal: Proposal | None
    approved: Approval | None = None
    repaired_by: tuple[str, ...] = ()
    """Who has mended the case's input."""


class Reviews:
    """Lists open reviews, records decisions, puts decided cases back."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, process: str | None = None, *, unpublished: bool = False) -> list[Review]:
        """List the open reviews, oldest first; with `unpublished` only those that no Prefect run shows yet."""
        query = select(ReviewRow).where(ReviewRow.state == OPEN).order_by(ReviewRow.opened_at, ReviewRow.id)
        if process is not None:
            query = query.where(ReviewRow.process == process)
        if unpublished:
            query = query.where(ReviewRow.flow_run_id.is_(None))
        with self._store.read() as tx:
            return [review_of(row) for row in tx.execute(query).mappings()]

    def dossiers(self, reviews: Sequence[Review]) -> list[Dossier]:
        """Read the case and the proposal of each review; once a person has decided, that is what is proposed anew."""
        case_ids = [review.case_id for review in reviews]
        with self._store.read() as tx:
            cases = {case.id: case for case in read_cases(tx, case_ids)}
            decided = _decided_before(tx, case_ids)
            proposals = read_proposals(tx, case_ids) | decided
            repairers = _repairers(tx, case_ids)
        return [
            Dossier(
                review=r,
                case=cases[r.case_id],
                proposal=proposals.get(r.case_id),
                approved=_approval(r.approved_by, decided.get(r.case_id)),
                repaired_by=repairers.get(r.case_id, ()),
            )
            for r in reviews
        ]

    def find(self, name: str) -> Review:
        """Find a review by its id, or the open one of a case by the case's id or the beginning of either.

        Where none is open it is the case's last one, so that whoever is late is told who decided. Raises
        ReviewNotFound, also when the beginning fits several.
        """
        with self._store.read() as tx:
            exact = tx.execute(select(ReviewRow).where(ReviewRow.id == name)).mappings().one_or_none()
            if exact is not None:
                return review_of(exact)
            # A review's id is its case's with a number, and the index of its cases knows both.
            like = select(ReviewRow).where(begins(ReviewRow.case_id, name.partition("-")[0]))
            if "-" in name:
                like = like.where(ReviewRow.id.startswith(name, autoescape=True))
            rows = tx.execute(like.where(ReviewRow.state == OPEN).limit(2)).mappings().all()
            if not rows:
                rows = tx.execute(like.order_by(ReviewRow.number.desc())).mappings().all()
        if len({row["case_id"] for row in rows}) != 1:
            raise ReviewNotFound(review_id=name)
        return review_of(rows[0])

    def published(self, flow_runs: Mapping[str, str]) -> None:
        """Note which Prefect run shows which review."""
        with self._store.write() as tx:
            for review_id, flow_run_id in flow_runs.items():
                tx.execute(update(ReviewRow).where(ReviewRow.id == review_id).values(flow_run_id=flow_run_id))

    def withdraw_publication(self, review_ids: Iterable[str]) -> None:
        """Forget the Prefect runs of reviews whose run is gone; the next generation is shown anew."""
        with self._store.write() as tx:
            for chunk in chunked(review_ids):
                fresh = {"flow_run_id": None, "generation": ReviewRow.generation + 1}
                tx.execute(update(ReviewRow).where(ReviewRow.id.in_(chunk), ReviewRow.state == OPEN).values(fresh))

    def decide(
        self,
        decision: Decision,
        *,
        deliveries: Sequence[Delivery] = (),
        escalate_to: str = "",
        business_key: str | None = None,
        second: Routing | None = None,
        due: Due,
    ) -> None:
        """Record a decision with all its consequences, once.

        With `second` it approves as the first of several people: nothing takes effect, and another one is asked.
        The first valid answer wins. Raises ReviewNotFound, AlreadyDecided, DecisionRefused where the decision's code
        has decided the case before, or IllegalTransition; then nothing changed.
        """
        now = self._store.now()
        with self._store.write() as tx:
            review = _lock(tx, decision.review_id)
            case = read_cases(tx, [review["case_id"]])[0]
            proposal = read_proposals(tx, [case.id]).get(case.id)
            _use_code(tx, decision, case.id)
            change = _change(decision, review, case, business_key, now)
            apply(tx, [_as_first(change) if second else change], now=now)
            _record(tx, decision, review, proposal, now)
            if decision.verdict is Verdict.ESCALATE:
                second = _escalation(decision, review, escalate_to)
            open_reviews(tx, case.process, [second] if second else [], now=now, due=due)
            post(tx, deliveries, now=now)

    def reopen(
        self, case_id: str, *, by: str, reason: str, reversals: Sequence[Delivery], queue: str, due: Due
    ) -> None:
        """Put a finished case back before a person and reverse its standing effects by deliveries of their own.

        Raises CaseNotFound, IllegalTransition, or CaseErased where its contents are gone.
        """
        now = self._store.now()
        with self._store.write() as tx:
            # Locked first, as housekeeping does: a case is erased or reopened, not both at once.
            tx.execute(select(CaseRow.id).where(CaseRow.id == case_id).with_for_update())
            case = _one(tx, case_id)
            if is_erased(tx, case_id):
                raise CaseErased(case_id=case_id)
            words = f"reopened by {by}"
            kind = ReviewKind.REPAIR if case.status is Status.DISCARDED else ReviewKind.DECIDE
            route = Route.QUARANTINED if kind is ReviewKind.REPAIR else Route.REVIEW
            change = Change(
                case_id=case_id, transition="reopen", activity="reopen", resource="human", actor=by, started_at=now,
                facts={"reverses": [delivery.reverses for delivery in reversals]},
                kind="note", content={"reason": reason},
                sets={"route": route.value, "reason_code": ReasonCode.REOPENED.value, "reason": words,
                      "revision": case.revision + 1, "business_key": None},
            )  # fmt: skip
            apply(tx, [change], now=now)
            routing = Routing(
                case_id=case_id, route=route, code=ReasonCode.REOPENED, reason=words, kind=kind, queue=queue
            )
            open_reviews(tx, case.process, [routing], now=now, due=due)
            post(tx, reversals, now=now)

    def release(self, process: str, *, by: str, reason: str) -> int:
        """Put back what was quarantined only because its batch was refused; return how many cases."""
        now = self._store.now()
        with self._store.write() as tx:
            query = (
                select(ReviewRow.id, ReviewRow.case_id)
                .join(CaseRow, CaseRow.id == ReviewRow.case_id)
                .where(
                    ReviewRow.process == process,
                    ReviewRow.state == OPEN,
                    CaseRow.status == Status.QUARANTINED.value,
                    CaseRow.reason_code == ReasonCode.BATCH_REFUSED.value,
                )
            )
            rows = tx.execute(query).all()
            blank: Json = {"route": None, "reason_code": None, "reason": None}
            changes = [
                Change(
                    case_id=case_id,
                    transition="release",
                    activity="release",
                    resource="human",
                    actor=by,
                    started_at=now,
                    kind="note",
                    content={"reason": reason},
                    sets=blank,
                )
                for _, case_id in rows
            ]
            # Reviews before cases, as a decision locks them: two that lock in turns could wait for each other.
            for chunk in chunked(review_id for review_id, _ in rows):
                tx.execute(update(ReviewRow).where(ReviewRow.id.in_(chunk)).values(state="withdrawn"))
            if changes:
                apply(tx, changes, now=now)
        return len(rows)

    def standing_effects(self, case_id: str) -> list[Delivery]:
        """List the effects of a case that stand in a target."""
        with self._store.read() as tx:
            _one(tx, case_id)
            return delivered_effects(tx, case_id)

    def is_open(self, review_id: str) -> bool:
        """Tell whether a review waits for a person."""
        query = select(ReviewRow.id).where(ReviewRow.id == review_id, ReviewRow.state == OPEN)
        with self._store.read() as tx:
            return tx.execute(query).first() is not None

    def decision(self, review_id: str) -> tuple[str, str] | None:
        """Say what was decided in a review and by whom; None while it is open."""
        with self._store.read() as tx:
            return _decided(tx, review_id)


def _decided_before(tx: Connection, case_ids: Sequence[str]) -> dict[str, Proposal]:
    """Make a proposal of the outcome that a case had before it was reopened or refused by its target."""
    kept: dict[str, str] = {}
    for chunk in chunked(set(case_ids)):
        query = (
            select(CaseRow.id, CaseRow.outcome)
            .join(DecisionRow, DecisionRow.case_id == CaseRow.id)
            .where(CaseRow.id.in_(chunk), CaseRow.outcome.is_not(None), DecisionRow.verdict == Verdict.APPROVE.value)
        )
        kept.update((row.id, row.outcome) for row in tx.execute(query))
    bodies = read_contents(tx, kept.values())
    return {
        case_id: Proposal(case_id=case_id, step="", kind="human", values=bodies[digest], confidence=None)
        for case_id, digest in kept.items()
        if digest in bodies
    }


def _repairers(tx: Connection, case_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Name by case who has mended its input."""
    found: dict[str, tuple[str, ...]] = {}
    for chunk in chunked(set(case_ids)):
        query = select(DecisionRow.case_id, DecisionRow.reviewer).where(
            DecisionRow.case_id.in_(chunk), DecisionRow.verdict == Verdict.REPAIR.value
        )
        for case_id, reviewer in tx.execute(query):
            found[case_id] = (*found.get(case_id, ()), reviewer)
    return found


def _approval(reviewers: tuple[str, ...], decided: Proposal | None) -> Approval | None:
    return Approval(reviewers=reviewers, values=decided.values) if reviewers and decided else None


def _one(tx: Connection, case_id: str) -> Case:
    cases = read_cases(tx, [case_id])
    if not cases:
        raise CaseNotFound(case_id=case_id)
    return cases[0]


def _decided(tx: Connection, review_id: str) -> tuple[str, str] | None:
    row = tx.execute(
        select(DecisionRow.verdict, DecisionRow.reviewer).where(DecisionRow.review_id == review_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def _lock(tx: Connection, review_id: str) -> RowMapping:
    row = tx.execute(select(ReviewRow).where(ReviewRow.id == review_id).with_for_update()).mappings().one_or_none()
    if row is None:
        raise ReviewNotFound(review_id=review_id)
    if row["state"] == DECIDED:
        verdict, reviewer = _decided(tx, review_id) or ("?", "?")
        raise AlreadyDecided(review_id=review_id, verdict=verdict, reviewer=reviewer, case_id=row["case_id"])
    if row["state"] != OPEN:
        raise DecisionRefused(review_id=review_id, problem="the review was withdrawn; its case is back in the process")
    return row


def _change(decision: Decision, review: RowMapping, case: Case, key: str | None, now: datetime) -> Change:
    verdict = decision.verdict
    facts: Json = {"review": review["id"], "verdict": verdict, "changed": sorted(decision.corrections)}
    sets: Json = {}
    if verdict is Verdict.APPROVE:
        sets = {"business_key": key}
    elif verdict is Verdict.REPAIR:
        sets = {"route": None, "reason_code": None, "reason": None, "unsound": None, "revision": case.revision + 1}
        sets |= {"lease_run": None}
    return Change(
        case_id=case.id,
        transition=verdict.value,
        activity=verdict.value,
        resource=decision.resource,
        actor=decision.reviewer,
        # Work on it began no earlier than the queueing; the reviewer's own minutes are estimated from their decisions.
        started_at=now,
        facts=facts,
        kind="outcome" if verdict is Verdict.APPROVE else "input",
        content=decision.values if verdict in {Verdict.APPROVE, Verdict.REPAIR} else None,
        keep={Verdict.APPROVE: "outcome", Verdict.REPAIR: "input"}.get(verdict),
        sets=sets,
    )


def _use_code(tx: Connection, decision: Decision, case_id: str) -> None:
    """Spend a decision's code on its case; raise DecisionRefused where it is spent."""
    if decision.code_step is None:
        return
    use = {"reviewer": key_of(decision.reviewer), "case_id": case_id, "step": decision.code_step}
    spent = select(UsedCodeRow.step).where(*(getattr(UsedCodeRow, name) == value for name, value in use.items()))
    if tx.execute(spent).first() is not None:
        problem = "this code has decided this case before; wait for the next one"
        raise DecisionRefused(review_id=decision.review_id, problem=problem)
    tx.execute(insert(UsedCodeRow), [use])


def _as_first(change: Change) -> Change:
    """Record an approval that takes no effect before another person has approved the same."""
    return replace(change, transition="approve_first", activity="approve first", sets={})


def _record(tx: Connection, decision: Decision, review: RowMapping, proposal: Proposal | None, now: datetime) -> None:
    body = {"note": decision.note, "corrections": decision.corrections}
    row: Json = {
        "review_id": review["id"],
        "case_id": review["case_id"],
        "verdict": decision.verdict.value,
        "reviewer": decision.reviewer,
        "content": keep_content(tx, review["case_id"], "decision", body, now),
        "changed": sorted(decision.corrections),
        "sop_version": proposal.sop_version if proposal else None,
        "prompt_version": proposal.prompt_version if proposal else None,
        "model": proposal.model if proposal else None,
        "verified": decision.code_step is not None,
        "decided_at": now,
    }
    tx.execute(insert(DecisionRow), [row])
    tx.execute(update(ReviewRow).where(ReviewRow.id == review["id"]).values(state=DECIDED))


def _escalation(decision: Decision, review: RowMapping, queue: str) -> Routing:
    return Routing(
        case_id=review["case_id"],
        route=Route.REVIEW,
        code=ReasonCode.ESCALATED,
        reason=f"escalated by {decision.reviewer}; before: {review['reason']}",
        kind=ReviewKind.DECIDE,
        queue=queue,
        approved_by=tuple(review["approved_by"]),
    )
