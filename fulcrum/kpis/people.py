"""How long people worked on each case, told from when they were done with it (pure)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fulcrum.kpis.log import EventLog

if TYPE_CHECKING:
    from fulcrum.kpis.log import Floats, Ints

CAP = timedelta(minutes=15)
"""The most that one touch counts, where only its end is known: whoever was away longer did not work on it."""

_MINUTE = 60_000_000


def minutes(log: EventLog, *, cap: timedelta = CAP) -> Floats:
    """Give by case the minutes that people worked on it.

    A touch that has a beginning and an end counts these. Of one that has only its end, as a decision, it is the
    interval to the same person's touch before it, at most `cap`: who decides one case after the other spends the time
    between two on the second. The first touch of a person counts as the median of their others, and where there are
    none as `cap`. Touches of people whom the log does not name are one person's.
    """
    import numpy as np  # noqa: PLC0415 - only who computes figures needs it

    people = np.flatnonzero(log.by_people)
    spent = np.zeros(len(log))
    order = people[np.lexsort((log.end[people], log.actor[people]))]
    for stream in np.split(order, np.flatnonzero(np.diff(log.actor[order])) + 1):
        if len(stream):
            spent[stream] = _stream(log.start[stream], log.end[stream], cap / timedelta(minutes=1))
    return log.each(spent)


def _stream(start: Ints, end: Ints, cap: float) -> Floats:
    """Give the minutes of one person's touches, in their order."""
    import numpy as np  # noqa: PLC0415 - see above

    told = (end - start) / _MINUTE
    between = np.minimum(np.diff(end) / _MINUTE, cap)
    first = float(np.median(between)) if len(between) else cap
    return np.where(told > 0, told, np.concatenate(([first], between)))
