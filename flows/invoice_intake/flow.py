"""Invoice intake as a flow: its body is the table of contents of the procedure."""

from __future__ import annotations

from prefect import flow

from flows.invoice_intake.gates import DOCUMENT_GATE, INVOICE_GATE
from flows.invoice_intake.process import EXTRACT, FOLDER, INVOICE_INTAKE
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


@flow(name="invoice-intake", flow_run_name="invoice-intake from {source}")
def invoice_intake(source: str = SAMPLES, options: RunOptions = RunOptions()) -> RunReport:  # noqa: B008 - frozen
    """Supplier documents in; posted invoices and queued reviews out.

    Args:
        source: What to take in: a .jsonl, .csv, .txt or .pdf file, a folder or a glob, by its path on the worker's
            machine. What was taken in before is not taken in again.
        options: Bounds for this run alone.
    """
    with process_run(INVOICE_INTAKE, options) as run:
        take_in(run, source)
        while run.has_work():
            asked = (ask.submit(run, check(run, batch, DOCUMENT_GATE), EXTRACT) for batch in run.open_batches())
            for proposed in ahead(asked, batches=2):
                cleared = route(run, check(run, proposed, INVOICE_GATE))
                deliver(run, cleared)
        deliver(run)
        request_reviews(run)
    return run.result
