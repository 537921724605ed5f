"""What a run does to the cases it holds: gate, propose, route. Every verb is one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, RowMapping, insert, select

from fulcrum.cases import Batch, Case, Delivery, Json, ModelCall, Proposal, Route, Routing, Status
from fulcrum.due import ONE_DAY, Due
from fulcrum.ledger.halts import refuse_while_halted
from fulcrum.ledger.journal import IDS, INSERT_CONTENTS, Change, Kept, apply, chunked, content_row, read_contents
from fulcrum.ledger.outbox import post
from fulcrum.ledger.review_rows import open_reviews
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, ContentRow, EventRow, ModelCallRow, ProposalRow

_INSERT_CALLS = insert(ModelCallRow)
_INSERT_PROPOSALS = insert(ProposalRow)
_PAID = select(ModelCallRow.case_id, ModelCallRow.cost, ModelCallRow.currency, ModelCallRow.asked_at).where(
    ModelCallRow.case_id.in_(IDS)
)
_BOOKED = select(EventRow.case_id, EventRow.cost).where(EventRow.case_id.in_(IDS), EventRow.cost.is_not(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """The final outcome of a case that needs no person, and the effects it is to have."""

    values: Json
    deliveries: tuple[Delivery, ...] = field(default=())


class Work:
    """Reads the cases of a batch and records what a run makes of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def cases(self, batch: Batch, *statuses: Status) -> list[Case]:
        """Read the batch's cases with their input, in the batch's order, of the given statuses only."""
        with self._store.read() as tx:
            return read_cases(tx, batch.case_ids, {status.value for status in statuses} or None)

    def proposals(self, case_ids: Iterable[str]) -> dict[str, Proposal]:
        """Read each case's newest proposal."""
        with self._store.read() as tx:
            return read_proposals(tx, case_ids)

    def behind(self, batch: Batch, place: int) -> list[tuple[Case, Proposal]]:
        """Find the batch's cases that stand behind an AI step (counted from 0), with what it has proposed."""
        cases = self.cases(batch, Status.PROPOSED)
        proposals = self.proposals(case.id for case in cases)
        return [(case, proposals[case.id]) for case in cases if proposals[case.id].place == place]

    def keys_taken(self, process: str, keys: Iterable[str]) -> dict[str, str]:
        """Say which business keys are held by a case that has its effect or will have it, and by which."""
        holding = {Status.CLEARED, Status.APPROVED, Status.DELIVERED, Status.DELIVERY_FAILED}
        taken: dict[str, str] = {}
        with self._store.read() as tx:
            for chunk in chunked({key for key in keys if key}):
                # The status is left out of the query: SQLite would search by that, through all that is delivered.
                query = select(CaseRow.business_key, CaseRow.id, CaseRow.status).where(
                    CaseRow.process == process, CaseRow.business_key.in_(chunk)
                )
                taken |= {key: case_id for key, case_id, status in tx.execute(query) if key and status in holding}
        return taken

    def pass_gate(
        self,
        batch: Batch,
        passed: Sequence[str],
        gate: str,
        version: str,
        started_at: datetime,
        *,
        set_aside: Sequence[Routing] = (),
        due: Due = ONE_DAY,
    ) -> None:
        """Record the intake gate's whole verdict at once: who goes on, and who is set aside for a person to repair."""
        facts = {"gate": gate, "version": version}
        checks = [
            Change(
                case_id=case_id,
                transition="check",
                activity="check",
                resource="rule",
                actor=gate,
                started_at=started_at,
                facts=facts,
            )
            for case_id in passed
        ]
        changes = [*checks, *(_set_aside(routing, gate, started_at) for routing in set_aside)]
        now = self._store.now()
        with self._store.write() as tx:
            apply(tx, changes, now=now, run_id=batch.run_id, lease=batch)
            open_reviews(tx, batch.process, set_aside, now=now, due=due)

    def quarantine(
        self, batch: Batch, routings: Sequence[Routing], *, gate: str, due: Due, started_at: datetime
    ) -> None:
        """Set unsound cases aside, each with its reason, and ask a person to repair or discard them."""
        self.pass_gate(batch, (), gate, "", started_at, set_aside=routings, due=due)

    def answers(self, keys: Iterable[str]) -> dict[str, tuple[ModelCall, str]]:
        """Find the questions that were answered before, with the answer's text: a paid answer is not paid again."""
        found: dict[str, tuple[ModelCall, str]] = {}
        with self._store.read() as tx:
            for chunk in chunked(set(keys)):
                query = (
                    select(ModelCallRow, ContentRow.body)
                    .join(ContentRow, ContentRow.digest == ModelCallRow.answer)
                    .where(ModelCallRow.key.in_(chunk), ContentRow.body.is_not(None))
                    .order_by(ModelCallRow.asked_at.desc())
                )
                for row in tx.execute(query).mappings():
                    found[row["key"]] = (_call(row), row["body"]["text"])
        return found

    def record(
        self, batch: Batch, calls: Sequence[ModelCall], proposals: Sequence[Proposal], keys: Mapping[str, str | None]
    ) -> None:
        """Make calls durable and, in the same transaction, the proposals that came of them.

        `keys` are the proposals' business keys by case. A proposal's event carries what its case's calls have cost so
        far, those of an unsound first answer among them.
        """
        now = self._store.now()
        with self._store.write() as tx:
            _store_calls(tx, batch.run_id, calls, now)
            if proposals:
                owed = unbooked(tx, [p.case_id for p in proposals])
                changes = [_propose(p, owed.get(p.case_id), keys.get(p.case_id), now) for p in proposals]
                kept = apply(tx, changes, now=now, run_id=batch.run_id, lease=batch)
                tx.execute(_INSERT_PROPOSALS, [_proposal_row(p, batch.run_id, kept[p.case_id], now) for p in proposals])

    def route(
        self,
        batch: Batch,
        routings: Sequence[Routing],
        cleared: Mapping[str, Cleared],
        *,
        gate: str,
        due: Due,
        started_at: datetime,
        version: str = "",
    ) -> None:
        """Record each case's route with its reason: cleared ones get their outcome and outbox rows, others a review.

        `gate` and `version` say which rules, or which step, the route follows from. Raises ProcessHalted where it
        would clear a case of a process that is halted; then nothing changed.
        """
        now = self._store.now()
        with self._store.write() as tx:
            if cleared:
                refuse_while_halted(tx, batch.process)
            owed = unbooked(tx, [routing.case_id for routing in routings])
            changes = [
                _route_change(r, cleared.get(r.case_id), owed.get(r.case_id), (gate, version), started_at)
                for r in routings
            ]
            apply(tx, changes, now=now, run_id=batch.run_id, lease=batch)
            open_reviews(tx, batch.process, [r for r in routings if r.route is Route.REVIEW], now=now, due=due)
            post(tx, [d for outcome in cleared.values() for d in outcome.deliveries], now=now)


def read_cases(tx: Connection, case_ids: Sequence[str], statuses: set[str] | None = None) -> list[Case]:
    """Read cases with their input, in the order asked for."""
    rows: dict[str, RowMapping] = {}
    for chunk in chunked(case_ids):
        query = select(CaseRow).where(CaseRow.id.in_(chunk))
        if statuses is not None:
            query = query.where(CaseRow.status.in_(statuses))
        rows.update({row["id"]: row for row in tx.execute(query).mappings()})
    inputs = read_contents(tx, [row["input"] for row in rows.values() if row["input"]])
    return [case_of(rows[c], inputs.get(rows[c]["input"], {})) for c in case_ids if c in rows]


def read_proposals(tx: Connection, case_ids: Iterable[str]) -> dict[str, Proposal]:
    """Read each case's newest proposal, with its values and evidence."""
    rows: dict[str, RowMapping] = {}
    for chunk in chunked(case_ids):
        query = select(ProposalRow).where(ProposalRow.case_id.in_(chunk))
        query = query.order_by(ProposalRow.revision, ProposalRow.place)
        rows.update({row["case_id"]: row for row in tx.execute(query).mappings()})
    bodies = read_contents(tx, [row["content"] for row in rows.values()])
    return {case_id: _proposal(row, bodies.get(row["content"], {})) for case_id, row in rows.items()}


def case_of(row: RowMapping, case_input: Json) -> Case:
    """Make the value of a case's row."""
    names = ("id", "process", "external_id", "received_at", "unsound", "original", "revision", "reason_code", "reason")
    route = Route(row["route"]) if row["route"] else None
    return Case(**{name: row[name] for name in names}, status=Status(row["status"]), route=route, input=case_input)


def _proposal(row: RowMapping, body: Json) -> Proposal:
    kept = {name: row[name] for name in PROPOSAL_COLUMNS}
    return Proposal(**kept, values=body.get("values", {}), evidence=body.get("evidence", {}))


@dataclass(frozen=True, slots=True)
class Owed:
    """What the calls of a case have cost that no event carries yet, and when the first call of the case was made."""

    cost: Decimal
    currency: str
    since: datetime


def unbooked(tx: Connection, case_ids: Sequence[str]) -> dict[str, Owed]:
    """Find by case the cost of calls that no event carries yet: the event log is the bill, so none may be left out."""
    owed: dict[str, Owed] = {}
    for chunk in chunked(case_ids):
        for case_id, cost, currency, asked_at in tx.execute(_PAID, {"ids": chunk}):
            before = owed.get(case_id, Owed(Decimal(0), currency, asked_at))
            owed[case_id] = Owed(before.cost + cost, currency, min(before.since, asked_at))
        for case_id, booked in tx.execute(_BOOKED, {"ids": chunk}):
            if case_id in owed and booked is not None:
                owed[case_id] = replace(owed[case_id], cost=owed[case_id].cost - booked)
    return owed


def _propose(proposal: Proposal, owed: Owed | None, key: str | None, now: datetime) -> Change:
    facts = {"step": proposal.step, "kind": proposal.kind, "confidence": proposal.confidence}
    versions = {"sop": proposal.sop_version, "prompt": proposal.prompt_version}
    return Change(
        case_id=proposal.case_id,
        transition="propose",
        activity=f"propose {proposal.step}",
        resource="ai" if proposal.kind == "ai" else "rule",
        actor=proposal.model,
        started_at=owed.since if owed else now,
        cost=owed.cost if owed else None,
        currency=owed.currency if owed else None,
        facts=facts | versions,
        kind="proposal",
        content={"values": proposal.values, "evidence": proposal.evidence},
        sets={"business_key": key},
    )


def _proposal_row(proposal: Proposal, run_id: str, kept: Kept, now: datetime) -> Json:
    row = {name: getattr(proposal, name) for name in PROPOSAL_COLUMNS}
    return row | {"content": kept.digest, "revision": kept.revision, "run_id": run_id, "proposed_at": now}


PROPOSAL_COLUMNS = (
    "case_id", "step", "place", "kind", "confidence", "field_confidence", "model", "sop_version", "prompt_version",
)  # fmt: skip

CALL_COLUMNS = (
    "key", "case_id", "step", "sample", "attempt", "model", "error", "tokens_in", "tokens_out",
    "cost", "currency", "seconds", "asked_at", "field_confidence",
)  # fmt: skip


def _store_calls(tx: Connection, run_id: str, calls: Sequence[ModelCall], now: datetime) -> None:
    contents, rows = [], []
    for call in calls:
        row: Json = {name: getattr(call, name) for name in CALL_COLUMNS}
        row |= {"id": secrets.token_hex(16), "run_id": run_id, "answer": None}
        if call.answer is not None:
            contents.append(content := content_row(call.case_id, "answer", {"text": call.answer}, now))
            row["answer"] = content["digest"]
        rows.append(row)
    if contents:
        tx.execute(INSERT_CONTENTS, contents)
    if rows:
        tx.execute(_INSERT_CALLS, rows)


def _call(row: RowMapping) -> ModelCall:
    return ModelCall(**{name: row[name] for name in CALL_COLUMNS}, answer=row["body"]["text"])


def _set_aside(routing: Routing, gate: str, started_at: datetime) -> Change:
    return Change(
        case_id=routing.case_id,
        transition="quarantine",
        activity="quarantine",
        resource="rule",
        actor=gate,
        started_at=started_at,
        facts={"code": routing.code, "reason": routing.reason},
        sets=_route_columns(routing),
    )


def _route_columns(routing: Routing) -> Json:
    return {
        "route": routing.route.value,
        "reason_code": routing.code.value,
        "reason": routing.reason,
        "audit_probability": routing.audit_probability,
    }


def _route_change(
    routing: Routing, outcome: Cleared | None, owed: Owed | None, gate: tuple[str, str], started_at: datetime
) -> Change:
    unpaid = owed if owed and owed.cost else None
    facts = {
        "route": routing.route,
        "code": routing.code,
        "reason": routing.reason,
        "audit_probability": routing.audit_probability,
        "version": gate[1],
    }
    return Change(
        case_id=routing.case_id,
        transition="clear" if routing.route is Route.CLEARED else "review",
        activity="clear" if routing.route is Route.CLEARED else "ask for review",
        resource="rule",
        actor=gate[0],
        started_at=started_at,
        cost=unpaid.cost if unpaid else None,
        currency=unpaid.currency if unpaid else None,
        facts=facts,
        kind="outcome",
        content=outcome.values if outcome else None,
        keep="outcome" if outcome else None,
        sets=_route_columns(routing),
    )
