"""The case's state machine: its named transitions and nothing else (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fulcrum.cases import Status
from fulcrum.errors import IllegalTransition

S = Status

TRANSITIONS: Mapping[str, Mapping[Status, Status]] = MappingProxyType(
    {
        "check": {S.RECEIVED: S.CHECKED},
        "quarantine": {S.RECEIVED: S.QUARANTINED},
        "repair": {S.QUARANTINED: S.RECEIVED},
        "release": {S.QUARANTINED: S.RECEIVED},
        "discard": {S.QUARANTINED: S.DISCARDED},
        "propose": {S.CHECKED: S.PROPOSED, S.PROPOSED: S.PROPOSED},
        "clear": {S.PROPOSED: S.CLEARED},
        "review": {S.CHECKED: S.IN_REVIEW, S.PROPOSED: S.IN_REVIEW},
        "escalate": {S.IN_REVIEW: S.IN_REVIEW},
        "approve_first": {S.IN_REVIEW: S.IN_REVIEW},
        "approve": {S.IN_REVIEW: S.APPROVED},
        "reject": {S.IN_REVIEW: S.REJECTED},
        "deliver": {
            S.CLEARED: S.DELIVERED,
            S.APPROVED: S.DELIVERED,
            S.REJECTED: S.CLOSED,
            S.DELIVERY_FAILED: S.DELIVERED,
        },
        "fail_delivery": {
            S.CLEARED: S.DELIVERY_FAILED,
            S.APPROVED: S.DELIVERY_FAILED,
            S.REJECTED: S.REJECTED,
            S.DELIVERY_FAILED: S.DELIVERY_FAILED,
        },
        "return": {S.CLEARED: S.IN_REVIEW, S.APPROVED: S.IN_REVIEW, S.DELIVERY_FAILED: S.IN_REVIEW},
        "reopen": {S.DELIVERED: S.IN_REVIEW, S.CLOSED: S.IN_REVIEW, S.DISCARDED: S.QUARANTINED},
        "note": {status: status for status in Status},
    }
)
"""What may happen to a case, by the name of the transition: from which status to which."""

OPEN = frozenset({S.RECEIVED, S.CHECKED, S.PROPOSED})
"""The statuses in which a run still has work to do; every other waits for a person, a delivery or nothing."""


def after(case_id: str, status: Status, transition: str) -> Status:
    """Say where a transition leads; raise IllegalTransition when it is not possible from there."""
    reached = TRANSITIONS[transition].get(status)
    if reached is None:
        raise IllegalTransition(case_id=case_id, status=status.value, transition=transition)
    return reached
