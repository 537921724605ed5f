"""What a command imports, so that it starts at once: a library that takes seconds is imported where it is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HEAVY = {"prefect", "great_expectations", "pandas", "numpy", "openai", "aiohttp", "sklearn", "scipy", "altair"}
"""What a run needs, and a look at the ledger does not."""
NOT_FOR_HELP = HEAVY | {"sqlalchemy", "pydantic", "alembic", "yaml", "jinja2", "markdown_it", "pygments"}
NOT_FOR_THE_LEDGER = HEAVY | {"alembic", "yaml", "jinja2", "pydantic_settings", "sqlalchemy.dialects.postgresql"}

PROGRAM = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(list(sys.modules)), file=sys.stderr))
from deployments.cli import main
main(sys.argv[1:])
"""


def imported(home: Path, *arguments: str) -> set[str]:
    """Call the command in a process of its own, and name the modules that this has imported by its end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FULCRUM_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**environment, "FULCRUM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = set(json.loads(done.stderr))
    assert "cyclopts" in found
    return found


def test_help_imports_nothing_that_takes_long(tmp_path: Path) -> None:
    """Neither a command's own module nor what any of them works with."""
    found = imported(tmp_path, "--help")
    assert found & NOT_FOR_HELP == set()
    assert {name for name in found if name.startswith(("deployments.cli.", "fulcrum.ledger", "flows"))} == set()


def test_looking_at_cases_imports_the_ledger_alone(tmp_path: Path) -> None:
    """A process's definition and the ledger's database, but nothing that a run, a model or a gate needs."""
    from fulcrum.ledger import migrate

    migrate(f"sqlite:///{tmp_path / 'ledger.db'}")
    found = imported(tmp_path, "cases", "invoice-intake")
    assert {"sqlalchemy", "flows.invoice_intake.process"} <= found
    assert found & NOT_FOR_THE_LEDGER == set()
