"""The outbox: effects that are to happen once, claimed, tried outside any transaction, and receipted."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, insert, or_, select, update
from sqlalchemy.orm import aliased

from fulcrum.cases import Delivery, Effect, Json, ReasonCode, Receipt, ReviewKind, Route, Routing
from fulcrum.due import Due
from fulcrum.errors import FulcrumError, LeaseLost
from fulcrum.ledger.halts import halt_in_force
from fulcrum.ledger.journal import IN_A_STATEMENT, LEASE, Change, apply, content_row, read_contents
from fulcrum.ledger.review_rows import open_reviews
from fulcrum.ledger.states import TRANSITIONS
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import CaseRow, ContentRow, DeliveryRow

PENDING, DELIVERED, REFUSED, CANCELLED = "pending", "delivered", "refused", "cancelled"

_SETTLED = (
    update(DeliveryRow)
    .where(DeliveryRow.key == bindparam("the_key"))
    .values(lease_token=None, lease_until=None, attempts=bindparam("tries"))
)
_RECEIPTED = _SETTLED.values(state=DELIVERED, receipt=bindparam("reference"), delivered_at=bindparam("now"), error=None)
_FAILED = _SETTLED.values(state=bindparam("left"), error=bindparam("why"), due_at=bindparam("now"))


@dataclass(frozen=True, slots=True)
class Parcel:
    """Some deliveries that one worker holds under one lease."""

    process: str
    token: str
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one delivery: a receipt, or the error that says why not; `final` when no retry will mend it."""

    delivery: Delivery
    receipt: Receipt | None = None
    error: FulcrumError | None = None
    final: bool = False


class Outbox:
    """Hands out deliveries that are due and records what came of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def claim(
        self,
        process: str,
        *,
        before: datetime | None = None,
        case_ids: Sequence[str] | None = None,
        limit: int = IN_A_STATEMENT,
    ) -> Parcel | None:
        """Take deliveries that are due (or were `before` a moment) and that nobody holds, oldest first.

        A posting waits while an older effect of its case is still to come: what is reversed must be reversed first.
        While the process is halted, only what people have decided is handed out.
        """
        now = self._store.now()
        token = secrets.token_hex(16)
        older = aliased(DeliveryRow)
        waiting = select(older.key).where(
            older.case_id == DeliveryRow.case_id,
            older.target == DeliveryRow.target,
            older.state == PENDING,
            older.revision < DeliveryRow.revision,
        )
        query = (
            select(DeliveryRow)
            .where(
                DeliveryRow.process == process,
                DeliveryRow.state == PENDING,
                DeliveryRow.due_at <= (before or now),
                or_(DeliveryRow.lease_until.is_(None), DeliveryRow.lease_until <= now),
                ~waiting.exists(),
            )
            .order_by(DeliveryRow.due_at, DeliveryRow.key)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        if case_ids is not None:
            query = query.where(DeliveryRow.case_id.in_(case_ids[:IN_A_STATEMENT]))
        with self._store.write() as tx:
            if halt_in_force(tx, process) is not None:
                query = query.where(DeliveryRow.decided_by.is_not(None))
            rows = tx.execute(query).mappings().all()
            held = {"lease_token": token, "lease_until": now + LEASE}
            tx.execute(update(DeliveryRow).where(DeliveryRow.key.in_([row["key"] for row in rows])).values(held))
            deliveries = _deliveries(tx, rows)
        return Parcel(process, token, deliveries) if deliveries else None

    def record(
        self,
        parcel: Parcel,
        results: Sequence[Result],
        *,
        run_id: str | None,
        queue: str,
        due: Due,
        started_at: datetime,
    ) -> None:
        """Record what came of a parcel: receipts, failures to be tried again, refusals that go to a person."""
        now = self._store.now()
        with self._store.write() as tx:
            _hold(tx, parcel)
            _settle(tx, results, now)
            transitions = _transitions(tx, results)
            changes = [_change(result, started_at, transitions[result.delivery.key]) for result in results]
            apply(tx, changes, now=now, run_id=run_id)
            _cancel_outdated(tx, results, now)
            refused = [_returned(result, queue) for result in results if transitions[result.delivery.key] == "return"]
            open_reviews(tx, parcel.process, refused, now=now, due=due)


def post(tx: Connection, deliveries: Sequence[Delivery], *, now: datetime) -> None:
    """Put effects into the outbox, in the transaction that decides them."""
    if not deliveries:
        return
    contents = [content_row(d.case_id, "posting", {"posting": d.posting, "note": d.note}, now) for d in deliveries]
    rows: list[Json] = []
    for delivery, content in zip(deliveries, contents, strict=True):
        names = ("key", "case_id", "process", "target", "revision", "business_key", "reverses", "decided_by")
        row: Json = {name: getattr(delivery, name) for name in names}
        rows.append(
            row
            | {
                "effect": delivery.effect.value,
                "content": content["digest"],
                "state": PENDING,
                "attempts": 0,
                "due_at": now,
                "created_at": now,
            }
        )
    tx.execute(insert(ContentRow), contents)
    tx.execute(insert(DeliveryRow), rows)


def delivered_effects(tx: Connection, case_id: str) -> list[Delivery]:
    """Read the effects of a case that stand in a target: delivered, and neither reversed nor about to be."""
    query = select(DeliveryRow).where(DeliveryRow.case_id == case_id, DeliveryRow.state.in_([DELIVERED, PENDING]))
    rows = tx.execute(query.order_by(DeliveryRow.created_at, DeliveryRow.key)).mappings().all()
    reversed_keys = {row["reverses"] for row in rows}
    delivered = [row for row in rows if row["state"] == DELIVERED and row["effect"] != Effect.REVERSAL]
    standing = [row for row in delivered if row["key"] not in reversed_keys]
    return list(_deliveries(tx, standing))


def _deliveries(tx: Connection, rows: Sequence[RowMapping]) -> tuple[Delivery, ...]:
    bodies = read_contents(tx, [row["content"] for row in rows])
    outside = _external_ids(tx, [row["case_id"] for row in rows])
    return tuple(_delivery(row, bodies.get(row["content"], {}), outside[row["case_id"]]) for row in rows)


def _external_ids(tx: Connection, case_ids: Sequence[str]) -> Mapping[str, str]:
    query = select(CaseRow.id, CaseRow.external_id).where(CaseRow.id.in_(case_ids))
    return {row.id: row.external_id for row in tx.execute(query)}


def _delivery(row: RowMapping, body: Json, external_id: str) -> Delivery:
    names = ("key", "case_id", "process", "target", "revision", "business_key", "reverses", "decided_by", "attempts")
    kept = {name: row[name] for name in names}
    return Delivery(
        **kept,
        external_id=external_id,
        effect=Effect(row["effect"]),
        posting=body.get("posting", {}),
        note=body.get("note"),
    )


def _hold(tx: Connection, parcel: Parcel) -> None:
    keys = [delivery.key for delivery in parcel.deliveries]
    held = set(
        tx.execute(
            select(DeliveryRow.key).where(
                DeliveryRow.key.in_(keys), DeliveryRow.lease_token == parcel.token, DeliveryRow.state == PENDING
            )
        ).scalars()
    )
    lost = [delivery for delivery in parcel.deliveries if delivery.key not in held]
    if lost:
        raise LeaseLost(count=len(lost), case_id=lost[0].case_id)


def _settle(tx: Connection, results: Sequence[Result], now: datetime) -> None:
    taken = [_attempted(r) | {"reference": r.receipt.reference, "now": now} for r in results if r.receipt is not None]
    failed = [
        _attempted(r) | {"left": REFUSED if _goes_back(r) else PENDING, "why": str(r.error), "now": now}
        for r in results
        if r.receipt is None
    ]
    for statement, rows in ((_RECEIPTED, taken), (_FAILED, failed)):
        if rows:
            tx.execute(statement, rows)


def _attempted(result: Result) -> Json:
    return {"the_key": result.delivery.key, "tries": result.delivery.attempts + 1}


def _goes_back(result: Result) -> bool:
    return result.receipt is None and result.final and result.delivery.effect is Effect.POSTING


def _transitions(tx: Connection, results: Sequence[Result]) -> dict[str, str]:
    """Say what each result does to its case, by the delivery's key.

    Of a case's results in one parcel one refusal sends it back, or the last receipt completes it where no target is
    still to come. What comes of a case that a person has in hand by now is only noted.
    """
    case_ids = {result.delivery.case_id for result in results}
    found = tx.execute(select(CaseRow.id, CaseRow.status).where(CaseRow.id.in_(case_ids)))
    waits = {case_id for case_id, status in found if status in TRANSITIONS["deliver"]}
    pending = select(DeliveryRow.case_id).where(DeliveryRow.case_id.in_(case_ids), DeliveryRow.state == PENDING)
    unfinished = set(tx.execute(pending).scalars())
    effects = [r for r in results if r.delivery.case_id in waits and r.delivery.effect is not Effect.REVERSAL]
    refused = {r.delivery.case_id: r for r in effects if _goes_back(r)}
    complete = {r.delivery.case_id: r for r in effects if r.receipt and r.delivery.case_id not in unfinished}
    kept = [r for r in effects if r.delivery.case_id not in refused]
    return (
        {r.delivery.key: "note" for r in results}
        | {r.delivery.key: "fail_delivery" for r in kept if r.receipt is None}
        | {r.delivery.key: "deliver" for case_id, r in complete.items() if case_id not in refused}
        | {r.delivery.key: "return" for r in refused.values()}
    )


def _cancel_outdated(tx: Connection, results: Sequence[Result], now: datetime) -> None:
    """Withdraw what other targets have not taken yet of an outcome that one of them refused; it is decided anew."""
    newest = select(CaseRow.revision).where(CaseRow.id == DeliveryRow.case_id).scalar_subquery()
    outdated = (
        DeliveryRow.case_id.in_({result.delivery.case_id for result in results}),
        DeliveryRow.state == PENDING,
        DeliveryRow.effect == Effect.POSTING.value,
        DeliveryRow.revision < newest,
        or_(DeliveryRow.lease_until.is_(None), DeliveryRow.lease_until <= now),
    )
    tx.execute(update(DeliveryRow).where(*outdated).values(state=CANCELLED))


def _change(result: Result, started_at: datetime, transition: str) -> Change:
    delivery = result.delivery
    facts: Json = {"key": delivery.key, "effect": delivery.effect, "target": delivery.target}
    sets: Json = {}
    if result.receipt is not None:
        facts |= {"receipt": result.receipt.reference, "repeated": result.receipt.repeated}
    else:
        facts |= {"error": str(result.error)}
    if transition == "return":
        sets = {
            "route": Route.REVIEW.value,
            "reason_code": ReasonCode.REFUSED.value,
            "reason": str(result.error),
            "revision": delivery.revision + 1,
        }
    return Change(
        case_id=delivery.case_id,
        transition=transition,
        activity=_activity(result),
        resource="system",
        actor=delivery.target,
        started_at=started_at,
        facts=facts,
        sets=sets,
    )


def _activity(result: Result) -> str:
    if result.receipt is not None:
        return "deliver"
    return "deliver: refused" if _goes_back(result) else "deliver: failed"


def _returned(result: Result, queue: str) -> Routing:
    return Routing(
        case_id=result.delivery.case_id,
        route=Route.REVIEW,
        code=ReasonCode.REFUSED,
        reason=str(result.error),
        kind=ReviewKind.DECIDE,
        queue=queue,
    )
