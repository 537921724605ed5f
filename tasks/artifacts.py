"""What a run shows in the UI beside its log."""

from __future__ import annotations

from uuid import UUID

import httpx
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate
from prefect.logging import get_run_logger


def show(markdown: str, *, key: str, description: str) -> None:
    """Show some Markdown under a key; a server that is away keeps no case from being worked on."""
    try:
        create_markdown_artifact(markdown, key=key, description=description)
    except httpx.HTTPError as error:
        get_run_logger().warning("The artifact %s is missing: %s", key, type(error).__name__)


def show_at(client: SyncPrefectClient, run_id: UUID, markdown: str, *, key: str, description: str) -> None:
    """Show some Markdown at another run than the one that is at work."""
    shown = ArtifactCreate(key=key, type="markdown", data=markdown, description=description, flow_run_id=run_id)
    client.create_artifact(shown)
