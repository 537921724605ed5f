"""A gate: what a batch must meet before and after an AI step, judged by Great Expectations, case by case."""

from __future__ import annotations

import json
import re
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from fulcrum.errors import GateBroken
from fulcrum.process import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd  # type: ignore[import-untyped] # it ships no types

    from fulcrum.cases import Json
    from fulcrum.process import Gate, GateContext, Row, Stage, Tolerance

Outcome = TypeVar("Outcome", bound=BaseModel)

RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["case_id"],
    "exclude_unexpected_values": True,
}
"""Great Expectations names the cases that fail and keeps their content out of its results."""

MISFITS = "fields_that_do_not_fit"
"""The column of `read_outcome` that names the fields whose values the outcome model refuses."""

SHOWN_CASES = 20
"""How many failing cases a rendering lists; the ledger has them all."""

_TRACEBACK_END = re.compile(r"^(?!Traceback\b)([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What a gate found: ids, counts and rules, never a case's content.

    `version` hashes the rules (12 hex digits) and is empty for an empty batch, for which none is built. `broken`
    has, by case id, all rules that the case breaks, in the gate's order; `counts` how many cases break each rule.
    `seconds` is the wall time of the evaluation.
    """

    gate: str
    version: str
    rules: tuple[Rule, ...]
    case_ids: tuple[str, ...]
    broken: Mapping[str, tuple[Rule, ...]]
    counts: Mapping[str, int]
    seconds: float

    @property
    def total(self) -> int:
        """Count the cases judged."""
        return len(self.case_ids)

    @property
    def failed(self) -> tuple[str, ...]:
        """Name the cases that break a rule which is more than `info`, in the batch's order."""
        return tuple(case_id for case_id in self.case_ids if self._weighty(case_id))

    @property
    def passed(self) -> tuple[str, ...]:
        """Name the cases that may go on, in the batch's order."""
        return tuple(case_id for case_id in self.case_ids if not self._weighty(case_id))

    @property
    def failing_rules(self) -> tuple[str, ...]:
        """Name the rules that make a case of this batch fail, in the gate's order."""
        return tuple(rule.name for rule in self.rules if self.counts[rule.name] and rule.severity != "info")

    def reasons(self, case_id: str) -> str:
        """Say in words why a case fails; empty when it passes."""
        return "; ".join(rule.reason for rule in self._weighty(case_id))

    def exceeded(self, tolerance: Tolerance) -> bool:
        """Tell whether more cases fail than the tolerance allows."""
        return tolerance.exceeded(len(self.failed), self.total)

    def to_json(self) -> Json:
        """Give the result as JSON values, for an event or a log line."""
        return {
            "gate": self.gate,
            "version": self.version,
            "total": self.total,
            "failed": {case_id: self.reasons(case_id) for case_id in self.failed},
            "counts": dict(self.counts),
            "seconds": round(self.seconds, 3),
        }

    def _weighty(self, case_id: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.broken.get(case_id, ()) if rule.severity != "info")


def evaluate(gate: Gate, rows: Sequence[Row], context: GateContext) -> GateResult:
    """Judge a batch by the gate's rules, in a Great Expectations context of its own.

    Shared contexts give wrong verdicts under threads, so nothing is kept between calls. An empty batch passes.
    Raises GateBroken when the table cannot be made or an expectation raises: then no case is judged.
    """
    started = perf_counter()
    case_ids = tuple(row.case_id for row in rows)
    version, verdicts = _judge(gate, rows, context) if rows else ("", {rule.name: frozenset() for rule in gate.rules})
    broken = {case_id: tuple(rule for rule in gate.rules if case_id in verdicts[rule.name]) for case_id in case_ids}
    return GateResult(
        gate=gate.name,
        version=version,
        rules=gate.rules,
        case_ids=case_ids,
        broken={case_id: rules for case_id, rules in broken.items() if rules},
        counts={rule.name: len(verdicts[rule.name]) for rule in gate.rules},
        seconds=perf_counter() - started,
    )


def markdown(result: GateResult, stage: Stage, tolerance: Tolerance) -> str:
    """Render a result for people: rules with their failures, and the first failing cases by id with their reasons."""
    failed = result.failed
    verdict = "refused, more fail than tolerated" if result.exceeded(tolerance) else "accepted"
    tolerated = f"tolerated: {tolerance.share:.0%}, or fewer than {tolerance.least}"
    lines = [
        f"## {stage.value.capitalize()} gate `{result.gate}`",
        f"\n{result.total - len(failed)} of {result.total} cases pass: batch {verdict} ({tolerated}).",
        f"Rules {result.version or 'not built'}, {result.seconds:.2f} s.",
        "\n| rule | broken means | severity | cases |\n| --- | --- | --- | ---: |",
        *(f"| {rule.name} | {rule.reason} | {rule.severity} | {result.counts[rule.name]} |" for rule in result.rules),
    ]
    if failed:
        lines += ["\n| case | reasons |\n| --- | --- |"]
        lines += [f"| {case_id} | {result.reasons(case_id)} |" for case_id in failed[:SHOWN_CASES]]
    if len(failed) > SHOWN_CASES:
        lines += [f"\n{len(failed) - SHOWN_CASES} more cases fail."]
    return "\n".join(lines) + "\n"


def expecting(kind: str, **arguments: Any) -> Callable[[], Any]:
    """Name an expectation of Great Expectations and its arguments, to be built when the gate runs."""

    def build() -> Any:
        import great_expectations.expectations as gxe  # noqa: PLC0415 - importing it takes seconds

        return getattr(gxe, kind)(**arguments)

    return build


def rules_from_model(model: type[BaseModel], labels: Mapping[str, str]) -> tuple[Rule, ...]:
    """Derive the rules that the outcome model itself states, over the columns of `read_outcome`.

    One rule for each field the model requires (it must not be null, even where the model lets it), and one for all
    that types, limits, patterns and choices say. That one's judge is the model itself, so that schema and gate
    cannot differ. `labels` gives a field's name as people say it.
    """
    present = (
        Rule(
            name=f"{name}_present",
            reason=f"{labels.get(name, name.replace('_', ' '))} is missing",
            expectation=expecting("ExpectColumnValuesToNotBeNull", column=name),
        )
        for name, field in model.model_fields.items()
        if field.is_required()
    )
    no_misfits = expecting("ExpectColumnValuesToBeNull", column=MISFITS)
    return (*present, Rule(name="values_valid", reason="values do not fit the form", expectation=no_misfits))


def read_outcome(model: type[Outcome], values: Json) -> tuple[Outcome | None, Json]:
    """Read proposed values as the outcome model, and give the columns that `rules_from_model` speaks of.

    The outcome is None where the values do not fit. A required field that is null or absent counts as missing, not
    as a misfit.
    """
    required = {name: values.get(name) for name, field in model.model_fields.items() if field.is_required()}
    try:
        return model.model_validate(required | values), required | {MISFITS: None}
    except ValidationError as refused:
        fields = {str(error["loc"][0]) if error["loc"] else "*" for error in refused.errors(include_input=False)}
    misfits = sorted(fields - {name for name, value in required.items() if value is None})
    return None, required | {MISFITS: ", ".join(misfits) or None}


def _judge(gate: Gate, rows: Sequence[Row], context: GateContext) -> tuple[str, dict[str, frozenset[str]]]:
    """Give the rules' version and, by rule name, the cases that break it."""
    table = _table(gate, rows, context)
    expectations = {rule.name: _expectation(gate, rule) for rule in gate.rules}
    version = _version(gate, expectations)
    results = _validate(gate, table, list(expectations.values()))
    verdicts = {result.expectation_config.meta["rule"]: _failing(gate, result) for result in results}
    if not len(verdicts) == len(results) == len(gate.rules):
        _break(gate, "its rules", "another number of verdicts than it has rules, each of its own name")
    return version, verdicts


def _table(gate: Gate, rows: Sequence[Row], context: GateContext) -> pd.DataFrame:
    """Make the table; every column holds plain objects, because pandas' own strings refuse lone surrogates."""
    import pandas as pd  # noqa: PLC0415

    with _content_kept_out(gate, "its table"):
        records = gate.table(rows, context)
        table = pd.DataFrame(records, dtype=object)
    if [record.get("case_id") for record in records] != [row.case_id for row in rows]:
        _break(gate, "its table", "other cases than the batch's")
    if len({row.case_id for row in rows}) != len(rows):
        _break(gate, "its table", "one case twice")
    return table


def _expectation(gate: Gate, rule: Rule) -> Any:
    """Build a rule's expectation, marked with the rule's name and severity; it must judge cases one by one."""
    from great_expectations.expectations.expectation import (  # noqa: PLC0415
        ColumnMapExpectation,
        ColumnPairMapExpectation,
        MulticolumnMapExpectation,
    )
    from great_expectations.expectations.metadata_types import FailureSeverity  # noqa: PLC0415

    with _content_kept_out(gate, rule.name):
        expectation, severity = rule.expectation(), FailureSeverity(rule.severity)
    if not isinstance(expectation, ColumnMapExpectation | ColumnPairMapExpectation | MulticolumnMapExpectation):
        _break(gate, rule.name, "a verdict on the table as a whole, which names no case")
    expectation.meta = {"rule": rule.name}
    expectation.severity = severity
    return expectation


def _version(gate: Gate, expectations: Mapping[str, Any]) -> str:
    told = [
        [rule.name, rule.reason, rule.severity, expectations[rule.name].configuration.to_json_dict()]
        for rule in gate.rules
    ]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def _validate(gate: Gate, table: pd.DataFrame, expectations: list[Any]) -> list[Any]:
    """Run the suite in a fresh context that lives in memory, sends nothing and draws no progress bar."""
    import great_expectations as gx  # noqa: PLC0415
    from great_expectations.data_context.types.base import (  # noqa: PLC0415
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    with _content_kept_out(gate, "its suite"):
        context = gx.get_context(mode="ephemeral", project_config=config)
        asset = context.data_sources.add_pandas("cases").add_dataframe_asset("batch")
        batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": table})
        suite = gx.ExpectationSuite(name=gate.name, expectations=expectations)
        return list(batch.validate(suite, result_format=RESULT_FORMAT).results)


def _failing(gate: Gate, result: Any) -> frozenset[str]:
    """Read which cases break a rule; Great Expectations names them one by one or in a list."""
    rule = result.expectation_config.meta["rule"]
    if raised := _raised(result.exception_info or {}):
        _break(gate, rule, raised)
    named = [entry["case_id"] for entry in result.result.get("unexpected_index_list") or []]
    failing = frozenset(case_id for ids in named for case_id in (ids if isinstance(ids, list) else [ids]))
    if len(failing) != result.result.get("unexpected_count", 0):
        _break(gate, rule, "a count of failures that differs from the cases named")
    return failing


def _raised(info: Mapping[str, Any]) -> str | None:
    """Name the class of what an expectation raised, the first cause; its message may quote content and is dropped."""
    told = [info] if "raised_exception" in info else list(info.values())
    for entry in told:
        if entry["raised_exception"]:
            found = _TRACEBACK_END.search(entry["exception_traceback"] or "")
            return found[1].rpartition(".")[2] if found else "an exception"
    return None


@contextmanager
def _content_kept_out(gate: Gate, expectation: str) -> Iterator[None]:
    """Name the class and place of whatever is raised; its message may quote a case's content and is dropped."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a gate that cannot judge says so, whatever the cause
        at = traceback.extract_tb(error.__traceback__)[-1]
        _break(gate, expectation, f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}")


def _break(gate: Gate, expectation: str, reason: str) -> NoReturn:
    raise GateBroken(gate=gate.name, expectation=expectation, reason=reason) from None
