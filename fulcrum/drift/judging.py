"""A reference and a window of new cases in, a report out (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fulcrum.drift.measures import adjusted
from fulcrum.drift.observed import Observed
from fulcrum.drift.overrides import overrides
from fulcrum.drift.report import Check, CheckVerdict, DriftReport, Overall
from fulcrum.drift.settings import DEFAULTS, Settings
from fulcrum.drift.watched import Draft, Sides, observed


def compare(
    reference: Sequence[Observed], window: Sequence[Observed], *, now: datetime, settings: Settings = DEFAULTS
) -> DriftReport:
    """Judge whether the cases of a window are still like those of a reference, in everything that is watched.

    A check has `drifted` when its p, adjusted for the number of checks, is at most `alpha` and its effect reaches its
    floor. It is to be watched (`watch`) when such a p comes with an effect from `near_effect` of the floor on, or an
    effect from the floor on with a p of at most `near_p`. With fewer than `minimum` cases on a side it is `too few`,
    which is no judgement. Rates of correction across a change of autonomy or threshold are `not comparable`. The report
    as a whole has drifted with one finding or more; what its verdicts mean is said at `Overall`.
    """
    sides = Sides(reference, window)
    drafts = [*observed(sides, settings), *overrides(sides, settings)]
    measured = [draft.measured.p for draft in drafts if draft.measured]
    ps = iter(adjusted(measured))
    checks = tuple(_check(draft, next(ps) if draft.measured else 1.0, settings) for draft in drafts)
    return DriftReport(
        at=now,
        reference_cases=len(reference),
        window_cases=len(window),
        checks=checks,
        overall=_overall({check.verdict for check in checks}),
    )


def _check(draft: Draft, p_adjusted: float, settings: Settings) -> Check:
    found = draft.measured
    return Check(
        name=draft.name,
        kind=draft.kind,
        n_reference=draft.n_reference,
        n_window=draft.n_window,
        statistic=found.statistic if found else None,
        p=found.p if found else None,
        p_adjusted=p_adjusted if found else None,
        effect=found.effect if found else None,
        floor=draft.floor,
        verdict=_verdict(draft, p_adjusted, settings),
        sentence=draft.sentence or _unjudged(draft, settings),
        shares=draft.shares,
        spread=draft.spread,
    )


def _verdict(draft: Draft, p: float, settings: Settings) -> CheckVerdict:
    if draft.measured is None:
        return CheckVerdict.TOO_FEW if draft.comparable else CheckVerdict.NOT_COMPARABLE
    of_floor = draft.measured.effect / draft.floor
    if p <= settings.alpha and of_floor >= 1:
        return CheckVerdict.DRIFTED
    near = p <= settings.near_p and of_floor >= 1
    if near or (p <= settings.alpha and of_floor >= settings.near_effect):
        return CheckVerdict.WATCH
    return CheckVerdict.STABLE


def _unjudged(draft: Draft, settings: Settings) -> str:
    if not draft.comparable:
        return f"{draft.name}: autonomy or threshold has changed, so that its cases are not those of before"
    return (
        f"{draft.name}: {draft.n_reference} cases in the reference and {draft.n_window} new ones, "
        f"each needs {settings.minimum}"
    )


def _overall(verdicts: set[CheckVerdict]) -> Overall:
    judged = (Overall.DRIFTED, Overall.WATCH, Overall.STABLE)
    return next((each for each in judged if CheckVerdict(each.value) in verdicts), Overall.TOO_FEW)
