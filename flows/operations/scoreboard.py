"""How every process does against what was before, once a day: for its owner, and for the company as a whole."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from blocks import load_ledger
from flows.registry import names
from flows.registry import process as process_of
from tasks.scoreboard import draw


@flow(name="scoreboard")
def scoreboard(process: str | None = None) -> State[Any]:
    """Draw the scoreboard: as an artifact here, and as a page of its own in the home.

    Args:
        process: One process alone, as invoice-intake; every process when left empty.
    """
    with load_ledger() as ledger:
        chosen = [ledger.catalogues.bind(process_of(name)) for name in ([process] if process else names())]
        board = draw(ledger, chosen)
    whole = board.whole
    return Completed(message=f"{whole.processes} processes; {whole.met} of {whole.promised} objectives met")
