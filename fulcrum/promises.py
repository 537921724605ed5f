"""What a process promises case by case, and what of it a case keeps or breaks (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fulcrum.cases import ReasonCode
from fulcrum.process import Process
from fulcrum.watching import Promise, Watch

AUDITED = "audited error"
"""Of what was decided blindly, how often it was not what the AI had proposed."""

GATE = "gate failures"
"""Of what a run judged, how often it broke a rule."""

DEGRADED = "degraded answers"
"""Of what a run judged, how often the AI had no usable answer."""

OVERRIDES = "overrides after "
"""Of what people decided after one reason, how often they changed or refused what was proposed; the reason follows."""

COMPARABLE = frozenset({ReasonCode.LOW_CONFIDENCE, ReasonCode.AUTONOMY, ReasonCode.GATE, ReasonCode.NO_CONFIDENCE})
"""The reasons within which overrides are watched: people see the AI's proposal, and see all that has the reason."""

DECIDED_AT_LEAST = 50
"""Decisions of a reference that say how often people override, where the process does not say it."""

LEAST_LIMIT = 0.05
"""No limit on overrides that comes of a reference is lower: one that had none promises not that there will be none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that says whether a promise is kept: a case was judged, or a person decided one.

    `wrong` is of a decision alone: whether it changed or refused what was proposed.
    """

    code: ReasonCode
    decided: bool = False
    audit: bool = False
    wrong: bool = False


def costs_autonomy(promise: str) -> bool:
    """Tell whether a promise that is broken takes a level of autonomy: those that say how good the AI is."""
    return promise == AUDITED or promise.startswith(OVERRIDES)


def promised(process: Process, overrides: Mapping[ReasonCode, tuple[int, int]]) -> list[Promise]:
    """List what a process promises; `overrides` count by reason those of its reference, and what they are of."""
    limits = {
        AUDITED: process.objectives.error_rate,
        GATE: process.promises.gate_failures,
        DEGRADED: process.promises.degraded,
    }
    for code in sorted(COMPARABLE):
        limit = process.promises.overrides
        if limit is None and code in overrides:
            limit = limit_of(*overrides[code])
        if limit is not None:
            limits[f"{OVERRIDES}{code.replace('-', ' ')}"] = limit
    # What may always go wrong, or never, is no rate that can be watched.
    return [Promise(name, limit) for name, limit in limits.items() if 0 < limit < 1]


def limit_of(wrong: int, total: int) -> float | None:
    """Give the rate that a reference speaks for: its one-sided 95% upper bound; None where it is too small to say.

    Clopper and Pearson, Biometrika 26 (1934) 404. The bound, because the rate itself would be broken half the time.
    """
    if total < DECIDED_AT_LEAST or wrong == total:
        return None
    from scipy.special import betaincinv  # noqa: PLC0415 - only where there is a reference

    return max(LEAST_LIMIT, float(betaincinv(wrong + 1, total - wrong, 0.95)))


def overrides_of(happened: Iterable[Happened]) -> dict[ReasonCode, tuple[int, int]]:
    """Count by reason what people changed or refused, and what they decided."""
    counts: dict[ReasonCode, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for each in happened:
        if each.decided and not each.audit:
            wrong, total = counts[each.code]
            counts[each.code] = (wrong + each.wrong, total + 1)
    return dict(counts)


def watched(
    promises: Iterable[Promise], watches: Mapping[str, Watch], happened: Iterable[Happened]
) -> dict[str, Watch]:
    """Go on watching each promise over what has happened since; one whose limit has changed begins anew."""
    after = {
        promise.name: kept
        if (kept := watches.get(promise.name)) is not None and kept.promise.limit == promise.limit
        else Watch(promise=promise)
        for promise in promises
    }
    for each in happened:
        for name, wrong in _says(each):
            if name in after:
                after[name] = after[name].after(wrong)
    return after


def newly_broken(before: Mapping[str, Watch], after: Mapping[str, Watch]) -> list[Watch]:
    """Name the promises whose alarm has gone off since: one that is latched does not go off again."""
    return [watch for name, watch in after.items() if watch.alarmed and not (name in before and before[name].alarmed)]


def _says(happened: Happened) -> Iterable[tuple[str, bool]]:
    """Say of which promises something speaks, and whether against them."""
    if not happened.decided:
        yield GATE, happened.code is ReasonCode.GATE
        yield DEGRADED, happened.code is ReasonCode.DEGRADED
    elif happened.audit:
        yield AUDITED, happened.wrong
    else:
        yield f"{OVERRIDES}{happened.code.replace('-', ' ')}", happened.wrong
