"""The check of a process: what was true when its autonomy was granted, is it still? Judged from the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

from fulcrum.cases import Json, ReasonCode
from fulcrum.drift import CheckVerdict, DriftReport, Observed, Overall, compare
from fulcrum.ledger import Ledger
from fulcrum.ledger.standing_rows import DRIFT, PROMISE
from fulcrum.ledger.watching import Alarm, Granted, Seen
from fulcrum.observing import observe
from fulcrum.process import LEVELS, Process
from fulcrum.promises import Happened, costs_autonomy, newly_broken, overrides_of, promised, watched
from fulcrum.report import Standing
from fulcrum.watching import Watch

JUDGED_EVERY = 500
"""New cases between two comparisons."""

REFERENCE = 2_000
"""The most cases that a reference is made of."""

SETTLED = timedelta(seconds=60)
"""How long ago something must have happened to be looked at: what was written late is in by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check has found: a report where there were cases enough, and both standings where it lowered it."""

    report: DriftReport | None = None
    lowered: tuple[Standing, Standing] | None = None
    unjudged: int = 0


def check(ledger: Ledger, process: Process) -> Checked:
    """Watch a process over what has happened since the last check, and keep what came of it in one transaction.

    Alarms are kept there as well, to be given out from there. Where another check was quicker, nothing is kept.
    """
    seen = ledger.watching.seen(process.name)
    until = ledger.store.now() - SETTLED
    granted = ledger.watching.granted(process.name)
    if granted is None or (seen is not None and seen.until >= until):
        return Checked()
    reference = _reference(ledger, process, granted, until)
    since = seen.until if seen else datetime.min.replace(tzinfo=until.tzinfo)
    happened = ledger.watching.happened(process.name, since, until)
    before = {name: Watch.from_json(state) for name, state in (seen.promises if seen else {}).items()}
    after = watched(promised(process, _overrides(reference)), before, happened)
    broken = newly_broken(before, after)
    report, unjudged = _judge(ledger, process, reference, seen, happened, until)
    lowered = _lowered(ledger, process, broken)
    kept = ledger.watching.advance(
        process.name,
        seen,
        Seen(until=until, unjudged=unjudged, promises={name: watch.as_json() for name, watch in after.items()}),
        report=report.as_json() if report else None,
        alarms=_alarms(process, _news(ledger, process, report), broken, lowered, until),
        lowered=(lowered[1], _why(broken)) if lowered else None,
    )
    return Checked(report=report, lowered=lowered, unjudged=unjudged) if kept else Checked()


def _reference(ledger: Ledger, process: Process, granted: Granted, until: datetime) -> tuple[Observed, ...]:
    """Read the window that the process's autonomy was granted on, or freeze it: the last cases before the grant.

    Where there were too few before it, as with a new process, they are the first ones after it. Until there are enough
    it is that of the grant before, or empty.
    """
    found = ledger.watching.reference(process.name)
    before = tuple(Observed.from_json(each) for each in found.observed) if found else ()
    if found is not None and found.standing == granted.standing:
        return before
    cases = ledger.watching.handled(process.name, limit=REFERENCE, until=granted.at)
    if len(cases) < JUDGED_EVERY:
        cases = ledger.watching.handled(process.name, limit=JUDGED_EVERY, after=granted.at, until=until, first=True)
    if len(cases) < JUDGED_EVERY:
        return before
    observed = tuple(observe(process, each, ledger.identity) for each in cases)
    ledger.watching.freeze(process.name, granted.standing, [each.as_json() for each in observed])
    return observed


def _judge(
    ledger: Ledger,
    process: Process,
    reference: Sequence[Observed],
    seen: Seen | None,
    happened: Sequence[Happened],
    until: datetime,
) -> tuple[DriftReport | None, int]:
    """Compare the newest cases with the reference once there are enough new ones; say how many wait for that."""
    unjudged = (seen.unjudged if seen else 0) + sum(not each.decided for each in happened)
    if not reference or unjudged < JUDGED_EVERY:
        return None, unjudged
    cases = ledger.watching.handled(process.name, limit=JUDGED_EVERY, after=reference[-1].at, until=until)
    if len(cases) < JUDGED_EVERY:
        return None, unjudged
    window = [observe(process, each, ledger.identity) for each in cases]
    return compare(reference, window, now=until), 0


def _overrides(reference: Sequence[Observed]) -> Mapping[ReasonCode, tuple[int, int]]:
    """Count what people had overridden by reason when the process's autonomy was granted."""
    return overrides_of(
        Happened(
            code=ReasonCode(each.reason), decided=True, audit=each.reason == ReasonCode.AUDIT, wrong=bool(each.changed)
        )
        for each in reference
        if each.changed is not None
    )


def _lowered(ledger: Ledger, process: Process, broken: Sequence[Watch]) -> tuple[Standing, Standing] | None:
    """Say what the process may do from now on, where a broken promise costs it a level; the lowest has none below."""
    standing = ledger.runs.standing(process.name)
    if standing is None or not any(costs_autonomy(watch.promise.name) for watch in broken):
        return None
    place = LEVELS.index(standing.autonomy)
    return None if place == 0 else (standing, Standing(LEVELS[place - 1], standing.threshold))


def _why(broken: Sequence[Watch]) -> str:
    names = ", ".join(watch.promise.name for watch in broken if costs_autonomy(watch.promise.name))
    return f"promise broken: {names}"


def _news(ledger: Ledger, process: Process, report: DriftReport | None) -> list[str]:
    """Name what a report has found to have drifted, unless an alarm that nobody has looked at says it already."""
    if report is None or report.overall is not Overall.DRIFTED:
        return []
    found = [each.name for each in report.checks if each.verdict is CheckVerdict.DRIFTED]
    known = {name for alarm in ledger.watching.alarms(process.name) for name in alarm.facts.get("found", ())}
    return found if set(found) - known else []


def _alarms(
    process: Process,
    drifted: Sequence[str],
    broken: Sequence[Watch],
    lowered: tuple[Standing, Standing] | None,
    now: datetime,
) -> list[Alarm]:
    told: list[tuple[str, str, Json]] = []
    if drifted:
        told.append((DRIFT, "drift", {"found": list(drifted)}))
    for watch in broken:
        facts: Json = {"limit": watch.promise.limit, "wrong": watch.wrong, "of": watch.n}
        if lowered and costs_autonomy(watch.promise.name):
            facts |= {"autonomy_before": lowered[0].autonomy.value, "autonomy": lowered[1].autonomy.value}
        told.append((PROMISE, watch.promise.name, facts))
    return [
        Alarm(
            # The same check has the same alarms, whoever makes them: their events are told apart by it.
            id=str(uuid5(NAMESPACE_OID, f"{process.name}\0{kind}\0{subject}\0{now.isoformat()}")),
            process=process.name, kind=kind, subject=subject, raised_at=now, facts=facts,
        )
        for kind, subject, facts in told
    ]  # fmt: skip
