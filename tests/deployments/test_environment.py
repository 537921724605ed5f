"""What the stack's processes are told, and what of this process's environment is left as it was."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from deployments.stack.environment import (
    applied,
    child_environment,
    client_variables,
    plain_environment,
    stack_variables,
)
from fulcrum.settings import Settings, project_root

URL = "http://127.0.0.1:4999/api"


def test_everything_prefect_writes_lies_in_the_home(tmp_path: Path) -> None:
    """Its settings agree with what it is told, so that no name is misspelt; its telemetry is off."""
    from prefect.settings import get_current_settings

    with applied(stack_variables(Settings(home=tmp_path), URL)):
        read = get_current_settings()
    database = read.server.database.connection_url
    assert database is not None
    assert database.get_secret_value() == f"sqlite+aiosqlite:///{tmp_path}/prefect/prefect.db"
    places = (read.home, read.profiles_path, read.results.local_storage_path, read.server.memo_store_path)
    assert all(place.is_relative_to(tmp_path) for place in places)
    assert not read.server.analytics_enabled
    assert not read.telemetry.enable_resource_metrics
    assert not read.cloud.enable_orchestration_telemetry
    assert not read.server.ui.show_promotional_content
    assert not read.server.ui.v2_enabled
    assert read.server.concurrency.lease_storage.endswith(".filesystem")
    assert (read.api.url, read.server.ui.api_url, read.ui_url) == (URL, URL, "http://127.0.0.1:4999")
    assert read.worker.query_seconds == 1


def test_settings_reach_every_thread_and_are_undone(tmp_path: Path) -> None:
    """Prefect's own temporary settings reach only the thread that makes them."""
    from prefect.settings import get_current_settings

    before = get_current_settings().api.url
    seen: list[str | None] = []
    with applied(stack_variables(Settings(home=tmp_path), URL)):
        thread = threading.Thread(target=lambda: seen.append(get_current_settings().api.url))
        thread.start()
        thread.join()
    assert seen == [URL]
    assert get_current_settings().api.url == before
    assert os.environ.get("PREFECT_API_URL") == before


def test_a_users_own_prefect_does_not_lead_the_stack_astray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A profile, a key of a hosted server and another database stay outside."""
    for name in ("PREFECT_PROFILE", "PREFECT_API_KEY", "PREFECT_API_DATABASE_CONNECTION_URL"):
        monkeypatch.setenv(name, "theirs")
    assert "theirs" not in child_environment(Settings(home=tmp_path), URL).values()


def test_a_child_without_prefect_is_told_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment is the user's, with this Python first on its paths."""
    monkeypatch.setenv("THEIRS", "kept")
    environment = plain_environment()
    assert environment["THEIRS"] == "kept"
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(project_root())
    assert {name for name in environment if name.startswith("PREFECT_")} <= set(os.environ)


def test_a_configured_server_keeps_its_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only Prefect's files move into the home when the API is somebody else's."""
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    variables = client_variables(Settings(home=tmp_path))
    assert "PREFECT_API_KEY" not in variables
    assert "PREFECT_API_URL" not in variables


@pytest.mark.parametrize("given", ["PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"])
def test_a_password_for_one_side_is_the_other_sides_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str
) -> None:
    """A server that asks for a password the workers do not know would run nothing."""
    monkeypatch.setenv(given, "admin:secret")
    environment = child_environment(Settings(home=tmp_path), URL)
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == "admin:secret"
    assert environment["PREFECT_API_AUTH_STRING"] == "admin:secret"


def test_an_empty_password_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that was told one would let nobody in."""
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "")
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    environment = child_environment(Settings(home=tmp_path), URL)
    assert not {"PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"} & set(environment)


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the user exempted stays exempt."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    assert child_environment(Settings(home=tmp_path), URL)["no_proxy"] == "intranet.example,127.0.0.1"


def test_a_ledger_somebody_chose_is_everyones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Workers book where the command does; without a choice each finds it in the home."""
    monkeypatch.delenv("FULCRUM_LEDGER_URL", raising=False)
    assert "FULCRUM_LEDGER_URL" not in child_environment(Settings(home=tmp_path), URL)
    chosen = Settings(home=tmp_path, ledger_url="postgresql+psycopg://db/cases")
    assert child_environment(chosen, URL)["FULCRUM_LEDGER_URL"] == "postgresql+psycopg://db/cases"
    assert child_environment(chosen, URL)["FULCRUM_HOME"] == str(tmp_path)
