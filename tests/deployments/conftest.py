"""What the tests of the stack share: a home of their own, and a small flow to deploy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.terminal import Command, in_process

STANDIN = '''
import time
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.events import emit_event


@task
def look() -> str:
    """Tell the working folder."""
    return str(Path.cwd())


@flow(name="stand-in")
def stand_in(note: str = "nothing", seconds: float = 0) -> str:
    """Say where it runs."""
    time.sleep(seconds)
    said = f"{note} in {look()}"
    get_run_logger().info("the last line")
    emit_event("stand-in.said", resource={"prefect.resource.id": "stand-in"})
    print(said)
    return said
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


@pytest.fixture
def home(make_home: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home of the test's own that FULCRUM_HOME names, and no Prefect server that the environment names."""
    monkeypatch.setenv("FULCRUM_HOME", str(tmp_path / "home"))
    for name in ("FULCRUM_LEDGER_URL", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    return make_home(tmp_path / "home")


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


@pytest.fixture
def fulcrum(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Give the command, called in this process, in a home that nothing has seen yet."""
    monkeypatch.setenv("FULCRUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FULCRUM_LEDGER_URL", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    return in_process(capfd)
