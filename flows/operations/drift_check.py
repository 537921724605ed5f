"""What was true when autonomy was granted, is it still? Asked of every process, and said where it is not."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from blocks import load_ledger
from flows.registry import names
from flows.registry import process as process_of
from fulcrum.checking import JUDGED_EVERY, Checked
from tasks.drift import watch


@flow(name="drift-check")
def drift_check(process: str | None = None) -> State[Any]:
    """Watch each process's promises, compare its newest cases with those that its autonomy was granted on.

    Args:
        process: One process alone, as invoice-intake; every process when left empty.
    """
    with load_ledger() as ledger:
        chosen = [ledger.catalogues.bind(process_of(name)) for name in ([process] if process else names())]
        found = {each.name: watch(ledger, each) for each in chosen}
    return Completed(message="; ".join(f"{name}: {_said(checked)}" for name, checked in found.items()))


def _said(checked: Checked) -> str:
    if checked.lowered:
        return f"lowered to {checked.lowered[1].autonomy}"
    if checked.report is not None:
        return str(checked.report.overall)
    return f"{checked.unjudged} of {JUDGED_EVERY} cases for the next report"
