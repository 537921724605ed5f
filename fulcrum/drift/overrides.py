"""How often people correct, compared only where that can be compared (pure).

People see the cases that the route brings before them, so a rate of correction means something only among cases
routed for one reason, at one level of autonomy and one threshold: at a stricter threshold easier cases are looked at,
and fewer of them are corrected, though nothing has become better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from fulcrum.drift.observed import Observed
from fulcrum.drift.report import Kind
from fulcrum.drift.settings import Settings
from fulcrum.drift.watched import Draft, Sides, rate

SEGMENTS = 20
"""How many segments are looked at on their own: those with the most decided cases."""


def overrides(sides: Sides, settings: Settings) -> Iterator[Draft]:
    """Measure rates of correction for each route reason: of any field, of each field, in each segment."""
    decided = sides.where(lambda each: each.changed is not None)
    for reason in sorted({each.reason for each in decided.all()}):
        yield from _within(reason, decided.where(partial(_routed, reason)), settings)


def _within(reason: str, sides: Sides, settings: Settings) -> Iterator[Draft]:
    alike = _same_standing(sides)
    measure = partial(rate, settings=settings, kind=Kind.OVERRIDE)
    whole = measure(f"override ({reason})", f"corrected cases of those routed as {reason}", alike, _corrected)
    if alike.few(settings):
        yield whole if sides.few(settings) else replace(whole, comparable=False)
        return
    yield whole
    for name in sorted({name for each in alike.all() for name in each.changed or ()}):
        what = f"corrections of {name} in cases routed as {reason}"
        yield measure(f"override {name} ({reason})", what, alike, _corrected_in(name))
    for segment in _segments(alike, settings):
        what = f"corrected cases of {segment} routed as {reason}"
        yield measure(f"override in {segment} ({reason})", what, alike.where(partial(_of, segment)), _corrected)


def _same_standing(sides: Sides) -> Sides:
    """Keep the cases that were routed under the level and threshold of the window's newest."""
    if not sides.window:
        return sides
    newest = max(sides.window, key=lambda each: each.at)
    return sides.where(lambda each: (each.level, each.threshold) == (newest.level, newest.threshold))


def _segments(sides: Sides, settings: Settings) -> list[str]:
    """Name the segments with enough decided cases on both sides; none where all cases are of one."""
    before, now = (
        Counter(each.categories["segment"] for each in side if "segment" in each.categories)
        for side in (sides.reference, sides.window)
    )
    enough = [name for name, count in before.items() if min(count, now[name]) >= settings.minimum]
    return sorted(enough, key=lambda name: (-before[name], name))[:SEGMENTS] if len(before | now) > 1 else []


def _routed(reason: str, each: Observed) -> bool:
    return each.reason == reason


def _of(segment: str, each: Observed) -> bool:
    return each.categories.get("segment") == segment


def _corrected(each: Observed) -> bool:
    return bool(each.changed)


def _corrected_in(name: str) -> Callable[[Observed], bool]:
    return lambda each: name in (each.changed or ())
