"""Ticket triage as a flow: its body is the table of contents of the procedure."""

from __future__ import annotations

from prefect import flow

from flows.ticket_triage.gates import MESSAGE_GATE, ROUTING_GATE
from flows.ticket_triage.process import CLASSIFY, FOLDER, TICKET_TRIAGE
from fulcrum.report import RunReport
from tasks.ai import ask
from tasks.delivery import deliver
from tasks.gates import check
from tasks.intake import take_in
from tasks.lifecycle import process_run
from tasks.review import request_reviews
from tasks.routing import route
from tasks.run import RunOptions, ahead

SAMPLES = str(FOLDER / "samples" / "inbox")


@flow(name="ticket-triage", flow_run_name="ticket-triage from {source}")
def ticket_triage(source: str = SAMPLES, options: RunOptions = RunOptions()) -> RunReport:  # noqa: B008 - frozen
    """Customer messages in; tickets at the help desk and queued reviews out.

    Args:
        source: What to take in: a .jsonl, .csv or .txt file, a folder or a glob, by its path on the worker's
            machine. What was taken in before is not taken in again.
        options: Bounds for this run alone.
    """
    with process_run(TICKET_TRIAGE, options) as run:
        take_in(run, source)
        while run.has_work():
            asked = (ask.submit(run, check(run, batch, MESSAGE_GATE), CLASSIFY) for batch in run.open_batches())
            for proposed in ahead(asked, batches=2):
                deliver(run, route(run, check(run, proposed, ROUTING_GATE)))
        deliver(run)
        request_reviews(run)
    return run.result
