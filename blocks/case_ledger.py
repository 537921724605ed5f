"""The database that cases live in."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from fulcrum.ledger import Ledger
from fulcrum.settings import settings


class CaseLedger(Block):
    """The ledger: the database of cases, events, proposals, decisions and deliveries."""

    _block_type_name = "Case Ledger"
    _block_type_slug = "case-ledger"
    _description = "The database of cases, events, proposals, decisions and deliveries; the single truth."
    _code_example: ClassVar[str] = """```python
from blocks import CaseLedger

CaseLedger(url="postgresql+psycopg://fulcrum:secret@db/fulcrum").save("default")
```"""

    url: SecretStr | None = Field(
        default=None,
        title="Database URL",
        description="SQLAlchemy URL of a SQLite or PostgreSQL database. Empty: the variable FULCRUM_LEDGER_URL of the"
        " worker, else the SQLite ledger in FULCRUM_HOME.",
    )

    def open(self) -> Ledger:
        """Open the ledger; raise LedgerUnavailable, or LedgerOutdated when it is to be migrated first."""
        return Ledger.open(self.where())

    def where(self) -> str:
        """Say which database it is: the block's own, else the settings'. The URL may hold a password."""
        url = self.url.get_secret_value().strip() if self.url else ""
        return url or settings().ledger_url


def load_ledger(name: str = "default") -> Ledger:
    """Open the ledger that a block names; raise LedgerUnavailable or LedgerOutdated."""
    block = CaseLedger.load(name)
    assert isinstance(block, CaseLedger)  # noqa: S101 - Prefect's `load` is typed as possibly async
    return block.open()
