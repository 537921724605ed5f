"""How a run begins and ends, whatever happens between."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from threading import Thread
from typing import Any

from httpx import TransportError
from prefect.logging import get_run_logger

from blocks import load_ledger
from fulcrum import incident
from fulcrum.errors import FulcrumError, LedgerUnavailable, NotReady, ServerAway
from fulcrum.process import Autonomy, Process
from fulcrum.readiness import failed
from tasks.artifacts import show
from tasks.heads import publish_heads
from tasks.meanwhile import meanwhile
from tasks.metrics import measure
from tasks.review import request_reviews, shown_meanwhile
from tasks.run import ProcessRun, RunOptions
from tasks.sharing import shared_endpoint

HEAVY = ("pandas", "great_expectations")
"""What the gates need and takes seconds to import; done side by side with the intake."""

RENEW_S = 15.0
"""Seconds between two renewals of what a run holds; a quarter of a lease."""


@contextmanager
def process_run(process: Process, options: RunOptions) -> Iterator[ProcessRun]:
    """Begin a run and end it whatever happens: its reviews are asked for, its figures are kept, its failure is said."""
    imports = Thread(target=_import_heavy, args=[_heavy(process)], daemon=True)
    imports.start()
    ledger = load_ledger()
    try:
        process = ledger.catalogues.bind(process)
        run = ProcessRun(process, options, ledger, imports)
        versions = {"sop_version": process.sop_version, "prompt_version": process.prompt_version}
        ledger.runs.begin(run.run_id, process.name, standing=run.standing, **versions)
        try:
            _require_ready(run)
            with held_meanwhile(run), shared_endpoint(run.endpoint), shown_meanwhile(run):
                yield run
        except TransportError as error:
            # Of all that a run asks over HTTP, only Prefect's own client lets such an error through.
            away = ServerAway(reason=type(error).__name__)
            _fail(run, away)
            raise away from error
        except BaseException as error:
            _fail(run, error)
            raise
        measure(run)
        publish_heads(ledger, process, run.run_id)
        ledger.runs.end(run.run_id, _figures(run), run.points)
    finally:
        ledger.close()


def _require_ready(run: ProcessRun) -> None:
    """Let a process whose definition is not ready only watch; raise NotReady where it may act."""
    lines = failed(run.process)
    if lines and run.standing.autonomy is not Autonomy.SHADOW:
        raise NotReady(process=run.process.name, lines=", ".join(line.check for line in lines))


@contextmanager
def held_meanwhile(run: ProcessRun) -> Iterator[None]:
    """Renew the leases of what the run holds, whichever step it waits for, for as long as its process lives."""

    def renew() -> None:
        # A ledger that is away for a while may be back before the leases end; if not, each write says so.
        with suppress(LedgerUnavailable):
            run.ledger.leases.renew(run.process.name, run.run_id)

    with meanwhile(renew, every=RENEW_S, name="leases"):
        yield


def _fail(run: ProcessRun, error: BaseException) -> None:
    """End a failing run without hiding why it fails: what was queued is shown, what is known is kept."""
    said = str(error) if isinstance(error, FulcrumError) else type(error).__name__
    logger = get_run_logger()
    # A run that has waited for the server does not wait for it again.
    closing: dict[str, Callable[[ProcessRun], Any]] = {
        "measure": partial(measure, failed=True),
        "the incident": lambda run: _show_incident(run, said),
        "the publishing of heads": lambda run: publish_heads(run.ledger, run.process, run.run_id),
    }
    if not isinstance(error, ServerAway):
        closing = {"the queueing of reviews": request_reviews, **closing}
    for what, close in closing.items():
        try:
            close(run)
        except Exception as further:  # noqa: BLE001 - the run's own error matters more
            logger.warning("After the failure, %s failed as well: %s", what, type(further).__name__)
    try:
        run.ledger.runs.end(run.run_id, _figures(run), run.points, error=said)
    except LedgerUnavailable as further:
        logger.warning("The ledger does not say that the run has failed: %s", further)


def _show_incident(run: ProcessRun, error: str) -> None:
    counts = run.ledger.reading.counts(run.process.name)
    told = incident.markdown(run.process, error, counts, run.report)
    show(told, key=f"{run.process.name}-incident", description="What failed, what it touches, what is safe")


def _figures(run: ProcessRun) -> dict[str, Any]:
    return run.report.model_dump(mode="json") if run.report else {}


def _heavy(process: Process) -> Sequence[str]:
    shown = any(step.examples for step in process.ai_steps)
    return (*HEAVY, "sklearn.feature_extraction.text") if shown else HEAVY


def _import_heavy(modules: Sequence[str]) -> None:
    """Import what stays for good: looking through it for garbage again and again would be a tenth of a run's start."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        for name in modules:
            import_module(name)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
