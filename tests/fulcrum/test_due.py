"""When a review is due: working time, and how far a review has come."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulcrum.due import URGENCIES, Default, Due, Urgency, WorkingHours

BERLIN = WorkingHours(zone="Europe/Berlin", country="DE")
H = timedelta(hours=1)


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("moment", "span", "reached"),
    [
        ("2026-11-26 10:00", 2 * H, "2026-11-26 12:00"),
        ("2026-11-26 07:00", 2 * H, "2026-11-26 11:00"),
        ("2026-11-26 16:00", 2 * H, "2026-11-27 10:00"),
        ("2026-11-26 17:00", 8 * H, "2026-11-27 17:00"),
        ("2026-11-27 16:30", 1 * H, "2026-11-30 09:30"),  # over a weekend
        ("2026-11-28 12:00", 1 * H, "2026-11-30 10:00"),  # begun on a Saturday
        ("2026-12-24 16:00", 2 * H, "2026-12-28 10:00"),  # Christmas, then a weekend
        ("2026-03-27 16:00", 2 * H, "2026-03-30 10:00"),  # the clocks are put forward that weekend
        ("2026-11-26 10:00", 0 * H, "2026-11-26 10:00"),
        ("2026-11-26 20:00", 0 * H, "2026-11-27 09:00"),
    ],
)
def test_working_time_passes_while_people_work(moment: str, span: timedelta, reached: str) -> None:
    """Not at night, at weekends or on public holidays, whatever the clocks do."""
    assert BERLIN.after(at(moment), span) == at(reached)


def test_a_day_on_which_clocks_change_has_its_own_length() -> None:
    """Around the clock change a shift from 0:00 to 6:00 has five hours or seven."""
    night = WorkingHours(zone="Europe/Berlin", opens=time(0), closes=time(6), days=frozenset({6}))
    assert night.after(at("2026-03-29 00:00"), 5 * H) == at("2026-03-29 06:00")
    assert night.after(at("2026-10-25 00:00"), 7 * H) == at("2026-10-25 06:00")


@given(
    st.integers(0, 2 * 365 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.timedeltas(timedelta(0), timedelta(hours=60)),
    st.timedeltas(timedelta(0), timedelta(hours=60)),
)
def test_spans_add_up(moment: datetime, one: timedelta, other: timedelta) -> None:
    """Later stays later, and two spans after each other are one span."""
    between = BERLIN.after(moment, one)
    assert between >= moment
    if one > timedelta(0):
        assert BERLIN.after(between, other) == BERLIN.after(moment, one + other)


@pytest.mark.parametrize(
    "wrong",
    [
        {"opens": time(17), "closes": time(9)},
        {"days": frozenset()},
        {"days": frozenset({9})},
        {"zone": "Europe/Nowhere"},
    ],
)
def test_hours_in_which_nobody_works_are_refused(wrong: dict[str, Any]) -> None:
    """When the definition is read, not when the first review is due."""
    with pytest.raises(ValueError, match=r"no working time|no time zone"):
        WorkingHours(**wrong)


@pytest.mark.parametrize("where", [{"country": "XX"}, {"country": "DE", "region": "Nowhere"}])
def test_unknown_holidays_are_an_error(where: dict[str, Any]) -> None:
    """And never no holidays; readiness asks before a process is deployed."""
    with pytest.raises(ValueError, match="are not known"):
        WorkingHours(**where).after(OPENED, H)


OPENED = datetime(2026, 11, 2, 9, tzinfo=UTC)
LADDER = Due(within=8 * H, warn=2 * H, escalate_to="leads", escalate_after=4 * H, end_after=16 * H)


@pytest.mark.parametrize(
    ("hours", "reached"),
    [
        (0, Urgency.WAITING),
        (5.9, Urgency.WAITING),
        (6, Urgency.SOON),
        (7.9, Urgency.SOON),
        (8, Urgency.OVERDUE),
        (12, Urgency.ESCALATED),
        (23.9, Urgency.ESCALATED),
        (24, Urgency.ENDED),
        (1000, Urgency.ENDED),
    ],
)
def test_a_review_comes_further_as_it_waits(hours: float, reached: Urgency) -> None:
    """Warned, due, in the second queue, ended."""
    assert LADDER.urgency(OPENED, LADDER.at(OPENED), OPENED + timedelta(hours=hours)) is reached


def test_what_a_process_does_not_ask_for_does_not_happen() -> None:
    """Without a second queue and an end a review stays overdue, and the warning comes at three quarters."""
    plain = Due(within=8 * H)
    due = plain.at(OPENED)
    told = [plain.urgency(OPENED, due, OPENED + timedelta(hours=h)) for h in (5.9, 6, 8, 10_000)]
    assert told == [Urgency.WAITING, Urgency.SOON, Urgency.OVERDUE, Urgency.OVERDUE]


@given(st.floats(0, 200), st.floats(0, 200))
def test_no_review_becomes_less_urgent(one: float, other: float) -> None:
    """Whatever the hours of the process are."""
    working = Due(within=8 * H, hours=BERLIN, escalate_to="leads", escalate_after=4 * H, end_after=16 * H)
    due = working.at(OPENED)
    told = [working.urgency(OPENED, due, OPENED + timedelta(hours=h)) for h in sorted((one, other))]
    assert URGENCIES.index(told[0]) <= URGENCIES.index(told[1])


def test_no_default_approves() -> None:
    """A case that nobody has decided is held or rejected."""
    assert {each.value for each in Default} == {"hold", "reject"}
