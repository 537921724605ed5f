"""A home whose Prefect database is migrated already, because that takes as long as everything else in a start."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.stack import Server
from deployments.stack.processes import free_port
from fulcrum.settings import Settings

STANDIN = '''
from pathlib import Path

from prefect import flow


@flow(name="stand-in")
def stand_in(note: str = "nothing") -> str:
    """Say where it runs."""
    return f"{note} in {Path.cwd()}"
'''

DECLARED = """
name: stand-in
pull: []
deployments:
  - name: daily
    entrypoint: standin_of_stack_tests.stand_in
    version: 1.0.0
    tags: [one, two]
    parameters: {note: done}
    concurrency_limit: {limit: 2, collision_strategy: ENQUEUE}
    schedules: [{cron: "0 3 * * *", timezone: Europe/Berlin, active: false}]
    work_pool:
      name: fulcrum
      job_variables: {working_dir: ., command: python -m prefect.engine}
"""


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home that a server has started on once."""
    home = tmp_path_factory.mktemp("migrated")
    server = Server(Settings(home=home), free_port(0))
    try:
        server.start()
        server.wait()
    finally:
        server.stop()
    return home


@pytest.fixture
def home(migrated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home of the test's own that FULCRUM_HOME names, and no Prefect server that the environment names."""
    folder = tmp_path / "home"
    shutil.copytree(migrated_home / "prefect", folder / "prefect")
    monkeypatch.setenv("FULCRUM_HOME", str(folder))
    for name in ("FULCRUM_LEDGER_URL", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a prefect.yaml that declares one small flow, which this process and its children can import."""
    (tmp_path / "standin_of_stack_tests.py").write_text(STANDIN, encoding="utf-8")
    file = tmp_path / "prefect.yaml"
    file.write_text(DECLARED, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield file
    sys.modules.pop("standin_of_stack_tests", None)
