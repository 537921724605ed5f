"""A reference and a window of new cases: what is found, what is not, and what cannot be told."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulcrum.drift import BUCKETS, CheckVerdict, DriftReport, Kind, Observed, Overall, Settings, compare, hashed
from tests.fulcrum.drift.made import NOW, WORDS, cases, check, judged

REFERENCE = cases(1_000, seed=1)
Change = Callable[[int, Observed], Observed]


def changed(change: Change, seed: int = 2, number: int = 500) -> list[Observed]:
    return [change(index, case) for index, case in enumerate(cases(number, seed))]


def number(name: str, change: Callable[[float], float]) -> Change:
    return lambda _, case: replace(case, numbers={**case.numbers, name: change(case.numbers[name])})


def category(name: str, value: str, every: int) -> Change:
    return lambda index, case: case if index % every else replace(case, categories={**case.categories, name: value})


def flag(name: str, every: int) -> Change:
    return lambda index, case: case if index % every else replace(case, flags={**case.flags, name: True})


def corrected(name: str, every: int) -> Change:
    return lambda index, case: (
        replace(case, changed=(name,)) if case.changed is not None and not index % every else case
    )


def other_words(index: int, case: Observed) -> Observed:
    return (
        case if index % 4 else replace(case, words=hashed(" ".join(WORDS[::-1][index % 50 : index % 50 + 9]), "else"))
    )


CHANGES: dict[str, tuple[Change, str, Kind, str]] = {
    "longer": (
        number("input length", lambda n: n * 1.5),
        "input length",
        Kind.INPUT,
        "the median of input length rose",
    ),
    "smaller": (
        number("output total", lambda n: n / 2),
        "output total",
        Kind.OUTPUT,
        "the median of output total fell",
    ),
    "surer": (number("confidence", math.sqrt), "confidence", Kind.CONFIDENCE, "the median of confidence rose"),
    "slower": (
        number("model seconds", lambda n: n * 2),
        "model seconds",
        Kind.MODEL,
        "the median of model seconds rose",
    ),
    "German": (category("input language", "de", 3), "input language", Kind.INPUT, "cases in German rose from 2% to"),
    "label": (category("output label", "f", 7), "output label", Kind.OUTPUT, "“f” in output label rose from"),
    "new label": (category("output label", "z", 12), "output label", Kind.OUTPUT, "“z” in output label is new, at 8%"),
    "version": (category("model version", "reader-2", 1), "model version", Kind.MODEL, "in model version"),
    "nulls": (flag("empty iban", 6), "empty iban", Kind.OUTPUT, "cases without iban rose from"),
    "gate": (
        flag("gate: total does not add up", 6),
        "gate: total does not add up",
        Kind.GATE,
        "cases that break the rule “total does not add up” rose from",
    ),
    "words": (other_words, "input words", Kind.INPUT, "the words of the texts are as if"),
    "corrections": (
        corrected("supplier", 3),
        "override supplier (low-confidence)",
        Kind.OVERRIDE,
        "corrections of supplier in cases routed as low-confidence",
    ),
}


@pytest.mark.parametrize(("change", "name", "kind", "says"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_found_and_said(change: Change, name: str, kind: Kind, says: str) -> None:
    """A change of one thing is a finding of the check that watches it, with a sentence that says what changed."""
    report = judged(REFERENCE, changed(change))
    found = check(report, name)
    assert report.overall is Overall.DRIFTED
    assert found.verdict is CheckVerdict.DRIFTED
    assert found.kind is kind
    assert says in found.sentence
    assert found.effect is not None
    assert found.effect >= found.floor


def test_what_is_the_same_is_stable() -> None:
    """Twenty windows that are drawn as the reference was: none is said to have drifted."""
    reports = [judged(REFERENCE, cases(500, seed)) for seed in range(10, 30)]
    assert {report.overall for report in reports} <= {Overall.STABLE, Overall.WATCH}
    assert sum(report.overall is Overall.STABLE for report in reports) >= 18


def test_a_difference_that_means_nothing_is_no_finding() -> None:
    """With very many cases a tiny difference is certain, and yet below the floor."""
    reference, window = cases(6_000, seed=3), changed(number("input length", lambda n: n + 2), seed=4, number=6_000)
    found = check(compare(reference, window, now=NOW, settings=Settings(permutations=50)), "input length")
    assert found.p is not None
    assert found.p < 1e-3
    assert found.verdict is CheckVerdict.STABLE


def test_seconds_that_differ_by_a_tenth_are_no_finding() -> None:
    """Latency counts when its median moves by half, not when it is surely a little slower."""
    found = check(judged(REFERENCE, changed(number("model seconds", lambda n: n * 1.2))), "model seconds")
    assert found.p_adjusted is not None
    assert found.p_adjusted < 0.003
    assert found.verdict is CheckVerdict.STABLE


def test_what_comes_near_a_finding_is_watched() -> None:
    """A certain effect somewhat below its floor is to be watched, and so is the report."""
    report = judged(REFERENCE, changed(number("model seconds", lambda n: n * 1.42)))
    assert check(report, "model seconds").verdict is CheckVerdict.WATCH
    assert report.overall is Overall.WATCH


def test_too_few_cases_are_no_judgement() -> None:
    """With fewer cases than are needed nothing is said to be stable: every check says too few, and so the report."""
    report = judged(REFERENCE, cases(49, seed=5))
    assert {each.verdict for each in report.checks} == {CheckVerdict.TOO_FEW}
    assert report.overall is Overall.TOO_FEW
    assert all(each.p is None and each.effect is None for each in report.checks)
    assert "49 new ones, each needs 50" in check(report, "confidence").sentence


@pytest.mark.parametrize(("reference", "window"), [([], []), (REFERENCE, []), ([], REFERENCE[:100])])
def test_nothing_on_a_side_is_too_few(reference: list[Observed], window: list[Observed]) -> None:
    """An empty side is too few."""
    assert judged(reference, window).overall is Overall.TOO_FEW


def test_corrections_are_compared_within_one_reason() -> None:
    """When more cases come before people for a reason that is corrected more often, no rate has changed."""

    def routed(index: int, case: Observed, audits: int) -> Observed:
        audited = index % 10 < audits
        wrong = index // 10 % (20 if audited else 2) == 0
        return replace(case, reason="audit" if audited else "gate", changed=("total",) if wrong else ())

    reference = [routed(index, case, 8) for index, case in enumerate(REFERENCE)]
    report = judged(reference, changed(lambda index, case: routed(index, case, 3)))
    overrides = [each for each in report.checks if each.kind is Kind.OVERRIDE]
    assert {"override (audit)", "override (gate)"} <= {each.name for each in overrides}
    assert {each.verdict for each in overrides} == {CheckVerdict.STABLE}


@pytest.mark.parametrize("change", [{"level": "autonomous"}, {"threshold": 0.9}])
def test_corrections_are_not_compared_across_a_change_of_standing(change: dict[str, Any]) -> None:
    """After a change of autonomy or threshold other cases are looked at: those checks say not comparable."""
    report = judged(REFERENCE, changed(lambda index, case: replace(corrected("total", 2)(index, case), **change)))
    overrides = [each for each in report.checks if each.kind is Kind.OVERRIDE]
    assert [each.name for each in overrides] == ["override (audit)", "override (low-confidence)"]
    assert {each.verdict for each in overrides} == {CheckVerdict.NOT_COMPARABLE}
    assert "autonomy or threshold has changed" in overrides[0].sentence
    assert report.overall is Overall.STABLE


def test_a_reference_of_both_standings_is_compared_with_its_own() -> None:
    """Where the reference has cases of the window's standing, only these are what it is compared with."""
    reference = [replace(case, threshold=0.9) for case in cases(400, seed=6)] + cases(600, seed=7, threshold=0.7)
    found = check(judged(reference, cases(500, seed=8, threshold=0.9)), "override (low-confidence)")
    decided = sum(case.reason == "low-confidence" for case in reference[:400])
    assert found.n_reference == decided
    assert found.verdict is CheckVerdict.STABLE


def test_corrections_in_one_segment_are_found() -> None:
    """When only one segment is corrected more often, the check of that segment finds it."""

    def south(index: int, case: Observed) -> Observed:
        return corrected("total", 1)(index, case) if case.categories["segment"] == "south" else case

    report = judged(REFERENCE, changed(south))
    assert check(report, "override in south (low-confidence)").verdict is CheckVerdict.DRIFTED
    assert check(report, "override in north (low-confidence)").verdict is CheckVerdict.STABLE


def test_a_number_that_stops_coming_is_found() -> None:
    """When a model gives its confidence no more, there is nothing to compare; that it is missing is the finding."""
    window = changed(lambda _, case: replace(case, numbers={"input length": 1.0}))
    report = judged(REFERENCE, [*window[:100], *cases(400, seed=9)])
    assert check(report, "no confidence").verdict is CheckVerdict.DRIFTED
    assert "cases without confidence are new, at 20%" in check(report, "no confidence").sentence
    gone = judged(REFERENCE, window)
    assert check(gone, "confidence").verdict is CheckVerdict.TOO_FEW
    assert gone.overall is Overall.DRIFTED


def test_hundreds_of_values_are_no_trouble() -> None:
    """A category with hundreds of rare values is stable while they are drawn alike, and new ones are found."""

    def drawn(start: int, seed: int) -> list[Observed]:
        chosen = random.Random(seed)  # noqa: S311 - the same each time
        return [
            replace(case, categories={"supplier": f"s{start + chosen.randrange(400)}"}) for case in cases(500, seed)
        ]

    alike, new = judged(drawn(0, 1), drawn(0, 2)), judged(drawn(0, 1), drawn(400, 3))
    assert check(alike, "supplier").verdict is CheckVerdict.STABLE
    assert check(alike, "supplier not seen before").verdict is CheckVerdict.STABLE
    assert check(new, "supplier not seen before").verdict is CheckVerdict.DRIFTED
    assert check(new, "supplier not seen before").shares[0].now == 1.0
    assert len(check(new, "supplier").shares) <= 5


def test_it_is_the_same_each_time() -> None:
    """The shuffles are seeded: the same cases give the same report."""
    window = cases(200, seed=11)
    assert judged(REFERENCE, window) == judged(REFERENCE, window)


def test_a_report_is_kept_as_json_and_read_again() -> None:
    """What JSON keeps of a report is the same report."""
    report = judged(REFERENCE, changed(category("input language", "de", 3)))
    assert DriftReport.from_json(json.loads(json.dumps(report.as_json(), allow_nan=False))) == report


def test_no_case_is_named_in_a_report() -> None:
    """A report holds no id and no word's number."""
    text = json.dumps(judged(REFERENCE, cases(100, seed=12)).as_json())
    assert "case-" not in text


NAMES = st.sampled_from(["input length", "confidence", "model seconds", "odd | name", "gate: so", "empty x", "segment"])
WORD = st.text(max_size=6)
ODD = st.builds(
    Observed,
    case_id=WORD,
    at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - made aware
        lambda moment: moment.replace(fold=0)
    ),
    numbers=st.dictionaries(NAMES, st.floats(), max_size=3),
    categories=st.dictionaries(NAMES, WORD, max_size=3),
    flags=st.dictionaries(NAMES, st.booleans(), max_size=3),
    words=st.lists(st.integers(0, BUCKETS - 1), unique=True, max_size=4).map(tuple),
    reason=st.sampled_from(["audit", "gate"]),
    changed=st.none() | st.lists(WORD, max_size=2).map(tuple),
    level=st.sampled_from(["shadow", "supervised"]),
    threshold=st.floats(),
)
SMALL = Settings(minimum=2, permutations=20)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ODD, max_size=12), st.lists(ODD, max_size=12))
def test_nothing_that_comes_in_breaks_it(reference: list[Observed], window: list[Observed]) -> None:
    """Numbers that are none, infinite or all the same, any names, few cases: a report comes out, and is JSON."""
    from fulcrum.drift import markdown

    report = compare(reference, window, now=NOW, settings=SMALL)
    assert DriftReport.from_json(json.loads(json.dumps(report.as_json(), allow_nan=False))) == report
    for each in report.checks:
        judged_ = each.verdict not in {CheckVerdict.TOO_FEW, CheckVerdict.NOT_COMPARABLE}
        assert judged_ == (each.p is not None)
        assert each.p is None or each.p_adjusted is None or 0 <= each.p <= each.p_adjusted <= 1
        assert each.sentence
    assert markdown(report, "any").startswith("# any\n\n**")


@given(ODD)
def test_a_case_is_kept_as_json_and_read_again(case: Observed) -> None:
    """What JSON keeps of a case is the same case, whatever its numbers are."""
    kept = json.dumps(case.as_json(), allow_nan=False)
    read = Observed.from_json(json.loads(kept))
    assert repr(read) == repr(case)
    assert json.dumps(read.as_json()) == json.dumps(case.as_json())


def test_the_same_cases_twice_are_stable() -> None:
    """Compared with itself, nothing has changed: each effect is as good as none."""
    report = judged(REFERENCE, REFERENCE)
    assert report.overall is Overall.STABLE
    assert {each.verdict for each in report.checks if each.name != "input words that are new"} == {CheckVerdict.STABLE}


def test_moments_may_be_of_any_zone() -> None:
    """The report's moment is the one it is given, whatever the cases' are."""
    window = [replace(case, at=case.at + timedelta(days=9)) for case in cases(60, seed=13)]
    assert judged(REFERENCE, window).at == NOW


def test_hashed_words_keep_neither_order_nor_letters() -> None:
    """The same words give the same buckets in any order, case and number; another salt gives others."""
    one = hashed("Invoice 4711 of ACME, invoice 0815", "a")
    assert one == hashed("acme of 1234 INVOICE", "a")
    assert one != hashed("Invoice 4711 of ACME", "b")
    assert list(one) == sorted(set(one))
    assert hashed("", "a") == ()
    assert all(0 <= bucket < BUCKETS for bucket in hashed(" ".join(WORDS), "a"))


def test_a_bucket_that_is_none_is_refused() -> None:
    """A word's number has to be that of a bucket."""
    with pytest.raises(ValueError, match="from 0 to 4095"):
        replace(REFERENCE[0], words=(1, BUCKETS))
