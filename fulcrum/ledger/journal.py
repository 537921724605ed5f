"""How the ledger writes: every change of a case is its new status and its event, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BindParameter, Connection, Update, bindparam, insert, select, update

from fulcrum.cases import Batch, Json, Status
from fulcrum.errors import CaseNotFound, LeaseLost
from fulcrum.ledger.chain import START, event_hash, new_salt, text_digest
from fulcrum.ledger.columns import Canonical, canonical
from fulcrum.ledger.states import OPEN, after
from fulcrum.ledger.tables import CaseRow, ContentRow, EventRow

LEASE = timedelta(seconds=60)
"""How long a run holds a case without writing to it."""

IN_A_STATEMENT = 500
"""How many ids a statement names at once; SQLite takes 32,766 variables, a planner likes fewer."""

T = TypeVar("T")

# Built once: SQLAlchemy then finds the compiled form at once. Built anew for each of a run's many small transactions,
# their construction was half of what those cost (docs/performance.md).
IDS: BindParameter[Any] = bindparam("ids", expanding=True)
INSERT_CONTENTS = insert(ContentRow)
_INSERT_EVENTS = insert(EventRow)
_CONTENTS = select(ContentRow.digest, ContentRow.body).where(ContentRow.digest.in_(IDS))
# Ordered, so that two writers lock rows in one order and cannot wait for each other in a circle.
_STANDING = (
    select(
        CaseRow.id, CaseRow.process, CaseRow.status, CaseRow.lease_token, CaseRow.received_at, CaseRow.revision,
        CaseRow.head, CaseRow.events,
    )
    .where(CaseRow.id.in_(IDS))
    .order_by(CaseRow.id)
    .with_for_update()
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one case: a transition, and the event that records it.

    `facts` hold no content; `content` is kept apart under its salted digest, as `kind`. `sets` are further columns
    of the case that change with it. `keep` names the column of the case that is to point to the content.
    """

    case_id: str
    transition: str
    activity: str
    resource: str
    started_at: datetime
    actor: str | None = None
    cost: Decimal | None = None
    currency: str | None = None
    facts: Json = field(default_factory=dict)
    kind: str = ""
    content: Json | None = None
    keep: str | None = None
    sets: Json = field(default_factory=dict)


def chunked(items: Iterable[T], size: int = IN_A_STATEMENT) -> Iterator[list[T]]:
    """Cut a stream into lists of at most `size`."""
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk


def keep_content(tx: Connection, case_id: str, kind: str, body: Json, now: datetime) -> str:
    """Store a content and return the digest it goes by."""
    row = content_row(case_id, kind, body, now)
    tx.execute(INSERT_CONTENTS, [row])
    return str(row["digest"])


def content_row(case_id: str, kind: str, body: Json, now: datetime) -> Json:
    """Make the row of a content under a fresh salt."""
    salt, text = new_salt(), Canonical(canonical(body))
    return {
        "digest": text_digest(salt, text),
        "case_id": case_id,
        "kind": kind,
        "salt": salt,
        "body": text,
        "created_at": now,
    }


def read_contents(tx: Connection, digests: Iterable[str]) -> dict[str, Json]:
    """Read contents by digest; erased ones are missing."""
    found: dict[str, Json] = {}
    for chunk in chunked(set(digests)):
        rows = tx.execute(_CONTENTS, {"ids": chunk})
        found.update({digest: body for digest, body in rows if body is not None})
    return found


class Kept(NamedTuple):
    """A content that a change has left: the digest it goes by, and its case's revision."""

    digest: str
    revision: int


class _Standing(NamedTuple):
    process: str
    status: Status
    token: str | None
    received_at: datetime
    revision: int
    head: str
    events: int


def apply(
    tx: Connection,
    changes: Sequence[Change],
    *,
    now: datetime,
    run_id: str | None = None,
    lease: Batch | None = None,
    hold: bool = True,
) -> dict[str, Kept]:
    """Make the changes, all or none; several of one case follow each other. Returns the contents kept, by case.

    With `lease` each case must still be held under its token; the lease is renewed where `hold`, and ends where the
    case is no longer open. Raises CaseNotFound, LeaseLost or IllegalTransition.
    """
    if not changes:
        return {}
    cases = _standing(tx, [change.case_id for change in changes])
    if lease is not None:
        _hold(lease, cases)
    contents: list[Json] = []
    events: list[Json] = []
    updates: dict[str, Json] = {}
    kept: dict[str, Kept] = {}
    for change in changes:
        standing = cases[change.case_id]
        status = after(change.case_id, standing.status, change.transition)
        digest = None
        if change.content is not None:
            contents.append(row := content_row(change.case_id, change.kind, change.content, now))
            digest = str(row["digest"])
            kept[change.case_id] = Kept(digest, standing.revision)
        event = _event(change, standing, status, digest, now, run_id)
        events.append(event)
        sets = dict(change.sets) | ({change.keep: digest} if change.keep else {})
        updates[change.case_id] = updates.get(change.case_id, {}) | sets | _case_columns(event, standing, status)
        cases[change.case_id] = standing._replace(status=status, head=event["hash"], events=standing.events + 1)
    if contents:
        tx.execute(INSERT_CONTENTS, contents)
    tx.execute(_INSERT_EVENTS, events)
    _update(tx, updates, now + LEASE if lease is not None and hold else None)
    return kept


def first_event(case: Json, *, now: datetime, run_id: str | None, facts: Json) -> Json:
    """Make the event that a case begins with; the case's row gets its hash as head."""
    change = Change(
        case_id=case["id"], transition="", activity="receive", resource="system", started_at=now, facts=facts
    )
    standing = _Standing(case["process"], Status.RECEIVED, None, now, 1, START, 0)
    return _event(change, standing, Status.RECEIVED, case["input"], now, run_id)


def _standing(tx: Connection, case_ids: Sequence[str]) -> dict[str, _Standing]:
    found: dict[str, _Standing] = {}
    for chunk in chunked(sorted(set(case_ids))):
        for case_id, process, status, token, received_at, revision, head, events in tx.execute(
            _STANDING, {"ids": chunk}
        ):
            found[case_id] = _Standing(process, Status(status), token, received_at, revision, head, events)
    for case_id in case_ids:
        if case_id not in found:
            raise CaseNotFound(case_id=case_id)
    return found


def _hold(lease: Batch, cases: Mapping[str, _Standing]) -> None:
    lost = [case_id for case_id, standing in cases.items() if standing.token != lease.token]
    if lost:
        raise LeaseLost(count=len(lost), case_id=lost[0])


def _event(
    change: Change, standing: _Standing, status: Status, digest: str | None, now: datetime, run_id: str | None
) -> Json:
    event: Json = {
        "case_id": change.case_id,
        "seq": standing.events + 1,
        "process": standing.process,
        "activity": change.activity,
        "resource": change.resource,
        "actor": change.actor,
        "run_id": run_id,
        "started_at": change.started_at,
        "ended_at": now,
        "cost": change.cost,
        "currency": change.currency,
        "status": status.value,
        "facts": change.facts,
        "content": digest,
        "previous": standing.head,
    }
    return event | {"hash": event_hash(event)}


def _case_columns(event: Json, standing: _Standing, status: Status) -> Json:
    return {
        "status": status.value,
        "head": event["hash"],
        "events": event["seq"],
        "updated_at": event["ended_at"],
        "open_since": standing.received_at if status in OPEN else None,
    }


def _update(tx: Connection, updates: Mapping[str, Json], lease_until: datetime | None) -> None:
    groups: dict[tuple[str, ...], list[Json]] = {}
    for case_id, columns in updates.items():
        held = lease_until is not None and columns["open_since"] is not None
        row = columns | ({"lease_until": lease_until} if held else {"lease_token": None, "lease_until": None})
        groups.setdefault(tuple(sorted(row)), []).append({f"new_{k}": v for k, v in row.items()} | {"the_id": case_id})
    for names, rows in groups.items():
        tx.execute(_update_of(names), rows)


@lru_cache(maxsize=64)
def _update_of(names: tuple[str, ...]) -> Update:
    """Build the update that sets these columns of one case after another."""
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(CaseRow).where(CaseRow.id == bindparam("the_id")).values(values)
