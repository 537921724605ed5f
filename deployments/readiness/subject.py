"""What the checks look at: a definition, and what its surroundings say of it, gathered beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import isabstract
from pathlib import Path
from typing import TYPE_CHECKING

from fulcrum.errors import FulcrumError
from fulcrum.process import Process
from fulcrum.sop import FileState, state_of

if TYPE_CHECKING:
    from fulcrum.cases import Json
    from fulcrum.evaluation import Evaluation

GOLDEN = "golden.jsonl"
"""The file in a process's folder that has its records with the truth."""

FEWEST_CASES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How the AI step did on the golden set.

    `right` of `fields` required fields were right, over all `records`. Of those records, `sure` had the confidence
    that a cleared case needs, and `wrong` of these had a required field that was not right.
    """

    model: str
    records: int
    answered: int
    fields: int
    right: int
    sure: int
    wrong: int

    @classmethod
    def of(cls, process: Process, found: Evaluation, model: str) -> Score:
        """Count what an evaluation found, by the process's required fields and threshold."""
        policy = process.review
        told = [
            (prediction, [ok for name, ok in prediction.correct(found.outcome).items() if name in policy.required])
            for prediction in found.predictions
        ]
        sure = [told for one, told in told if one.confidence is not None and one.confidence >= policy.threshold]
        return cls(
            model=model,
            records=len(told),
            answered=sum(one.outcome is not None for one, _ in told),
            fields=sum(len(oks) for _, oks in told),
            right=sum(sum(oks) for _, oks in told),
            sure=len(sure),
            wrong=sum(not all(oks) for oks in sure),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A definition and its surroundings.

    `golden` are the distinct records' truths, `golden_problem` says why there are none. `prompts` are the states of
    the prompts' files in git, with the reason where git cannot tell. `targets` are the slugs of the target block types.
    """

    process: Process
    root: Path
    golden: tuple[Json, ...] = ()
    golden_problem: str = ""
    prompts: tuple[tuple[FileState, str], ...] = ((FileState.COMMITTED, ""),)
    targets: frozenset[str] = frozenset()
    score: Score | None = None

    @classmethod
    def of(
        cls,
        process: Process,
        *,
        root: Path,
        targets: frozenset[str],
        measure: Callable[[Process], Score] | None = None,
    ) -> Subject:
        """Look at a process's surroundings; `measure` asks its model about the golden set."""
        golden, problem = _golden(process)
        return cls(
            process=process,
            root=root,
            golden=golden,
            golden_problem=problem,
            prompts=tuple(state_of(step.prompt) for step in process.ai_steps),
            targets=targets,
            score=measure(process) if measure is not None and golden else None,
        )


def target_types() -> frozenset[str]:
    """List the slugs of the target block types that there are, as `sql-target`."""
    from deployments.stack.environment import QUIET, applied, client_variables  # noqa: PLC0415 - where it is used
    from fulcrum.settings import settings  # noqa: PLC0415 - the same

    chosen = settings()
    # Prefect looks for its own home within it.
    chosen.home.mkdir(parents=True, exist_ok=True)
    with applied({**client_variables(chosen), **QUIET}):
        import blocks  # noqa: PLC0415 - imports Prefect

        kinds = [
            value for value in vars(blocks).values() if isinstance(value, type) and issubclass(value, blocks.Target)
        ]
        return frozenset(kind.get_block_type_slug() for kind in kinds if not isabstract(kind))


def _golden(process: Process) -> tuple[tuple[Json, ...], str]:
    from fulcrum.evaluation import load  # noqa: PLC0415 - the OpenAI client takes a second

    try:
        records = load(process.folder / GOLDEN, process)
    except FulcrumError as error:
        told = error.facts.get("reason") or "there is none"
        return (), str(told)
    return tuple({record.id: record.truth for record in records}.values()), ""
