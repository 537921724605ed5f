"""Running a process: in the foreground, or as a deployment on a worker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from deployments.cli.display import out, print_json, say, table
from fulcrum.errors import GateFailed, RunFailed, UsageError
from fulcrum.settings import project_root

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fulcrum.ledger import Ledger
    from fulcrum.report import RunReport

SAMPLE_PROCESSES = ("invoice-intake", "ticket-triage", "complaint-response")
"""What the demo runs, in order."""

STANDARD_INPUT = "-"
"""The source that is no place."""


def run(
    process: str,
    *,
    source: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    limit: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    max_cost: Annotated[Decimal | None, Parameter(validator=Number(gte=0))] = None,
    model: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Run a process in the foreground over a source.

    Args:
        process: Name of the process, as invoice-intake.
        source: A .jsonl, .csv, .txt or .pdf file, a folder, a glob in quotes, or - for JSON lines on standard input;
            what the process is deployed with when left out.
        limit: Take in at most so many new cases.
        max_cost: Spend at most so much on AI; what that does not cover goes to people.
        model: Name of another model-endpoint block than the process's own.
        json: Print the run's report as one line of JSON on standard output.
    """
    from flows.registry import process as find  # noqa: PLC0415 - see deployments/cli/__init__.py

    definition = find(process)
    if source is not None:
        _look(source, definition.case)
    from deployments.stack import api  # noqa: PLC0415

    options = {"limit": limit, "max_cost": max_cost, "model": model}
    with api(say=say):
        from deployments.cli.progress import progress  # noqa: PLC0415
        from flows.registry import flow_of  # noqa: PLC0415
        from tasks.run import RunOptions  # noqa: PLC0415

        flow = flow_of(definition.name)
        taken = _deployed_with(definition.name) if source is None else _anchored(source)
        with _ledger() as ledger, progress(ledger, definition.name):
            try:
                report = flow(taken, RunOptions(**options))
            except GateFailed:
                if json and (run_id := ledger.runs.newest(definition.name)):
                    print_json(ledger.runs.report(run_id).model_dump(mode="json"))
                raise
    if json:
        print_json(report.model_dump(mode="json"))
        return
    show(report, definition.title)
    if report.still_open:
        minutes = definition.patience.total_seconds() / 60
        out.print(
            f"\n{report.still_open} cases stay open: the model endpoint gave no answer. The next run asks again;"
            f" {minutes:.0f} minutes after they came in they go to people."
        )
    if report.in_review or report.quarantined:
        out.print("\nWhat waits for a person: fulcrum reviews, or the suspended runs in the UI.")


def demo() -> None:
    """Run the sample processes as deployments on workers, over their samples, from nothing."""
    from deployments.stack import local_stack  # noqa: PLC0415

    began = time.monotonic()
    reports: dict[str, RunReport] = {}
    with _history(), local_stack(say=say) as stack, _ledger() as ledger:
        for name in SAMPLE_PROCESSES:
            say(f"Running {name} on a worker, over its samples")
            reports[name] = _sampled(ledger, name)
        waiting = len(ledger.reviews.open())
        _compare(reports)
        _say_where(stack.ui, waiting, lasting=stack.lasting, anybody=bool(ledger.reviewers.all()))
    _score()
    out.print(f"Done in {time.monotonic() - began:.0f} s.")


@contextmanager
def _history() -> Iterator[None]:
    """Replay the sample history beside the runs, in a process of its own: it takes half a minute of another core."""
    command = [sys.executable, "-m", "deployments.cli", "scoreboard", "--sample", "--json"]
    replaying = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
    try:
        yield
        # Whether it got there or not: what is not there is replayed when the board is shown.
        replaying.wait()
    finally:
        replaying.terminate()
        replaying.wait()


def _score() -> None:
    """Show the scoreboard of the sample history: the demo's own cases take seconds, which says nothing of a process."""
    from deployments.cli.scoreboard import scoreboard  # noqa: PLC0415 - see deployments/cli/__init__.py

    out.print()
    scoreboard(sample=True)
    out.print("  fulcrum scoreboard --sample --html scoreboard.html    the same as a page")
    out.print()


def _sampled(ledger: Ledger, name: str) -> RunReport:
    from deployments.cli.progress import progress  # noqa: PLC0415 - see deployments/cli/__init__.py

    with progress(ledger, name):
        run_id = _on_a_worker(name)
    return ledger.runs.report(run_id)


def _compare(reports: Mapping[str, RunReport]) -> None:
    """Print one table, a row a process: what came in, what became of it, what it took."""
    columns = ("taken in", "cleared", "review", "aside", "delivered", "cost", "s")
    rows = [
        (
            name,
            r.taken_in,
            r.cleared,
            r.in_review,
            r.quarantined,
            r.delivered,
            f"{r.ai_cost:f} {r.currency}",
            f"{r.seconds:.0f}",
        )
        for name, r in reports.items()
    ]
    table("The sample processes: what came of their samples", ("process", *columns), rows, right=columns)
    if all(report.taken_in == 0 for report in reports.values()):
        known = sum(report.duplicates for report in reports.values())
        out.print(f"\nNothing new: all {known} cases were taken in before, so none was repeated.")


def show(report: RunReport, title: str) -> None:
    """Print a run's figures, and why people are asked."""
    from fulcrum.report import summary  # noqa: PLC0415

    table(f"{title}: the run in figures", ("", "cases"), summary(report), right=("cases",))
    if report.reasons:
        out.print()
        rows = [(code.replace("-", " "), count) for code, count in report.reasons.items()]
        table("Why people are asked", ("reason", "cases"), rows, right=("cases",))
    if report.taken_in == 0 and report.duplicates:
        out.print(f"\nNothing new: all {report.duplicates} documents were taken in before, so none was repeated.")
    elif report.taken_in == report.carried_over == 0:
        out.print("\nThe source holds nothing to take in, and nothing was open.")


def _on_a_worker(name: str) -> str:
    from prefect.deployments import run_deployment  # noqa: PLC0415

    flow_run: Any = run_deployment(f"{name}/{name}", timeout=None, poll_interval=1)
    if not flow_run.state.is_completed():
        raise RunFailed(run=flow_run.name, state=flow_run.state.name, message=flow_run.state.message)
    return str(flow_run.id)


def _say_where(ui: str, waiting: int, *, lasting: bool, anybody: bool) -> None:
    out.print()
    if not waiting:
        out.print("Nothing waits for a person.")
        return
    out.print(f"{waiting} cases wait for a person. The review queue:")
    if not lasting:
        out.print("  make up                 keeps the stack running, then open")
    out.print(f"  {ui}/runs?state=Suspended")
    out.print("  fulcrum reviews         lists the same in the terminal")
    if not anybody:
        out.print('  fulcrum reviewers add "YOUR NAME"    before you decide one: nobody may yet', markup=False)


def _look(source: str, case: type[BaseModel]) -> None:
    """Refuse a source that is not there, or a table without its columns, before a server is started for it."""
    from fulcrum.sources import read  # noqa: PLC0415 - see deployments/cli/__init__.py

    if source != STANDARD_INPUT:
        read(_anchored(source), case=case)


def _deployed_with(process: str) -> str:
    """Read what a process's deployment takes in, which may be relative to the checkout."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - see deployments/cli/__init__.py
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - the same

    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        if source := client.read_deployment_by_name(f"{process}/{process}").parameters.get("source"):
            return str(project_root() / Path(source).expanduser())
    raise UsageError(problem=f"{process} is not deployed with a source here; give one with --source")


def _anchored(source: str) -> str:
    """Anchor a source at the working folder of the command, whatever the flow's is; standard input has no place."""
    if not source:
        raise UsageError(problem="--source is empty; give a file, a folder, a glob or -")
    return source if source == STANDARD_INPUT else str(Path.cwd() / Path(source).expanduser())


def _ledger() -> Ledger:
    from deployments.cli.opening import open_ledger  # noqa: PLC0415

    return open_ledger()
