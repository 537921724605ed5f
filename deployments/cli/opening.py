"""Opening the ledger that the environment names, for commands that only read or decide."""

from __future__ import annotations

from fulcrum.ledger import Ledger, migrate
from fulcrum.settings import settings


def open_ledger() -> Ledger:
    """Open the ledger; a new one in the home is made on the spot, an outdated one is refused with the remedy."""
    chosen = settings()
    if "ledger_url" not in chosen.model_fields_set and not (chosen.home / "ledger.db").exists():
        migrate(chosen.ledger_url)
    return Ledger.open(chosen.ledger_url)
