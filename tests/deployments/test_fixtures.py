"""What the shared fixtures promise: ledgers that are empty and a test's own, a server that is ready."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sqlalchemy import create_engine, inspect, text


def test_each_ledger_of_a_test_is_empty_and_its_own(ledger_urls: Callable[[], str]) -> None:
    """A table made in one database is not seen in the next one."""
    first, second = create_engine(ledger_urls()), create_engine(ledger_urls())
    with first.begin() as connection:
        connection.execute(text("CREATE TABLE cases (id INTEGER)"))
    assert inspect(first).get_table_names() == ["cases"]
    assert inspect(second).get_table_names() == []
    first.dispose()
    second.dispose()


def test_the_sessions_server_is_ready_for_runs(prefect_server: Any) -> None:
    """It has blocks, pools and deployments, and this process talks to it."""
    from prefect.client.orchestration import get_client

    from fulcrum.settings import settings

    assert os.environ["PREFECT_API_URL"] == prefect_server.url
    assert settings().home == prefect_server.home
    with get_client(sync_client=True) as client:
        assert str(client.api_url).rstrip("/") == prefect_server.url
        assert client.read_deployment_by_name("review-case/review-case").work_pool_name == "reviews"
        assert client.read_block_document_by_name("default", "model-endpoint").name == "default"
