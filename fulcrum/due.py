"""When a review is due and what happens as it waits: working hours, a warning, a second queue, a safe end (pure)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = frozenset(range(5))
"""Monday to Friday, as `date.weekday` counts them."""

MOST_DAYS = 3660
"""How many days ahead working time is looked for: more than any review waits."""


class Urgency(StrEnum):
    """How long a review has waited; later means longer."""

    WAITING = "waiting"
    SOON = "soon"
    OVERDUE = "overdue"
    ESCALATED = "escalated"
    ENDED = "ended"


URGENCIES = tuple(Urgency)
"""The stages in their order."""


class Default(StrEnum):
    """What becomes of a case that nobody has decided in time. None of them approves it."""

    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingHours:
    """When people work: from `opens` to `closes` in `zone`, on `days`, public holidays of `country` aside.

    `country` is an ISO 3166-1 code and `region` one of its parts, as the library `holidays` takes them. Raises
    ValueError where no time is left or the zone is unknown.
    """

    zone: str = "UTC"
    opens: time = time(9)
    closes: time = time(17)
    days: frozenset[int] = WEEKDAYS
    country: str = ""
    region: str = ""

    def __post_init__(self) -> None:
        """Refuse hours in which nobody ever works."""
        if self.opens >= self.closes or not self.days & set(range(7)):
            msg = f"no working time from {self.opens} to {self.closes} on days {sorted(self.days)}"
            raise ValueError(msg)
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError):
            msg = f"there is no time zone {self.zone}"
            raise ValueError(msg) from None

    def after(self, moment: datetime, span: timedelta) -> datetime:
        """Give the moment, in UTC, at which so much working time has passed since another; a day is its open hours.

        Raises ValueError where country or region is unknown.
        """
        zone, closed = ZoneInfo(self.zone), _holidays(self.country, self.region)
        first, left = moment.astimezone(zone).date(), span
        for day in (first + timedelta(days=n) for n in range(MOST_DAYS)):
            if day.weekday() not in self.days or day in closed:
                continue
            opens = datetime.combine(day, self.opens, zone).astimezone(UTC)
            closes = datetime.combine(day, self.closes, zone).astimezone(UTC)
            start = max(moment.astimezone(UTC), opens)
            if start >= closes:
                continue
            if left <= closes - start:
                return start + left
            left -= closes - start
        msg = f"{span} of working time is more than {MOST_DAYS} days have"
        raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a review of a process is due, and what happens then.

    All spans are working time within `hours`, or time by the clock where there are none. People are warned when no more
    than `warn` is left, reminded when it is due; so long after as `escalate_after` says it moves to the queue
    `escalate_to`, and after `end_after` the `default` happens: `hold` leaves it open, marked as held.
    """

    within: timedelta
    hours: WorkingHours | None = None
    warn: timedelta | None = None
    """A quarter of `within` unless given."""
    escalate_to: str = ""
    escalate_after: timedelta = timedelta(0)
    end_after: timedelta | None = None
    """Never unless given."""
    default: Default = Default.HOLD

    def at(self, opened: datetime) -> datetime:
        """Say when a review that was opened at a moment is due."""
        return self._after(opened, self.within)

    def urgency(self, opened: datetime, due: datetime, now: datetime) -> Urgency:
        """Say how far a review has come that was opened and is due at these moments."""
        if self.end_after is not None and now >= self._after(due, self.end_after):
            return Urgency.ENDED
        if self.escalate_to and now >= self._after(due, self.escalate_after):
            return Urgency.ESCALATED
        if now >= due:
            return Urgency.OVERDUE
        warn = self.within / 4 if self.warn is None else self.warn
        return Urgency.SOON if now >= self._after(opened, max(self.within - warn, timedelta(0))) else Urgency.WAITING

    def _after(self, moment: datetime, span: timedelta) -> datetime:
        return moment + span if self.hours is None else self.hours.after(moment, span)


ONE_DAY = Due(within=timedelta(days=1))
"""A day by the clock, then reminders alone."""


@lru_cache(maxsize=32)
def _holidays(country: str, region: str) -> Container[date]:
    """Give the public holidays of a country, or of a part of it; none without a country."""
    if not country:
        return frozenset()
    from holidays import country_holidays  # noqa: PLC0415 - a fifth of a second that a definition must not cost

    try:
        return country_holidays(country, subdiv=region or None)
    except NotImplementedError:
        msg = f"the public holidays of {f'{country} {region}'.strip()} are not known"
        raise ValueError(msg) from None
