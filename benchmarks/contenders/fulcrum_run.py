"""A Fulcrum run: invoice intake with both gates, routing, delivery to SQLite, events and metrics."""

from __future__ import annotations

from benchmarks.contenders.work import ENDPOINT, arguments, report


def main() -> None:
    """Do the work; FULCRUM_HOME and PREFECT_API_URL say where."""
    chosen = arguments(__doc__)
    from flows.invoice_intake.flow import invoice_intake
    from tasks.run import RunOptions

    done = invoice_intake(str(chosen.source), RunOptions(model=ENDPOINT))
    assert done.delivered == done.taken_in, done
    from sqlalchemy import func, select

    from fulcrum.ledger import Ledger
    from fulcrum.ledger.tables import EventRow, ModelCallRow
    from fulcrum.settings import settings

    with Ledger.open(settings().ledger_url) as ledger, ledger.store.read() as tx:
        calls = select(func.min(ModelCallRow.asked_at)).where(ModelCallRow.run_id == done.run_id)
        first = tx.execute(calls).scalar_one()
        last = tx.execute(select(func.max(EventRow.ended_at)).where(EventRow.run_id == done.run_id)).scalar_one()
    report(first.timestamp(), last.timestamp())


if __name__ == "__main__":
    main()
