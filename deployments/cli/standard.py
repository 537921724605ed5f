"""The standard that a process is held to: its procedure as a document, and whether it may be deployed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.cli.display import out, print_json, say, table
from fulcrum.errors import FulcrumError, UsageError
from fulcrum.process import Autonomy
from fulcrum.report import Standing

if TYPE_CHECKING:
    from deployments.readiness import Readiness, Score
    from fulcrum.process import Process
    from fulcrum.sop import InForce

NO_RUN = "as at the start: there was no run yet"


def sop(process: str, *, html: Path | None = None) -> None:
    """Show a process's standard operating procedure, as an auditor or a new colleague reads it.

    Args:
        process: Name of the process, as invoice-intake.
        html: Write it to this file instead, as one page that needs no network.
    """
    from flows.registry import process as find  # noqa: PLC0415 - see deployments/cli/__init__.py
    from fulcrum.sop import history_of, page, sop_of  # noqa: PLC0415 - the same

    definition = find(process)
    today = datetime.now(UTC).date()
    document = sop_of(definition, made_on=today, history=history_of(definition.folder), in_force=_in_force(definition))
    if html is None:
        from deployments.cli.procedure import show  # noqa: PLC0415 - the same

        show(document)
        return
    try:
        html.write_text(page(document), encoding="utf-8")
    except OSError as error:
        raise UsageError(problem=f"{html} cannot be written: {error.strerror}.") from None
    out.print(f"Wrote {html}, version {definition.sop_version}.", markup=False)


def readiness(
    process: str | None = None,
    *,
    score: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Check what a process needs before it is deployed; exit with 1 when a line fails.

    Args:
        process: Name of the process, as invoice-intake; every process when left out.
        score: Ask the process's model about its golden set now, which a paid endpoint bills.
        json: Print it as one line of JSON, a list with an entry for each process.
    """
    from deployments.readiness import readiness as check  # noqa: PLC0415 - see deployments/cli/__init__.py
    from flows.registry import names  # noqa: PLC0415 - the same

    measure = _accuracy if score else None
    found = [check(name, measure=measure) for name in ([process] if process is not None else names())]
    if json:
        print_json([one.to_json() for one in found])
    else:
        _show(found)
    if not all(one.ready for one in found):
        raise SystemExit(1)


def _show(found: Sequence[Readiness]) -> None:
    for one in found:
        rows = [(line.check, line.verdict, [line.why, f"Mend: {line.remedy}"] if line.remedy else line.why)
                for line in one.lines]  # fmt: skip
        table(f"{one.process}: {'ready' if one.ready else 'not ready'}", ("check", "", "why"), rows)
        out.print()


def _accuracy(process: Process) -> Score:
    """Ask the process's own endpoint about its golden set."""
    from deployments.cli.models import endpoint_of  # noqa: PLC0415 - see deployments/cli/__init__.py
    from deployments.cli.opening import with_examples  # noqa: PLC0415 - SQLAlchemy
    from deployments.readiness import GOLDEN, Score  # noqa: PLC0415 - the same
    from fulcrum.evaluation import evaluate, load  # noqa: PLC0415 - the same

    endpoint = endpoint_of(process.model, say=say)
    definition, known = with_examples(process.name)
    records = load(process.folder / GOLDEN, definition)
    return Score.of(definition, evaluate(definition, endpoint, records, known), endpoint.model)


def _in_force(process: Process) -> InForce | str:
    """Read what the process may do alone from the ledger, or say why that is not told; none is made for it."""
    from fulcrum.settings import settings  # noqa: PLC0415 - see deployments/cli/__init__.py

    chosen = settings()
    if "ledger_url" not in chosen.model_fields_set and not (chosen.home / "ledger.db").exists():
        return NO_RUN
    from deployments.cli.opening import open_ledger  # noqa: PLC0415 - SQLAlchemy
    from fulcrum.sop import InForce  # noqa: PLC0415 - see above

    try:
        with open_ledger() as ledger:
            changes = ledger.runs.standings(process.name)
    except FulcrumError as error:
        return f"not known, the ledger cannot be read ({type(error).__name__})"
    if not changes:
        return NO_RUN
    newest = changes[0]
    standing = Standing(Autonomy(newest["autonomy"]), newest["threshold"])
    return InForce(standing=standing, since=newest["set_at"].date(), by=newest["set_by"], reason=newest["reason"])
