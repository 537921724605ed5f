"""Where deliveries go: the target blocks, each a thin form over a writer that knows nothing of Prefect."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import BaseModel, Field, SecretStr, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from fulcrum.cases import Delivery, Receipt
from fulcrum.errors import UsageError
from fulcrum.targets import Answer
from fulcrum.targets.folder import PostingFolder
from fulcrum.targets.sql import PostingTable


class Target(Block, ABC):
    """A system that deliveries take effect in, each once by its idempotency key."""

    @abstractmethod
    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel]) -> list[Answer]:
        """Deliver in the order given, and answer each in its place.

        A Receipt (`repeated` when the target had it already), DeliveryRefused (for good, a person decides) or
        DeliveryFailed (nothing happened or nobody knows; the outbox tries again). One bad delivery harms no other.
        `posting` is the model whose data `Delivery.posting` is.
        """

    @abstractmethod
    def holds(self, key: str) -> Receipt | None:
        """Tell whether a delivery took effect whose receipt was lost; raise DeliveryFailed when nobody knows."""


class SqlTarget(Target):
    """A table in any database that SQLAlchemy reaches."""

    _block_type_name = "SQL Target"
    _block_type_slug = "sql-target"
    _description = "Posts outcomes as rows of a database table, each once. The table is created if it is missing."
    _code_example: ClassVar[str] = """```python
from blocks import SqlTarget

SqlTarget(url="postgresql+psycopg://erp:secret@db/erp", table="erp_postings").save("erp-postings")
```"""

    url: SecretStr = Field(
        title="Database URL",
        description="SQLAlchemy URL, such as postgresql+psycopg://user:password@host/database or sqlite:////path/file.db.",
    )
    table: str = Field(
        default="postings",
        title="Table",
        description="Name of the table that outcomes are posted to.",
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        max_length=48,
    )
    # `schema` is a method of pydantic's models.
    schema_name: str | None = Field(
        default=None,
        title="Schema",
        description="Database schema of the table. Empty: the user's default schema.",
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        max_length=63,
    )

    @field_validator("url")
    @classmethod
    def _durable(cls, url: SecretStr) -> SecretStr:
        try:
            parsed = make_url(url.get_secret_value())
        except ArgumentError:
            raise ValueError("is no SQLAlchemy URL: write dialect://user:password@host/database") from None
        if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
            raise ValueError("names a database in memory, which forgets what it is given: name a file")
        return url

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel]) -> list[Answer]:
        """Insert the deliveries as rows, in one transaction when none conflicts."""
        return self._table().deliver(deliveries, posting, datetime.now(UTC))

    def holds(self, key: str) -> Receipt | None:
        """Look the key up in the table."""
        return self._table().holds(key)

    def _table(self) -> PostingTable:
        return PostingTable(self.url.get_secret_value(), self.table, self.schema_name or None)


class FolderTarget(Target):
    """A folder that other systems pick files up from."""

    _block_type_name = "Folder Target"
    _block_type_slug = "folder-target"
    _description = "Writes outcomes as JSON files into a folder, one a delivery, whole and never overwritten."
    _code_example: ClassVar[str] = """```python
from blocks import FolderTarget

FolderTarget(folder="/srv/erp/inbox").save("erp-inbox")
```"""

    folder: Path = Field(
        title="Folder",
        description="Path on the worker's machine, created if it is missing, on a file system with hard links.",
    )

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel]) -> list[Answer]:
        """Write the deliveries as files."""
        return PostingFolder(self.folder).deliver(deliveries, posting, datetime.now(UTC))

    def holds(self, key: str) -> Receipt | None:
        """Look for the key's file."""
        return PostingFolder(self.folder).holds(key)


def load_target(reference: str) -> Target:
    """Load a target by the reference that a process names, as `sql-target/erp-postings`.

    Raises UsageError when the reference names a block of another kind.
    """
    block = Block.load(reference)
    if not isinstance(block, Target):
        raise UsageError(problem=f"Block {reference} is no target: name a sql-target or a folder-target.")
    return block
