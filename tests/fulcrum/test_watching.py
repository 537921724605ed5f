"""Promised rates, watched case by case: the detector, the evidence, alarms and what clears them."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulcrum.watching import Promise, Watch

PROMISE = Promise("audited error", 0.05)


def watched(cases: list[bool], promise: Promise = PROMISE) -> Watch:
    watch = Watch(promise=promise)
    for wrong in cases:
        watch = watch.after(wrong)
    return watch


def drawn(rate: float, cases: int, seed: int) -> list[bool]:
    chosen = random.Random(seed)  # noqa: S311 - cases that are the same each time
    return [chosen.random() < rate for _ in range(cases)]


@pytest.mark.parametrize("rate", [0.0, 0.04, 0.2])
def test_the_detector_is_the_formula(rate: float) -> None:
    """The detector is M_n = (M_{n-1} + 1) LR_n with LR the mean of the ratios for each alternative."""
    cases, detector = drawn(rate, 200, seed=1), 0.0
    for wrong in cases:
        ratios = [p / 0.05 if wrong else (1 - p) / 0.95 for p in PROMISE.alternatives()]
        detector = (detector + 1) * sum(ratios) / len(ratios)
    assert watched(cases).detector == pytest.approx(detector, rel=1e-9)


@pytest.mark.parametrize("rate", [0.0, 0.04, 0.2])
def test_the_evidence_is_the_mean_of_the_products(rate: float) -> None:
    """The evidence is the mean, over the alternatives, of the products of their ratios over all cases."""
    cases = drawn(rate, 200, seed=2)
    products = [math.prod(p / 0.05 if wrong else (1 - p) / 0.95 for wrong in cases) for p in PROMISE.alternatives()]
    assert math.exp(watched(cases).log_evidence) == pytest.approx(sum(products) / len(products), rel=1e-9)


def test_alternatives_lie_above_the_limit() -> None:
    """Each rate that is looked for lies above the limit and below 1, however high the limit is."""
    for limit in (0.001, 0.05, 0.5, 0.99):
        assert all(limit < p < 1 for p in Promise("x", limit).alternatives())


def test_a_rate_that_doubles_is_found_soon() -> None:
    """A rate that turns from 3% to 10% at case 500, under a limit of 5%, alarms soon after, and hardly before."""
    delays = []
    for seed in range(60):
        watch = watched(drawn(0.03, 500, seed) + drawn(0.10, 1_500, seed + 1_000))
        assert watch.alarmed_at_n is not None
        delays.append(watch.alarmed_at_n - 500)
    assert sum(delay <= 0 for delay in delays) <= 2
    assert sorted(delays)[30] < 200


def test_a_rate_that_is_bad_from_the_first_case_is_found() -> None:
    """It needs no good time before: a rate of 15% under a limit of 5% alarms, and the promise is broken."""
    for seed in range(20):
        watch = watched(drawn(0.15, 600, seed))
        assert watch.alarmed
        assert watch.broken


def test_false_alarms_are_as_rare_as_is_said() -> None:
    """With the rate at its limit all the time, alarms are on average at least `arl` cases apart.

    An early alarm within `arl` / 4 cases is as likely as the bound allows, a quarter, and no more.
    """
    promise = Promise("x", 0.05, arl=400)
    early = sum(watched(drawn(0.05, 100, seed), promise).alarmed for seed in range(400))
    assert early <= 100 + 3 * math.sqrt(400 * 0.25 * 0.75)


def test_cases_between_false_alarms_are_at_least_what_is_said() -> None:
    """The mean run length at the limit is no shorter than `arl`, up to what 100 runs can tell."""
    promise, runs = Promise("x", 0.1, arl=100), []
    for seed in range(100):
        watch, chosen = Watch(promise=promise), random.Random(seed)  # noqa: S311 - the same each time
        while not watch.alarmed:
            watch = watch.after(chosen.random() < 0.1)
        runs.append(watch.n)
    assert sum(runs) / len(runs) >= 100


def test_a_promise_that_is_kept_is_hardly_ever_said_to_be_broken() -> None:
    """With the rate at its limit, no more than `delta` of the watches ever say broken, within a binomial's bounds."""
    promise = Promise("x", 0.05, delta=0.1)
    broken = sum(watched(drawn(0.05, 1_000, seed), promise).broken for seed in range(300))
    assert broken <= 30 + 3 * math.sqrt(300 * 0.1 * 0.9)


def test_an_alarm_stays_until_somebody_has_looked() -> None:
    """An alarm keeps its case while good cases follow; looking at it begins anew, and what is broken stays broken."""
    watch = watched([True] * 30)
    at = watch.alarmed_at_n
    watch = Watch.from_json(watch.as_json())
    for _ in range(500):
        watch = watch.after(False)
    assert watch.alarmed_at_n == at
    assert watch.detector < PROMISE.arl
    looked = watch.looked_at()
    assert not looked.alarmed
    assert looked.detector == 0
    assert looked.broken
    assert (looked.n, looked.wrong) == (530, 30)


def test_a_new_alarm_follows_one_that_was_looked_at() -> None:
    """When it goes on as badly after somebody has looked, it alarms again, at a later case."""
    watch = watched([True] * 10).looked_at()
    for _ in range(20):
        watch = watch.after(True)
    assert watch.alarmed_at_n is not None
    assert watch.alarmed_at_n > 10


@given(st.lists(st.booleans(), max_size=200), st.floats(0.001, 0.999))
def test_a_case_that_went_wrong_never_lowers_the_detector(cases: list[bool], limit: float) -> None:
    """Whatever was seen before: one more wrong case raises the detector, and the state is always a number."""
    watch = watched(cases, Promise("x", limit))
    after = watch.after(True)
    assert after.level >= watch.level
    assert not math.isnan(after.level)
    assert not math.isnan(after.log_evidence)
    assert after.detector >= watch.detector
    assert not watch.broken or after.broken


@given(st.lists(st.booleans(), max_size=60), st.floats(0.001, 0.999))
def test_it_is_kept_as_json_and_read_again(cases: list[bool], limit: float) -> None:
    """What JSON keeps of it is the same, and goes on the same."""
    watch = watched(cases, Promise("x", limit))
    read = Watch.from_json(json.loads(json.dumps(watch.as_json(), allow_nan=False)))
    assert read == watch
    assert read.after(True) == watch.after(True)


def test_a_million_cases_are_no_trouble() -> None:
    """After a million cases, half a million wrong and as many right, each figure is still one that JSON can hold."""
    watch = Watch(promise=PROMISE)
    for case in range(1_000_000):
        watch = watch.after(case < 500_000)
    assert watch.n == 1_000_000
    assert math.isfinite(watch.level)
    assert math.isfinite(watch.log_evidence)
    assert not math.isnan(watch.detector)
    assert json.dumps(watch.as_json(), allow_nan=False)


@pytest.mark.parametrize("cases", [[True], [False]])
def test_no_figure_overflows_after_ever_so_many(cases: list[bool]) -> None:
    """What a watch holds after a billion cases that all went the same way is still a number, and so is the next."""
    far = Watch(promise=PROMISE, n=10**9, wrong=10**9 * cases[0], level=10**9 * math.log(2) * cases[0])
    after = far.after(cases[0])
    assert math.isfinite(after.level)
    assert math.isfinite(after.log_evidence)
    assert after.detector >= 0


@pytest.mark.parametrize("promise", [{"limit": 0.0}, {"limit": 1.0}, {"limit": 0.1, "delta": 0.0}, {"limit": math.nan}])
def test_a_promise_that_cannot_be_kept_or_broken_is_refused(promise: dict[str, float]) -> None:
    """A limit has to lie between 0 and 1, and so has delta."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        Promise("x", **promise)
