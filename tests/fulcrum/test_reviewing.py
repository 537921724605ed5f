"""How the reviewing goes: speed, edits and agreement, of each person, for the owner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fulcrum.cases import ReasonCode, ReviewKind, Verdict
from fulcrum.reviewing import Decided, quality

OPENED = datetime(2026, 11, 2, 9, tzinfo=UTC)


def decided(case_id: str, reviewer: str, *, number: int = 1, minutes: float = 10, **more: Any) -> Decided:
    facts = {"kind": ReviewKind.DECIDE, "code": ReasonCode.GATE, "verdict": Verdict.APPROVE, "changed": ()} | more
    at = OPENED + timedelta(minutes=minutes)
    return Decided(case_id=case_id, number=number, reviewer=reviewer, opened_at=OPENED, decided_at=at, **facts)


def test_speed_and_edits() -> None:
    """The median time from queued to decided, and the share of approvals that change nothing."""
    found = quality(
        [
            decided("a", "Ada", minutes=1),
            decided("b", "Ada", minutes=2, changed=("total",)),
            decided("c", "Ada", minutes=60, verdict=Verdict.REJECT),
        ]
    )
    (ada,) = found
    assert (ada.decisions, ada.waited, ada.never_edited, ada.agreed) == (3, timedelta(minutes=2), 0.5, None)
    assert ada.row() == ("Ada", "3", "2 min 00 s", "50%", "")


def test_where_two_decided_both_are_compared() -> None:
    """The second bears the first out by approving the same; a change or a rejection is disagreement, for both."""
    second: dict[str, Any] = {"number": 2, "code": ReasonCode.FOUR_EYES}
    found = quality(
        [
            decided("a", "Ada"),
            decided("a", "Bo", **second),
            decided("b", "Ada"),
            decided("b", "Bo", **second, changed=("draft",)),
            decided("c", "Bo"),
            decided("c", "Ada", **second, verdict=Verdict.REJECT),
            # An escalation between two people is no comparison.
            decided("d", "Ada", verdict=Verdict.ESCALATE),
            decided("d", "Bo", number=2, code=ReasonCode.ESCALATED),
        ]
    )
    assert [(one.reviewer, one.compared, one.agreed) for one in found] == [("Ada", 3, 1 / 3), ("Bo", 3, 1 / 3)]


def test_a_blind_audit_is_compared_with_what_the_ai_proposed() -> None:
    """Whoever fills in the same agrees with it."""
    audit: dict[str, Any] = {"kind": ReviewKind.AUDIT, "code": ReasonCode.AUDIT}
    (ada,) = quality([decided("a", "Ada", **audit), decided("b", "Ada", **audit, changed=("total",))])
    assert (ada.compared, ada.agreed, ada.never_edited) == (2, 0.5, None)


def test_it_is_no_ranking() -> None:
    """People stand in the order of their names, whatever the figures are."""
    found = quality([decided("a", "Cleo", minutes=1), decided("b", "Ada", minutes=90), decided("c", "Bo", minutes=5)])
    assert [one.reviewer for one in found] == ["Ada", "Bo", "Cleo"]


def test_without_decisions_there_is_nothing_to_say() -> None:
    """And no division by nothing."""
    assert quality([]) == []
