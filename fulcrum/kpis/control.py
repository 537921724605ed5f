"""The control chart of a process: what its ordinary variation is, and what lies outside it (pure).

Individuals and moving ranges (XmR) after Wheeler, Understanding Variation (1993): natural limits are the mean and 2.66
mean moving ranges to each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import fmean

WIDTH = 2.66
"""Three standard deviations in mean moving ranges of two: 3 / 1.128."""

RUN = 8
"""So many in a row on one side of the centre are no chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Values by day with the centre and limits of their ordinary variation; `out` are the places of those outside.

    A point is out when it lies beyond a limit, or ends a run of eight on one side of the centre.
    """

    days: tuple[date, ...]
    values: tuple[float, ...]
    centre: float
    low: float
    high: float
    out: tuple[int, ...]


def control(points: Sequence[tuple[date, float]]) -> Control | None:
    """Chart values in order of time; None of fewer than two. A lower limit below 0 is 0: no time or cost is less."""
    if len(points) < 2:  # noqa: PLR2004 - a moving range is of two
        return None
    values = [value for _, value in points]
    centre = fmean(values)
    reach = WIDTH * fmean(abs(after - before) for before, after in pairwise(values))
    low, high = max(0.0, centre - reach), centre + reach
    out = [place for place, value in enumerate(values) if not low <= value <= high or _runs(values, place, centre)]
    return Control(
        days=tuple(day for day, _ in points), values=tuple(values), centre=centre, low=low, high=high, out=tuple(out)
    )


def _runs(values: Sequence[float], place: int, centre: float) -> bool:
    last = values[max(0, place - RUN + 1) : place + 1]
    return len(last) == RUN and (all(v > centre for v in last) or all(v < centre for v in last))
