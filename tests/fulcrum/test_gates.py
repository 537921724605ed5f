"""A gate judges a batch case by case, says nothing of what the cases contain, and tells failing from broken."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import BaseModel, Field

from fulcrum.errors import GateBroken
from fulcrum.gates import GateResult, evaluate, expecting, markdown, read_outcome, rules_from_model
from fulcrum.process import Gate, GateContext, Row, Rule, Stage, Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
MARKER = "PLANTED-SECRET"
CONTEXT = GateContext(loaded=None, today=date(2026, 3, 1))


def rule(name: str, kind: str, *, severity: str = "critical", **arguments: Any) -> Rule:
    """Write a rule on the column `value`, unless told another."""
    expectation = expecting(kind, **{"column": "value", **arguments})
    return Rule(name=name, reason=f"{name} is broken", expectation=expectation, severity=severity)


POSITIVE = rule("positive", "ExpectColumnValuesToBeBetween", min_value=1)
SMALL = rule("small", "ExpectColumnValuesToBeBetween", max_value=100)
PRESENT = rule("present", "ExpectColumnValuesToNotBeNull")


def inputs(rows: Sequence[Row], _context: GateContext) -> list[dict[str, Any]]:
    """Make each row's input its columns."""
    return [{"case_id": row.case_id, **row.input} for row in rows]


def gate(*rules: Rule, table: Callable[..., list[dict[str, Any]]] = inputs) -> Gate:
    """Make an intake gate of the rules."""
    return Gate(name="sample", stage=Stage.INTAKE, rules=rules, table=table)


def batch(*values: object) -> list[Row]:
    """Make a case of each value, named c0, c1 and so on."""
    return [Row(case_id=f"c{n}", input={"value": value}) for n, value in enumerate(values)]


def broken_rules(result: GateResult) -> dict[str, tuple[str, ...]]:
    """Give the broken rules' names by case."""
    return {case_id: tuple(rule.name for rule in rules) for case_id, rules in result.broken.items()}


def test_each_case_is_judged_by_each_rule() -> None:
    """The result names the rules that a case breaks, counts them, and splits the batch in its order."""
    result = evaluate(gate(POSITIVE, SMALL, PRESENT), batch(5, 0, 500, None, 7), CONTEXT)

    assert broken_rules(result) == {"c1": ("positive",), "c2": ("small",), "c3": ("present",)}
    assert result.counts == {"positive": 1, "small": 1, "present": 1}
    assert (result.passed, result.failed, result.total) == (("c0", "c4"), ("c1", "c2", "c3"), 5)
    assert result.failing_rules == ("positive", "small", "present")


def test_reasons_of_a_case_are_joined_in_the_gates_order() -> None:
    """Somebody who reads the reasons of a case sees all of them at once, and none for a case that passes."""
    odd = rule("odd", "ExpectColumnValuesToBeInSet", value_set=[1, 3])
    result = evaluate(gate(odd, POSITIVE), batch(-2, 3), CONTEXT)

    assert result.reasons("c0") == "odd is broken; positive is broken"
    assert result.reasons("c1") == ""


def test_more_failures_than_a_listing_shows_are_all_named() -> None:
    """No failing case is cut off: all of 300 are named, though a rendering lists the first twenty."""
    result = evaluate(gate(POSITIVE), batch(*([0] * 300), 1), CONTEXT)

    assert (len(result.failed), result.passed) == (300, ("c300",))
    shown = markdown(result, Stage.INTAKE, Tolerance())
    assert "280 more cases fail" in shown
    assert "| c19 |" in shown
    assert "| c20 |" not in shown


@pytest.mark.parametrize(
    ("severity", "failed"), [("critical", ("c0",)), ("warning", ("c0",)), ("info", ())], ids=["block", "review", "note"]
)
def test_severity_says_whether_a_broken_rule_fails_the_case(severity: str, failed: tuple[str, ...]) -> None:
    """Critical and warning rules fail a case; an info rule is counted and lets it pass without a reason."""
    noted = rule("noted", "ExpectColumnValuesToBeBetween", severity=severity, min_value=1)
    result = evaluate(gate(noted), batch(0, 1), CONTEXT)

    assert result.failed == failed
    assert broken_rules(result) == {"c0": ("noted",)}
    assert result.counts == {"noted": 1}
    assert bool(result.reasons("c0")) == bool(failed)


def test_two_columns_can_be_compared_and_a_null_is_not_judged() -> None:
    """A rule on a pair of columns names its cases as any other does."""
    ordered = Rule(
        name="ordered",
        reason="out of order",
        expectation=expecting(
            "ExpectColumnPairValuesAToBeGreaterThanB",
            column_A="late",
            column_B="early",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
        ),
    )
    rows = [
        Row(case_id="right", input={"early": 1, "late": 2}),
        Row(case_id="wrong", input={"early": 3, "late": 2}),
        Row(case_id="open", input={"early": 3, "late": None}),
    ]

    assert broken_rules(evaluate(gate(ordered), rows, CONTEXT)) == {"wrong": ("ordered",)}


def test_row_conditions_limit_whom_a_rule_concerns() -> None:
    """A rule with a row condition judges only the cases that meet it."""

    def build() -> Any:
        from great_expectations.expectations.row_conditions import Column

        strict = Column("kind") == "strict"
        return expecting("ExpectColumnValuesToNotBeNull", column="value", row_condition=strict)()

    rows = [Row(case_id=kind, input={"kind": kind, "value": None}) for kind in ("strict", "lax")]
    result = evaluate(gate(Rule(name="given", reason="missing", expectation=build)), rows, CONTEXT)

    assert broken_rules(result) == {"strict": ("given",)}


def test_tolerance_that_is_hidden_in_an_expectation_does_not_hide_the_failing_case() -> None:
    """A case that breaks a rule fails, even where `mostly` makes Great Expectations call the suite a success."""
    lenient = rule("lenient", "ExpectColumnValuesToBeBetween", min_value=1, mostly=0.5)

    assert evaluate(gate(lenient), batch(1, 1, 1, 0), CONTEXT).failed == ("c3",)


def test_a_column_of_nulls_passes_all_but_the_rule_that_asks_for_values() -> None:
    """Nothing can be said of what is not there; only not-null does."""
    result = evaluate(gate(POSITIVE, SMALL, PRESENT), batch(None, None), CONTEXT)

    assert result.counts == {"positive": 0, "small": 0, "present": 2}


def test_an_empty_batch_passes_without_loading_the_library() -> None:
    """A run without new cases does not pay the seconds that importing Great Expectations takes."""
    program = (
        "import sys; from datetime import date; from fulcrum.gates import evaluate; "
        "from fulcrum.process import Gate, GateContext, Stage; "
        "gate = Gate(name='g', stage=Stage.INTAKE, rules=(), table=lambda rows, context: []); "
        "result = evaluate(gate, [], GateContext(loaded=None, today=date(2026, 3, 1))); "
        "print(result.total, result.failed, result.passed, "
        "*(name in sys.modules for name in ('great_expectations', 'pandas')))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "0 () () False False"
    empty = evaluate(gate(POSITIVE), [], CONTEXT)
    assert (empty.counts, empty.broken, empty.exceeded(Tolerance(least=0))) == ({"positive": 0}, {}, False)


@pytest.mark.parametrize(
    ("failing", "total", "exceeded"),
    [(5, 24, True), (5, 25, False), (4, 4, False), (5, 5, True), (0, 10, False)],
    ids=["above a fifth", "just a fifth", "all of a few", "all of five", "none"],
)
def test_a_batch_is_refused_past_its_tolerance(failing: int, total: int, *, exceeded: bool) -> None:
    """More than a fifth and at least five failures refuse the batch; the rendering says so."""
    result = evaluate(gate(POSITIVE), batch(*([0] * failing + [1] * (total - failing))), CONTEXT)

    assert result.exceeded(Tolerance()) is exceeded
    assert ("batch refused" in markdown(result, Stage.INTAKE, Tolerance())) is exceeded


def test_info_rules_do_not_use_up_the_tolerance() -> None:
    """What is only recorded never refuses a batch."""
    noted = rule("noted", "ExpectColumnValuesToBeBetween", severity="info", min_value=1)

    assert not evaluate(gate(noted), batch(*[0] * 10), CONTEXT).exceeded(Tolerance())


def test_the_version_is_the_rules_content() -> None:
    """The same rules have the same version whatever the batch; any change of a rule has another."""
    rows = batch(1)
    first = evaluate(gate(POSITIVE, SMALL), rows, CONTEXT).version
    changed = [
        gate(POSITIVE),
        gate(SMALL, POSITIVE),
        gate(POSITIVE, rule("small", "ExpectColumnValuesToBeBetween", max_value=99)),
        gate(POSITIVE, rule("small", "ExpectColumnValuesToBeBetween", severity="warning", max_value=100)),
        gate(POSITIVE, Rule(name="small", reason="other words", expectation=SMALL.expectation)),
    ]

    assert evaluate(gate(POSITIVE, SMALL), batch(0, 500, None), CONTEXT).version == first
    assert len({first, *(evaluate(other, rows, CONTEXT).version for other in changed)}) == 6


def _raise_with_content(rows: Sequence[Row], _context: GateContext) -> list[dict[str, Any]]:
    raise ValueError(rows[0].input["value"])


BROKEN = {
    "an expectation raises": (gate(POSITIVE), "positive"),
    "a column is missing": (gate(rule("absent", "ExpectColumnValuesToNotBeNull", column="nowhere")), "absent"),
    "an aggregate names no case": (gate(rule("highest", "ExpectColumnMaxToBeBetween", max_value=1)), "highest"),
    "there is no such expectation": (gate(rule("unknown", "ExpectNothingOfTheKind")), "unknown"),
    "there is no such severity": (gate(rule("fatal", "ExpectColumnValuesToNotBeNull", severity="fatal")), "fatal"),
    "two rules have one name": (gate(PRESENT, PRESENT), "its rules"),
    "the table raises": (gate(PRESENT, table=_raise_with_content), "its table"),
    "the table drops a case": (gate(PRESENT, table=lambda rows, context: inputs(rows, context)[1:]), "its table"),
    "the table has no case": (gate(PRESENT, table=lambda rows, _context: [row.input for row in rows]), "its table"),
}


@pytest.mark.parametrize(("broken", "expectation"), BROKEN.values(), ids=BROKEN)
def test_a_gate_that_cannot_judge_is_broken_and_fails_no_case(
    broken: Gate, expectation: str, caplog: pytest.LogCaptureFixture
) -> None:
    """GateBroken names the rule, or the table, and the class of what was raised; no content is quoted."""
    caplog.set_level(logging.DEBUG)

    with pytest.raises(GateBroken) as caught:
        evaluate(broken, batch(MARKER, MARKER), CONTEXT)

    assert f"{expectation} raised" in str(caught.value)
    assert MARKER not in f"{caught.value!r}{caught.value}{caught.value.facts}{caplog.text}"


def test_one_case_twice_in_a_batch_is_a_broken_gate() -> None:
    """Verdicts are by case id, so a repeated id must not go unnoticed."""
    with pytest.raises(GateBroken, match="one case twice"):
        evaluate(gate(PRESENT), batch(1) * 2, CONTEXT)


def test_what_cases_contain_stays_out_of_results_and_logs(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the result, its JSON and Markdown, nor log, output and progress bars have a failing value."""
    caplog.set_level(logging.DEBUG)
    listed = rule("listed", "ExpectColumnValuesToBeInSet", value_set=["fine"])
    short = rule("short", "ExpectColumnValueLengthsToBeBetween", max_value=4)

    result = evaluate(gate(listed, short), batch(MARKER, "fine"), CONTEXT)

    assert result.failed == ("c0",)
    told = json.dumps(result.to_json()) + markdown(result, Stage.OUTCOME, Tolerance()) + repr(result)
    output = capsys.readouterr()
    assert MARKER not in told + caplog.text + output.out + output.err
    assert output.err == ""


def test_the_rendering_has_rules_failures_and_severity() -> None:
    """The Markdown shows per rule its words, severity and failures, and per failing case its reasons."""
    warned = rule("small", "ExpectColumnValuesToBeBetween", severity="warning", max_value=100)
    result = evaluate(gate(POSITIVE, warned), batch(0, 1), CONTEXT)
    lines = markdown(result, Stage.OUTCOME, Tolerance()).splitlines()

    assert lines[0] == "## Outcome gate `sample`"
    assert "1 of 2 cases pass: batch accepted (tolerated: 20%, or fewer than 5)." in lines
    assert "| positive | positive is broken | critical | 1 |" in lines
    assert "| small | small is broken | warning | 0 |" in lines
    assert "| c0 | positive is broken |" in lines


def test_the_json_has_the_reasons_by_case() -> None:
    """The JSON is what an event needs: version, counts, and why each failing case failed."""
    result = evaluate(gate(POSITIVE), batch(0, 1), CONTEXT)
    told = json.loads(json.dumps(result.to_json()))

    assert told["failed"] == {"c0": "positive is broken"}
    assert (told["gate"], told["version"], told["total"], told["counts"]) == (
        "sample",
        result.version,
        2,
        {"positive": 1},
    )


def test_verdicts_are_right_under_threads() -> None:
    """Eight threads that judge different batches at once get each their own batch's verdicts."""

    def judge(seed: int) -> bool:
        values = [(n * 7 + seed) % 5 - 1 for n in range(40 + seed)]
        result = evaluate(gate(POSITIVE, PRESENT), batch(*values), CONTEXT)
        return result.failed == tuple(f"c{n}" for n, value in enumerate(values) if value < 1)

    with ThreadPoolExecutor(8) as pool:
        right = list(pool.map(judge, range(32)))

    assert right == [True] * 32


def test_threads_may_be_the_first_to_load_the_library_and_nothing_is_written_at_home(tmp_path: Path) -> None:
    """In a fresh process with an empty home two threads judge at once; the home stays empty."""
    program = (
        "from concurrent.futures import ThreadPoolExecutor; from datetime import date; "
        "from fulcrum.gates import evaluate, expecting; "
        "from fulcrum.process import Gate, GateContext, Row, Rule, Stage; "
        "rule = Rule(name='r', reason='r', expectation=expecting('ExpectColumnValuesToNotBeNull', column='v')); "
        "table = lambda rows, context: [{'case_id': row.case_id, **row.input} for row in rows]; "
        "gate = Gate(name='g', stage=Stage.INTAKE, rules=(rule,), table=table); "
        "rows = [Row(case_id='a', input={'v': None}), Row(case_id='b', input={'v': 1})]; "
        "context = GateContext(loaded=None, today=date(2026, 3, 1)); "
        "judge = lambda _: evaluate(gate, rows, context).failed; "
        "print(list(ThreadPoolExecutor(2).map(judge, range(2))))"
    )
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    environment = os.environ | {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=work, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[('a',), ('a',)]"
    assert (list(home.rglob("*")), list(work.rglob("*"))) == ([], [])


def test_lone_surrogates_and_odd_objects_can_be_judged() -> None:
    """A table holds plain objects: what cannot be encoded, huge numbers and nested values break nothing."""
    result = evaluate(gate(PRESENT), batch("\ud800", 10**40, {"a": [1]}, float("nan"), ["x"], "", None), CONTEXT)

    assert result.failed == ("c3", "c6")


class Answer(BaseModel):
    """An outcome as a process may state it."""

    label: Literal["yes", "no"]
    points: int | None = Field(ge=0, le=10)
    code: str | None = Field(default=None, pattern="^[A-Z]{3}$", max_length=3)


def outcomes(rows: Sequence[Row], _context: GateContext) -> list[dict[str, Any]]:
    """Make the columns that the model's rules speak of."""
    return [{"case_id": row.case_id, **read_outcome(Answer, row.values)[1]} for row in rows]


ANSWERS = {
    "all is well": ({"label": "yes", "points": 3, "code": "ABC"}, ""),
    "what is optional may be absent": ({"label": "no", "points": 0}, ""),
    "a required field is null": ({"label": "yes", "points": None}, "score is missing"),
    "a required field is absent": ({"label": "yes"}, "score is missing"),
    "nothing is there": ({}, "label is missing; score is missing"),
    "a choice that is none": ({"label": "perhaps", "points": 1}, "values do not fit the form"),
    "past a bound": ({"label": "yes", "points": 11}, "values do not fit the form"),
    "another pattern": ({"label": "yes", "points": 1, "code": "abc"}, "values do not fit the form"),
    "a line break after the pattern": ({"label": "yes", "points": 1, "code": "ABC\n"}, "values do not fit the form"),
    "another type": ({"label": "yes", "points": {"x": 1}}, "values do not fit the form"),
    "missing and misfit": ({"label": None, "points": 11}, "label is missing; values do not fit the form"),
}


@pytest.mark.parametrize(("values", "reasons"), ANSWERS.values(), ids=ANSWERS)
def test_what_the_model_says_is_what_the_gate_asks(values: dict[str, Any], reasons: str) -> None:
    """Required fields, choices, bounds and patterns come from the model; each kind of fault breaks its own rule."""
    derived = gate(*rules_from_model(Answer, {"points": "score"}), table=outcomes)
    result = evaluate(derived, [Row(case_id="c", input={}, values=values)], CONTEXT)

    assert result.reasons("c") == reasons


def test_an_outcome_that_fits_is_read_as_its_model() -> None:
    """The table gets the typed outcome to reckon with, or None and the names of the fields that do not fit."""
    assert read_outcome(Answer, {"label": "yes", "points": "3"})[0] == Answer(label="yes", points=3)
    misfit, columns = read_outcome(Answer, {"label": "yes", "points": 11, "code": "x"})
    assert misfit is None
    assert columns == {"label": "yes", "points": 11, "fields_that_do_not_fit": "code, points"}
