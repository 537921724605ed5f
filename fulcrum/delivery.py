"""Making effects happen once: the outbox is emptied into the targets, outside any ledger transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import BaseModel

from fulcrum.cases import Delivery, Receipt
from fulcrum.errors import DeliveryFailed, DeliveryRefused, FulcrumError
from fulcrum.ledger import Ledger, Parcel, Result
from fulcrum.ledger.journal import chunked
from fulcrum.process import Process

PAUSES = (0.2, 0.8)
"""Seconds to wait before the second and the third try of a target that did not answer."""


class Target(Protocol):
    """A system that outcomes take effect in."""

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel]) -> list[Receipt | FulcrumError]:
        """Make the effects happen, each once; one answer each, in order."""
        ...


def deliver_due(
    ledger: Ledger,
    process: Process,
    targets: Mapping[str, Target],
    *,
    run_id: str | None = None,
    case_ids: Sequence[str] | None = None,
) -> list[Result]:
    """Deliver what is due in the outbox, of these cases only where given; return what came of each delivery.

    A target that does not answer is tried three times; what it then still has not taken stays in the outbox.
    """
    began = ledger.store.now()
    results: list[Result] = []
    for some in [None] if case_ids is None else chunked(case_ids):
        while parcel := ledger.outbox.claim(process.name, before=began, case_ids=some):
            started = ledger.store.now()
            came = _hand_over(process, targets, parcel)
            policy = process.review
            ledger.outbox.record(parcel, came, run_id=run_id, queue=policy.queue, due=policy.due, started_at=started)
            results.extend(came)
    return results


def _hand_over(process: Process, targets: Mapping[str, Target], parcel: Parcel) -> list[Result]:
    settled: dict[str, Result] = {}
    left = parcel.deliveries
    for pause in (0.0, *PAUSES):
        time.sleep(pause)
        for result in _try(process, targets, left):
            settled[result.delivery.key] = result
        left = tuple(d for d in left if isinstance(settled[d.key].error, DeliveryFailed))
        if not left:
            break
    return [settled[delivery.key] for delivery in parcel.deliveries]


def _try(process: Process, targets: Mapping[str, Target], deliveries: Sequence[Delivery]) -> list[Result]:
    results = []
    for name in dict.fromkeys(delivery.target for delivery in deliveries):
        mine = [delivery for delivery in deliveries if delivery.target == name]
        answers = _answers(process, targets.get(name), name, mine)
        results += [_result(delivery, answer) for delivery, answer in zip(mine, answers, strict=True)]
    return results


def _answers(
    process: Process, target: Target | None, name: str, deliveries: Sequence[Delivery]
) -> list[Receipt | FulcrumError]:
    if target is None:
        reason = "no such block is configured; fulcrum bootstrap makes those that processes name"
        return [DeliveryFailed(target=name, reason=reason) for _ in deliveries]
    return target.deliver(deliveries, process.posting_model)


def _result(delivery: Delivery, answer: Receipt | FulcrumError) -> Result:
    if isinstance(answer, Receipt):
        return Result(delivery=delivery, receipt=answer)
    return Result(delivery=delivery, error=answer, final=isinstance(answer, DeliveryRefused))
