"""Complaint response as a flow: its body is the table of contents of the procedure."""

from __future__ import annotations

from prefect import flow

from flows.complaint_response.gates import ANSWER_GATE, CLASS_GATE, COMPLAINT_GATE, FACTS_GATE
from flows.complaint_response.process import CLASSIFY, COMPLAINT_RESPONSE, DRAFT, FACTS, FOLDER
from fulcrum.report import RunReport
from tasks.ai import ask
from tasks.delivery import deliver
from tasks.gates import check
from tasks.intake import take_in
from tasks.lifecycle import process_run
from tasks.review import request_reviews
from tasks.routing import advance, route
from tasks.run import RunOptions, ahead

SAMPLES = str(FOLDER / "samples" / "inbox")


@flow(name="complaint-response", flow_run_name="complaint-response from {source}")
def complaint_response(source: str = SAMPLES, options: RunOptions = RunOptions()) -> RunReport:  # noqa: B008 - frozen
    """Complaints in; drafted answers in the review queue, and what people have decided, out.

    Args:
        source: What to take in: a .jsonl, .csv or .txt file, a folder or a glob, by its path on the worker's
            machine. What was taken in before is not taken in again.
        options: Bounds for this run alone.
    """
    with process_run(COMPLAINT_RESPONSE, options) as run:
        take_in(run, source)
        while run.has_work():
            classed = (ask.submit(run, check(run, batch, COMPLAINT_GATE), CLASSIFY) for batch in run.open_batches())
            quoted = (ask.submit(run, advance(run, check(run, batch, CLASS_GATE)), FACTS) for batch in ahead(classed))
            drafted = (ask.submit(run, advance(run, check(run, batch, FACTS_GATE)), DRAFT) for batch in ahead(quoted))
            for batch in ahead(drafted):
                deliver(run, route(run, check(run, batch, ANSWER_GATE)))
        deliver(run)
        request_reviews(run)
    return run.result
