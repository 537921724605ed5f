"""Opening the ledger that the environment names, for commands that only read or decide."""

from __future__ import annotations

from flows.registry import process as find
from fulcrum.examples import Known
from fulcrum.ledger import Ledger, migrate
from fulcrum.process import Process
from fulcrum.settings import settings


def open_ledger() -> Ledger:
    """Open the ledger; a new one in the home is made on the spot, an outdated one is refused with the remedy."""
    chosen = settings()
    if "ledger_url" not in chosen.model_fields_set and not (chosen.home / "ledger.db").exists():
        migrate(chosen.ledger_url)
    return Ledger.open(chosen.ledger_url)


def in_force(ledger: Ledger, name: str) -> Process:
    """Find a process with the catalogues that are in force; raise UnknownProcess."""
    return ledger.catalogues.bind(find(name))


def with_examples(name: str) -> tuple[Process, list[Known]]:
    """Find a process as it is in force, and the examples that its steps may be shown.

    One whose steps are shown none and that has no catalogue needs no ledger. Raises UnknownProcess.
    """
    process = find(name)
    shows = any(step.examples for step in process.ai_steps)
    if not shows and not process.catalogues:
        return process, []
    with open_ledger() as ledger:
        known = ledger.examples.known(process.name, ledger.store.now()) if shows else []
        return in_force(ledger, name), known
