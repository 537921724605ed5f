"""Where deliveries go: the target blocks, each a thin form over a writer that knows nothing of Prefect."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self

from prefect.blocks.core import Block
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from fulcrum.cases import Delivery, Receipt
from fulcrum.errors import UsageError
from fulcrum.targets import Answer
from fulcrum.targets.folder import PostingFolder
from fulcrum.targets.sql import PostingTable
from fulcrum.targets.webhook import PATIENCE_S, PostingHook, check_secret, check_url


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


class WebhookTarget(Target):
    """An HTTP address that takes deliveries, such as a help desk's."""

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Webhook Target"
    _block_type_slug = "webhook-target"
    _description = "Posts outcomes to an HTTP address, one a request, signed, each with its idempotency key."
    _code_example: ClassVar[str] = """```python
from blocks import WebhookTarget

WebhookTarget(url="https://desk.example/hooks/fulcrum", secret="whsec_...").save("help-desk")
```"""

    url: str = Field(
        title="Address",
        description="The https address that deliveries are posted to; http only on the worker's own machine.",
    )
    secret: SecretStr | None = Field(
        default=None,
        title="Signing secret",
        description="whsec_ and 24 to 64 bytes in base64, as the receiver has it. Empty: requests are not signed.",
    )
    status_url: str | None = Field(
        default=None,
        title="Status address",
        description="Asked by GET with ?key=... whether a delivery is there: 200 or 404. Empty: nobody is asked.",
    )
    timeout_s: float = Field(
        default=10.0,
        title="Time-out",
        description="Seconds to wait for the receiver in one try.",
        gt=0,
        le=PATIENCE_S,
    )
    tries: int = Field(
        default=3,
        title="Tries",
        description="How often a request is made when the receiver is away, overloaded or broken.",
        ge=1,
        le=10,
    )
    concurrency: int = Field(
        default=8,
        title="At once",
        description="How many requests are under way at once; those of one case never are.",
        ge=1,
        le=20,
    )
    allow_plain_http: bool = Field(
        default=False,
        title="Allow plain http",
        description="Post unencrypted to other machines as well. Whoever is on the way reads and changes what is sent.",
    )

    @field_validator("secret")
    @classmethod
    def _signs(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None or not secret.get_secret_value():
            return None
        check_secret(secret.get_secret_value())
        return secret

    @model_validator(mode="after")
    def _safe(self) -> Self:
        for name, url in (("url", self.url), ("status_url", self.status_url)):
            try:
                check_url(url or self.url, plain=self.allow_plain_http)
            except ValueError as error:
                raise ValueError(f"{name} {error}") from None
        return self

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel]) -> list[Answer]:
        """Post the deliveries, several at once."""
        return self._hook().deliver(deliveries, posting)

    def holds(self, key: str) -> Receipt | None:
        """Ask the receiver for the key; None, which then says nothing, where no status address is given."""
        return self._hook().holds(key)

    def _hook(self) -> PostingHook:
        return PostingHook(
            url=self.url,
            secret=None if self.secret is None else self.secret.get_secret_value(),
            status_url=self.status_url or None,
            timeout_s=self.timeout_s,
            tries=self.tries,
            concurrency=self.concurrency,
        )


def load_target(reference: str) -> Target:
    """Load a target by the reference that a process names, as `sql-target/erp-postings`.

    Raises UsageError when the reference names a block of another kind.
    """
    block = Block.load(reference)
    if not isinstance(block, Target):
        raise UsageError(
            problem=f"Block {reference} is no target: name a sql-target, a folder-target or a webhook-target."
        )
    return block
