"""Figures in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from fulcrum.due import Default, Due

_UNITS = (
    ("year", timedelta(days=365)),
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
)


def duration(length: timedelta) -> str:
    """Write a duration in the largest units that it is made of: `10 years`, `1 day and 12 hours`, `0.5 seconds`."""
    said, rest = [], length
    for name, unit in _UNITS:
        count, rest = divmod(rest, unit)
        if count:
            said.append(counted(count, name))
    if rest or not said:
        seconds = (length % _UNITS[-2][1]).total_seconds()
        said = [*said[: len(said) - (seconds >= 1)], f"{seconds:g} seconds"]
    return listed(said)


def within(due: Due) -> str:
    """Write how long people have: `8 hours of working time (9:00 to 17:00, Europe/Berlin)`."""
    hours = due.hours
    if hours is None:
        return duration(due.within)
    where = f"{hours.zone}, public holidays of {hours.country} aside" if hours.country else hours.zone
    return f"{duration(due.within)} of working time ({hours.opens:%H:%M} to {hours.closes:%H:%M}, {where})"


def late(due: Due) -> str:
    """Write what happens when nobody decides in time."""
    said = ["people are reminded"]
    if due.escalate_to:
        when = f"{duration(due.escalate_after)} later " if due.escalate_after else "then "
        said.append(f"{when}it moves to the queue {due.escalate_to}")
    if due.end_after is not None:
        ends = {Default.HOLD: "it is held as it is", Default.REJECT: "it is rejected"}
        said.append(f"{duration(due.end_after)} after it was due {ends[due.default]}")
    return f"{'; '.join(said)}; it is never approved by itself"


def share(part: float) -> str:
    """Write a share of 1 in percent, with as many digits as it has: `5%`, `0.5%`."""
    return f"{part * 100:g}%"


def money(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency, with the digits that it was given: `1,234.50 EUR`."""
    return f"{amount:,f} {currency}"


def spoken(name: str) -> str:
    """Write a name of the code as people say it: `document_kind` is `document kind`."""
    return name.replace("_", " ").replace("-", " ")


def counted(count: int, thing: str) -> str:
    """Write a number of things: `1 day`, `2 days`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Join words as in a sentence: `a, b and c`."""
    *head, tail = list(words) or [""]
    return f"{', '.join(head)} {last} {tail}" if head else tail
